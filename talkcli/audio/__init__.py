"""One door for every sound file: mono, float, at the rate that the models hear.

soundfile and soxr read what they can; the ffmpeg that comes with imageio-ffmpeg reads the rest, videos too. Both come
in blocks, so that only the mono result of a long recording is ever whole in memory. Letters: S samples, C channels.
"""

from __future__ import annotations

import io
import logging
import os
import struct
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

import numpy as np

from talkcli.audio.level import level
from talkcli.clip import Audio, Floats
from talkcli.errors import TalkError
from talkcli.stages import stage

__all__ = ["RATE", "SUFFIXES", "level", "load_audio", "resample"]

log = logging.getLogger(__name__)

RATE = 16000
BLOCK = 1 << 18  # samples of all channels together read at a time
# of files that may hold sound, as far as a folder of many kinds must be told apart
SUFFIXES: tuple[str, ...] = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".oga", ".m4a", ".aac", ".aif", ".aiff", ".au")
SUFFIXES += (".wma", ".mp4", ".m4v", ".mov", ".mkv", ".avi", ".flv", ".webm", ".mpg")
FORMATS = "wav, flac, mp3, ogg, opus, m4a or a video with sound"
FULL = 2.0  # peaks this far beyond full scale are another scale, not an overshoot


class _Unreadable(Exception):
    """soundfile cannot read this; ffmpeg may."""


@stage("load sound")
def load_audio(source: Path | Literal["-"], rate: int = RATE) -> Audio:
    """The sound of a file, or of standard input for "-", as the mean of its channels at `rate`.

    A file that holds no samples gives an Audio of none. Raises TalkError where there is no such file, no sound in it,
    or samples that are no numbers.
    """
    if source == "-":
        data = sys.stdin.buffer.read() if sys.stdin else b""  # None: closed by whoever started us
        if not data:
            raise TalkError("standard input is empty: pipe a sound file into it, or name one instead of -")
        return _load("standard input", data, rate)
    _check(source)
    return _load(str(source), source, rate)


def resample(samples: Floats, rate: float, wanted: float) -> Floats:
    """Mono samples (S,) at another rate."""
    import soxr

    return samples if rate == wanted else np.asarray(soxr.resample(samples, rate, wanted), np.float32)


def _check(path: Path) -> None:
    try:
        if path.is_dir():
            raise TalkError(f"{path} is a folder: name a sound file in it")
        if not path.exists():
            raise TalkError(f"{path} does not exist: check its name")
        if path.is_file() and path.stat().st_size == 0:
            raise TalkError(f"{path} is empty (0 bytes): record or export it again")
        with path.open("rb"):
            pass
    except OSError as error:
        raise TalkError(f"{path} cannot be read ({error.strerror}): check its permissions") from error


def _load(name: str, source: Path | bytes, rate: int) -> Audio:
    try:
        samples = _from_soundfile(name, source, rate)
    except _Unreadable:
        with _on_disk(source) as path:
            samples = _from_ffmpeg(name, path, rate)
    peak = max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))
    if peak > FULL:
        log.warning("%s goes up to %.3g where 1 is full scale: taken as another scale and divided by it", name, peak)
        samples /= peak
    return Audio(samples, rate)


def _from_soundfile(name: str, source: Path | bytes, rate: int) -> Floats:
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else os.fsencode(source)) as file:
            mono = _Mono(name, file.samplerate, rate)
            while len(block := file.read(max(1, BLOCK // file.channels), "float32", always_2d=True)):
                mono.add(block)
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: a .raw file, whose rate nobody knows
        raise _Unreadable(str(error)) from error
    return mono.samples()


class _Mono:
    """Gathers blocks of any rate and channels as mono samples of one rate."""

    def __init__(self, name: str, rate_in: int, rate_out: int) -> None:
        import soxr

        self.name = name
        self.parts: deque[Floats] = deque()
        self.broken = 0
        self.stream = soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32") if rate_in != rate_out else None

    def add(self, block: Floats) -> None:
        """block: (S, C)."""
        self.broken += int(np.count_nonzero(~np.isfinite(block)))
        if not self.broken:
            self._keep(block.mean(axis=1, dtype=np.float32), last=False)

    def samples(self) -> Floats:
        if self.broken:
            raise TalkError(
                f"{self.name} holds {self.broken} samples that are no numbers (NaN or Inf): export it again"
            )
        self._keep(np.zeros(0, np.float32), last=True)
        whole, place = np.empty(sum(map(len, self.parts)), np.float32), 0
        while self.parts:  # each is given back as soon as it is copied: a long sound is not there twice
            part = self.parts.popleft()
            whole[place : place + len(part)] = part
            place += len(part)
        return whole

    def _keep(self, block: Floats, *, last: bool) -> None:
        self.parts.append(block if self.stream is None else self.stream.resample_chunk(block, last=last))


@contextmanager
def _on_disk(source: Path | bytes) -> Iterator[Path]:
    """ffmpeg must be able to seek: an mp4 keeps its table of contents at its end."""
    if isinstance(source, Path):
        yield source
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound"
        path.write_bytes(source)
        yield path


def _from_ffmpeg(name: str, path: Path, rate: int) -> Floats:
    """The first sound track, all its channels: ffmpeg's own mono (-ac 1) would be louder than the mean."""
    command = [_ffmpeg(name), "-nostdin", "-v", "error", "-protocol_whitelist", "file", "-i", f"file:{path}"]
    command += ["-vn", "-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "-"]
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        except OSError as error:
            raise _no_ffmpeg(name, str(error)) from error
        with process:
            assert process.stdout is not None
            samples = _from_au(name, process.stdout, rate)
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines()
    if samples is None or (process.returncode and not len(samples)):
        raise _not_sound(name, said)
    if process.returncode:
        log.warning("%s could only be read in part: %s", name, said[-1] if said else "ffmpeg gave up")
    return samples


def _from_au(name: str, pipe: IO[bytes], rate: int) -> Floats | None:
    """Samples of an .au stream, the plainest that has rate and channels in its head; None for no head."""
    head = pipe.read(24)
    if len(head) < 24 or head[:4] != b".snd":
        return None
    offset, _, encoding, rate_in, channels = struct.unpack(">5I", head[4:])
    if encoding != 6:
        raise ValueError(f"ffmpeg wrote .au encoding {encoding} where 6 (float) was asked for")
    pipe.read(offset - 24)
    mono = _Mono(name, rate_in, rate)
    size = 4 * channels
    while block := pipe.read(max(1, BLOCK // channels) * size):
        mono.add(np.frombuffer(block[: len(block) // size * size], ">f4").astype(np.float32).reshape(-1, channels))
    return mono.samples()


def _ffmpeg(name: str) -> str:
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise _no_ffmpeg(name, str(error).splitlines()[0]) from error


def _no_ffmpeg(name: str, reason: str) -> TalkError:
    return TalkError(
        f"{name} needs ffmpeg, which is not there ({reason}): type `pip install imageio-ffmpeg`, or save wav"
    )


def _not_sound(name: str, said: list[str]) -> TalkError:
    text = " ".join(said)
    if "matches no streams" in text or "does not contain any stream" in text:
        return TalkError(f"{name} has no sound track: give {FORMATS}")
    return TalkError(
        f"{name} is not sound that can be read ({said[-1] if said else 'no reason given'}): give {FORMATS}"
    )
