"""Curves and the surfaces between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator

from tools.head.maths import Array

FIVE, NINE = np.linspace(0, 1, 5), np.arange(9.0)


def along(rows: Array, s: Array) -> Array:
    """Spline at s in [0, 1] through five stations (5, k) from the midline to the corner, level at the midline."""
    level: Array = np.concatenate([rows[1, :1] * 4, np.zeros(rows.shape[1] - 1)])  # dx/ds alone
    return np.asarray(CubicSpline(FIVE, rows, bc_type=((1, level), (2, np.zeros(rows.shape[1]))))(s))


def around(points: Sequence[Sequence[float]]) -> CubicSpline:
    """Closed curve through eight points; parameter 0 .. 8."""
    return CubicSpline(NINE, [*points, points[0]], bc_type="periodic")


def bezier(a: Array, b: Array, c: Array, d: Array, t: Array) -> Array:
    t = t[:, None]
    return np.asarray((1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t * t * c + t**3 * d)


def hermite(rows: Array, u: Array, r: Array, linear_below: int = 0) -> Array:
    """Across the rows (n_rows, n, 3) at r in [0, n_rows - 1], Catmull-Rom, straight below row linear_below."""
    i, k, last = np.arange(len(u)), np.clip(r.astype(int), 0, len(rows) - 2), len(rows) - 1
    t = (r - k)[:, None]
    a, b, p, q = rows[k, i], rows[k + 1, i], rows[np.maximum(k - 1, 0), i], rows[np.minimum(k + 2, last), i]
    ta = np.where((k > linear_below)[:, None], (b - p) / 2, b - a)
    tb = np.where((k > linear_below - 1)[:, None], (q - a) / 2, b - a)
    t2, t3 = t * t, t**3
    return np.asarray((2 * t3 - 3 * t2 + 1) * a + (t3 - 2 * t2 + t) * ta + (3 * t2 - 2 * t3) * b + (t3 - t2) * tb)


def ring(x: Sequence[float], upper: Sequence[float], lower: Sequence[float]) -> Callable[[Array], Array]:
    """Closed front-view curve (n, 2) through 8 stations: inner canthus, upper x3, outer canthus, lower x3.

    upper holds the y of stations 0 to 4, lower of 4 to 8.
    """
    fx = CubicSpline(NINE, [*x, x[0]], bc_type="periodic")
    fu, fl = PchipInterpolator(range(5), upper), PchipInterpolator(range(4, 9), lower)
    return lambda u: np.c_[fx(u), np.where(u <= 4, fu(np.clip(u, 0, 4)), fl(np.clip(u, 4, 8)))]
