"""What a data set tells the rest: who speaks in it, which clips there are, and each clip with its sound and motion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from talkcli.clip import Audio, CorpusInfo, Floats, Phone, Track
from talkcli.prepared import check_name

Split = Literal["train", "val", "test", "test-a", "test-b"]  # "test" means both of a test split in two parts
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Recipe:
    """A clip that can be made: what it will be called, and all that decides what is in it.

    data is plain (it goes to a worker and, as JSON, into the clip's file, which is reused only while it is the same).
    """

    name: str
    subject: str
    split: Split
    voice: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name(self.name)


@dataclass(frozen=True, eq=False)
class RawClip:
    """A clip as the data set gives it: its sound, its phones where known, and its motion as controls or vertices."""

    audio: Audio
    phones: Sequence[Phone] = ()
    track: Track | None = None
    vertices: Floats | None = None  # (T, V, 3)


class Source(Protocol):
    """A data set ready to be prepared; it goes to worker processes as it is.

    tolerance is the share of clips that may fail and be left out without being an error.
    """

    @property
    def tolerance(self) -> float: ...

    @property
    def info(self) -> CorpusInfo: ...

    @property
    def templates(self) -> Mapping[str, Floats] | None:
        """(V, 3) of each subject; None where the package's own head gives them."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What made it, in plain values: engines, seed, counts, what was missing."""

    @property
    def notes(self) -> Sequence[str]:
        """What the person should know, one sentence each: above all what is missing and how to get it."""

    def recipes(self) -> list[Recipe]:
        """All clips, always in the same order."""

    def make(self, recipe: Recipe) -> RawClip:
        """One clip; only what is in the recipe decides how it comes out."""
