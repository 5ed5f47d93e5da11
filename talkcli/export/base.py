"""What exporters share: their options, checks of the target, and a file that appears under its name only when whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from talkcli.clip import MotionClip
from talkcli.console import Step
from talkcli.errors import TalkError


@dataclass(frozen=True)
class ExportOptions:
    """How to write a clip; formats take what concerns them.

    size is width and height in pixels, both even; crf and preset are x264's; total is the number of frames where it is
    known beforehand; force replaces an existing file.
    """

    size: tuple[int, int] = (512, 512)
    view: str = "front"
    background: str = "studio"
    renderer: str = "auto"
    crf: int = 18
    preset: str = "veryfast"
    force: bool = False


@dataclass(frozen=True)
class Job:
    """One file to write: path is a free name beside the target, total the number of frames where it is known."""

    path: Path
    options: ExportOptions
    total: int | None
    step: Step


Exporter = Callable[[Iterator[MotionClip], Job], int]  # gives back the number of frames written


def check_target(path: Path, force: bool = False) -> None:
    """Raises TalkError unless a file can be written here; an existing one only with force."""
    folder = path.parent
    if path.is_dir():
        raise TalkError(f"{path} is a directory; name a file to write.")
    if not folder.is_dir():
        raise TalkError(f"The directory {folder} of the output {path.name} does not exist; make it first.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise TalkError(f"The directory {folder} cannot be written to; choose another place for {path.name}.")
    if path.exists() and not force:
        raise TalkError(f"{path} exists already; use --force to replace it.")


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
        path.replace(target)
    except OSError as error:
        raise TalkError(f"{target} could not be written: {error.strerror or error}.") from error
    finally:
        for leftover in target.parent.glob(f"{_literal(path.name)}*"):
            leftover.unlink(missing_ok=True)


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


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
        rate = chunk.audio.rate if chunk.audio else None
        if not same or (first.audio and rate not in (None, first.audio.rate)):
            raise ValueError("all chunks of a clip must share topology, frame rate and audio rate")
        if chunk.frames:
            yield chunk
