"""The words that all rooms speak: sound, heads, and heads in motion.

Shape letters: T frames, V vertices, F triangles, S samples, P phones, L lip pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


class Frames(Protocol):
    """Vertices (T, V, 3) of which only those are in memory that are asked for, as of an array's first axis."""

    def __len__(self) -> int: ...
    def __getitem__(self, frames: Any, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class Audio:
    """Mono sound.

    samples: (S,) float32, nominally within [-1, 1]; rate: samples a second.
    """

    samples: Floats
    rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise ValueError(f"samples must be (S,) float32, got {self.samples.shape} {self.samples.dtype}")

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def part(self, start: float, end: float) -> Audio:
        """The sound from start to end, in seconds."""
        return Audio(self.samples[max(0, round(start * self.rate)) : max(0, round(end * self.rate))], self.rate)


@dataclass(frozen=True)
class Phone:
    """A sound as spoken: ARPAbet name without stress (or SIL), start and end in seconds."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, eq=False)
class LipContact:
    """How the lips of a topology meet: facing vertices in columns round the mouth, and motions that bring them there.

    Each pair (upper[i], lower[i]) moves with the pair column[i], where its column touches; weight[i] in [0, 1] says
    how much of the motion that closes the column it takes, inner[i] whether it lies next to the contact; lips that
    touch are gap apart. closing is the displacement of the lips that takes 1 m from the gap at the midline, raising
    that of the jaw; biting tucks the lower lip under the upper teeth, baring raises the upper lip's middle by 1 m. The
    topology has the landmarks lip_inner_upper, lip_inner_lower, tooth_upper and tooth_lower (the incisors' edges).
    """

    upper: Ints  # (L,)
    lower: Ints  # (L,)
    column: Ints  # (L,) index of a pair
    weight: Floats  # (L,)
    inner: NDArray[np.bool_]  # (L,)
    gap: float
    closing: Floats  # (V, 3)
    raising: Floats  # (V, 3)
    biting: Floats  # (V, 3)
    baring: Floats  # (V, 3)


@dataclass(frozen=True, eq=False)
class Topology:
    """Triangles and named vertices that all heads of a data set share.

    faces (F, 3), none where nobody knows them; regions: name -> sorted vertex indices, but `lip_reading`, which keeps
    the order and the repetitions of the list that SelfTalk's authors trained with; landmarks: name -> vertex; contact
    where the lips' facing vertices are known; colors (V, 3) uint8 sRGB and part_ids (V,) index into part_names where
    parts are known.
    """

    name: str
    vertices: int
    faces: Ints
    regions: Mapping[str, Ints] = field(default_factory=dict)
    landmarks: Mapping[str, int] = field(default_factory=dict)
    contact: LipContact | None = None
    colors: NDArray[np.uint8] | None = None
    part_names: tuple[str, ...] = ()
    part_ids: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if self.faces.ndim != 2 or self.faces.shape[1] != 3:
            raise ValueError(f"faces must be (F, 3), got {self.faces.shape}")


@dataclass(frozen=True)
class CorpusInfo:
    """What a model knows of its data.

    subjects are the training subjects in the order of the style one-hot; unit is "m", or the data set's own where no
    factor to metres exists; metres is the length of a unit, a nominal one then.
    """

    name: str
    topology: Topology
    fps: float
    subjects: tuple[str, ...]
    unit: str = "m"
    metres: float = 1.0


@dataclass(frozen=True, eq=False)
class Track:
    """Named control curves beside a motion: values (T, C)."""

    names: tuple[str, ...]
    values: Floats

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise ValueError(f"values must be (T, {len(self.names)}), got {self.values.shape}")


@dataclass(frozen=True, eq=False)
class MotionClip:
    """One utterance in motion, or one chunk of it.

    vertices (T, V, 3) float32 in the corpus' unit, y up, head looks along +z; template (V, 3) the same head at rest;
    audio is the sound of these frames; start is the time of frame 0 in seconds where the clip is a chunk of a longer
    one; colors (V, 3) uint8 sRGB override the topology's for this subject; model is the name of what predicted it; turn
    (T, 3) is how the packaged head turns upon its neck (talkcli/head/neck.py), which the vertices do not.
    """

    vertices: Floats
    template: Floats
    topology: Topology
    fps: float
    audio: Audio | None = None
    start: float = 0.0
    subject: str = ""
    model: str = ""
    colors: NDArray[np.uint8] | None = None
    phones: tuple[Phone, ...] = ()
    turn: Floats | None = None

    def __post_init__(self) -> None:
        count = self.topology.vertices
        if self.vertices.ndim != 3 or self.vertices.shape[1:] != (count, 3):
            raise ValueError(f"vertices must be (T, {count}, 3), got {self.vertices.shape}")
        if self.template.shape != (count, 3):
            raise ValueError(f"template must be ({count}, 3), got {self.template.shape}")
        if self.turn is not None and self.turn.shape != (self.frames, 3):
            raise ValueError(f"turn must be ({self.frames}, 3), got {self.turn.shape}")

    @property
    def frames(self) -> int:
        return len(self.vertices)

    @property
    def seconds(self) -> float:
        return self.frames / self.fps

    def with_vertices(self, vertices: Floats) -> MotionClip:
        """The same clip with other vertices (T, V, 3)."""
        return replace(self, vertices=vertices)

    def scaled(self, factor: float) -> MotionClip:
        """The same clip, larger by this factor."""
        if factor == 1:
            return self
        return replace(self, vertices=self.vertices * np.float32(factor), template=self.template * np.float32(factor))
