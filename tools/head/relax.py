"""Evens out the vertices of the skin along the sculpt and takes the faceting out."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from tools.head.cage import NECK_END
from tools.head.maths import MIRROR, Array, Indices, Mask
from tools.head.sculpt import project
from tools.head.topology import Skin, edge_map, laplacian

ROUNDS = 30


class Relaxation:
    """Works on the skin in place, and keeps it symmetric after every step."""

    def __init__(self, skin: Skin) -> None:
        self.skin, self.v = skin, skin.v
        self.laplacian = laplacian(skin.quads, len(skin.v))
        self.free = ~skin.pinned
        left = np.arange(skin.half)
        self.mirrored = left[skin.mirror != left]
        rim = np.unique([list(edge) for edge, quads in edge_map(skin.quads).items() if len(quads) == 1])
        self.rim = rim[self.v[rim, 1] < NECK_END + 30]  # of the neck; the other two open rims are inside the lids

    def settle(self) -> None:
        self.v[self.rim, 1] = NECK_END
        self.v[self.skin.middle, 0] = 0
        self.v[self.skin.mirror[self.mirrored]] = self.v[self.mirrored] * MIRROR

    def step(self, where: Mask, amount: float) -> None:
        self.v[where] += amount * (self.laplacian @ self.v)[where]
        self.settle()

    def run(self) -> None:
        skin, v = self.skin, self.v
        left = np.flatnonzero(self.free[: skin.half])
        for k in range(ROUNDS):
            self.step(self.free, 0.5)
            if k < 2 or k % 3 == 2:
                v[left] = project(v[left], 5 if k == ROUNDS - 1 else 2)
                self.settle()
        self._nostrils()
        x, y, z = v.T
        plain = self.free & ((np.abs(x) > 40) | (y > 28) | (y < -104) | (z < 40))
        for k in range(24):  # Taubin fairing away from the features
            self.step(plain, (0.5, -0.53)[k % 2])
        seams = (skin.chart == "lids") & (skin.r > 4.4) | (skin.chart == "mouth") & (skin.r > 3.9)
        for _ in range(3):  # and the faceting out of the seams between chart and sculpt
            self.step(self.free | seams, 0.25)

    def _nostrils(self) -> None:
        """Round the rim of the nostril, then sink the pit from it."""
        skin, v = self.skin, self.v
        pit: Indices = np.flatnonzero(skin.chart[: skin.half] == "nostril")
        u, r = skin.u[pit] % 4, skin.r[pit]
        on_rim = r < 1e-6
        ring = pit[on_rim][np.argsort(u[on_rim])]
        size = np.linalg.norm(v[ring] - v[ring].mean(0), axis=1).mean()
        for _ in range(16):
            v[ring] += 0.5 * ((np.roll(v[ring], 1, 0) + np.roll(v[ring], -1, 0)) / 2 - v[ring])
        center = v[ring].mean(0)
        v[ring] = center + (v[ring] - center) * size / np.linalg.norm(v[ring] - center, axis=1).mean() * 0.94
        closed = CubicSpline(np.linspace(0, 4, len(ring) + 1), np.r_[v[ring], v[ring[:1]]], bc_type="periodic")

        def depth(values: list[float]) -> Array:
            return np.interp(r, [0, 1, 1.5, 2], values)[:, None]

        inwards = depth([0, 1.3, 5, 9]) * np.array([-0.08, 0.95, -0.3])
        v[pit] = center + (closed(u) - center) * depth([1, 0.84, 0.74, 0.5]) + inwards
        self.settle()
        for _ in range(30):
            cap = skin.chart == "nostrilcap"
            v[cap] += 0.6 * (self.laplacian @ v)[cap]


def relax(skin: Skin) -> None:
    """Even out the skin, in place."""
    Relaxation(skin).run()
