"""What exporters share: their options, checks of the target, and a file that appears under its name only when whole."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from talkcli.clip import Floats, MotionClip
from talkcli.console import Step
from talkcli.errors import TalkError
from talkcli.head import load_head
from talkcli.stages import each, stage

NUMBER = re.compile(r"%(?:0\d)?d")  # in the name of a file a frame, as ffmpeg and Blender take it: %05d, %d
Targets = Literal["auto", "shapes", "vertices"]


@dataclass(frozen=True)
class ExportOptions:
    """How to write a clip; formats take what concerns them.

    size is width and height in pixels, both even; crf and preset are x264's; force replaces an existing file. targets
    is what moves a .glb or .usda: the head's named blendshapes, or the vertices themselves, which any mesh has; flat
    makes .npy (T, V * 3); csv_fps is the rate of Live Link Face's rows; sound is the file of the speech, which some
    files name.
    """

    size: tuple[int, int] = (512, 512)
    view: str = "front"
    background: str = "studio"
    renderer: str = "auto"
    crf: int = 18
    preset: str = "veryfast"
    force: bool = False
    targets: Targets = "auto"
    flat: bool = False
    csv_fps: float = 60.0
    sound: Path | None = None

    @property
    def sound_name(self) -> str:
        return "" if self.sound is None else self.sound.name


@dataclass(frozen=True)
class Job:
    """One file to write: path is a free name beside the target, total the number of frames where it is known.

    For a file a frame, target is the pattern, and path a folder that is there.
    """

    path: Path
    target: Path
    options: ExportOptions
    total: int | None
    step: Step

    @property
    def pattern(self) -> str:
        """The names of the files of a sequence, for ffmpeg or for Python's % operator."""
        before, after = NUMBER.split(self.target.name)
        digits = NUMBER.findall(self.target.name)[0]
        return f"{before.replace('%', '%%')}{digits}{after.replace('%', '%%')}"


Exporter = Callable[[Iterator[MotionClip], Job], int]  # gives back the number of frames written


@dataclass(frozen=True)
class Format:
    """How a suffix is written.

    beside names suffixes of BESIDE that come along, sound where there is some; sequence: a file a frame, in a folder;
    turns: it holds the head's turn apart from the vertices, or has no use for it; to others come vertices that turn;
    check raises TalkError where this machine cannot write a file of this name.
    """

    write: Exporter
    beside: tuple[str, ...] = ()
    sequence: bool = False
    turns: bool = False
    check: Callable[[Path], object] | None = None

    def place(self, path: Path) -> Path:
        """What comes of an output's name: its file, or the folder of a sequence."""
        return path.parent if self.sequence else path

    def to(self, job: Job) -> Callable[[Iterator[MotionClip]], int]:
        """Writes the chunks that it is given."""
        written = stage("write")(self.write)
        return lambda chunks: written(each("", chunks if self.turns else map(turned, chunks)), job)


def turned(clip: MotionClip) -> MotionClip:
    """The clip with vertices that turn as the head does."""
    if clip.turn is None:
        return clip
    return replace(clip, vertices=load_head().neck.turned(clip.vertices, clip.template, clip.turn), turn=None)


class Turns:
    """Gathers the head's turn from chunks that pass."""

    def __init__(self) -> None:
        self._found: list[Floats] = []

    def of(self, chunks: Iterable[MotionClip]) -> Iterator[MotionClip]:
        """The chunks, one after another."""
        for chunk in chunks:
            if chunk.turn is not None:
                self._found.append(chunk.turn)
            yield chunk

    @property
    def whole(self) -> Floats | None:
        """(T, 3) of all that have passed; None where the head holds still."""
        return np.concatenate(self._found) if self._found else None


@contextmanager
def part(target: Path, form: Format) -> Iterator[Path]:
    """Where to write a target until it is whole: a free name beside it, for a sequence a new folder."""
    with beside(form.place(target)) as path:
        if form.sequence:
            path.mkdir()
        yield path


def check_target(path: Path, force: bool = False) -> None:
    """Raises TalkError unless a file can be written here; an existing one only with force."""
    if path.is_dir():
        raise TalkError(f"{path} is a directory; name a file to write.")
    check_folder(path)
    if path.exists() and not force:
        raise TalkError(f"{path} exists already; use --force to replace it.")


def check_sequence(pattern: Path, force: bool = False) -> None:
    """Raises TalkError unless a new folder of frames can be written; with force, one that holds nothing else."""
    folder = pattern.parent
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise TalkError(f"{folder} is no folder, and the frames of {pattern.name} need one; name another.")
    check_folder(folder)
    if not folder.exists():
        return
    name = NUMBER.split(pattern.name, maxsplit=1)
    mine = re.compile(rf"{re.escape(name[0])}\d+{re.escape(name[-1])}")
    other = next((child.name for child in folder.iterdir() if not mine.fullmatch(child.name)), None)
    if other is not None:
        raise TalkError(f"{folder} holds {other}, which is no frame of {pattern.name}; name a new folder.")
    if not force:
        raise TalkError(f"{folder} exists already; use --force to replace it.")


def check_folder(path: Path) -> None:
    """Raises TalkError unless something of this name can be made in its folder."""
    folder = path.parent
    if not folder.is_dir():
        raise TalkError(f"The directory {folder} of the output {path.name} does not exist; make it first.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise TalkError(f"The directory {folder} cannot be written to; choose another place for {path.name}.")


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A free name beside the target, renamed to it at the end, or removed with all that starts like it.

    Raises:
        TalkError: the file cannot be made or renamed.
    """
    target = target.resolve()
    path = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield path
        if target.is_dir():  # no folder with files in it can be renamed over
            target.rename(f"{path}.old")
        path.replace(target)
    except OSError as error:
        raise TalkError(f"{target} could not be written: {error.strerror or error}.") from error
    finally:
        _remove(target, str(os.getpid()))


def sweep(target: Path) -> None:
    """Removes what a process that was killed in `beside` left there; nobody may be writing the target now."""
    _remove(target.resolve(), r"\d+")


def _remove(target: Path, process: str) -> None:
    mine = re.compile(rf"\.{re.escape(target.name)}\.{process}\.part.*", re.DOTALL)
    if not target.parent.is_dir():
        return
    for leftover in [child for child in target.parent.iterdir() if mine.fullmatch(child.name)]:
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def checked(chunks: Iterable[MotionClip]) -> Iterator[MotionClip]:
    """The chunks that have frames, of which all must be of one head at one frame rate.

    Raises:
        ValueError: a chunk differs from the first.
    """
    first: MotionClip | None = None
    for chunk in chunks:
        if first is None:
            first = chunk
        same = chunk.fps == first.fps and chunk.topology.vertices == first.topology.vertices
        same = same and (chunk.turn is None) == (first.turn is None)
        rate = chunk.audio.rate if chunk.audio else None
        if not same or (first.audio and rate not in (None, first.audio.rate)):
            raise ValueError("all chunks of a clip must share topology, frame rate and audio rate")
        if chunk.frames:
            yield chunk
