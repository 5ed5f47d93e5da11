"""Vertices to weights of the packaged head's blendshapes, and how far the shapes are from the vertices then.

Shape letters: T frames, V vertices, K shapes, M vertices that shapes move.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, MotionClip, Topology
from talkcli.head import CONTROLS, load_head

Doubles = NDArray[np.float64]

SHAPES: tuple[str, ...] = tuple(name for name in CONTROLS if name != "mouthSeal")  # which has no linear shape
LIPS = 4.0  # how much more a lip vertex counts than another
RIDGE = 1e-4  # of the squared weights: jawLeft and jawRight together are nearly nothing, and nothing is preferred
SMOOTH = 0.002  # of the squared steps between frames: costs a hundredth of a millimetre
MOST, ENOUGH = 1000, 5e-5  # steps of the descent, and the change of a weight at which it ends
BLOCK = 64  # frames compared at a time
STRANGE_MM = 1.0  # p99 above which the motion is not this head's own


def has_shapes(topology: Topology) -> bool:
    """Whether heads of this topology are the packaged head's, whatever made them."""
    mine = load_head().topology
    return topology is mine or (topology.vertices == mine.vertices and np.array_equal(topology.faces, mine.faces))


@cache
def shapes() -> Floats:
    """(K, V, 3) metres at weight 1, in the order of SHAPES."""
    return load_head().blendshapes[[CONTROLS.index(name) for name in SHAPES]]


class Distances:
    """How far vertices are from others, gathered chunk by chunk."""

    _EDGES = np.logspace(-6, 4, 2001)  # mm: percentiles are right to about a hundredth of their value

    def __init__(self) -> None:
        self._counts = np.zeros(len(self._EDGES) + 1, np.int64)
        self._squares = self._most = 0.0

    def add(self, vertices: Floats, others: Floats) -> None:
        """Both (T, V, 3) metres."""
        apart = 1000 * np.linalg.norm(np.subtract(vertices, others, dtype=np.float64), axis=-1).ravel()
        self._counts += np.bincount(np.searchsorted(self._EDGES, apart), minlength=len(self._counts))
        self._squares += float(np.square(apart).sum())
        self._most = max(self._most, float(apart.max(initial=0.0)))

    @property
    def p99(self) -> float:
        """mm that 99 of 100 vertices do not exceed."""
        share = np.cumsum(self._counts) / max(self._counts.sum(), 1)
        return min(float(self._EDGES[min(int(np.searchsorted(share, 0.99)), len(self._EDGES) - 1)]), self._most)

    def __str__(self) -> str:
        rms = np.sqrt(self._squares / max(self._counts.sum(), 1))
        return f"{rms:.2g} mm rms, 99 % below {self.p99:.2g} mm, {self._most:.2g} mm at most"


@dataclass(frozen=True, eq=False)
class _System:
    """The least squares of all frames: shapes of the moved vertices weighed by their square roots, and their products.

    Unknowns are weights times scale, so that all shapes are of one size.
    """

    moved: NDArray[np.intp]  # (M,)
    matrix: Floats  # (M * 3, K)
    root: Floats  # (M,) of the vertices' weights
    scale: Doubles  # (K,)
    gram: Doubles  # (K, K)

    def products(self, displacements: Floats) -> Doubles:
        """(T, K) of displacements (T, V, 3)."""
        rows = (displacements[:, self.moved] * self.root[:, None]).reshape(len(displacements), -1)
        return np.asarray(rows @ self.matrix / self.scale, np.float64)


@cache
def _system() -> _System:
    moved = np.flatnonzero(shapes().any((0, 2)))
    root = np.ones(len(moved), np.float32)
    root[np.isin(moved, load_head().topology.regions["lips"])] = np.sqrt(LIPS)
    matrix = (shapes()[:, moved] * root[:, None]).reshape(len(SHAPES), -1)
    gram = matrix.astype(np.float64) @ matrix.T.astype(np.float64)
    scale = np.sqrt(np.diag(gram))
    return _System(moved, matrix.T, root, scale, gram / np.outer(scale, scale) + RIDGE * np.eye(len(scale)))


class ShapeFit:
    """Weights of one clip's chunks, one after another, and how far the shapes stay from its vertices."""

    def __init__(self) -> None:
        self.distances = Distances()
        self._last: Doubles | None = None

    def weights(self, clip: MotionClip) -> Floats:
        """(T, K) in [0, 1] of a chunk of the packaged head, in the order of SHAPES."""
        system = _system()
        blocks = [slice(first, first + BLOCK) for first in range(0, clip.frames, BLOCK)]
        products = [system.products(clip.vertices[block] - clip.template) for block in blocks]
        scaled = descend(system.gram, np.concatenate(products), system.scale, SMOOTH, self._last)
        self._last = scaled[-1]
        weights = np.clip(scaled / system.scale, 0, 1).astype(np.float32)
        for block in blocks:
            self.distances.add(clip.vertices[block], clip.template + np.tensordot(weights[block], shapes(), 1))
        return weights


def descend(
    gram: Doubles, products: Doubles, most: Doubles, smooth: float = 0.0, before: Doubles | None = None
) -> Doubles:
    """(T, K) within [0, most] that make |x gram x / 2 - x products| + smooth |steps between frames|^2 / 2 least.

    gram (K, K) is positive definite, products (T, K); before (K,) is the frame before the first. Accelerated projected
    gradient descent, started anew where it overshoots (Nesterov 1983; O'Donoghue and Candes 2015).
    """
    pace = 1 / (np.linalg.eigvalsh(gram)[-1] + 4 * smooth)
    here: Doubles = np.clip(np.linalg.solve(gram, products.T).T, 0, most)
    ahead, momentum = here, 1.0
    for _ in range(MOST):
        slope = ahead @ gram - products + smooth * _bends(ahead, before)
        there = np.clip(ahead - pace * slope, 0, most)
        if ((ahead - there) * (there - here)).sum() > 0:
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        step = there - here
        ahead = there + (momentum - 1) / following * step
        here, momentum = there, following
        if np.abs(step / most).max(initial=0.0) < ENOUGH:
            break
    return here


def _bends(rows: Doubles, before: Doubles | None) -> Doubles:
    """(T, K) half the slope of the squared steps between rows (T, K)."""
    out = np.zeros_like(rows)
    steps = np.diff(rows, axis=0)
    out[1:] += steps
    out[:-1] -= steps
    if before is not None:
        out[0] += rows[0] - before
    return out
