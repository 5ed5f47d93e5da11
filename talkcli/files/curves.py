"""Values at key times and between them, by glTF's three rules.

Shape letters: N key times, T times asked for, C values at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_SLOWEST = 5.0  # keys a second: fewer are poses, not frames


@dataclass(frozen=True, eq=False)
class Curve:
    """Values (N, C) at key times (N,) in seconds, and what lies between; cubic ones carry tangents: (N, 3, C)."""

    times: Doubles
    values: Doubles
    mode: str = "LINEAR"
    turns: bool = False  # the values are quaternions

    def __post_init__(self) -> None:
        if not len(self.times) or not np.isfinite(self.times).all() or (np.diff(self.times) <= 0).any():
            raise ValueError("key times that do not rise")
        if not np.isfinite(self.values).all():
            raise ValueError("keys that are no numbers (NaN or Inf)")

    def at(self, times: Doubles) -> Doubles:
        """(T, C); before the first key and after the last the value stays."""
        last = len(self.times) - 1
        # key times are float32, which may lie a little after the frame that they stand for
        found = np.searchsorted(self.times, times + 1e-6 + 1.2e-7 * np.abs(times), side="right") - 1
        before = np.clip(found, 0, last)
        after = np.minimum(before + 1, last)
        span = np.maximum(self.times[after] - self.times[before], 1e-12)
        part = np.clip((times - self.times[before]) / span, 0, 1)[:, None]
        if self.mode == "CUBICSPLINE":
            return self._spline(before, after, part, span[:, None])
        if self.mode == "STEP" or not last:
            return self.values[before]
        if self.turns:
            return self._turned(times)
        return self.values[before] + part * (self.values[after] - self.values[before])

    def _spline(self, before: NDArray[Any], after: NDArray[Any], part: Doubles, span: Doubles) -> Doubles:
        """Hermite's cubic between values, with the tangent out of one key and into the next."""
        square, cube = part**2, part**3
        start, leave = self.values[before, 1], self.values[before, 2]
        arrive, end = self.values[after, 0], self.values[after, 1]
        blend = (2 * cube - 3 * square + 1) * start + (3 * square - 2 * cube) * end
        slopes = (cube - 2 * square + part) * leave + (cube - square) * arrive
        out: Doubles = blend + span * slopes
        return out

    def _turned(self, times: Doubles) -> Doubles:
        from scipy.spatial.transform import Rotation, Slerp

        between = Slerp(self.times, Rotation.from_quat(self.values))
        return np.asarray(between(np.clip(times, self.times[0], self.times[-1])).as_quat())


def frame_rate(times: Doubles) -> float | None:
    """Frames a second of key times that lie on whole frames, though some may be left out; None of others."""
    if len(times) < 3:
        return None
    steps = np.diff(times)
    frames = np.rint(steps / steps.min())
    step = (times[-1] - times[0]) / frames.sum()
    off = np.abs(np.concatenate(([0.0], np.cumsum(frames))) * step - (times - times[0]))
    if step * _SLOWEST > 1 or off.max() > 0.05 * step:
        return None
    fps = 1 / step
    return float(round(fps)) if abs(fps - round(fps)) < 2e-4 * fps else round(float(fps), 3)
