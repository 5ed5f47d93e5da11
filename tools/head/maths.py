"""Small formulas that every part of the generator uses. All lengths in millimetres."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

UP, LEFT = np.array([0, 1.0, 0]), np.array([1.0, 0, 0])
MIRROR = np.array([-1.0, 1, 1])


def smooth(x: ArrayLike, start: float, end: float) -> Array:
    """0 at start, 1 at end, a cubic between; start may lie above end."""
    t = np.clip((np.asarray(x, float) - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def hand(v: Array) -> Array:
    """(-1, 1, 1) on the subject's right, (1, 1, 1) elsewhere: v * hand(v) lies on the left."""
    return np.where(v[:, :1] < 0, MIRROR[None], np.ones((1, 3)))


def bell(v: Array, center: ArrayLike, width: ArrayLike) -> Array:
    """Gaussian (n,) about the center and about its mirror image."""
    return np.asarray(np.exp(-(((v * hand(v) - np.asarray(center)) / np.asarray(width)) ** 2).sum(1)))


def rotation(x: float, y: float, z: float) -> Array:
    """Turns by degrees about x, then y, then z."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians([x, y, z])), np.sin(np.radians([x, y, z]))
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    return np.asarray(about_z @ about_y @ about_x)


def unit(v: Array) -> Array:
    """Rows (n, 3) of length 1."""
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12))


def triangles(quads: NDArray[Any]) -> Indices:
    """(2 n, 3) triangles of quads (n, 4)."""
    return np.asarray(np.r_[quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def normals(v: Array, faces: Indices) -> Array:
    """(n, 3) vertex normals, weighted by area."""
    corners, out = v[faces], np.zeros_like(v)
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for k in range(3):
        np.add.at(out, faces[:, k], face)
    return unit(out)
