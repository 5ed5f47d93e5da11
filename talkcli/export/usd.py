"""The head as a USD stage: blend shapes of a UsdSkel, or its points frame by frame, and its sound as SpatialAudio.

Text (.usda) is written here; binary (.usdc) by usd-core, from the same text. Letters: T frames, V vertices, K targets.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, MotionClip
from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.export.base import Job, turned
from talkcli.export.bones import SKINNED, bones
from talkcli.export.targets import Targets, check_mesh, gather_shapes, named, stored
from talkcli.files.paths import describe_bytes
from talkcli.render.scene import linear_from_srgb

LARGE = 50_000_000  # bytes from which text is the wrong form
# the first version that has time codes as values: usd-core would start older, and warn; nor need it tell of the setting
SETTINGS = {"USD_WRITE_NEW_USDC_FILES_AS_VERSION": "0.9.0", "TF_ENV_SETTING_ALERTS_ENABLED": "0"}
BLOCK = 256  # frames that wait to be saved


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer's text up to the place in the mesh where samples of its points stand, and after it; frames (T, V, 3)."""

    before: str
    after: str
    frames: Floats | None = None


def write_usda(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes text; says so where it is so much that .usdc would be wiser."""
    frames = _write(chunks, job, _save_text)
    size = job.path.stat().st_size
    if size > LARGE:
        note(f"{job.target.name} is {describe_bytes(size)} of text: .usdc holds the same points in a third of it.")
    return frames


def write_usdc(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes the binary form, if check_usdc lets it."""
    return _write(chunks, job, _save_crate)


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


def _save_text(stage: Stage, job: Job) -> None:
    with job.path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(stage.before)
        if stage.frames is not None:
            file.write("        point3f[] points.timeSamples = {\n")
            for number, points in enumerate(stage.frames):
                file.write(f"            {number}: [{triples(points)}],\n")
            file.write("        }\n        float3[] extent.timeSamples = {\n")
            for number, points in enumerate(stage.frames):
                file.write(f"            {number}: [{triples(extent(points))}],\n")
            file.write("        }\n")
        file.write(stage.after)


def _save_crate(stage: Stage, job: Job) -> None:
    """Samples go to the file every so many frames, so that they need no memory."""
    sdf, vt = check_usdc(job.target)
    path = f"{job.path}.usdc"  # usd-core goes by the suffix
    text = sdf.Layer.CreateAnonymous(".usda")
    text.ImportFromString(stage.before + stage.after)
    text.Export(path)
    layer = sdf.Layer.FindOrOpen(path)
    if stage.frames is not None:
        mesh = layer.GetPrimAtPath("/Head/Mesh")
        for number, points in enumerate(stage.frames):
            for name, values in (("points", points), ("extent", extent(points))):
                layer.SetTimeSample(mesh.path.AppendProperty(name), number, vt.Vec3fArray.FromNumpy(np.array(values)))
            if number % BLOCK == BLOCK - 1:
                layer.Save()
    layer.Save()
    del layer
    Path(path).replace(job.path)


def check_usdc(path: Path) -> tuple[ModuleType, ModuleType]:
    """usd-core's modules Sdf and Vt; TalkError where it is not installed."""
    for setting, value in SETTINGS.items():
        os.environ.setdefault(setting, value)
    try:
        from pxr import Sdf, Vt
    except ImportError as error:
        raise TalkError(
            f"{path.name} needs usd-core, which is not installed: pip install 'talkcli[usd]', or write .usda"
        ) from error
    return Sdf, Vt


# -- what stands in the layer -----------------------------------------------------------------------------------------


def _skinned(clip: MotionClip, targets: Targets, job: Job) -> Stage:
    """A mesh whose blend shapes an animation weighs."""
    names = ", ".join(f'"{name}"' for name in targets.names)
    paths = ", ".join(f"</Head/Mesh/{name}>" for name in targets.names)
    rows = (", ".join(f"{weight:.5g}" for weight in row) for row in targets.weights)
    samples = "".join(f"            {number}: [{row}],\n" for number, row in enumerate(rows))
    skull = bones(clip, targets.turn)
    animation = f"""
    def SkelAnimation "Anim" {{
        uniform token[] blendShapes = [{names}]
{skull.moves}        float[] blendShapeWeights.timeSamples = {{
{samples}        }}
    }}
"""
    shapes = "".join(map(_shape, targets.names, targets.deltas))
    bound = f"{skull.binding}        uniform token[] skel:blendShapes = [{names}]\n"
    bound += f"        rel skel:blendShapeTargets = [{paths}]\n"
    root = f'def SkelRoot "Head"{SKINNED} {{\n{skull.skeleton}{animation}\n    def Mesh "Mesh"{SKINNED} {{\n'
    before = header(clip.fps, targets.frames) + root + _surface(clip)
    return Stage(before, f"{bound}{shapes}    }}\n{_sound(clip, targets.frames, job)}}}\n")


def _shape(name: str, delta: Floats) -> str:
    moved = np.flatnonzero(delta.any(axis=1))
    return f"""
        def BlendShape "{name}" {{
            uniform vector3f[] offsets = [{triples(delta[moved])}]
            uniform int[] pointIndices = [{", ".join(map(str, moved))}]
        }}
"""


def _moved(clip: MotionClip, frames: Floats, job: Job) -> Stage:
    """A mesh whose points have a sample a frame."""
    before = header(clip.fps, len(frames)) + f'def Xform "Head" {{\n    def Mesh "Mesh" {{\n{_surface(clip)}'
    return Stage(before, f"    }}\n{_sound(clip, len(frames), job)}}}\n", frames)


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
