"""The lips and the bag of the mouth behind them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline

from tools.head.charts.splines import NINE, along, bezier
from tools.head.maths import LEFT, UP, Array, Mask
from tools.head.sculpt import front

Pose = Mapping[str, Array]
"""Displacement tables (5, 3) "cu", "cl" of the contact line and "bu", "bl" of the border (u upper, l lower lip), and
factors "gu", "gl" of the bulge between them."""

# stations 0 midline, 1 peak of the bow, 2, 3, 4 corner: contact line (x, y, z), vermilion borders (x, y)
CONTACT = np.array(
    [[0, -66.7, 103.2], [5.6, -66.0, 102.6], [12.2, -65.75, 100.0], [19, -65.4, 96.0], [25.2, -64.7, 90.6]]
)
UPPER = np.array([[0, -59.4], [5.5, -58.4], [13.0, -60.4], [20.4, -62.6], [26.8, -64.5]])
LOWER = np.array([[0, -75.8], [5.9, -75.5], [13.6, -73.7], [20.6, -69.9], [26.8, -64.5]])
# fmt: off
VESTIBULE = [(0, -50.5, 96), (9, -50.5, 94.5), (19, -52.5, 88.5), (28, -55.5, 79), (31, -67, 73.5), (28, -77, 78),
             (19, -83, 85), (9, -84.5, 90), (0, -85, 91.5)]
THROAT = [(0, -52, 44), (12, -52.5, 44), (24, -55, 44), (32, -56.5, 44), (34, -68, 44), (32, -77, 44), (24, -83, 44),
          (12, -86, 44), (0, -87, 44)]
# fmt: on
GAP = 0.04  # half of the slit between the closed lips
CLIMB = 1.4  # the slit climbs and bows on its way in, so that no line of sight through closed lips meets the teeth


@cache
def _border(key: bytes) -> Array:
    """The vermilion border at rest (n, 3)."""
    u = np.frombuffer(key)
    lower, s, _ = _sides(u)
    b = np.where(lower[:, None], along(LOWER, s), along(UPPER, s))
    return np.asarray(np.c_[b, front(b[:, 0], b[:, 1]) + 0.7 * _taper(s) - 0.3])


def _sides(u: Array) -> tuple[Mask, Array, Array]:
    """Is it the lower lip, s from the midline (0) to the corner (1), and the sign of outwards in y."""
    lower = u > 4
    return lower, np.asarray(np.where(lower, 8 - u, u) / 4), np.asarray(np.where(lower, -1.0, 1.0), np.float64)


def _taper(s: Array) -> Array:
    return np.asarray(1 - s**2.4)


def _column(x: ArrayLike) -> Array:
    return np.asarray(x, float)[:, None]


def mouth(u: Array, r: Array, pose: Pose | None = None) -> Array:
    """u: 0 upper midline, 4 corner, 8 lower midline; r: 0 throat, 1 vestibule, 2 wet lip, 3 contact, 4 border."""
    pose = pose or {}
    lower, s, sign = _sides(u)
    taper = _taper(s)
    zero = np.zeros((5, 3))

    def moved(kind: str) -> Array:
        of = [along(pose.get(kind + lip, zero), s) for lip in "lu"]
        return np.where(lower[:, None], *of)

    c = along(CONTACT, s) + _column(sign * GAP * np.minimum(1, 5 * taper)) * UP + moved("c")
    b = _border(np.ascontiguousarray(u).tobytes()) + moved("b")
    n = np.stack([0.45 * s, 0 * s, np.ones_like(s)], -1)
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    wet = c - n * _column(6.5 - 1.5 * s) + UP * _column(sign * (1.0 + 4.2 * taper)) - LEFT * _column(s)
    zone, end = _slit(c, n, taper, sign, r)
    hull = (wet, wet + (end - wet) * 0.3 - UP * _column(sign * taper), end - n * 1.2, end)
    inner = bezier(*hull, np.clip((r - 2) * 2, 0, 1))
    bag = _bag(u, r, wet)
    bulge = np.where(lower, pose.get("gl", 1.0), pose.get("gu", 1.0))
    skin = _vermilion(c, b, n, taper, bulge, sign, r)
    row = _column(r)
    out = np.where(row >= 3, skin, np.where(row >= 2.5, zone, np.where(row >= 2, inner, bag)))
    out[np.isin(u, (0, 8)), 0] = 0
    return out


def _vermilion(c: Array, b: Array, n: Array, taper: Array, bulge: Array, sign: Array, r: Array) -> Array:
    """The red of the lips between contact c and border b."""
    lower, full = sign < 0, taper * bulge
    near = c + n * _column(full * np.where(lower, 3.6, 3.9)) + UP * _column(sign * taper * 0.2)
    far = b + n * _column(full * np.where(lower, 3.4, 2.4)) - UP * _column(sign * taper * np.where(lower, 2.2, 2.6))
    return bezier(c, near, far, b, np.clip(r - 3, 0, 1))


def _slit(c: Array, n: Array, taper: Array, sign: Array, r: Array) -> tuple[Array, Array]:
    """From the contact 3 mm inwards the lips lie on each other along one bowed path: a point of it, and its end."""
    q = np.clip(3 - r, 0, 0.5) * 2
    zone = c - n * _column(3.0 * q) + UP * _column(taper * (CLIMB * np.sin(q * np.pi / 2) + sign * 0.15 * q))
    return zone, c - n * 3.0 + UP * _column(taper * (CLIMB + sign * 0.15))


def _bag(u: Array, r: Array, wet: Array) -> Array:
    vestibule, throat = (CubicSpline(NINE, rows)(u) for rows in (VESTIBULE, THROAT))
    outer = vestibule + (wet - vestibule) * _column(np.clip(r - 1, 0, 1))
    return np.where(_column(r >= 1) > 0, outer, throat + (vestibule - throat) * _column(np.clip(r, 0, 1)))
