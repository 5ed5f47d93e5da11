"""The skeleton of a USD stage as text: a joint that stands still, or a skull that turns on a neck.

Shape letters: T frames, V vertices.
"""

from __future__ import annotations

from dataclasses import dataclass

from talkcli.clip import Floats, MotionClip
from talkcli.export.stage import Samples, Stage
from talkcli.head import load_head
from talkcli.head.neck import quaternions

IDENTITY = "((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))"
SKINNED = ' (prepend apiSchemas = ["SkelBindingAPI"])'


@dataclass(frozen=True)
class Bones:
    """A skeleton as text: its joints' names, where they are bound and where they rest, and what an animation says of
    them; and which of them move a vertex by how much, size for each vertex or once for all."""

    joints: str
    bound: str
    rest: str
    moves: Stage
    indices: str
    weights: str
    size: int
    each: str

    @property
    def skeleton(self) -> str:
        return f"""
    def Skeleton "Skel"{SKINNED} {{
        uniform token[] joints = [{self.joints}]
        uniform matrix4d[] bindTransforms = [{self.bound}]
        uniform matrix4d[] restTransforms = [{self.rest}]
        rel skel:animationSource = </Head/Anim>
    }}
"""

    @property
    def binding(self) -> str:
        return f"""
        rel skel:skeleton = </Head/Skel>
        int[] primvars:skel:jointIndices = [{self.indices}] (
            elementSize = {self.size}
            interpolation = "{self.each}"
        )
        float[] primvars:skel:jointWeights = [{self.weights}] (
            elementSize = {self.size}
            interpolation = "{self.each}"
        )
        matrix4d primvars:skel:geomBindTransform = {IDENTITY}
"""


def _moves(joint: str, place: str, rotations: str | Samples) -> Stage:
    """What an animation says of one joint."""
    turns = f"        quatf[] rotations = [{rotations}]\n" if isinstance(rotations, str) else rotations
    fixed = f"        half3[] scales = [(1, 1, 1)]\n        float3[] translations = [({place})]\n"
    return [f'        uniform token[] joints = ["{joint}"]\n', turns, fixed]


# A joint that never moves: without a skeleton nothing is skinned, and no shape moves.
STILL = Bones('"root"', IDENTITY, IDENTITY, _moves("root", "0, 0, 0", "(1, 0, 0, 0)"), "0", "1", 1, "constant")


def bones(clip: MotionClip, turn: Floats | None) -> Bones:
    """The skull on its neck, turned by angles (T, 3); None: a joint that never moves."""
    if turn is None:
        return STILL
    neck = load_head().neck
    below, pivot = neck.foot(clip.template), neck.pivot(clip.template)
    rotations = Samples(
        "/Head/Anim",
        "rotations",
        "quatf[]",
        quaternions(turn)[:, [3, 0, 1, 2]],
        lambda row: "({:.7g}, {:.7g}, {:.7g}, {:.7g})".format(*row),
        lambda pxr, row: pxr.Vt.QuatfArray([pxr.Gf.Quatf(*map(float, row))]),
    )
    return Bones(
        '"neck", "neck/skull"',
        f"{moved_to(below)}, {moved_to(pivot)}",
        f"{moved_to(below)}, {moved_to(pivot - below)}",
        _moves("neck/skull", ", ".join(f"{way:.7g}" for way in pivot - below), rotations),
        ", ".join(["0, 1"] * len(neck.weights)),
        ", ".join(f"{1 - weight:.7g}, {weight:.7g}" for weight in neck.weights),
        2,
        "vertex",
    )


def moved_to(place: Floats) -> str:
    """A matrix, as rows, that moves the origin there."""
    x, y, z = (f"{way:.7g}" for way in place)
    return f"((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), ({x}, {y}, {z}, 1))"
