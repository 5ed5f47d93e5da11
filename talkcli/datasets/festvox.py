"""flite and festival, where they are installed: speech with the times of its phones, by their command lines."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from talkcli.clip import Floats, Phone
from talkcli.errors import TalkError
from talkcli.phones.sets import PhoneSet, from_set

INSTALL = {
    "flite": "sudo apt-get install flite",
    "festival": "sudo apt-get install festival festlex-cmu festlex-poslex "
    "festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts",
}
_SECONDS = 60.0  # a sentence takes less than one


@cache
def flite_voices() -> frozenset[str]:
    """The voices that flite has; none where it is not installed."""
    if shutil.which("flite") is None:
        return frozenset()
    return frozenset(_run(["flite", "-lv"]).rpartition(":")[2].split())


@cache
def festival_voices() -> frozenset[str]:
    """The voices that festival has; none where it is not installed."""
    if shutil.which("festival") is None:
        return frozenset()
    listed = _run(["festival", "-b", '(format t "%l\\n" (voice.list))'])
    return frozenset(listed.replace("(", " ").replace(")", " ").split())


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise TalkError(f"'{command[0]}' hangs: no answer in {_SECONDS:.0f} s") from error
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip()[-200:] or f"exit code {done.returncode}"
        raise TalkError(f"'{command[0]}' failed: {reason}")
    return done.stdout.decode("utf-8", "replace")


def _read(path: Path) -> tuple[Floats, int]:
    import soundfile

    samples, rate = soundfile.read(path, dtype="float32")
    return np.ascontiguousarray(samples, np.float32), int(rate)


def flite(text: str, voice: str, *, stretch: float, pitch: float, spread: float) -> tuple[Floats, int, list[Phone]]:
    """Samples (S,), their rate, and the phones; pitch is the mean in Hz, spread its deviation."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        command = ["flite", "-voice", voice, "-psdur", "--setf", f"duration_stretch={stretch:.3f}"]
        command += ["--setf", f"int_f0_target_mean={pitch:.1f}", "--setf", f"int_f0_target_stddev={spread:.1f}"]
        labels = _run([*command, "-t", text, "-o", str(wav)])
        samples, rate = _read(wav)
    rows = [(name, float(end)) for name, _, end in (row.rpartition(":") for row in labels.split())]
    return samples, rate, _phones(rows, "radio")


def festival(
    text: str, voice: str, *, stretch: float, phone_set: PhoneSet = "radio", encoding: str = "utf-8"
) -> tuple[Floats, int, list[Phone]]:
    """Samples (S,), their rate, and the phones; letters that the voice's encoding lacks are left out."""
    quoted = text.replace("\\", " ").replace('"', " ")
    with tempfile.TemporaryDirectory() as folder:
        wav, labels, script = (Path(folder) / name for name in ("speech.wav", "speech.lab", "speech.scm"))
        commands = (
            f"(voice_{voice})\n(Parameter.set 'Duration_Stretch {stretch:.3f})\n"
            f'(set! u (utt.synth (Utterance Text "{quoted}")))\n'
            f'(utt.save.segs u "{labels}")\n(utt.save.wave u "{wav}" \'riff)\n'
        )
        script.write_bytes(commands.encode(encoding, "ignore"))
        _run(["festival", "-b", str(script)])
        if not wav.exists() or not labels.exists():
            raise TalkError(f"festival's {voice} made no sound of {text!r}")
        samples, rate = _read(wav)
        lines = labels.read_text(encoding="latin-1").splitlines()
    rows = [(parts[2], float(parts[0])) for parts in (line.split() for line in lines) if len(parts) == 3]
    return samples, rate, _phones(rows, phone_set)


def _phones(rows: list[tuple[str, float]], phone_set: PhoneSet) -> list[Phone]:
    """Phones from names with the times at which they end; a mark that is no sound belongs to the phone before."""
    out: list[Phone] = []
    start = 0.0
    for name, end in rows:
        names = from_set(name, phone_set)
        if not names and out:
            out[-1] = Phone(out[-1].name, out[-1].start, end)
        for part, phone in enumerate(names):
            step = (end - start) / len(names)
            out.append(Phone(phone, start + part * step, start + (part + 1) * step))
        start = end
    return out
