"""Poses the head: linear shapes, the jaw's hinge, touching lips, eyeballs that turn under lids that follow.

Shape letters: T frames, V vertices, C controls, J vertices that the jaw moves, L lip pairs, E lid vertices of one eye.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, LipContact
from talkcli.head.contacts import Eye, Jaw, Lips, contact_of, smooth
from talkcli.head.controls import CONTROLS

CHUNK = 32  # frames posed at a time, so that what they touch stays in the cache
LEAST = 2e-6  # metres; shapes leave out what moves less
AJAR = 0.2  # of jawOpen: so far the hinge's motion is taken for a straight line
JAW_OPEN = CONTROLS.index("jawOpen")
HINGED = ("jawOpen", "mouthClose", "mouthSeal")  # these are not summed up linearly


@dataclass(frozen=True, eq=False)
class Basis:
    """The shapes of some controls on the vertices that they move."""

    controls: NDArray[np.intp]
    vertices: NDArray[np.intp]  # (M,)
    deltas: Floats  # (controls, M * 3)

    @classmethod
    def of(cls, shapes: Floats, controls: NDArray[np.intp]) -> Basis:
        """From dense shapes (C, V, 3)."""
        moved = np.flatnonzero(shapes[controls].any((0, 2)))
        return cls(controls, moved, np.ascontiguousarray(shapes[controls][:, moved]).reshape(len(controls), -1))

    def add(self, vertices: Floats, weights: Floats) -> None:
        """Add the shapes to vertices (T, V, 3), in place, by weights (T, controls)."""
        vertices[:, self.vertices] += (weights @ self.deltas).reshape(len(weights), -1, 3)


@dataclass(frozen=True, eq=False)
class Rig:
    """Linear shapes (C, V, 3) and what is not linear."""

    shapes: Floats
    linear: Basis
    close: Basis
    oval: Basis
    jaw: Jaw
    contact: LipContact
    lips: Lips
    eyes: tuple[Eye, Eye]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Rig:
        """From the arrays of head.npz."""
        names = [str(name) for name in arrays["control_names"]]
        if names != list(CONTROLS):
            raise ValueError("the head's file has other controls than the program")
        shapes = _dense(arrays)  # (C, V, 3)
        jaw, opened = Jaw.from_arrays(arrays), arrays["vertices"][None].copy()
        jaw.move(opened, np.ones(1, np.float32))
        oval = np.zeros_like(shapes)  # what jawOpen does beside turning the jaw
        oval[JAW_OPEN] = shapes[JAW_OPEN] - (opened[0] - arrays["vertices"])
        oval[np.abs(oval).max(-1) < LEAST] = 0
        linear = np.array([i for i, name in enumerate(CONTROLS) if name not in HINGED])
        ajar = arrays["vertices"][None].copy()
        jaw.move(ajar, np.full(1, AJAR, np.float32))
        contact = contact_of(arrays, shapes, ajar[0] - arrays["vertices"] + AJAR * oval[JAW_OPEN])
        return cls(
            shapes=shapes,
            linear=Basis.of(shapes, linear),
            close=Basis.of(shapes, np.array([CONTROLS.index("mouthClose")])),
            oval=Basis.of(oval, np.array([JAW_OPEN])),
            jaw=jaw,
            contact=contact,
            lips=Lips.of(contact),
            eyes=(Eye.from_arrays(arrays, "Left"), Eye.from_arrays(arrays, "Right")),
        )

    def pose(self, values: Floats, template: Floats) -> Floats:
        """Vertices (T, V, 3) for control values (T, C) on a head at rest (V, 3)."""
        if values.ndim != 2 or values.shape[1] != len(CONTROLS):
            raise ValueError(f"values must be (T, {len(CONTROLS)}), got {values.shape}")
        values = np.asarray(values, np.float32)
        vertices = np.empty((len(values), *template.shape), np.float32)  # (T, V, 3)
        for first in range(0, len(values), CHUNK):
            self._pose(values[first : first + CHUNK], template, vertices[first : first + CHUNK])
        return vertices

    def _pose(self, values: Floats, template: Floats, out: Floats) -> None:
        opening, closing, seal = (values[:, CONTROLS.index(name)] for name in HINGED)  # (T,) each
        out[:] = template
        self.linear.add(out, values[:, self.linear.controls])
        self.jaw.move(out, opening)
        self.oval.add(out, opening[:, None])
        self.close.add(out, np.minimum(opening, closing)[:, None])
        shut = smooth(closing / (opening + 1e-6), 0.8, 1) * (opening > 0)
        self.lips.touch(out, np.maximum(seal, shut))
        for eye in self.eyes:
            eye.turn(out, template, values)


def _dense(arrays: Mapping[str, NDArray[Any]]) -> Floats:
    """Shapes (C, V, 3) from their sparse form: of control c, the entries shape_starts[c] to shape_starts[c + 1]."""
    shapes = np.zeros((len(CONTROLS), len(arrays["vertices"]), 3), np.float32)
    control = np.repeat(np.arange(len(CONTROLS)), np.diff(arrays["shape_starts"]))
    shapes[control, arrays["shape_vertices"]] = arrays["shape_deltas"]
    return shapes
