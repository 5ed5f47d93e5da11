"""What a metric sees and gives: a clip as predicted beside the same clip as recorded, and a number with its weight.

Shape letters: T frames, V vertices, L vertices of a region.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import MotionClip, Phone, Topology
from talkcli.metrics import lips

Doubles = NDArray[np.float64]
BLOCK = 8  # frames
# Of motion (T, V, 3): how well a lip reader reads it against the clip's sound, and in how many frames somebody speaks;
# None where nobody does
Readable = Callable[[NDArray[np.floating]], tuple[float, int] | None]
Better = Literal["lower", "higher", "nearer 0"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What papers leave open, and a table must say.

    lrp_mm: distance in mm under which a frame's lips are readable; beat_frames: sigma of the beat alignment.
    """

    lrp_mm: float = 5.0
    beat_frames: float = 3.0


@dataclass(frozen=True, eq=False)
class Pair:
    """A clip as predicted and as recorded, frame by frame; sums over them are taken in float64.

    predicted, target (T, V, 3) of one length; template (V, 3); all in the corpus' unit, of which one is metres long.
    """

    predicted: NDArray[np.floating]
    target: NDArray[np.floating]
    template: NDArray[np.floating]
    topology: Topology
    fps: float
    metres: float = 1.0
    phones: Sequence[Phone] = ()
    settings: Settings = field(default_factory=Settings)
    readable: Readable | None = None

    def __post_init__(self) -> None:
        if self.predicted.shape != self.target.shape or self.target.shape[1:] != self.template.shape:
            raise ValueError(f"{self.predicted.shape}, {self.target.shape} and {self.template.shape} are no pair")
        for name, region in self.topology.regions.items():
            if region.size and not 0 <= region.min() <= region.max() < len(self.template):
                raise ValueError(f"the region {name} reaches beyond {len(self.template)} vertices")

    @property
    def frames(self) -> int:
        return len(self.target)

    def has(self, region: str) -> bool:
        return region in self.topology.regions

    @cached_property
    def read(self) -> tuple[float, int] | None:
        """How well the predicted lips are read, and in how many spoken frames; None where nobody reads."""
        return self.readable(self.predicted) if self.readable else None

    @cached_property
    def lip_squares(self) -> Doubles:
        """(T,) squared distance of the worst lip vertex of each frame."""
        return self.worst_lips(lambda error: error)

    def worst_lips(self, change: Callable[[Doubles], Doubles]) -> Doubles:
        """(T,) the same after a change of the errors (T, L, 3), predicted less target."""
        worst = np.empty(self.frames)
        for block in blocks(self.frames):
            predicted, target = (at(motion[block], self.topology, "lips") for motion in (self.predicted, self.target))
            worst[block] = squared(change(predicted - target)).max(axis=1)
        return worst

    def gaps(self) -> tuple[Doubles, Doubles] | None:
        """Predicted and target opening of the mouth in metres (T,); None where no landmarks tell the inner lips."""
        if not {"lip_inner_upper", "lip_inner_lower"} <= set(self.topology.landmarks):
            return None
        return lip_gap(self, self.predicted), lip_gap(self, self.target)


def at(vertices: NDArray[np.floating], topology: Topology, region: str) -> Doubles:
    """(T, L, 3) float64 of a region's vertices."""
    # "clip" needs no copy on the side; that no index is out of range is seen to by Pair
    return np.take(vertices, topology.regions[region], axis=1, mode="clip").astype(np.float64, copy=False)


def squared(vectors: Doubles) -> Doubles:
    """(..., 3) -> (...) squared lengths; three times as fast as np.einsum."""
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    squares: Doubles = x * x
    squares += y * y
    squares += z * z
    return squares


def blocks(frames: int, size: int = BLOCK) -> Iterator[slice]:
    """Frames in few at a time: what is made of them stays in the processor's cache."""
    return (slice(start, min(start + size, frames)) for start in range(0, frames, size))


def lip_gap(pair: Pair, vertices: NDArray[np.floating]) -> Doubles:
    clip = MotionClip(np.asarray(vertices, np.float32), np.asarray(pair.template, np.float32), pair.topology, pair.fps)
    return lips.lip_gap(clip).astype(np.float64) * pair.metres


@dataclass(frozen=True)
class Measured:
    """A clip's value, and what it weighs in the mean over clips: its frames where frames are pooled, else 1."""

    value: float
    weight: float = 1.0


@dataclass(frozen=True)
class Metric:
    """One number: what it is called, in which unit ({u} is the corpus' own), over which vertices, what is better.

    stage says which motion it judges: the model's own, or the product's with its contact stage. measure gives None
    where a clip cannot tell (no such region, landmarks, phones or speech).
    """

    title: str
    unit: str
    region: str
    better: Better
    pooled: str  # over what the mean is taken
    source: str
    measure: Callable[[Pair], Measured | None]
    stage: Literal["model", "product"] = "model"
    reader: bool = False  # it asks a lip reader, and is there where one is given
