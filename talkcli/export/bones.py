"""The skeleton of a USD stage as text: a joint that stands still, or a skull that turns on a neck.

Shape letters: T frames, V vertices.
"""

from __future__ import annotations

from dataclasses import dataclass

from talkcli.clip import Floats, MotionClip
from talkcli.head import load_head
from talkcli.head.neck import quaternions

IDENTITY = "((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))"
SKINNED = ' (prepend apiSchemas = ["SkelBindingAPI"])'


@dataclass(frozen=True)
class Bones:
    """A skeleton as text: its joints' names, where they are bound and where they rest, and what moves them; and which
    of them move a vertex by how much, size for each vertex or once for all."""

    joints: str
    bound: str
    rest: str
    moves: str
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


MOVES = """        uniform token[] joints = ["{joint}"]
        quatf[] rotations{rotations}
        half3[] scales = [(1, 1, 1)]
        float3[] translations = [({place})]
"""
# A joint that never moves: without a skeleton nothing is skinned, and no shape moves.
STILL = Bones(
    '"root"',
    IDENTITY,
    IDENTITY,
    MOVES.format(joint="root", rotations=" = [(1, 0, 0, 0)]", place="0, 0, 0"),
    "0",
    "1",
    1,
    "constant",
)


def bones(clip: MotionClip, turn: Floats | None) -> Bones:
    """The skull on its neck, turned by angles (T, 3); None: a joint that never moves."""
    if turn is None:
        return STILL
    neck = load_head().neck
    below, pivot = neck.foot(clip.template), neck.pivot(clip.template)
    rows = (f"{w:.7g}, {x:.7g}, {y:.7g}, {z:.7g}" for x, y, z, w in quaternions(turn))
    samples = "".join(f"            {number}: [({row})],\n" for number, row in enumerate(rows))
    return Bones(
        '"neck", "neck/skull"',
        f"{moved_to(below)}, {moved_to(pivot)}",
        f"{moved_to(below)}, {moved_to(pivot - below)}",
        MOVES.format(
            joint="neck/skull",
            rotations=f".timeSamples = {{\n{samples}        }}",
            place=", ".join(f"{way:.7g}" for way in pivot - below),
        ),
        ", ".join(["0, 1"] * len(neck.weights)),
        ", ".join(f"{1 - weight:.7g}, {weight:.7g}" for weight in neck.weights),
        2,
        "vertex",
    )


def moved_to(place: Floats) -> str:
    """A matrix, as rows, that moves the origin there."""
    x, y, z = (f"{way:.7g}" for way in place)
    return f"((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), ({x}, {y}, {z}, 1))"
