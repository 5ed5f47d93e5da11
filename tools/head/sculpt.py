"""The shape of the head: a signed distance field of smoothly blended primitives, fitted to a table of head sections."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tools.head.maths import Array, rotation


class Primitive(NamedTuple):
    """One form that is added to the head (+) or carved out of it (-).

    kind: E ellipsoid (centre, radii), C chain of round cones (x y z r ...), N round cone flattened sideways.
    """

    name: str
    sign: str
    blend: float  # mm over which it melts into the others
    kind: str
    numbers: Sequence[float]
    turn: tuple[float, float, float] | None = None  # degrees


SCULPT = [
    Primitive("vault", "+", 1, "E", [0, 29.49, -10.28, 75.03, 77.38, 81.13]),
    Primitive("frontal", "+", 24.39, "E", [0, 44.43, 28.15, 62.62, 50.11, 66.42]),
    Primitive("face", "+", 35.4, "E", [0, -37.2, 30.81, 57.18, 66.79, 55.16]),
    Primitive(
        "jaw",
        "+",
        21.26,
        "C",
        [
            49.26,
            -24.42,
            8.436,
            8.981,
            38.4,
            -57.8,
            17.93,
            4.825,
            31.09,
            -92.85,
            57.45,
            5.732,
            13.41,
            -100.8,
            78.65,
            7.066,
            0,
            -103.6,
            78.05,
            8.393,
        ],
    ),
    Primitive("chin", "+", 14.48, "E", [0, -95.31, 91.29, 13.34, 15.38, 9.106]),
    Primitive("submental", "+", 11.92, "E", [0, -97.35, 54.46, 26.68, 18.08, 28.12], (8, 0, 0)),
    Primitive("malar", "+", 23.1, "E", [31.75, -16.51, 62.89, 15.66, 7.842, 12], (0, 42, 8)),
    Primitive("arch", "+", 19.28, "C", [45.13, -24.56, 41.39, 7.165, 57.46, -10.24, 5.696, 2.736]),
    Primitive("cheek", "+", 24.24, "E", [24.04, -48.49, 70.39, 13.51, 25.72, 8.006], (0, 28, 0)),
    Primitive(
        "brow",
        "+",
        27.54,
        "C",
        [0, 13.33, 92.3, 7.617, 12.69, 22.78, 83.68, 8.256, 28.54, 22.17, 78.27, 6.531, 37, 10.1, 62.65, 2.58],
    ),
    Primitive("temple", "-", 36.58, "E", [101.6, 25.76, 40.54, 19.38, 23.14, 34.63], (0, 24, 0)),
    Primitive("socket", "-", 7.457, "E", [30.9, 0.7575, 84.54, 19.69, 8.335, 12.18], (0, 18, -4)),
    Primitive("muzzle", "+", 23.3, "E", [0, -61.12, 76.73, 26.27, 30.66, 27.13]),
    Primitive(
        "sulcus", "-", 9.768, "C", [0, -86.12, 105, 5.937, 14.7, -86.34, 104.6, 4.95, 26.93, -84.4, 96.89, 4.943]
    ),
    Primitive("nosebase", "+", 13.51, "C", [0, 4.56, 83.01, 12.08, 0, -23.8, 91.94, 9.179, 0, -32.02, 87.79, 12.98]),
    Primitive("sellion", "-", 16.17, "C", [0, 6.063, 107.5, 6.742, 1.357, 1.703, 100.7, 5.768]),
    Primitive("ridge", "+", 9.152, "C", [0, 7.82, 92.42, 2.555, 0, -15.61, 100.8, 4.758, 0, -30.89, 108.8, 7.56]),
    Primitive("tip", "+", 4.949, "E", [0, -36.41, 111.9, 9.027, 6.382, 9.111]),
    Primitive("ala", "+", 6.874, "E", [11.2, -38.6, 102.3, 5.779, 6.29, 9.307], (0, 24, 0)),
    Primitive("columella", "+", 4.001, "C", [0, -41.95, 110.1, 2.967, 0, -44.18, 101, 3.791]),
    Primitive("philtrum", "+", 7.975, "C", [3.667, -49.69, 97.61, 2.5, 6.186, -58.34, 100.5, 4.32]),
    Primitive("neck", "+", 40.9, "N", [0, -36.38, -18.82, 36.2, 0, -197.6, 0.4312, 36.4]),
    Primitive("scm", "+", 18.5, "C", [45.6, -35.77, -17.38, 5.238, 21.57, -198.4, 9.522, 5.737]),
    Primitive("trap", "+", 33.37, "C", [0, -27.57, -19.75, 12.27, 31.38, -194.8, -60.7, 37.42]),
]
EYE = np.array([31.0, 0.0, 73.0])  # centre of the left eyeball
EYE_RADIUS, LID_MOUND = 13.5, 15.4


def melt(a: Array, b: Array, width: float) -> Array:
    """Smooth minimum: a fillet of the width."""
    h = np.maximum(width - np.abs(a - b), 0) / width
    return np.asarray(np.minimum(a, b) - h * h * width * 0.25)


def _ellipsoid(p: Array, a: Array, turn: tuple[float, float, float] | None) -> Array:
    q = p - a[:3] if turn is None else (p - a[:3]) @ rotation(*turn)
    k0, k1 = np.linalg.norm(q / a[3:], axis=-1), np.linalg.norm(q / a[3:] ** 2, axis=-1) + 1e-9
    return np.asarray(k0 * (k0 - 1) / k1)


def _cones(p: Array, chain: Array) -> Array:
    distance: Array | None = None
    for start, end in pairwise(chain):
        axis, away = end[:3] - start[:3], p - start[:3]
        h = np.clip(away @ axis / (axis @ axis), 0, 1)
        cone = np.linalg.norm(away - h[..., None] * axis, axis=-1) - (start[3] + (end[3] - start[3]) * h)
        distance = cone if distance is None else melt(distance, cone, 6.0)
    assert distance is not None
    return distance


def _distance(p: Array, form: Primitive) -> Array:
    numbers = np.asarray(form.numbers, float)
    if form.kind == "E":
        return _ellipsoid(p, numbers, form.turn)
    return _cones(p * [1, 1, 0.92] if form.kind == "N" else p, numbers.reshape(-1, 4))


def distance(points: Array) -> Array:
    """Signed distance (n,) of points (n, 3) to the head, negative inside; close to the surface it is in mm."""
    p = np.array(points, float)
    p[..., 0] = np.sqrt(p[..., 0] ** 2 + 0.5)  # symmetric, and smooth across the midline
    d = _distance(p, SCULPT[0])
    for form in SCULPT[1:]:
        e = _distance(p, form)
        d = melt(d, e, form.blend) if form.sign == "+" else -melt(-d, e, form.blend)
    return melt(d, np.linalg.norm(p - EYE, axis=-1) - LID_MOUND, 5.0)


def project(points: Array | list[Array], steps: int) -> Array:
    """Newton steps along the gradient onto the head."""
    p = np.array(points, float)
    for _ in range(steps):
        slope = np.stack([distance(p + 0.25 * e) - distance(p - 0.25 * e) for e in np.eye(3)], -1) / 0.5
        p -= (distance(p) / np.maximum((slope * slope).sum(-1), 0.2))[:, None] * slope
    return p


def march(points: Array, direction: ArrayLike, limit: int = 80) -> Array:
    """Walk the points along the directions until they meet the head; changes points in place and returns them."""
    active = np.arange(len(points))
    direction = np.broadcast_to(np.asarray(direction, float), points.shape)
    for _ in range(limit):
        f = distance(points[active])
        points[active] += direction[active] * (np.clip(f, -2, 6) * 0.85)[:, None]
        active = active[np.abs(f) > 2e-4]
        if not len(active):
            break
    return points


def front(x: Array, y: Array) -> Array:
    """z of the head seen from the front at (x, y)."""
    return march(np.stack([x, y, np.full_like(x, 127.0)], -1), (0, 0, -1))[:, 2]


def side(y: Array, z: Array) -> Array:
    """x of the head seen from its left at (y, z)."""
    return march(np.stack([np.full_like(y, 85.0), y, z], -1), (-1, 0, 0))[:, 0]
