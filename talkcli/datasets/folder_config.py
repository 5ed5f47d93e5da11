"""What a talk.toml says of someone's recordings, and how their coordinates become ours.

Shape letters: T frames, V vertices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats
from talkcli.errors import TalkError

CONFIG = "talk.toml"
EXAMPLE = Path(__file__).parents[1] / "resources" / "folder.toml"
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}  # metres
Axis = Literal["+x", "-x", "+y", "-y", "+z", "-z"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A speaker, and the file of the head at rest."""

    name: str
    template: str


@dataclass(frozen=True, kw_only=True)
class Landmark:
    name: str
    vertex: int


@dataclass(frozen=True, kw_only=True)
class Patterns:
    """Of clip names; the first that matches decides, in this order."""

    test: tuple[str, ...] = ()
    val: tuple[str, ...] = ()
    train: tuple[str, ...] = ("*",)


@dataclass(frozen=True, kw_only=True)
class FolderConfig:
    """What talk.toml says; resources/folder.toml explains each key."""

    name: str
    topology: str = ""
    fps: float
    unit: Literal["m", "cm", "mm", "own"] = "m"
    metres: float = 1.0
    up: Axis = "+y"
    forward: Axis = "+z"
    audio: str = "audio"
    motion: str = "motion"
    text: str = "text"
    phones: str = "phones"
    phone_tier: str = ""
    faces: str = ""
    regions: str = ""
    subjects: tuple[Subject, ...] = ()
    split: Patterns = field(default_factory=Patterns)
    landmarks: tuple[Landmark, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.fps <= 240:
            raise TalkError(f"fps is {self.fps:g}: give the frames of motion a second, 1 to 240")
        if not 0 < self.metres < float("inf"):
            raise TalkError(f"metres is {self.metres:g}: give the length of a unit")
        if self.up[1] == self.forward[1]:
            raise TalkError(f"up is {self.up} and forward is {self.forward}: they must be different axes")
        if not self.subjects:
            raise TalkError("there are no [[subjects]]: name each speaker with the template of the head")
        names = [subject.name for subject in self.subjects]
        if len(set(names)) < len(names) or not all(names):
            raise TalkError(f"the [[subjects]] are called {', '.join(names)}: give each a name of its own")


def write_example(folder: Path) -> Path:
    """Writes the commented example into a folder.

    Raises:
        TalkError: there is a talk.toml already, or the folder cannot be written.
    """
    path = folder / CONFIG
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(EXAMPLE.read_text(encoding="utf-8"))
    except FileExistsError as error:
        raise TalkError(f"'{path}' exists already: edit it, or remove it to get the example") from error
    except OSError as error:
        raise TalkError(f"cannot write '{path}': {error.strerror or error}") from error
    return path


def placed(vertices: NDArray[Any], config: FolderConfig) -> Floats:
    """(T, V, 3) or (V, 3) with y up, the head looking along +z, in metres or the own unit."""
    up, forward = _direction(config.up), _direction(config.forward)
    turn = np.stack([np.cross(up, forward), up, forward])  # rows: what becomes x, y and z
    return np.asarray(vertices @ (turn.T * UNITS.get(config.unit, 1.0)), np.float32)


def _direction(axis: Axis) -> NDArray[np.float64]:
    return np.where([letter == axis[1] for letter in "xyz"], -1.0 if axis[0] == "-" else 1.0, 0.0)
