"""What an evaluation found: a number a clip and metric, means with their confidence, and what was left out.

Shape letters: N clips, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import MotionClip
from talkcli.evaluate.statistics import Interval, interval, paired, weighted_mean
from talkcli.metrics import METRICS, Metric, Settings
from talkcli.metrics.base import Measured


@dataclass(frozen=True)
class ClipResult:
    """One clip of one model: the frames that were compared, and each metric's value where the clip can tell.

    styles are those that the values are the mean of, none where the method takes no style.
    """

    clip: str
    subject: str
    text: str
    frames: int
    values: Mapping[str, Measured]
    styles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """A metric over all clips, with 95 % bootstrap intervals over clips and, where there are several, over subjects."""

    value: float
    over_clips: Interval
    over_subjects: Interval | None
    clips: int
    frames: int
    vertices: int


@dataclass(frozen=True)
class Difference:
    """Of two models on the same clips, first less second: its mean, 95 % interval, and the chance of one as large."""

    metric: str
    first: str
    second: str
    value: float
    interval: Interval
    p: float
    clips: int


@dataclass(frozen=True, eq=False)
class ModelResult:
    """All clips of one model; missing are clips that it has no prediction of, short those that are too short for the
    protocol, failed those that could not be compared, with the reason. heat (V,) is each vertex' mean distance from the
    target over all frames, in the corpus' unit."""

    name: str
    clips: Sequence[ClipResult]
    heat: NDArray[np.float64]
    missing: Sequence[str] = ()
    short: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    diversity: float | None = None

    def measured(self, metric: str) -> list[tuple[ClipResult, Measured]]:
        """The clips that can tell this metric."""
        return [(clip, clip.values[metric]) for clip in self.clips if metric in clip.values]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Models on the same data by one protocol. vertices tells how many each region has; unit is the corpus'."""

    models: Sequence[ModelResult]
    metrics: Sequence[str]
    data: str
    split: str
    protocol: str
    unit: str
    vertices: Mapping[str, int]
    settings: Settings
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def scores(self) -> dict[str, dict[str, Score]]:
        """By model and metric; a metric that no clip can tell is left out."""
        found: dict[str, dict[str, Score]] = {}
        for model in self.models:
            rows = {name: self._score(model, name) for name in self.metrics}
            found[model.name] = {name: score for name, score in rows.items() if score is not None}
        return found

    def _score(self, model: ModelResult, metric: str) -> Score | None:
        measured = model.measured(metric)
        if not measured:
            return None
        values, weights = _arrays([each for _, each in measured])
        subjects = [clip.subject for clip, _ in measured]
        return Score(
            value=weighted_mean(values, weights),
            over_clips=interval(values, weights),
            over_subjects=interval(values, weights, subjects) if len(set(subjects)) > 1 else None,
            clips=len(measured),
            frames=sum(clip.frames for clip, _ in measured),
            vertices=self.vertices.get(METRICS[metric].region, 0),
        )

    @cached_property
    def differences(self) -> list[Difference]:
        """Each two models on each metric."""
        return [
            found
            for index, first in enumerate(self.models)
            for second in self.models[index + 1 :]
            for metric in self.metrics
            if (found := self._difference(metric, first, second)) is not None
        ]

    def _difference(self, metric: str, first: ModelResult, second: ModelResult) -> Difference | None:
        others = {clip.clip: each for clip, each in second.measured(metric)}
        both = [(each, others[clip.clip]) for clip, each in first.measured(metric) if clip.clip in others]
        if len(both) < 2:
            return None
        a, weights = _arrays([each for each, _ in both])
        b, _ = _arrays([each for _, each in both])
        value, limits, p = paired(a, b, weights)
        return Difference(metric, first.name, second.name, value, limits, p, len(both))


def unit_of(metric: Metric, unit: str) -> str:
    """A metric's unit with the corpus' own in it."""
    short = unit if unit.isalpha() and len(unit) < 3 else "unit"
    return metric.unit.format(u=short)


def _arrays(measured: Sequence[Measured]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values, weights = zip(*((each.value, each.weight) for each in measured), strict=True)
    return np.array(values, np.float64), np.array(weights, np.float64)


class Motions(Protocol):
    """Gives the motion behind an evaluation once more, for pictures."""

    def target(self, clip: str) -> MotionClip:
        """A clip as recorded, with its sound and phones."""

    def predicted(self, model: str, clip: str) -> NDArray[np.floating]:
        """(T, V, 3) a model's motion for a clip, in its first style, cut to the target's frames."""
