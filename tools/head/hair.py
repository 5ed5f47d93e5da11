"""Two haircuts on one mesh: a short cut with a parting, and the displacement that lets it grow to the jaw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from tools.head.look import Look
from tools.head.maths import MIRROR, Array, smooth, unit
from tools.head.parts import Part, tube
from tools.head.sculpt import march, project

ROWS, STATIONS = 11, 31
CENTER, CROWN = np.array([0, 22.0, -8]), np.array([0, 0.93, -0.37])
# hairline of one half, front midline to nape
LINE = np.array(
    [
        *[(0, 66, 90), (14, 68, 88), (27, 67, 83), (38, 62.5, 76), (46.5, 54, 68.5), (52, 44, 61), (56.5, 34, 53)],
        *[(60, 25, 45), (63, 16, 38.5), (65, 8, 32.5), (66.3, 2, 27), (67.3, 0, 21), (68.2, 4, 14), (69.3, 11, 7)],
        *[(71, 19, 0.5), (72, 23, -8), (72, 21, -18), (70, 11, -28), (66, -8, -37), (60, -30, -42), (53, -49, -46)],
        *[(44, -60, -51), (32, -66, -57), (17, -69, -61), (0, -70, -63)],
    ]
)
# the long cut passes through these curves at the height of the forehead, of the ears and at its ends, from the strand
# beside the temple round to the nape
CURTAIN = np.array(
    [
        [(48, 59, 73), (69, 52, 50), (84, 46, 6), (84, 45, -40), (52, 45, -88), (0, 45, -101)],
        [(65, 4, 54), (76, 3, 42), (92, 0, 4), (90, -2, -42), (54, -4, -90), (0, -5, -102)],
        [(47, -77, 62), (64, -84, 48), (86, -89, 4), (82, -92, -42), (48, -94, -79), (0, -94, -91)],
    ],
    float,
)


@dataclass(frozen=True)
class Hair:
    part: Part
    long: Array  # (n, 3) displacement of the long cut
    volume: Array  # (n, 3) displacement of fuller hair


def _wave(count: int, seed: float) -> Array:
    """Locks: a smooth noise round the head, about -1 .. 1, the same on every machine."""
    k = 2 * np.pi * np.arange(count) / count
    parts = ((7, 1.0), (13, 0.8), (19, 0.9), (27, 0.7))
    total = np.sum([amount * np.sin(n * k + seed * n * n) for n, amount in parts], axis=0)
    return np.asarray(total / 2.2)


def _arcs() -> tuple[Array, Array]:
    """Unit vectors (stations, 3) to the hairline of the left half, and their angles (stations, 1) from the crown."""
    keep = np.r_[0, np.ones(STATIONS - 2), 0][:, None] ** [1, 0, 0]
    line = CubicSpline(np.linspace(0, 1, len(LINE)), LINE)(np.linspace(0, 1, STATIONS)) * keep
    end = unit(project(line, 6) - CENTER)
    return end, np.arccos(np.clip(end @ CROWN, -1, 1))[:, None]


def _scalp(skin: Array, normal: Array) -> tuple[Array, Array]:
    """Points (rows + 1, stations, 3) on the left half of the skin below the hair, and the directions outwards there."""
    end, angle = _arcs()
    tree, points, outwards = cKDTree(skin), [], []
    for i in range(ROWS + 1):
        t = _fraction(i)
        d = (np.sin((1 - t) * angle) * CROWN + np.sin(t * angle) * end) / np.sin(angle)
        p = march(CENTER + d * 135.0, -d)
        near = tree.query(p)[1]
        p -= normal[near] * ((p - skin[near]) * normal[near]).sum(1, keepdims=True)  # the mesh is what shows
        points.append(p)
        outwards.append(d)
    return np.array(points), np.array(outwards)


def _fraction(row: int) -> float:
    return float(min(1, (row / (ROWS - 1)) ** 0.9))


def _whole(half: Array) -> Array:
    """Rings all round from the left half, front midline first, over the left."""
    half[:, [0, -1], 0] = 0
    return np.concatenate([half, half[:, -2:0:-1] * MIRROR], 1)


def _lift(p: Array, row: int, lock: Array) -> Array:
    """Height of the short cut over the scalp: full in front, close at the sides, below the skin at its edge."""
    if row == ROWS:
        return np.full(len(p), -2.5)
    t, (x, y, z) = _fraction(row), p.T
    fringe = 10.0 * np.exp(-(((z - 62) / 34) ** 2) - ((x + 8) / 38) ** 2) * smooth(y, 30, 66)
    parting = 1.6 * np.exp(-(((x - 25) / 4.5) ** 2)) * smooth(z, 10, 40) * smooth(y, 40, 60)
    body = (6.6 + fringe) * (1 - t**8) ** 0.6 * (0.45 + 0.55 * smooth(y, 20, 85))
    return np.asarray(1.2 + 0.8 * smooth(-z, 35, 60) + body - parting + 0.75 * lock * smooth(t, 0.05, 0.4) * (1 - t**4))


def _side(columns: int) -> Array:
    """(columns,) 0 at the front midline, 1 at the nape."""
    return np.asarray(1 - np.abs(np.arange(columns) * 2 / columns - 1))


def _hang(short: Array, outwards: Array, lock: Array) -> Array:
    """The long cut (rows + 1, columns, 3): over the head, then down in a curtain to the jaw."""
    columns = short.shape[1]
    side, right = _side(columns), np.arange(columns) > columns // 2
    at = np.clip((side - 0.12) / 0.88, 0, 1)
    knots = np.array([CubicSpline(np.linspace(0, 1, 6), curve)(at) for curve in CURTAIN])  # (3, columns, 3)
    knots[:, right, 0] *= -1
    top = [short[i] + outwards[i] * 5.0 for i in (0, 2, 4)]
    path = CubicSpline([0, 0.14, 0.28, 0.46, 0.68, 1], np.array([*top, *knots]), axis=0)
    length = 0.44 + 0.56 * smooth(side, 0.10, 0.27)  # the strands end along the face's outline
    along = np.linspace(0, 1, ROWS + 1)[:, None] * length  # (rows, columns)
    rows = np.stack([path(along[:, j])[:, j] for j in range(columns)], 1)
    out = rows * [1, 0, 1] / np.maximum(np.linalg.norm(rows * [1, 0, 1], axis=-1, keepdims=True), 1)
    ragged = np.linspace(0, 1, ROWS + 1)[:, None] ** 2
    rows += out * (1.6 * lock * ragged * smooth(side, 0.15, 0.3))[..., None]
    rows[-1, :, 1] += 3.0 * np.roll(lock, 3) * smooth(side, 0.25, 0.35)
    return np.asarray(rows)


def _fringe(short: Array, outwards: Array, hanging: Array) -> Array:
    """The long cut with the short one's front between both curtains, lifted to their height."""
    hangs = smooth(_side(short.shape[1]), 0.03, 0.11)[:, None]
    t = np.linspace(0, 1, ROWS + 1)[:, None, None]
    lift = 5 + 2 * np.sin(np.pi * t) - 2 * smooth(t, 0.7, 1) + 5 * hangs * np.sin(np.pi * t)
    return np.asarray(short + (hanging - short) * hangs + outwards * lift * (1 - hangs))


def _clear(rows: Array, skin: Array, normal: Array, least: float = 3.4) -> Array:
    """The fringe (rows + 1, columns, 3) at least so many mm over the skin."""
    near = cKDTree(skin).query(rows)[1]  # (rows + 1, columns)
    height = ((rows - skin[near]) * normal[near]).sum(-1)
    front = 1 - smooth(_side(rows.shape[1]), 0.2, 0.3)
    return np.asarray(rows + (np.maximum(least - height, 0) * front)[..., None] * normal[near])


def hair(skin: Array, normal: Array) -> Hair:
    """From the skin's vertices and normals (n, 3)."""
    scalp, outwards = (_whole(x) for x in _scalp(skin, normal))
    columns = scalp.shape[1]
    lock = _wave(columns, 0.37)
    short = np.array([p + d * _lift(p, i, lock)[:, None] for i, (p, d) in enumerate(zip(scalp, outwards, strict=True))])
    v, faces = tube(short, closed=False)

    def flat(rows: Array) -> Array:
        return np.asarray(np.r_[rows[:1].mean(1), rows[1:].reshape(-1, 3)])

    fullness = np.array([2.2 * (1 - _fraction(i) ** 4) for i in range(ROWS + 1)])[:, None, None]
    volume = flat(outwards * fullness)
    grown = _fringe(short, outwards, _hang(short, outwards, lock))
    long = flat(_clear(grown, skin, normal) - short)
    return Hair(Part(v, faces, lambda look: _paint(look, lock)), long, volume)


def _paint(look: Look, lock: Array) -> Array:
    """Streaks along the locks, darker at the roots, and an edge that fades into the skin."""
    streak = np.roll(lock, 1) + _wave(len(lock), 1.13)
    rows = []
    for i in range(ROWS + 1):
        t = _fraction(i)
        tone = 1 + 0.11 * streak * smooth(t, 0.05, 0.3) + 0.10 * np.sin(np.pi * t)
        c = np.array(look.hair) * tone[:, None]
        fade = look.fade * {ROWS - 2: 0.12, ROWS - 1: 0.38, ROWS: 0.55}.get(i, 0.0)
        rows.append(c + fade * (np.array(look.skin) * 0.9 - c))
    return np.asarray(np.clip(np.concatenate([rows[0].mean(0, keepdims=True), *rows[1:]]), 0, 1))
