"""Metrics of the mouth against what is said: openings, closures, and how late the lips are.

Shape letters: T frames, N samples of a gap.
"""

from __future__ import annotations

import numpy as np

from talkcli.metrics import lips
from talkcli.metrics.base import Doubles, Measured, Pair

LAGS = 0.2  # seconds either way
STILL = 1e-6  # metres: a mouth that moves less is still


def mouth_opening_mm(pair: Pair) -> Measured | None:
    """MOD: mean difference of the mouth's opening, without its sign (after DiffPoseTalk)."""
    gaps = pair.gaps()
    return gaps and Measured(1000 * float(np.abs(gaps[0] - gaps[1]).mean()), pair.frames)


def opening_correlation(pair: Pair) -> Measured | None:
    """Pearson's correlation of the predicted opening with the target's, each clip counting once."""
    gaps = pair.gaps()
    if gaps is None or pair.frames < 2 or np.ptp(gaps[1]) < STILL:
        return None
    return Measured(float(np.corrcoef(*gaps)[0, 1]) if np.ptp(gaps[0]) >= STILL else 0.0)


def lag_ms(pair: Pair) -> Measured | None:
    """How many ms the predicted opening comes after the target's, where they fit best; positive is late."""
    gaps = pair.gaps()
    reach = round(LAGS * pair.fps)
    if gaps is None or pair.frames < 4 * reach or min(np.ptp(gap) for gap in gaps) < STILL:
        return None
    predicted, target = gaps
    fits = {lag: _fit(predicted, target, lag) for lag in range(-reach, reach + 1)}
    return Measured(1000 * max(fits, key=fits.__getitem__) / pair.fps)


def _fit(predicted: Doubles, target: Doubles, lag: int) -> float:
    """The correlation where predicted is moved to the front by so many frames."""
    count = len(target) - abs(lag)
    seen, asked = predicted[max(lag, 0) :][:count], target[max(-lag, 0) :][:count]
    return float(np.corrcoef(seen, asked)[0, 1]) if min(np.ptp(seen), np.ptp(asked)) >= STILL else 0.0


def opening_dtw_mm(pair: Pair) -> Measured | None:
    """Mean difference of the openings along the best warping of time within LAGS either way."""
    gaps = pair.gaps()
    if gaps is None:
        return None
    return Measured(1000 * dtw(*gaps, round(LAGS * pair.fps)), pair.frames)


def dtw(a: Doubles, b: Doubles, reach: int) -> float:
    """The least cost of walking through two curves (T,) together, at most reach frames apart, over the steps taken."""
    cost = np.full((len(a) + 1, len(b) + 1), np.inf)
    steps = np.zeros(cost.shape)
    cost[0, 0] = 0.0
    for i in range(1, len(a) + 1):
        for j in range(max(1, i - reach), min(len(b), i + reach) + 1):
            before = min(
                ((cost[i - 1, j - 1], (i - 1, j - 1)), (cost[i - 1, j], (i - 1, j)), (cost[i, j - 1], (i, j - 1)))
            )
            cost[i, j] = before[0] + abs(a[i - 1] - b[j - 1])
            steps[i, j] = steps[before[1]] + 1
    return float(cost[-1, -1] / max(steps[-1, -1], 1))


# -- against the phones -----------------------------------------------------------------------------------------------


def _score(pair: Pair) -> lips.LipScore | None:
    """The lip measures of the prediction against the phones, where both are known."""
    gaps = pair.gaps()
    if gaps is None or not any(phone.name != "SIL" for phone in pair.phones):
        return None
    gap = lips.sampled(gaps[0], pair.fps, pair.phones[-1].end)
    return lips.gap_score(gap, lips.closed(gap), pair.phones)


def closure_recall(pair: Pair) -> Measured | None:
    """Share of p, b, m in % during which the mouth closes, each phone counting once."""
    score = _score(pair)
    if score is None or not score.closures.total:
        return None
    return Measured(100 * score.closures.value, score.closures.total)


def closure_precision(pair: Pair) -> Measured | None:
    """Share of closures in % that p, b, m or a silence asks for, each closure counting once."""
    gaps = pair.gaps()
    if gaps is None or not any(phone.name != "SIL" for phone in pair.phones):
        return None
    gap = lips.sampled(gaps[0], pair.fps, pair.phones[-1].end)
    found = lips.asked_closures(lips.closed(gap), pair.phones)
    return Measured(100 * found.value, found.total) if found.total else None


def false_closures(pair: Pair) -> Measured | None:
    """Share of open vowels in % that pass with the mouth closed, each vowel counting once."""
    score = _score(pair)
    if score is None or not score.false_closures.total:
        return None
    return Measured(100 * score.false_closures.value, score.false_closures.total)


def articulation(pair: Pair) -> Measured | None:
    """Correlation of the opening with what the phones ask for, at its best lag, each clip counting once."""
    score = _score(pair)
    return None if score is None else Measured(score.correlation)


def articulation_lag_ms(pair: Pair) -> Measured | None:
    """How many ms the mouth comes after the phones, where they fit best."""
    score = _score(pair)
    return None if score is None else Measured(1000 * score.lag)


def stillness(pair: Pair) -> Measured | None:
    """How wide the mouth opens in silences, of its wide gap."""
    score = _score(pair)
    return None if score is None or np.isnan(score.stillness) else Measured(score.stillness)


def readability(pair: Pair) -> Measured | None:
    """How well a lip reader reads the predicted lips against the sound; see talkcli/reading.py."""
    return None if pair.read is None else Measured(*pair.read)


def readability_gap(pair: Pair) -> Measured | None:
    """The same, less the target's."""
    if pair.read is None or pair.readable is None:
        return None
    value, frames = pair.read
    target = pair.readable(pair.target)
    return None if target is None else Measured(value - target[0], frames)
