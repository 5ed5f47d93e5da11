"""What the shapes are made with: smooth spreading into the skin, the jaw's weights, pairs of facing lip vertices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from tools.head.anatomy import Anatomy
from tools.head.charts.mouth import Pose, mouth
from tools.head.maths import MIRROR, Array, Indices, Mask, bell, hand, normals, smooth
from tools.head.topology import laplacian

Solver = Callable[[Array], Array]
HINGE, JAW_ANGLE, JAW_GLIDE = np.array([0, -14.0, 12.0]), np.radians(18.0), np.array([0, -4.0, 10.0])  # at jawOpen = 1


def extension(fixed: Mask, operator: sp.csr_array) -> Solver:
    """Solver that keeps values on the fixed vertices and extends them smoothly to the others."""
    free, known = np.flatnonzero(~fixed), np.flatnonzero(fixed)
    factors, rest = splu(operator[free][:, free].tocsc()), operator[free][:, known]

    def run(values: Array) -> Array:
        values = np.array(values, float)
        values[free] = factors.solve(-(rest @ values[known]))
        return values

    return run


@dataclass(frozen=True)
class LipPairs:
    """(L,) facing vertices, the pair where their column touches, their row in the chart and their weight."""

    upper: Indices
    lower: Indices
    column: Indices
    row: Array
    weight: Array

    @property
    def inner(self) -> Mask:
        """Next to the contact: these must not cross even where their column is apart."""
        return (self.row > 2.3) & (self.row < 3.5)


class Rig:
    """The head with all that shapes need; displacements are (n, 3) of the skin or (V, 3) of the whole head, mm."""

    def __init__(self, head: Anatomy) -> None:
        self.head, s, n = head, head.skin, head.skin_count
        self.skin, self.rest = s, s.v
        self.mouth = s.of("mouth")
        self.laplacian = laplacian(s.quads, n)
        self.normal = normals(s.v, head.skin_faces)
        self.left = smooth(head.v[:, 0], -7, 7)  # (V,) 1 on the subject's left
        self.lip = self.mouth & (s.r < 4.01) | s.of("cap")
        x, y, _ = (s.v * hand(s.v)).T
        still = s.of("nostril", "nostrilcap") & (s.r > 0.1) | (y > -27) | ((x < 16) & (y > -44))
        far = np.linalg.norm((s.v - [0, -67, 92]) / [1, 1.05, 1], axis=1) > 62
        bilaplacian = sp.csr_array(self.laplacian.T @ self.laplacian)
        self.spread = extension(self.lip | still | far, bilaplacian)
        self.jaw = self._jaw_weights()
        self.pairs = lip_pairs(head)
        self._riders = head.of("brows", "hair")
        found, under = cKDTree(s.v).query(head.v[self._riders], 6)
        distance, self._under = np.asarray(found), np.asarray(under)
        weight = 1 / (distance + 0.5) ** 2
        self._riding = weight / weight.sum(1, keepdims=True)

    def _jaw_weights(self) -> Array:
        """(V,) how much of the jaw's motion a vertex takes; .46 at the corners of the mouth."""
        s, head = self.skin, self.head
        x, y, z = (s.v * hand(s.v)).T
        w, cap = np.full(head.skin_count, np.nan), s.of("cap")
        t = np.clip((s.u - 1.7) / 4.72, 0, 1)  # falls off over the upper lip's outer half
        w[self.lip] = (t**3 * (t * (6 * t - 15) + 10))[self.lip]
        w[cap] = smooth(-y[cap], 56, 82)
        w[(x < 24) & (y < -84) & (y > -117) & (z > 66)] = 1
        away = (y > -22) | (z < 4) | (y < -158) | s.of("ear") & (s.r > 0.1) | s.of("earcap", "nostril", "nostrilcap")
        w[np.isnan(w) & (away | (y > -44) & (x < 17) & (z > 88))] = 0
        w = extension(~np.isnan(w), sp.csr_array(-self.laplacian))(np.nan_to_num(w))
        free = ~self.lip | self.mouth & (s.r >= 3.9)
        for _ in range(12):
            w[free] += 0.5 * (self.laplacian @ w)[free]
        jaw = np.zeros(len(head.v))
        jaw[: len(w)] = np.clip(w, 0, 1)
        tongue = head.of("tongue")
        jaw[head.of("teeth_lower")], jaw[tongue] = 1, 0.75 + 0.25 * smooth(head.v[tongue, 2], 40, 70)
        return jaw

    def hinge(self, opening: float) -> Array:
        """(V, 3) displacement of the jaw's rotation and glide."""
        v = self.head.v
        p, c, s = v - HINGE, np.cos(JAW_ANGLE * opening), np.sin(JAW_ANGLE * opening)
        turned = np.stack([p[:, 0], p[:, 1] * c - p[:, 2] * s, p[:, 1] * s + p[:, 2] * c], -1)
        return np.asarray(self.jaw[:, None] * (turned - p + JAW_GLIDE * opening))

    def half(self, chart: Callable[[Array, Array], Array], where: Mask) -> Array:
        """(n, 3) a chart's displacement, computed on the left half and mirrored."""
        s, d = self.skin, np.zeros((self.head.skin_count, 3))
        k = np.flatnonzero(where[: s.half])
        x = chart(s.u[k], s.r[k])
        d[s.mirror[k]], d[k] = x * MIRROR, x
        d[s.middle, 0] = 0
        return d

    def lips(self, pose: Pose) -> Array:
        """(n, 3) displacement of a lip pose; it fades out in the bag and spreads into the skin."""

        def moved(u: Array, r: Array) -> Array:
            return (mouth(u, r, pose) - mouth(u, r)) * smooth(r, 0.6, 2)[:, None]

        return self.spread(self.half(moved, self.mouth & (self.skin.r < 4.01)))

    def bump(self, center: ArrayLike, width: ArrayLike, move: ArrayLike, slide: bool = False) -> Array:
        """(n, 3) a soft push about the center and its mirror image; slide keeps it along the surface."""
        g = bell(self.rest, center, width)[:, None] * np.asarray(move, float) * hand(self.rest)
        g[:, 0] *= smooth(np.abs(self.rest[:, 0]), 0, 6)
        if slide:
            g -= 0.85 * (g * self.normal).sum(1, keepdims=True) * self.normal
        g[self.mouth & (self.skin.r < 2.5) | self.skin.of("cap")] = 0
        return np.asarray(g)

    def crease(self, line: ArrayLike, width: float, depth: float) -> Array:
        """(n, 3) a fold along a polyline (k, 3) and its mirror image, depth mm deep in its middle."""
        p, chain = self.rest * hand(self.rest), np.asarray(line, float)
        nearest = np.full(len(p), np.inf)
        for a, b in pairwise(chain):
            h = np.clip((p - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
            nearest = np.minimum(nearest, np.linalg.norm(p - a - h[:, None] * (b - a), axis=1))
        fold = -depth * np.exp(-((nearest / width) ** 2))
        fold *= np.where(self.mouth, smooth(self.skin.r, 4.3, 6), 1)
        fold[self.lip] = 0
        return np.asarray(fold[:, None] * self.normal)

    def whole(self, d: Array) -> Array:
        """(V, 3) from a displacement of the skin: brows and hair ride on it."""
        if len(d) != self.head.skin_count:
            return d
        full = np.zeros_like(self.head.v)
        full[: len(d)] = d
        full[self._riders] = (d[self._under] * self._riding[..., None]).sum(1)
        return full


def lip_pairs(head: Anatomy) -> LipPairs:
    """Facing lip vertices, column by column."""
    s, x = head.skin, head.skin.v[:, 0]
    place: dict[tuple[int, int, bool], int] = {}
    for i in np.flatnonzero(s.of("mouth") & (s.r > 1.01) & (s.r < 4.99)):
        for left in (True, False) if abs(x[i]) < 1e-9 else (bool(x[i] > 0),):
            place[round(s.u[i] * 4), round(s.r[i] * 60), left] = int(i)
    keys = [key for key in place if key[0] < 16 and (key[2] or key[0])]
    touching = {(k, left): j for j, (k, r, left) in enumerate(keys) if r == 180}
    row = np.array([r for _, r, _ in keys]) / 60.0
    return LipPairs(
        np.array([place[key] for key in keys]),
        np.array([place[32 - k, r, left] for k, r, left in keys]),
        np.array([touching[k, left] for k, _, left in keys]),
        row,
        np.where(row <= 3, smooth(row, 1.2, 2.6), 1 - smooth(row, 3.3, 5.0)),
    )
