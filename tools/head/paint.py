"""Vertex colours: what a look gives skin and parts, under the shade that the head throws on itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.head.anatomy import PARTS, Anatomy
from tools.head.look import Look
from tools.head.maths import Array, bell, normals, smooth, unit

# how dark full occlusion makes a part
DEPTH = {"skin": 0.54, "caruncle": 0.4, "brows": 0.3, "hair": 0.35}
WARM = np.array([0.86, 1.0, 1.06])  # light that does come through flesh is red
DIRECTIONS, CELL, BIAS = 120, 2.0, 2.6  # samples of the sky; mm of a depth map's cell and of its tolerance


def paint(head: Anatomy, look: Look, light: Array) -> Array:
    """(V, 3) sRGB in [0, 1]; light (V,) as skylight() gives it."""
    colors = np.concatenate([_skin(head, look), *(piece.paint(look) for piece in head.pieces)])
    depth = np.array([DEPTH.get(name, 0.0) for name in PARTS])[head.part]  # (V,)
    return np.asarray(np.clip(colors * (1 - (depth * (1 - light))[:, None] * WARM), 0, 1))


def _skin(head: Anatomy, look: Look) -> Array:
    s, base = head.skin, np.array(look.skin)
    v, u, r = s.v, s.u, s.r
    mouth, ear, lid = s.of("mouth"), s.of("ear"), s.of("lids")
    up, low = np.clip(np.sin(u * np.pi / 4), 0, 1), np.clip(-np.sin(u * np.pi / 4), 0, 1)
    beard = smooth(-v[:, 1], 44, 58) * smooth(-v[:, 1], 128, 108) * smooth(v[:, 2], 8, 40) * ~mouth
    beard *= 1 - 0.75 * bell(v, (33, -50, 85), (13, 16, 25))
    inner_lid = lid & (r < 2.3)
    c = np.tile(base, (len(v), 1))
    layers: list[tuple[NDArray[Any], Array]] = [
        (0.6 * look.blush * bell(v, (38, -33, 80), 18), base * (1.02, 0.87, 0.86)),
        (0.7 * look.blush * bell(v, (0, -35, 120), 11), base * (1.0, 0.87, 0.85)),
        (0.4 * look.blush * bell(v, (0, -98, 100), 14), base * (1.0, 0.90, 0.88)),
        (0.25 * bell(v, (30, 4, 86), (14, 9, 14)), base * (0.95, 0.88, 0.87)),
        (0.35 * bell(v, (25, -13, 86), (10, 5, 14)), base * (0.93, 0.86, 0.88)),
        (0.30 * look.stubble * beard, base * 0.55 + np.array(look.hair) * 0.45),
        (0.5 * ear * smooth(r, 0.6, 2.5), base * (1.0, 0.88, 0.85)),
        (0.30 * mouth * (r > 2.6) * (1 - smooth(r, 4.0, 4.4)), look.lips),
        (mouth * (r > 2.6) * (1 - smooth(r, 3.82, 4.12)), look.lips),
        (mouth * (r <= 3) * (1 - smooth(r, 2.55, 3.0)), 0.5 * np.array(look.WET) + 0.5 * look.lips * (0.7, 0.5, 0.5)),
        (mouth * (r <= 2) * (1 - smooth(r, 0.3, 2)) + s.of("cap"), np.array(look.THROAT)),
        (s.of("nostril") * smooth(r, 0, 1.2) + s.of("nostrilcap"), look.nostril),
        (ear * smooth(r, 6, 7.5), base * 0.62),
        (1.0 * s.of("earcap"), base * 0.48),
        (0.8 * inner_lid, look.rim),
        (inner_lid * (r > 1.4) * np.minimum(1, up * 3), look.lash),
        (0.35 * inner_lid * (r > 1.4) * low, look.lash),
        (0.45 * lid * up * np.exp(-(((r - 4) / 0.4) ** 2)), base * 0.72),
    ]
    for weight, color in layers:
        c += weight[:, None] * (color - c)
    return c


def skylight(head: Anatomy) -> Array:
    """(V,) share of a sky, brighter above, that reaches each vertex at rest; the inside of the mouth counts as lit.

    Depth maps from many directions, of points strewn over the triangles.
    """
    v, n = head.v, normals(head.v, head.faces)
    cloud = _strewn(v, head.faces)
    got, all_ = np.zeros(len(v)), np.full(len(v), 1e-9)
    for d in _sky():
        x = unit(np.cross(d, (0.3, 0.5, 0.8))[None])[0]
        frame = np.stack([x, np.cross(d, x), d], 1)
        q, p = cloud @ frame, v @ frame
        low = q[:, :2].min(0)
        size = np.ceil((q[:, :2].max(0) - low) / CELL).astype(int) + 1

        def cell(points: Array, low: Array = low, size: Array = size) -> Array:
            at = ((points[:, :2] - low) / CELL).astype(int)
            return np.asarray(at[:, 0] * size[1] + at[:, 1])

        nearest = np.full(int(size.prod()), -np.inf)
        np.maximum.at(nearest, cell(q).astype(int), q[:, 2])
        facing = np.maximum(n @ d, 0) * (0.75 + 0.45 * d[1])
        got += facing * (p[:, 2] > nearest[np.clip(cell(p).astype(int), 0, len(nearest) - 1)] - BIAS)
        all_ += facing
    light = _softened(head, got / all_)
    s = head.skin
    light[: head.skin_count][s.of("mouth") & (s.r < 3.3) | s.of("cap")] = 1
    return light


def _softened(head: Anatomy, light: Array, rounds: int = 3) -> Array:
    e = head.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    for _ in range(rounds):
        total, count = np.zeros(len(light)), np.full(len(light), 1e-9)
        np.add.at(total, e[:, 0], light[e[:, 1]])
        np.add.at(count, e[:, 0], 1)
        light = 0.5 * light + 0.5 * total / count
    return light


def _strewn(v: Array, faces: np.ndarray[tuple[int, ...], np.dtype[np.int64]], pieces: int = 5) -> Array:
    """Points evenly over every triangle."""
    i, j = (x.ravel() for x in np.meshgrid(np.arange(pieces + 1), np.arange(pieces + 1)))
    a, b = (x[i + j <= pieces] / pieces for x in (i, j))
    weights = np.stack([1 - a - b, a, b], -1)  # (k, 3)
    return np.asarray(np.einsum("kc,fcx->fkx", weights, v[faces])).reshape(-1, 3)


def _sky() -> Array:
    """Directions evenly over the sphere, by the golden angle."""
    k = np.arange(DIRECTIONS) + 0.5
    y, turn = 1 - 2 * k / DIRECTIONS, k * np.pi * (3 - np.sqrt(5))
    return np.stack([np.sqrt(1 - y * y) * np.cos(turn), y, np.sqrt(1 - y * y) * np.sin(turn)], -1)
