"""The head as a USD stage: blend shapes of a UsdSkel, or its points frame by frame, and its sound as SpatialAudio.

Letters: T frames, V vertices, K targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, Frames, MotionClip
from talkcli.console import note
from talkcli.export.base import Job, turned
from talkcli.export.bones import SKINNED, bones
from talkcli.export.stage import Samples, Stage, check_usdc, save_crate, save_text
from talkcli.export.targets import Targets, check_mesh, gather_shapes, named, stored
from talkcli.files.paths import describe_bytes
from talkcli.render.scene import linear_from_srgb

__all__ = ["check_usdc", "write_usda", "write_usdc"]

LARGE = 50_000_000  # bytes from which text is the wrong form


def write_usda(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes text; says so where it is so much that .usdc would be wiser."""
    frames = _write(chunks, job, save_text)
    size = job.path.stat().st_size
    if size > LARGE:
        note(f"{job.target.name} is {describe_bytes(size)} of text: .usdc holds the same points in a third of it.")
    return frames


def write_usdc(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes the binary form, if check_usdc lets it."""
    return _write(chunks, job, save_crate)


def _write(chunks: Iterator[MotionClip], job: Job, save: Callable[[Stage, Job], None]) -> int:
    first = next(chunks)
    check_mesh(first, job)
    everything = chain([first], chunks)
    if named(job, first):
        targets = gather_shapes(everything, job)
        save(_skinned(first, targets, job), job)
        return targets.frames
    with stored(map(turned, everything), job) as frames:
        save(_moved(first, frames, job), job)
        return len(frames)


def _skinned(clip: MotionClip, targets: Targets, job: Job) -> Stage:
    """A mesh whose blend shapes an animation weighs."""
    names = ", ".join(f'"{name}"' for name in targets.names)
    paths = ", ".join(f"</Head/Mesh/{name}>" for name in targets.names)
    skull = bones(clip, targets.turn)
    weights = Samples(
        "/Head/Anim",
        "blendShapeWeights",
        "float[]",
        targets.weights,
        lambda row: ", ".join(f"{weight:.5g}" for weight in row),
        lambda pxr, row: pxr.Vt.FloatArray.FromNumpy(np.array(row)),
    )
    animation = f'\n    def SkelAnimation "Anim" {{\n        uniform token[] blendShapes = [{names}]\n'
    shapes = "".join(map(_shape, targets.names, targets.deltas))
    bound = f"{skull.binding}        uniform token[] skel:blendShapes = [{names}]\n"
    bound += f"        rel skel:blendShapeTargets = [{paths}]\n"
    root = f'def SkelRoot "Head"{SKINNED} {{\n{skull.skeleton}{animation}'
    mesh = f'    }}\n\n    def Mesh "Mesh"{SKINNED} {{\n{_surface(clip)}{bound}{shapes}    }}\n'
    return [
        header(clip.fps, targets.frames) + root,
        *skull.moves,
        weights,
        f"{mesh}{_sound(clip, targets.frames, job)}}}\n",
    ]


def _shape(name: str, delta: Floats) -> str:
    moved = np.flatnonzero(delta.any(axis=1))
    return f"""
        def BlendShape "{name}" {{
            uniform vector3f[] offsets = [{triples(delta[moved])}]
            uniform int[] pointIndices = [{", ".join(map(str, moved))}]
        }}
"""


def _moved(clip: MotionClip, frames: Frames, job: Job) -> Stage:
    """A mesh whose points have a sample a frame."""
    before = header(clip.fps, len(frames)) + f'def Xform "Head" {{\n    def Mesh "Mesh" {{\n{_surface(clip)}'

    def samples(name: str, kind: str, of: Callable[[Floats], Floats]) -> Samples:
        return Samples(
            "/Head/Mesh",
            name,
            kind,
            frames,
            lambda points: triples(of(points)),
            lambda pxr, points: pxr.Vt.Vec3fArray.FromNumpy(np.array(of(points))),
            declared=True,
        )

    moving = [samples("points", "point3f[]", lambda points: points), samples("extent", "float3[]", extent)]
    return [before, *moving, f"    }}\n{_sound(clip, len(frames), job)}}}\n"]


def header(fps: float, frames: int) -> str:
    """A time code is a frame's number."""
    return f"""#usda 1.0
(
    defaultPrim = "Head"
    metersPerUnit = 1
    upAxis = "Y"
    timeCodesPerSecond = {fps!r}
    framesPerSecond = {fps!r}
    startTimeCode = 0
    endTimeCode = {frames - 1}
)

"""


def _surface(clip: MotionClip) -> str:
    faces = clip.topology.faces
    colors = clip.topology.colors if clip.colors is None else clip.colors
    painted = "" if colors is None else _colors(colors)
    return f"""        uniform token subdivisionScheme = "none"
        float3[] extent = [{triples(extent(clip.template))}]
        int[] faceVertexCounts = [{", ".join(["3"] * len(faces))}]
        int[] faceVertexIndices = [{", ".join(map(str, faces.ravel().tolist()))}]
        point3f[] points = [{triples(clip.template)}]
{painted}"""


def _colors(colors: NDArray[np.uint8]) -> str:
    linear = triples(linear_from_srgb(colors))
    return f'        color3f[] primvars:displayColor = [{linear}] (\n            interpolation = "vertex"\n        )\n'


def _sound(clip: MotionClip, frames: int, job: Job) -> str:
    """The .wav beside the file, from its first frame to the end of its last."""
    if clip.audio is None:
        return ""
    name = job.target.with_suffix(".wav").name
    asset = f"@@@./{name}@@@" if "@" in name else f"@./{name}@"
    return f"""
    def SpatialAudio "Speech" {{
        uniform asset filePath = {asset}
        uniform token auralMode = "nonSpatial"
        uniform token playbackMode = "onceFromStartToEnd"
        uniform timecode startTime = 0
        uniform timecode endTime = {frames}
    }}
"""


def extent(points: Floats) -> Floats:
    """(2, 3) the least and the greatest corner of points (V, 3)."""
    return np.stack([points.min(axis=0), points.max(axis=0)])


def triples(rows: Floats | Sequence[Iterable[float]]) -> str:
    """(x, y, z), ... of rows (N, 3), to seven digits."""
    flat = np.asarray(rows, np.float64).ravel().tolist()
    return ("(%.7g, %.7g, %.7g), " * (len(flat) // 3) % tuple(flat)).removesuffix(", ")
