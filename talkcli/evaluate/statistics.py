"""How sure a mean is: bootstrap intervals over clips or subjects, and paired tests of two models on the same clips.

Shape letters: N clips, R resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LIMITS = (2.5, 97.5)  # percentiles: 95 %
SEED = 0

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


def weighted_mean(values: Doubles, weights: Doubles) -> float:
    """Of values (N,), each as often as its weight says: over frames where those are the weights."""
    return float(np.dot(values, weights) / weights.sum())


def interval(values: Doubles, weights: Doubles, groups: Sequence[str] | None = None) -> Interval:
    """The 95 % percentile bootstrap interval of the weighted mean (Efron 1979).

    Clips are drawn with replacement; where groups are given, whole groups are, with all their clips: clips of one
    subject are alike, so this interval is the wider and the more honest one for new subjects.
    """
    names = list(range(len(values))) if groups is None else sorted(set(groups))
    number = {name: index for index, name in enumerate(names)}
    place = np.arange(len(values)) if groups is None else np.array([number[name] for name in groups])
    sums = np.bincount(place, values * weights, len(names))  # of each group
    counts = np.bincount(place, weights, len(names))
    drawn = np.random.default_rng(SEED).integers(len(names), size=(RESAMPLES, len(names)))  # (R, groups)
    low, high = np.percentile(sums[drawn].sum(1) / counts[drawn].sum(1), LIMITS)
    return Interval(float(low), float(high))


def paired(first: Doubles, second: Doubles, weights: Doubles) -> tuple[float, Interval, float]:
    """Mean difference of two models on the same N clips, its bootstrap interval, and Wilcoxon's signed-rank p."""
    from scipy.stats import wilcoxon

    difference = first - second
    p = float(wilcoxon(difference).pvalue) if np.any(difference) else 1.0
    return weighted_mean(difference, weights), interval(difference, weights), p
