"""What counts: whether `talk animate` makes a film here, tried as it is typed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from talkcli.doctor.base import DoctorOptions, Finding, ended
from talkcli.doctor.speech import speech
from talkcli.platform import with_these_modules

SECONDS, SIZE = 1.0, 256
PATIENCE = 300.0  # seconds: on a busy machine that must compile the renderer
TALK = "from talkcli.cli import main; raise SystemExit(main())"


def film(options: DoctorOptions) -> list[Finding]:
    """A second of speech, by the command itself, to an .mp4 whose frames are counted."""
    import soundfile

    audio = speech(SECONDS)
    with tempfile.TemporaryDirectory(prefix="talk-doctor-") as folder:
        sound, path = Path(folder) / "speech.wav", Path(folder) / "face.mp4"
        soundfile.write(sound, audio.samples, audio.rate)
        command = [sys.executable, "-c", TALK, "animate", str(sound), "--out", str(path), "--size", str(SIZE)]
        command += ["--model", options.model]
        began = time.perf_counter()
        try:
            done = subprocess.run(
                command,
                env=with_these_modules(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return [
                Finding("broken", f"the command hangs: no film in {PATIENCE:g} s", "look at what else is broken here")
            ]
        seconds = time.perf_counter() - began
        if done.returncode:
            return [Finding("broken", _failure(done), "mend what it names, or what else is broken here")]
        frames = _frames(path)
    if abs(frames - 30 * SECONDS) > 1:
        return [Finding("broken", f"the film has {frames} frames in place of {30 * SECONDS:g}", "report it as a bug")]
    return [
        Finding("ok", f"{SECONDS:g} s of speech became a film of {frames} frames in {seconds:.1f} s, start and all")
    ]


def _failure(done: subprocess.CompletedProcess[str]) -> str:
    """What the command said last, or how it ended."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    if done.returncode < 0 or not lines:
        return f"its process {ended(done.returncode)}"
    return lines[-1].removeprefix("error: ").rstrip(".")


def _frames(path: Path) -> int:
    """How many a film has; none where it cannot be read."""
    import imageio_ffmpeg

    try:
        frames, _ = imageio_ffmpeg.count_frames_and_secs(str(path))
    except RuntimeError:  # with pages of ffmpeg's words
        return 0
    return int(frames)
