"""What moves a mesh in files of shapes: named blendshapes of the packaged head, or a basis fitted to any motion.

Shape letters: T frames, V vertices, K targets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from talkcli.blendshapes import SHAPES, STRANGE_MM, Distances, ShapeFit, has_shapes, shapes
from talkcli.clip import Floats, Frames, MotionClip
from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.export.base import Job, Turns
from talkcli.export.components import Collector

MOST = 64  # targets: what viewers take
STEP = 8  # targets by which the basis grows
FINE_MM = 0.1  # p99 at which it is good enough


@dataclass(frozen=True, eq=False)
class Targets:
    """Displacements (K, V, 3) in metres from the template (V, 3), by name, and their weights (T, K); turn (T, 3) is the
    head's."""

    names: tuple[str, ...]
    deltas: Floats
    weights: Floats
    turn: Floats | None = None

    @property
    def frames(self) -> int:
        return len(self.weights)


def check_mesh(clip: MotionClip, job: Job) -> None:
    """Raises TalkError where nobody knows the triangles."""
    if not len(clip.topology.faces):
        raise TalkError(
            f"{job.target.name} needs triangles, and the topology '{clip.topology.name}' has none: give a mesh with "
            "--topology (talk convert) or --faces (talk preprocess), or write .npz"
        )


def named(job: Job, clip: MotionClip) -> bool:
    """Whether the head's named blendshapes are to move it; TalkError where they are asked for and it has none."""
    known = has_shapes(clip.topology)
    if job.options.targets == "shapes" and not known:
        raise TalkError(f"{job.target.name}: {no_shapes(clip)}; --targets vertices fits targets to any mesh")
    return known and job.options.targets != "vertices"


def no_shapes(clip: MotionClip) -> str:
    return f"the topology '{clip.topology.name}' ({clip.topology.vertices} vertices) has no named blendshapes"


def gather_shapes(chunks: Iterator[MotionClip], job: Job) -> Targets:
    """The named blendshapes with their weights; tells how far they stay from the vertices."""
    fit, weights, turns = ShapeFit(), [], Turns()
    for chunk in turns.of(chunks):
        weights.append(fit.weights(chunk))
        job.step(chunk.frames)
    tell_fit(job, fit)
    return Targets(SHAPES, shapes(), np.concatenate(weights), turns.whole)


def tell_fit(job: Job, fit: ShapeFit, more: str = "") -> None:
    """Says how far the blendshapes stay from the vertices, and what to think of where that is far."""
    far = fit.distances.p99 > STRANGE_MM
    hint = "; does the head turn, or is the template another's? .glb with --targets vertices keeps it" if far else ""
    note(f"{job.target.name}: blendshapes instead of vertices, {fit.distances}{hint}{more}.")


def gather_vertices(chunks: Iterator[MotionClip], job: Job) -> Targets:
    """Targets fitted to the motion itself, as few as are good enough; tells how far they stay from the vertices."""
    first, turns = next(chunks), Turns()
    collector = Collector(first.template)
    for chunk in turns.of(chain([first], chunks)):
        collector.add(chunk.vertices)
        job.step(chunk.frames)
    targets, distances = fitted(collector)
    targets = replace(targets, turn=turns.whole)
    note(f"{job.target.name}: {len(targets.names)} targets instead of vertices, {distances}.")
    return targets


@contextmanager
def stored(chunks: Iterable[MotionClip], job: Job) -> Iterator[Frames]:
    """All frames (T, V, 3) in a file beside the output, where they wait so that a long clip needs no memory."""
    frames = 0
    with Path(f"{job.path}.frames").open("w+b") as file:
        for chunk in chunks:
            file.write(np.ascontiguousarray(chunk.vertices, np.float32).data)
            frames += chunk.frames
            job.step(chunk.frames)
        file.flush()
        yield _Stored(file, frames, chunk.topology.vertices)


class _Stored:
    """Frames (T, V, 3) in a file, read anew each time: mapped, they would count as memory as long as there is some."""

    def __init__(self, file: BinaryIO, frames: int, vertices: int) -> None:
        self._file, self._frames, self._vertices = file, frames, vertices

    def __len__(self) -> int:
        return self._frames

    def __getitem__(self, frame: int, /) -> Floats:
        """(V, 3) of one number."""
        if not 0 <= frame < self._frames:
            raise IndexError(frame)
        self._file.seek(frame * self._vertices * 12)
        return np.fromfile(self._file, np.float32, self._vertices * 3).reshape(self._vertices, 3)


def fitted(collector: Collector) -> tuple[Targets, Distances]:
    """The fewest principal components, in steps, that are good enough for the frames that were kept, scaled so that
    weights lie within [-1, 1]; and how far those frames are from what the targets make of them."""
    axes, (numbers, frames) = collector.axes(), collector.kept()
    for count in range(STEP, MOST + 1, STEP):
        rebuilt = axes.weights[numbers, :count] @ axes.shapes[:count]
        distances = Distances()
        distances.add(frames, rebuilt.reshape(frames.shape))
        if distances.p99 < FINE_MM or count >= len(axes.shapes):
            break
    weights, shapes = axes.weights[:, :count], axes.shapes[:count]
    if not len(shapes):  # nothing moves: one target that does nothing, since there must be one
        weights, shapes = np.zeros((len(weights), 1), np.float32), np.zeros((1, frames[0].size), np.float32)
    size = np.maximum(np.abs(weights).max(axis=0), 1e-12)
    deltas = (shapes * size[:, None]).astype(np.float32).reshape(-1, *frames.shape[1:])
    names = tuple(f"pca{number:02d}" for number in range(len(deltas)))
    return Targets(names, deltas, (weights / size).astype(np.float32)), distances
