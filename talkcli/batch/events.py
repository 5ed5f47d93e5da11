"""What an engine tells while it works, and what it works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Event:
    """Something that happened to the item of this name, "" for none; kind is what programs know it by."""

    kind: ClassVar[str]
    item: str


@dataclass(frozen=True)
class Started(Event):
    """An item is begun, by this process on this machine."""

    kind = "started"
    process: int
    machine: str


@dataclass(frozen=True)
class Progressed(Event):
    """So large a share of an item, 0 to 1, is written."""

    kind = "progress"
    share: float


@dataclass(frozen=True)
class Noted(Event):
    """Something that a person may want to know of an item."""

    kind = "note"
    note: str


@dataclass(frozen=True)
class Ended(Event):
    """Nothing more will happen to an item; status is how that ended."""

    status: ClassVar[str]


@dataclass(frozen=True)
class Finished(Ended):
    """An item is made: seconds of sound, so many frames of motion, and the seconds that it took."""

    kind, status = "finished", "done"
    seconds: float
    frames: int
    taken: float


@dataclass(frozen=True)
class Skipped(Ended):
    """An item was finished before."""

    kind, status = "skipped", "skipped"
    seconds: float
    frames: int


@dataclass(frozen=True)
class Failed(Ended):
    """An item cannot be made: why, in one line; trace is the traceback of a bug."""

    kind, status = "failed", "failed"
    error: str
    trace: str = ""


Tell = Callable[[Event], None]
