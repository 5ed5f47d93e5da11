"""The eyelids: edges that lie on the eyeball, then platform, crease and orbit on the sculpt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.head.charts.splines import around, hermite, ring
from tools.head.maths import Array, smooth
from tools.head.sculpt import EYE, EYE_RADIUS, front

# offsets from the eye's centre: x, then y of the upper and of the lower lid
MARGIN = ring([-14.4, -9.6, -1.4, 7.8, 13.6, 8.2, 0.4, -8.6], [-1.6, 3.4, 5.3, 4.3, 1.0], [1.0, -3.2, -4.7, -4.1, -1.6])
CREASE = ring(
    [-16.8, -13.0, -2.0, 10.6, 17.6, 11.0, 0.2, -10.6], [-1.7, 7.4, 10.9, 9.4, 1.2], [1.2, -7.2, -10.2, -8.2, -1.7]
)
ORBIT = around([(-19.4, -2), (-13.6, 13.5), (-0.5, 19), (13, 15), (21, 1), (15, -13), (0.5, -17), (-13.2, -12.5)])


@dataclass(frozen=True)
class LidPose:
    """close: 0 open, 1 shut along one line just above the lower lid; upper, lower: mm that the lid edges rise."""

    close: float = 0.0
    upper: float = 0.0
    lower: float = 0.0

    @property
    def moves(self) -> bool:
        return bool(self.close or self.upper or self.lower)


REST = LidPose()


def margin(u: Array, pose: LidPose = REST) -> Array:
    """The lid edges (n, 2)."""
    m, rise = MARGIN(u), np.sin(u * np.pi / 4)
    line = -3.9 + (m[:, 0] - 0.4) ** 2 * np.where(m[:, 0] < 0.4, 0.0105, 0.0281) + np.where(u <= 4, 0.12, -0.12)
    m[:, 1] += pose.close * (line - m[:, 1])
    m[:, 1] += np.where(rise > 0, pose.upper, pose.lower) * np.abs(rise) ** 1.15
    return m


def on_ball(xy: Array, radius: float) -> Array:
    """A sphere in front, a skirt of constant slope beyond its side."""
    d, k = np.linalg.norm(xy, axis=1), 0.80 * radius
    edge = np.sqrt(radius**2 - k * k)
    cap = np.sqrt(np.maximum(radius**2 - d * d, 0))
    return np.asarray(np.c_[xy, np.where(d < k, cap, edge - k / edge * 0.6 * (d - k))])


def _canthus(u: Array, inner: float, outer: float) -> Array:
    near = np.exp(-((np.minimum(u, 8 - u) / inner) ** 2)) + np.exp(-(((u - 4) / outer) ** 2))
    return np.asarray(np.clip(near, 0, 1))


def _seen(xy: Array) -> Array:
    return np.asarray(front(xy[:, 0] + EYE[0], xy[:, 1] + EYE[1]) - EYE[2])


def _edges(u: Array, m: Array, out: Array) -> list[Array]:
    """Rows 0 to 2: the inside and both edges of the margin, on the ball; at the canthi they lie on the sculpt."""
    can, deep = _canthus(u, 0.6, 0.45), _canthus(u, 0.6, 0.9)
    inside = on_ball(m + out * (3.2 - 2.4 * deep)[:, None], EYE_RADIUS + 0.3)
    rows = [inside, on_ball(m, EYE_RADIUS + 0.4), on_ball(m + out * 0.5, EYE_RADIUS + 1.6)]
    sculpt = _seen(MARGIN(u))
    for i, dz in ((1, -1.6), (2, -0.6)):
        rows[i][:, 2] += can * (sculpt + dz - rows[i][:, 2])
    z = inside[:, 2] + deep * (rows[1][:, 2] - 3.5 - inside[:, 2])
    inside[:, 2] = np.maximum(z, np.sqrt(np.maximum((EYE_RADIUS + 0.25) ** 2 - (inside[:, :2] ** 2).sum(1), 0)))
    return rows


def lids(u: Array, r: Array, pose: LidPose = REST) -> Array:
    """The left eye's lids.

    u: 0 inner canthus, 2 upper, 4 outer canthus, 6 lower; r: 0 inside, 1 and 2 the edges of the margin, 3 platform,
    4 crease, 6 rim of the orbit.
    """
    u = np.mod(u, 8)
    m, up, angle = margin(u, pose), np.sin(u * np.pi / 4), np.pi - u * np.pi / 4
    rows = _edges(u, m, np.c_[np.cos(angle), np.sin(angle)])
    sink = 1.2 * pose.close - 0.25 * pose.upper
    crease = CREASE(u) - np.c_[0 * u, sink * np.maximum(up, 0)]
    platform = m + (crease - m) * np.where(up > 0, 0.42, 0.5)[:, None]
    outer = (platform, crease, crease + (ORBIT(u) - crease) * 0.45, ORBIT(u))
    out = hermite(np.array([*rows, *(np.c_[xy, 0 * u] for xy in outer)]), u, r, 2)
    sculpt, ball = _seen(out[:, :2]), on_ball(out[:, :2], EYE_RADIUS + 1.6)[:, 2]
    if pose.moves:
        in_front = (out[:, :2] ** 2).sum(1) < (0.8 * EYE_RADIUS) ** 2
        sculpt = np.where(in_front, np.maximum(sculpt, ball), sculpt)
    sculpt -= np.where(u < 4, 0.9 * np.maximum(up, 0) * np.exp(-(((r - 4) / 0.5) ** 2)), 0)  # tucked in at the crease
    can, w = _canthus(u, 0.6, 0.45), smooth(r, 2, 3)
    near = ball * (1 - can) + can * (_seen(MARGIN(u)) - 0.6)
    out[:, 2] = np.where(r <= 2, out[:, 2], (1 - w) * near + w * sculpt)
    return np.asarray(EYE + out)
