"""Motion as a few components, found while it streams by: displacements that add up, and how much of each at a time.

A speaking head moves in few ways at once. What new frames bring beyond the components known so far becomes further
components, so that memory is bounded by their number, not by the length; at the end they are turned to the principal
axes of all frames (as PCA, about the rest pose), and those that nobody would see are left out. Shape letters: T frames,
V vertices, K components, S frames that are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats
from talkcli.errors import TalkError

TOLERANCE = 2e-4  # of the head's height: 0.05 mm on one of 25 cm
MOST = 192  # components: speech needs 30 to 50, a recording with noise in every vertex any number
BLOCK = 64  # frames taken at a time
SAMPLES = 300  # frames on which the result is measured, and chosen
STEPS = 5  # of quantisation in the tolerance
LIMIT = 32767  # of a stored number

Doubles = NDArray[np.float64]
Shorts = NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Axes:
    """Nearly, vertices = template + weights @ shapes: (T, K) and, orthonormal and strongest first, (K, V * 3)."""

    weights: Floats
    shapes: Floats


@dataclass(frozen=True, eq=False)
class Components:
    """vertices = template + the sum over k of scales[k] * weights[:, k] * shapes[k], as whole numbers that pack well.

    shapes (K, V, 3), weights (T, K), scales (K,), strongest first. error is how far any vertex of the frames measured
    is from where it was, at most, in the template's unit.
    """

    shapes: Shorts
    weights: Shorts
    scales: Floats
    error: float


class Collector:
    """Takes the frames of one head in motion; its template is (V, 3)."""

    def __init__(self, template: Floats) -> None:
        self._template = template
        self.tolerance = TOLERANCE * (float(np.ptp(template[:, 1])) or 1.0)
        self._axes: Floats = np.zeros((0, template.size), np.float32)  # (K, V * 3), orthonormal
        self._weights: list[Floats] = []  # (B, K) a block, with the K of its time
        self._frames = 0
        self._kept: list[Floats] = []  # every so-manieth frame, (V * 3) less the template
        self._every = 1
        self._left = 0.0  # what the axes do not hold of any vertex, at most

    def add(self, vertices: Floats) -> None:
        """The next frames (T, V, 3).

        Raises:
            TalkError: a frame has numbers that are none.
        """
        for start in range(0, len(vertices), BLOCK):
            self._add_block((vertices[start : start + BLOCK] - self._template).reshape(-1, self._template.size))

    def _add_block(self, block: Floats) -> None:
        finite = np.isfinite(block).all(1)
        if not finite.all():
            raise TalkError(f"frame {self._frames + int(np.argmin(finite))} has vertices that are no numbers (NaN).")
        weights = block @ self._axes.T  # (B, K)
        rest = np.asarray(block - weights @ self._axes, np.float32)  # (B, V * 3)
        if _worst(rest) > self.tolerance / 2:
            new = _axes_of(rest, self.tolerance / 2, MOST - len(self._axes))
            new -= new @ self._axes.T @ self._axes  # what float32 left of the known ones
            new /= np.linalg.norm(new, axis=1, keepdims=True)
            more = rest @ new.T
            rest -= more @ new
            weights = np.concatenate([weights, more], axis=1)
            self._axes = np.concatenate([self._axes, new])
        self._left = max(self._left, _worst(rest))
        self._weights.append(weights)
        self._keep(block)
        self._frames += len(block)

    def _keep(self, block: Floats) -> None:
        self._kept += [row.copy() for row in block[-self._frames % self._every :: self._every]]
        if len(self._kept) > 2 * SAMPLES:
            self._kept, self._every = self._kept[::2], 2 * self._every

    def kept(self) -> tuple[NDArray[np.int64], Floats]:
        """Numbers (S,) of frames spread evenly over all, at most 2 * SAMPLES, and those frames as they came, (S, V, 3)
        less the template."""
        frames = np.array(self._kept, np.float32).reshape(-1, *self._template.shape)
        return np.arange(len(frames)) * self._every, frames

    def axes(self) -> Axes:
        """In which ways the frames so far move, and how much in each."""
        weights = np.zeros((self._frames, len(self._axes)), np.float32)  # (T, K)
        first = 0
        for block in self._weights:
            weights[first : first + len(block), : block.shape[1]] = block
            first += len(block)
        exact = weights.astype(np.float64)
        _, turn = np.linalg.eigh(exact.T @ exact)
        turn = turn[:, ::-1].astype(np.float32)  # strongest first
        return Axes(weights @ turn, turn.T @ self._axes)

    def components(self) -> Components:
        """What the frames so far are made of."""
        axes = self.axes()
        weights, shapes = axes.weights, axes.shapes
        chosen = _samples(weights)
        count = _needed(weights[chosen], shapes, self.tolerance - self._left)
        whole = weights[chosen] @ shapes
        stored = _quantised(weights[:, :count], shapes[:count], self.tolerance / STEPS)
        part = (stored.weights[chosen] * stored.scales) @ stored.shapes.reshape(count, self._template.size)
        return Components(stored.shapes, stored.weights, stored.scales, _worst(part - whole) + self._left)


def _worst(displacements: Floats | Doubles) -> float:
    """The farthest that any vertex is displaced in (B, V * 3)."""
    squares = np.square(displacements).reshape(len(displacements), -1, 3).sum(2)
    return float(np.sqrt(squares.max(initial=0.0)))


def _axes_of(rest: NDArray[np.floating], tolerance: float, most: int) -> Floats:
    """The fewest orthonormal axes (K, V * 3) that leave no vertex of rest (B, V * 3) farther than the tolerance."""
    exact = rest.astype(np.float64)  # in float32 the weak ones would drown
    _, mixes = np.linalg.eigh(exact @ exact.T)
    axes: list[Doubles] = []
    for mix in mixes.T[::-1]:
        if len(axes) >= most or _worst(exact) <= tolerance:
            break
        axis = mix @ exact
        axis /= np.linalg.norm(axis)
        exact -= np.outer(exact @ axis, axis)
        axes.append(axis)
    return np.array(axes, np.float32).reshape(len(axes), rest.shape[1])


def _samples(weights: Floats) -> NDArray[np.int64]:
    """Frames that stand for all: evenly spread, and those in which a component is strongest."""
    even = np.linspace(0, len(weights) - 1, min(SAMPLES, len(weights))).round().astype(np.int64)
    strongest = np.abs(weights).argmax(0) if weights.size else np.zeros(0, np.int64)
    return np.unique(np.concatenate([even, strongest]))


def _needed(weights: Floats, shapes: Floats, tolerance: float) -> int:
    """How many of the K components it takes, so that no vertex of these frames (T, K) is off by more than this."""
    missing = np.zeros((len(weights), shapes.shape[1]), np.float32)
    for count in range(len(shapes), 0, -1):
        missing += np.outer(weights[:, count - 1], shapes[count - 1])
        if _worst(missing) > tolerance:
            return count
    return 0


def _quantised(weights: Floats, shapes: Floats, step: float) -> Components:
    """Both as whole numbers whose product is in steps of the displacement, so that weak components take few bits."""
    strongest = np.maximum(np.abs(weights).max(0, initial=0.0), 1e-12).astype(np.float64)  # (K,)
    farthest = np.maximum(np.abs(shapes).max(1, initial=0.0), 1e-12).astype(np.float64)  # (K,)
    steps = np.maximum(step, strongest * farthest / LIMIT)
    return Components(
        np.rint(shapes * (strongest / steps)[:, None]).astype(np.int16).reshape(len(shapes), shapes.shape[1] // 3, 3),
        np.rint(weights * (farthest / steps)).astype(np.int16),
        (steps * steps / (strongest * farthest)).astype(np.float32),
        0.0,
    )
