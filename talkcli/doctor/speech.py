"""Who hears and who speaks: the recogniser and aligner, the ear for speech, models, and synthesizers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from talkcli import resources
from talkcli.clip import Audio, Phone
from talkcli.doctor.base import AGAIN, DoctorOptions, Finding, ended, reason
from talkcli.errors import TalkError
from talkcli.platform import with_these_modules

PATIENCE = 60.0  # seconds for a synthesizer to say a word
SINGLE = 1.0  # seconds of speech that a model is tried on
WITHOUT = "meanwhile give --phones head"


def speech(seconds: float) -> Audio:
    """The beginning of the packaged sample."""
    from talkcli.audio import load_audio

    return load_audio(resources.SPEECH).part(0.0, seconds)


def recogniser(_options: DoctorOptions) -> list[Finding]:
    """PocketSphinx' model and dictionary, tried: words heard, a text aligned; and who tells speech from noise."""
    try:
        import pocketsphinx
    except ImportError as error:
        mend = f"{AGAIN} pocketsphinx; {WITHOUT}"
        return [Finding("broken", f"pocketsphinx cannot be imported: {reason(error)}", mend)]
    folder = Path(pocketsphinx.get_model_path()) / "en-us"
    parts = ("en-us/means", "cmudict-en-us.dict", "en-us.lm.bin", "en-us-phone.lm.bin")
    lacking = [name for name in parts if not (folder / name).is_file()]
    if lacking:
        mend = f"{AGAIN} pocketsphinx; {WITHOUT}"
        return [Finding("broken", f"{folder} lacks {', '.join(lacking)}", mend)]
    return [*_heard(folder), *_ear()]


def _heard(folder: Path) -> list[Finding]:
    """Recognised and aligned, in the process that does so for animate."""
    from talkcli.align import Request
    from talkcli.align.worker import Worker

    text, seconds = resources.SPEECH_BEGINS
    audio, worker = speech(seconds), Worker()
    findings = []
    try:
        for told, request in (
            (f"PocketSphinx heard {{}} phones in {seconds:g} s of speech", Request(source="asr")),
            (f"aligned {{}} phones of {text!r}", Request(text=text)),
        ):
            count = len(_spoken(worker.find(audio, request).phones))
            if count < 8:
                mend = f"{AGAIN} pocketsphinx; {WITHOUT}"
                return [Finding("broken", f"{told.format(count)}: it should be more", mend)]
            findings.append(told.format(count))
    except (TalkError, RuntimeError) as error:
        return [Finding("broken", f"PocketSphinx fails: {reason(error)}", f"{AGAIN} pocketsphinx; {WITHOUT}")]
    finally:
        worker.close()
    return [Finding("ok", f"{' and '.join(findings)}; model and dictionary in {folder}")]


def _spoken(phones: tuple[Phone, ...]) -> list[Phone]:
    return [phone for phone in phones if phone.name != "SIL"]


def _ear() -> list[Finding]:
    """Who tells speech from noise, tried."""
    from talkcli.audio.vad import has_silero, speech_segments

    if not speech_segments(speech(2.0)):
        return [Finding("broken", "no speech was found in the sample's speech", f"{AGAIN} silero-vad")]
    if has_silero():
        return [Finding("ok", "Silero VAD found where the sample's speech is")]
    told = "PocketSphinx' detector tells speech from noise, less well than Silero VAD, whose weights are not here"
    return [Finding("missing", told, "pip install 'silero-vad>=6.2.3'")]


def models(_options: DoctorOptions) -> list[Finding]:
    """Each shipped model, tried on a second of speech."""
    names = resources.shipped_models()
    if not names:
        return [Finding("broken", "no model came with this talk", "install talk anew, or make one with `talk train`")]
    return [_model(name) for name in names]


def _model(name: str) -> Finding:
    """A model's own motion, without what contacts and idle motion add."""
    from talkcli.animate import AnimateOptions, animate
    from talkcli.models.checkpoint import load_checkpoint

    try:
        options = AnimateOptions(phones="head", contact=False, life=0.0)
        clips = list(animate(speech(SINGLE), load_checkpoint(name), options))
    except TalkError as error:
        return Finding("broken", f"{name}: {reason(error)}", "install talk anew: its models come with it")
    moved = max(float(np.abs(clip.vertices - clip.template).max()) for clip in clips)
    frames = sum(clip.frames for clip in clips)
    if not 0.0005 < moved < 0.2:
        return Finding("broken", f"{name} loads, and moves by {1000 * moved:.2g} mm", "install talk anew")
    told = (
        f"{name} made {frames} frames of {SINGLE:g} s of speech, in which the face moves by up to {1000 * moved:.1f} mm"
    )
    return Finding("ok", told)


# -- synthesizers ----------------------------------------------------------------------------------------------------


def synthesizers(_options: DoctorOptions) -> list[Finding]:
    """Each synthesizer says a word in a process of its own; only training speech needs them."""
    from talkcli.datasets.voices import available

    try:
        here = available()
    except TalkError as error:
        return [Finding("broken", reason(error), "install it again; animating needs none")]
    findings = [_said(engine) for engine in here.engines]
    return findings + [
        Finding("missing", f"only for `talk preprocess synthetic`: {what}", mend)
        for what, _, mend in (sentence.partition(": ") for sentence in here.missing)
    ]


def _said(engine: str) -> Finding:
    command = [sys.executable, "-m", "talkcli.doctor.speech", engine]
    try:
        done = subprocess.run(
            command, env=with_these_modules(), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding("broken", f"{engine} hangs: no word in {PATIENCE:g} s", "install it again")
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        why = f": {lines[-1]}" if lines and done.returncode > 0 else ""
        return Finding(
            "broken", f"{engine} says nothing: its process {ended(done.returncode)}{why}", "install it again"
        )
    told = json.loads(done.stdout.splitlines()[-1])
    voices = f"; voices: {', '.join(told['voices'])}" if told["voices"] else ""
    return Finding("ok", f"{engine} said a word of {told['phones']} phones as {told['voice']}{voices}")


def main() -> None:
    """Says a word with the engine of the first argument, and prints what came of it."""
    from talkcli.datasets.voices import RECORDED, Voice, available, speak

    engine, here = sys.argv[1], available()
    own = [voice for voice in RECORDED if voice.engine == engine and here.has(voice)]
    if own:
        first = next((voice for voice in own if voice.language == "en"), own[0])
        voice = Voice(first.engine, first.name, 1.0, first.pitch, 10.0, 1.0, first.language)
    else:
        voice = Voice("espeak", "en-us+m1", 1.0, 50.0, 50.0, 1.0)
    samples, _, phones = speak(voice, "hello")
    spoken = _spoken(tuple(phones))
    if not spoken or not np.abs(samples).max(initial=0.0) > 0.01:
        raise SystemExit(f"{voice.label} made no sound")
    told = {"voice": voice.name, "phones": len(spoken), "voices": [voice.name for voice in own]}
    print(json.dumps(told))  # noqa: T201, another process reads it


if __name__ == "__main__":
    main()
