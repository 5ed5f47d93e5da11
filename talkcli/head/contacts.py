"""What is not linear in a head's motion: the jaw's hinge, lips that touch, eyeballs that push the lids.

Shape letters: T frames, V vertices, J vertices that the jaw moves, L lip pairs, E lid vertices of one eye.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, Ints, LipContact
from talkcli.head.controls import CONTROLS

Arrays = Mapping[str, NDArray[Any]]
PARTED, STUCK = (
    0.0012,
    0.0002,
)  # metres: lips farther apart than the first slide freely, closer than the second not at all
MEETING = ("mouthClose", "mouthRollLower", "mouthUpperUpLeft", "mouthUpperUpRight")


def smooth(x: Floats, start: float, end: float) -> Floats:
    """0 below start, 1 above end, a cubic between."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), x.dtype)


@dataclass(frozen=True, eq=False)
class Jaw:
    """Rotation about the x axis through hinge, and a glide, both by the weight of jawOpen, skinned by weights (J,)."""

    vertices: Ints  # (J,)
    weights: Floats  # (J,)
    hinge: Floats  # (3,)
    angle: float  # radians at jawOpen = 1
    glide: Floats  # (3,) metres at jawOpen = 1

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Jaw:
        weights = arrays["jaw_weights"]  # (V,)
        moved = np.flatnonzero(weights).astype(np.int32)
        return cls(moved, weights[moved], arrays["jaw_hinge"], float(arrays["jaw_angle"]), arrays["jaw_glide"])

    def move(self, vertices: Floats, opening: Floats) -> None:
        """Open the jaws of vertices (T, V, 3), in place, by opening (T,)."""
        part = vertices[:, self.vertices, 1:]  # (T, J, 2): the axis is x
        cos = np.cos(self.angle * opening)[:, None] - 1
        sin = np.sin(self.angle * opening)[:, None]
        y, z = part[..., 0] - self.hinge[1], part[..., 1] - self.hinge[2]  # (T, J)
        part[..., 0] += self.weights * (y * cos - z * sin + opening[:, None] * self.glide[1])
        part[..., 1] += self.weights * (y * sin + z * cos + opening[:, None] * self.glide[2])
        vertices[:, self.vertices, 1:] = part


def contact_of(arrays: Arrays, shapes: Floats, opened: Floats) -> LipContact:
    """The lips' facing vertices, and what of shapes (C, V, 3) closes and bites; opened (V, 3) is the jaw ajar."""
    upper, lower, column = arrays["lip_pairs"].astype(np.int32).T  # (L, 3)
    marks = dict(zip(arrays["landmark_names"].tolist(), arrays["landmark_indices"].tolist(), strict=True))
    above, below = marks["lip_inner_upper"], marks["lip_inner_lower"]
    close, roll, left, right = (shapes[CONTROLS.index(name)] for name in MEETING)  # (V, 3) each
    return LipContact(
        upper=upper,
        lower=lower,
        column=column,
        weight=arrays["lip_pair_weights"].astype(np.float32),
        inner=arrays["lip_pair_inner"].astype(bool),
        gap=float(arrays["lip_gap"]),
        closing=close / (close[below, 1] - close[above, 1]),  # what it takes from the gap, in metres
        raising=-opened / (opened[above, 1] - opened[below, 1]),
        biting=roll,
        baring=(left + right) / (left + right)[above, 1],
    )


@dataclass(frozen=True, eq=False)
class Lips:
    """Facing vertices of the lips, in columns; the contact pair of a column drives the others."""

    vertices: Ints  # every lip vertex once; upper and lower are places in it
    upper: Ints  # (L,)
    lower: Ints  # (L,)
    column: Ints  # (L,) index of a pair
    weight: Floats  # (L,)
    inner: NDArray[np.bool_]  # (L,) pairs next to the contact, which must not cross even where their column is apart
    gap: float  # metres between lips that touch

    @classmethod
    def of(cls, contact: LipContact) -> Lips:
        vertices, place = np.unique([contact.upper, contact.lower], return_inverse=True)
        upper, lower = place.reshape(2, -1).astype(np.int32)
        return cls(vertices, upper, lower, contact.column, contact.weight, contact.inner, contact.gap)

    def touch(self, vertices: Floats, seal: Floats) -> None:
        """Part crossed lips, in place, and close by seal (T,) what gap is left: 1 leaves one line."""
        part = vertices[:, self.vertices].transpose(2, 0, 1).copy()  # (3, T, l)
        contact, which = np.unique(self.column, return_inverse=True)
        for _ in range(2):
            gap = part[..., self.upper[contact]] - part[..., self.lower[contact]]  # (3, T, columns)
            rise = gap[1]
            need = np.maximum(self.gap - rise, 0) - seal[:, None] * np.maximum(rise - self.gap, 0)
            stick = np.maximum(seal[:, None], 1 - smooth(rise, STUCK, PARTED))  # no sliding on each other
            for axis, above, below in ((0, -0.5, 0.5), (1, 0.45, -0.55), (2, -0.5, 0.5)):
                move = (need if axis == 1 else gap[axis] * stick)[:, which] * self.weight  # (T, L)
                part[axis][:, self.upper] += above * move
                part[axis][:, self.lower] += below * move
        upper, lower = self.upper[self.inner], self.lower[self.inner]
        push = 0.5 * np.clip(self.gap / 4 - part[1][:, upper] + part[1][:, lower], 0, 0.0015)
        part[1][:, upper] += push
        part[1][:, lower] -= push
        vertices[:, self.vertices] = part.transpose(1, 2, 0)


@dataclass(frozen=True, eq=False)
class Eye:
    """A ball that turns, and lids that stay off it."""

    side: Literal["Left", "Right"]
    ball: Ints  # its vertices
    lids: Ints  # (E,)
    clearance: Floats  # (E,) metres from the ball's centre that a lid vertex keeps
    center: Floats  # (3,) of the ball in the head's own template
    mean: Floats  # (3,) of the ball's vertices there: other heads move and scale them
    radius: float  # of the ball about that mean
    bulge: float  # metres by which the cornea stands out
    angle: float  # radians at an eyeLook weight of 1

    @classmethod
    def from_arrays(cls, arrays: Arrays, side: Literal["Left", "Right"]) -> Eye:
        which = ("Left", "Right").index(side)
        ball, center = arrays["eye_vertices"][which], arrays["eye_centers"][which]
        mean, radius = _ball(arrays["vertices"][ball])
        lids, clearance = arrays["lid_vertices"][which], arrays["lid_clearance"][which]
        bulge, angle = float(arrays["eye_bulge"]), float(arrays["eye_angle"])
        return cls(side, ball, lids, clearance, center, mean, radius, bulge, angle)

    def turn(self, vertices: Floats, template: Floats, values: Floats) -> None:
        """Turn the ball of vertices (T, V, 3) by the eyeLook weights and push the lids off it, both in place."""
        mean, radius = _ball(template[self.ball])
        size = radius / self.radius
        center = (mean + (self.center - self.mean) * size).astype(np.float32)
        turn = self._turns(values)  # (T, 3, 3)
        if values[:, self._look].any():
            vertices[:, self.ball] = center + (template[self.ball] - center) @ turn.transpose(0, 2, 1)
        away = vertices[:, self.lids] - center  # (T, E, 3)
        length = np.sqrt((away * away).sum(-1))  # (T, E)
        facing = (away @ turn[:, :, 2, None])[..., 0] / length  # cosine with the gaze
        least = size * (self.clearance + self.bulge * np.exp((facing - 1) * 22.7))  # a bell of 17 degrees
        scale = np.where(away[..., 2] > 0, np.maximum(least / length, 1), 1)
        vertices[:, self.lids] = center + away * scale[..., None]

    @property
    def _look(self) -> list[int]:
        return [CONTROLS.index(f"eyeLook{way}{self.side}") for way in ("Down", "Up", "In", "Out")]

    def _turns(self, values: Floats) -> Floats:
        """Rotations (T, 3, 3): down about x, then to the subject's left about y."""
        down, up, inwards, outwards = values[:, self._look].T
        x = self.angle * (down - up)
        y = self.angle * (outwards - inwards) * (1 if self.side == "Left" else -1)
        zero = np.zeros_like(x)
        rows = (
            (np.cos(y), np.sin(y) * np.sin(x), np.sin(y) * np.cos(x)),
            (zero, np.cos(x), -np.sin(x)),
            (-np.sin(y), np.cos(y) * np.sin(x), np.cos(y) * np.cos(x)),
        )
        return np.array(rows, np.float32).transpose(2, 0, 1)


def _ball(vertices: Floats) -> tuple[Floats, float]:
    """Mean and least distance from it of an eyeball's vertices."""
    mean = vertices.mean(0)
    return mean, float(np.linalg.norm(vertices - mean, axis=1).min())
