"""The sound of a clip as a wav file: beside formats that hold none, and on its way into a video."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from talkcli.clip import Audio, MotionClip
from talkcli.export.base import Job

SILENCE = 1 << 20  # samples of silence written at once


def write(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes the sound of the chunks, 16 bits, as long as their frames; there must be some with the first."""
    sound, frames = None, 0
    try:
        for chunk in chunks:
            if sound is None:
                assert chunk.audio is not None
                sound = Sound(job.path, chunk.audio.rate)
            frames += chunk.frames
            sound.add(chunk.audio, frames / chunk.fps)
            job.step(chunk.frames)
    finally:
        if sound is not None:
            sound.close()
    return frames


class Sound:
    """The sound of the chunks in one wav file, as long as their frames."""

    def __init__(self, path: Path, rate: int) -> None:
        self.path = path
        self._rate = rate
        self._written = 0
        self._file = wave.open(str(path), "wb")  # noqa: SIM115, closed in close
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(rate)

    def add(self, audio: Audio | None, end: float) -> None:
        """The next piece; what lacks to end, in seconds from the beginning, is silence, and what is over is dropped."""
        wanted = round(end * self._rate) - self._written
        samples = np.zeros(0, np.float32) if audio is None else audio.samples[:wanted]
        clean = np.clip(np.nan_to_num(samples), -1, 1)
        self._file.writeframesraw((clean * 32767).astype("<i2").tobytes())
        missing = wanted - len(samples)
        while missing > 0:
            piece = min(missing, SILENCE)
            self._file.writeframesraw(bytes(2 * piece))
            missing -= piece
        self._written += max(wanted, 0)

    def close(self) -> None:
        """Writes the length into the file's head."""
        self._file.close()
