"""The pieces beside the skin: eyeballs, caruncles, teeth, tongue, brows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline

from tools.head.look import Look
from tools.head.maths import MIRROR, Array, Indices, smooth, triangles
from tools.head.sculpt import EYE, EYE_RADIUS, front


@dataclass(frozen=True)
class Part:
    """v (n, 3) mm, faces (f, 3), and the colours (n, 3) in [0, 1] that a look gives it."""

    v: Array
    faces: Indices
    paint: Callable[[Look], Array]

    def mirrored(self) -> Part:
        return Part(self.v * MIRROR, self.faces[:, ::-1], self.paint)


def sheet_faces(n: int, m: int) -> Indices:
    """Triangles of an n x m grid of vertices."""
    i, j = np.meshgrid(np.arange(n - 1), np.arange(m - 1), indexing="ij")
    corners = [i * m + j, (i + 1) * m + j, (i + 1) * m + j + 1, i * m + j + 1]
    return triangles(np.stack(corners, -1).reshape(-1, 4))


def tube(rows: Array, closed: bool = True) -> tuple[Array, Indices]:
    """Rings (n, m, 3) to vertices and triangles; the first ring, and if closed the last, shrinks to one point."""
    n, m = rows.shape[:2]
    v = np.r_[rows[:1].mean(1), rows[1:].reshape(-1, 3)]

    def ring(i: int) -> Indices:
        return np.asarray(1 + (i - 1) * m + np.arange(m))

    faces = [np.stack([np.zeros(m, int), ring(1), np.roll(ring(1), -1)], -1)]
    for i in range(1, n - 1):
        a, b = ring(i), ring(i + 1)
        faces.append(triangles(np.stack([a, b, np.roll(b, -1), np.roll(a, -1)], -1)))
    f = np.concatenate(faces)
    if closed:
        end = ring(n - 1)[0]
        v, f = np.r_[v[:end], rows[-1:].mean(1)], np.minimum(f, end)
        f = f[(f[:, 0] != f[:, 1]) & (f[:, 1] != f[:, 2]) & (f[:, 2] != f[:, 0])]
    return v, outward(v, f)


def outward(v: Array, faces: Indices) -> Indices:
    """Flip a (nearly) closed part so that it encloses a positive volume."""
    t = (v - v.mean(0))[faces]
    volume = np.einsum("ij,ij->", t[:, 0], np.cross(t[:, 1], t[:, 2]))
    return np.asarray(faces[:, ::-1] if volume < 0 else faces)


def sphere(angles: ArrayLike, m: int) -> Array:
    """Directions (n, m, 3) at angles (n,) from +z."""
    a, t = np.asarray(angles)[:, None], 2 * np.pi * np.arange(m) / m
    return np.stack([np.sin(a) * np.cos(t), np.sin(a) * np.sin(t), np.cos(a) + 0 * t], -1)


EYE_RINGS = np.array([0, 6, 11.4, 12.2, 17, 23, 26.6, 27.9, 34, 44, 56, 72, 95, 125, 180])  # degrees, crisp at the iris


def eyeball() -> Part:
    """The left ball with a cornea, shaded where the lids overhang it."""
    directions = sphere(np.radians(EYE_RINGS), 24)
    cornea = 0.9 * np.exp(-((EYE_RINGS / 17) ** 2))
    v, faces = tube(directions * (EYE_RADIUS + cornea)[:, None, None] + EYE)
    height = directions[..., 1:2] * EYE_RADIUS
    shade = 1 - 0.46 * smooth(height, 1.0, 6) - 0.15 * smooth(-height, 2, 7)
    streak = 1 + 0.10 * np.sin(np.arange(24) * 5.3)[:, None] * np.array([0, 0, 0, 1, 1.4, 1] + [0] * 9)[:, None, None]

    def paint(look: Look) -> Array:
        iris = np.array(look.iris)
        rings = [look.PUPIL] * 3 + [iris * 0.75, iris * 1.2, iris, iris * 0.42] + [look.SCLERA] * 8
        c = np.repeat(np.array(rings), 24, 0).reshape(15, 24, 3) * shade * streak
        return np.asarray(np.r_[c[0, :1], c[1:-1].reshape(-1, 3), c[-1, :1]])

    return Part(v, faces, paint)


def caruncle() -> Part:
    """A small ellipsoid that closes the gap between the left ball and the inner canthus."""
    v, faces = tube(sphere(np.linspace(0, np.pi, 6), 8) * (3.0, 2.0, 3.2) + EYE + [-13.2, -1.6, 5.6])
    return Part(v, faces, lambda look: np.tile(look.rim, (len(v), 1)))


@dataclass(frozen=True)
class Jaw:
    """One row of teeth; (position along the arch, value) tables in mm."""

    widths: list[float]  # from the midline backwards
    arch: tuple[float, float, float]  # half width, depth, z of its centre
    tall: tuple[list[float], list[float]]
    edge: tuple[list[float], list[float]]  # y of the biting edge
    sign: int  # of the way from the edge to the gum


JAWS = {
    "upper": Jaw(
        [8.4, 6.6, 7.6, 7.0, 6.8, 9.6],
        (25.5, 43.0, 51.0),
        ([0, 8, 15, 22, 36, 60], [9.6, 8.6, 9.4, 7.6, 6.4, 6.0]),
        ([0, 8, 12, 20, 30, 60], [-68.2, -67.7, -67.3, -67.9, -67.4, -67.0]),
        1,
    ),
    "lower": Jaw(
        [5.4, 5.9, 6.8, 7.0, 7.1, 10.2],
        (23.5, 41.5, 50.5),
        ([0, 8, 15, 22, 36, 60], [8.0, 8.0, 8.8, 7.4, 6.4, 6.0]),
        ([0, 15, 30, 60], [-67.0, -66.7, -67.4, -67.8]),
        -1,
    ),
}
# height in crowns from the edge, offset from the arch, is it tooth or gum
TOOTH_ROWS = (
    (1.55, -1.2, False),
    (1.28, 0.4, False),
    (1.03, 0.15, False),
    (0.97, -0.35, True),
    (0.55, 0.55, True),
    (0.06, 0.1, True),
    (0.0, -1.0, True),
    (0.1, -2.4, True),
    (1.0, -3.6, False),
)


def _arch(jaw: Jaw) -> tuple[Array, ...]:
    """Stations along half an arch: distance, crown bulge 0 .. 1, x, z and the outward normal's x, z."""
    half_width, depth, z0 = jaw.arch
    phi = np.linspace(0, np.pi / 2, 400)
    px, pz = half_width * np.sin(phi) ** 0.92, z0 + depth * np.cos(phi)
    arc = np.r_[0, np.cumsum(np.hypot(np.diff(px), np.diff(pz)))]
    ends = np.r_[0, np.cumsum(jaw.widths)] * min(1, arc[-1] / sum(jaw.widths))
    pieces = [np.linspace(a, b, 6)[:-1] for a, b in pairwise(ends)]
    station = np.r_[np.concatenate(pieces), ends[-1]]
    lobe = 1 - (2 * np.r_[np.tile(np.arange(5) / 5, len(jaw.widths)), 1] - 1) ** 4  # 0 in the groove, 1 over the crown
    x, z = np.interp(station, arc, px), np.interp(station, arc, pz)
    nx, nz = -np.gradient(z, station), np.gradient(x, station)
    size = np.hypot(nx, nz)
    return tuple(np.asarray(a) for a in (station, lobe, x, z, nx / size, nz / size))


def teeth(side: Literal["upper", "lower"]) -> Part:
    """One strip; the crowns bulge between the grooves."""
    jaw = JAWS[side]
    station, lobe, x, z, nx, nz = _arch(jaw)
    tall, edge = np.interp(station, *jaw.tall), np.interp(station, *jaw.edge)
    thick = np.interp(station, [0, 15, 24, 36, 60], [0, 0.8, 3.8, 6.3, 6.8])
    rows, shades = [], []
    for height, out, tooth in TOOTH_ROWS:
        o = out - (1 - lobe) * (1.1 if tooth else 0.15) - (thick if out < -1.5 else 0)
        neck = 0.9 if 0.9 < height < 1 else 0.7 if 1 < height < 1.05 else 0
        y = edge + jaw.sign * (height * tall + (1 - lobe) * ((0.9 if height < 0.09 else 0) - neck))
        rows.append(np.stack([x + nx * o, y, z + nz * o], -1))
        far = np.interp(station, [0, 24, 55], [1, 0.80, 0.5])  # darker towards the throat
        shades.append(far * (0.88 + 0.10 * lobe) * (1 if height > 0.02 else 0.96) if tooth else far)
    grid, shade = np.array(rows), np.array(shades)
    v = np.concatenate([grid[:, :0:-1] * MIRROR, grid], 1)
    shade = np.concatenate([shade[:, :0:-1], shade], 1)
    is_tooth = np.array([tooth for *_, tooth in TOOTH_ROWS])[:, None, None]

    def paint(look: Look) -> Array:
        c = np.where(is_tooth, look.TOOTH, look.GUM) * shade[..., None]
        return np.asarray(c).reshape(-1, 3)

    flat = v.reshape(-1, 3)
    return Part(flat, outward(flat, sheet_faces(*v.shape[:2])), paint)


# z, half width, top, bottom
TONGUE = np.array(
    [
        (47, 15, -71.5, -84),
        (52, 18, -69, -85),
        (60, 19, -68, -85),
        (68, 18, -68.2, -84),
        (77, 15.5, -69, -81),
        (84, 12, -70.2, -77),
        (88.5, 7, -71.4, -74.8),
        (90, 2, -72.8, -73.4),
    ]
)


def tongue() -> Part:
    """Lofted sections with a groove along the middle."""
    p = CubicSpline(np.linspace(0, 1, len(TONGUE)), TONGUE)(np.r_[0, np.linspace(0, 1, 14), 1])
    a = 2 * np.pi * np.arange(16) / 16
    cos, sin = np.cos(a), np.sin(a)
    z, width, top, bottom = (x[:, None] for x in p.T)
    y = (top + bottom) / 2 + (top - bottom) / 2 * np.sign(sin) * np.abs(sin) ** 0.8
    y = y - 0.9 * np.exp(-((cos * width / 3.5) ** 2)) * (sin > 1e-9) * np.minimum(1, width / 12)
    v, faces = tube(np.stack([width * np.sign(cos) * np.abs(cos) ** 0.9, y, z + 0 * y], -1))
    far = smooth(v[:, 2], 46, 84)[:, None]
    return Part(v, faces, lambda look: np.array(look.TONGUE) * (0.45 + 0.55 * far))


BROW_ROWS = ((-1, -0.45), (-0.7, 0.25), (0, 0.65), (0.7, 0.25), (1, -0.45))  # across, and height over the skin


def brow() -> Part:
    """The left brow: a thin strip over the sculpt that fades into the skin all round."""
    t = np.r_[0, 0.012, 0.035, 0.075, np.linspace(0.14, 1, 13)]
    x = 12.0 + 37 * t
    y = 17.9 + 5.2 * np.sin(np.pi * np.clip(t / 1.42, 0, 1)) - 3.0 * t**3
    half = 2.8 * np.sqrt(1 - (1 - np.clip(t / 0.16, 0, 1)) ** 2) * (1 - 0.86 * smooth(t, 0.30, 1.0)) + 0.02
    rows = []
    for across, over in BROW_ROWS:
        line = y + across * half
        rows.append(np.stack([x, line, front(x, line) + over * np.minimum(1, half / 1.2)], -1))
    v = np.array(rows).reshape(-1, 3)
    body = np.outer([0.25, 0.85, 1, 0.9, 0.35], smooth(t, -0.05, 0.12) * (1 - 0.55 * smooth(t, 0.7, 1.0)))

    def paint(look: Look) -> Array:
        skin, hair = np.array(look.skin), np.array(look.brow)
        return skin * 0.93 + body.reshape(-1, 1) * look.brow_strength * (hair - skin * 0.93)

    return Part(v, sheet_faces(5, len(t))[:, ::-1], paint)
