"""Metrics of vertices against recorded ones, each as one public evaluator computes it.

Shape letters: T frames, V vertices, L vertices of a region, S styles.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from talkcli.metrics.base import Doubles, Measured, Pair, at, blocks, squared

# -- lip vertex error -------------------------------------------------------------------------------------------------


def lve(pair: Pair) -> Measured | None:
    """LVE as CodeTalker's evaluator has it: squared distance of each frame's worst lip vertex, frames pooled."""
    return Measured(float(pair.lip_squares.mean()), pair.frames) if pair.has("lips") else None


def lve_clip(pair: Pair) -> Measured | None:
    """The same, each clip counting once (DiffSpeaker, UniTalker)."""
    return Measured(float(pair.lip_squares.mean())) if pair.has("lips") else None


def lve_root(pair: Pair) -> Measured | None:
    """Distance, not squared, of each frame's worst lip vertex, frames pooled (FaceFormer's text)."""
    return Measured(float(np.sqrt(pair.lip_squares).mean()), pair.frames) if pair.has("lips") else None


def lve_root_clip(pair: Pair) -> Measured | None:
    """The same, each clip counting once (UniTalker)."""
    return Measured(float(np.sqrt(pair.lip_squares).mean())) if pair.has("lips") else None


def lve_meshtalk(pair: Pair) -> Measured | None:
    """Rooted, after each frame's lips were moved to their own centroid (MeshTalk)."""
    if not pair.has("lips"):
        return None
    centred = pair.worst_lips(lambda error: error - error.mean(axis=1, keepdims=True))
    return Measured(float(np.sqrt(centred).mean()), pair.frames)


def lip_distance_mm(pair: Pair) -> Measured | None:
    """`lve_root` in millimetres."""
    root = lve_root(pair)
    return root and Measured(1000 * pair.metres * root.value, root.weight)


def lrp(pair: Pair) -> Measured | None:
    """Share of frames, in %, whose worst lip vertex is within the threshold (after SelfTalk, which published none)."""
    if not pair.has("lips"):
        return None
    near = 1000 * pair.metres * np.sqrt(pair.lip_squares) <= pair.settings.lrp_mm
    return Measured(100 * float(near.mean()), pair.frames)


# -- all vertices -----------------------------------------------------------------------------------------------------


def _mean_distance(pair: Pair) -> float:
    """Mean over frames and vertices of the distance."""
    total = 0.0
    for block in blocks(pair.frames):
        error = np.subtract(pair.predicted[block], pair.target[block], dtype=np.float64)  # (T, V, 3)
        total += float(np.sqrt(squared(error)).sum())
    return total / (pair.frames * len(pair.template))


def mve(pair: Pair) -> Measured:
    """Distance averaged over all vertices, frames pooled (FaceDiffuser)."""
    return Measured(_mean_distance(pair), pair.frames)


def mve_clip(pair: Pair) -> Measured:
    """The same, each clip counting once."""
    return Measured(_mean_distance(pair))


# -- dynamics ---------------------------------------------------------------------------------------------------------


def _dynamics(vertices: NDArray[np.floating], pair: Pair) -> float:
    """Mean over the upper face of the deviation over time of the squared displacement."""
    template = at(pair.template[None], pair.topology, "upper_face")  # (1, L, 3)
    squares = np.empty((pair.frames, template.shape[1]))
    for block in blocks(pair.frames):
        squares[block] = squared(at(vertices[block], pair.topology, "upper_face") - template)
    return float(squares.std(axis=0).mean())


def fdd(pair: Pair) -> Measured | None:
    """FDD, signed: target less predicted dynamics of the upper face, each clip counting once (CodeTalker)."""
    if not pair.has("upper_face"):
        return None
    return Measured(_dynamics(pair.target, pair) - _dynamics(pair.predicted, pair))


def fdd_abs(pair: Pair) -> Measured | None:
    """The same without its sign, clip by clip (FaceDiffuser's ABS FDD)."""
    signed = fdd(pair)
    return signed and Measured(abs(signed.value))


def velocity(pair: Pair) -> Measured | None:
    """Mean squared difference, over coordinates, of the steps from frame to frame; steps pooled (SelfTalk's loss)."""
    if pair.frames < 2:
        return None
    total = 0.0
    for steps in blocks(pair.frames - 1):
        block = slice(steps.start, steps.stop + 1)
        error = np.subtract(pair.predicted[block], pair.target[block], dtype=np.float64)
        total += float(np.square(np.diff(error, axis=0)).sum())
    return Measured(total / ((pair.frames - 1) * pair.template.size), pair.frames - 1)


def jerk(pair: Pair) -> Measured | None:
    """Mean third derivative of the predicted lips, less that of the target's, in the unit a second cubed."""
    if not pair.has("lips") or pair.frames < 4:
        return None
    found = [_jerk(at(motion, pair.topology, "lips"), pair.fps) for motion in (pair.predicted, pair.target)]
    return Measured(found[0] - found[1], pair.frames - 3)


def _jerk(vertices: Doubles, fps: float) -> float:
    return float(np.linalg.norm(np.diff(vertices, n=3, axis=0), axis=-1).mean()) * fps**3


def beat_alignment(pair: Pair) -> Measured | None:
    """How near each predicted beat of the head's motion has one of the target's (after DiffPoseTalk, from its text).

    A beat is a local minimum of the speed of the mean vertex. Heads that do not move have none.
    """
    predicted, target = (_beats(motion) for motion in (pair.predicted, pair.target))
    if not len(predicted) or not len(target):
        return None
    apart = np.abs(predicted[:, None] - target[None]).min(axis=1)
    return Measured(float(np.exp(-np.square(apart) / (2 * pair.settings.beat_frames**2)).mean()))


def _beats(vertices: NDArray[np.floating]) -> NDArray[np.intp]:
    middle = vertices.mean(axis=1, dtype=np.float64)  # (T, 3)
    speed = np.linalg.norm(np.diff(middle, axis=0), axis=1)
    if not len(speed) or np.ptp(speed) < 1e-9 * max(float(np.abs(middle).max()), 1e-12):
        return np.zeros(0, np.intp)
    return np.flatnonzero((speed[1:-1] < speed[:-2]) & (speed[1:-1] < speed[2:])) + 1


def diversity(samples: NDArray[np.floating]) -> float:
    """Mean distance over frames and vertices between a clip's motion (S, T, V, 3) in each two styles (FaceDiffuser)."""
    if len(samples) < 2:
        raise ValueError("diversity needs two styles")
    pairs = [
        float(np.linalg.norm(np.subtract(a, b, dtype=np.float64), axis=-1).mean()) for a, b in combinations(samples, 2)
    ]
    return float(np.mean(pairs))
