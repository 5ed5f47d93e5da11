"""Heads that move by morph targets in .glb files, as we, Blender and three.js write them.

Shape letters: V vertices, F triangles, K targets, N key times, T times asked for, C values at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from talkcli.clip import Floats, Ints
from talkcli.errors import TalkError
from talkcli.files.curves import Curve, Doubles, frame_rate
from talkcli.files.glb import Document, whole
from talkcli.files.nodes import Node, Skin, above, constant, joint_weights, placed, read_skin, world

_DEEPEST = 100  # nodes from the root to a mesh
_WIDTHS = {"translation": 3, "rotation": 4, "scale": 3}


@dataclass(frozen=True, eq=False)
class _Shape:
    """A mesh: base (V, 3), displacements of the targets (K, 3V), faces (F, 3), weights (J, V) of a skin's joints."""

    base: Floats
    targets: Floats
    faces: Ints
    joints: Floats


@dataclass(frozen=True, eq=False)
class _Part:
    """A mesh in the scene: how its targets are weighed, and the nodes from the root to it, or the skin that it has."""

    shape: _Shape
    weights: Curve
    nodes: Sequence[Node]
    skin: Skin | None

    def at(self, times: Doubles) -> Floats:
        """(T, V, 3)."""
        with np.errstate(invalid="ignore", over="ignore"):  # whoever takes the motion in looks for NaN and Inf
            out: Floats = (self.weights.at(times).astype(np.float32) @ self.shape.targets).reshape(len(times), -1, 3)
            out += self.shape.base
            if self.skin is not None:  # which takes no heed of where the mesh itself lies
                return self.skin.moved(out, self.shape.joints, times)
            return placed(out, world(self.nodes, times))


@dataclass(frozen=True, eq=False)
class MorphAnimation:
    """Meshes in motion, one after another in the scene's order as one: (V, 3) at rest, faces (F, 3).

    fps is what the key times tell: None where there are too few, or they lie unevenly. duration: the last key, in s.
    """

    rest: Doubles
    faces: Ints
    duration: float
    fps: float | None
    parts: Sequence[_Part]

    def vertices_at(self, times: ArrayLike) -> Floats:
        """(T, V, 3) at these times in seconds."""
        seconds = np.asarray(times, np.float64)
        return np.concatenate([part.at(seconds) for part in self.parts], axis=1)


def read_glb(path: Path, *, moving: bool = True) -> MorphAnimation:
    """The meshes of a file, at rest and in motion, where its nodes put them; unless moving, animations are left out.

    Raises:
        TalkError: no such file, a broken one, or one with several animations of these meshes.
    """
    try:
        return _motion(path, Document(path), moving)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        what = " ".join((f"it lacks {error}" if isinstance(error, KeyError) else str(error)).split())
        raise TalkError(f"'{path}' cannot be read as .glb ({what}): export it again") from error


def _motion(path: Path, document: Document, moving: bool) -> MorphAnimation:
    chains = list(_chains(document))
    if not chains:
        raise ValueError("it has no mesh")
    parents = _parents(document)
    skinned = [document.item("skins", node["skin"]) for node in _ends(document, chains) if "skin" in node]
    joints = {index for skin in skinned for joint in skin["joints"] for index in above(whole(joint), parents)}
    curves = _curves(path, document, joints | {index for chain in chains for index in chain}) if moving else {}
    shapes = [_shape(document, node) for node in _ends(document, chains)]
    still, parts = (
        [_part(document, chain, shape, moved, parents) for chain, shape in zip(chains, shapes, strict=True)]
        for moved in ({}, curves)
    )
    starts = np.cumsum([0] + [len(shape.base) for shape in shapes])
    faces = [shape.faces + start for shape, start in zip(shapes, starts, strict=False)]
    rest = np.concatenate([part.at(np.zeros(1))[0] for part in still])
    longest = max((curve.times for curve in curves.values()), key=len, default=np.zeros(0))
    duration = max((float(curve.times[-1]) for curve in curves.values()), default=0.0)
    triangles = np.concatenate(faces).astype(np.int32)
    return MorphAnimation(rest.astype(np.float64), triangles, duration, frame_rate(longest), parts)


def _parents(document: Document) -> dict[int, int]:
    """Of each node that is a child the node above."""
    nodes = document.json.get("nodes", [])
    return {whole(child): index for index, node in enumerate(nodes) for child in node.get("children", [])}


def _ends(document: Document, chains: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """The nodes that chains lead to."""
    return [document.item("nodes", chain[-1]) for chain in chains]


def _chains(document: Document) -> Iterator[tuple[int, ...]]:
    """The nodes from the root to each mesh of the scene, depth first."""
    children = _parents(document)
    roots = [index for index in range(len(document.json.get("nodes", []))) if index not in children]
    if "scenes" in document.json:
        roots = document.item("scenes", document.json.get("scene", 0)).get("nodes", [])
    waiting: list[tuple[int, ...]] = [(whole(root),) for root in reversed(roots)]
    seen: set[int] = set()
    while waiting:
        chain = waiting.pop()
        if chain[-1] in seen:
            raise ValueError(f"node {chain[-1]} is in the scene twice")
        if len(chain) > _DEEPEST:
            raise ValueError(f"node {chain[-1]} has {len(chain)} nodes above it")
        seen.add(chain[-1])
        node = document.item("nodes", chain[-1])
        if "mesh" in node:
            yield chain
        waiting += [(*chain, whole(child)) for child in reversed(node.get("children", []))]


def _part(
    document: Document,
    chain: tuple[int, ...],
    shape: _Shape,
    curves: Mapping[tuple[int, str], Curve],
    parents: Mapping[int, int],
) -> _Part:
    node = document.item("nodes", chain[-1])
    count = len(shape.targets)
    weights = node.get("weights", document.item("meshes", node["mesh"]).get("weights", [0.0] * count))
    curve = curves.get((chain[-1], "weights"), constant(weights))
    if curve.values.shape[-1] != count:
        raise ValueError(f"{curve.values.shape[-1]} weights for {count} targets")
    skin = read_skin(document, node["skin"], parents, curves) if "skin" in node else None
    return _Part(shape, curve, [Node.of(document, index, curves) for index in chain], skin)


def _shape(document: Document, node: Mapping[str, Any]) -> _Shape:
    """All primitives of a node's mesh as one; vertices that they share come once."""
    count = len(document.item("skins", node["skin"])["joints"]) if "skin" in node else 0
    weights: list[Floats] = []
    bases: list[Floats] = []
    targets: list[Floats] = []
    faces: list[NDArray[Any]] = []
    starts: dict[str, int] = {}
    total = 0
    for primitive in document.item("meshes", node["mesh"])["primitives"]:
        if primitive.get("mode", 4) != 4:
            raise ValueError("a mesh of other things than triangles")
        attribute = primitive["attributes"]["POSITION"]
        moves = [target.get("POSITION") for target in primitive.get("targets", [])]
        base = document.array(attribute, "VEC3").astype(np.float32)
        start = starts.setdefault(repr((attribute, moves)), total)
        if start == total:
            bases.append(base)
            targets.append(_targets(document, moves, len(base)))
            weights.append(joint_weights(document, primitive["attributes"], len(base), count))
            total += len(base)
        corners = np.arange(len(base))
        if "indices" in primitive:
            corners = document.array(primitive["indices"], "SCALAR")[:, 0].astype(np.int64)
        if len(corners) % 3 or (len(corners) and corners.max() >= len(base)):
            raise ValueError(f"faces that reach beyond {len(base)} vertices, or are no triangles")
        faces.append(corners.reshape(-1, 3) + start)
    if len({len(target) for target in targets}) != 1:
        raise ValueError("primitives with different numbers of targets")
    triangles = np.concatenate(faces).astype(np.int32)
    joints = np.concatenate(weights, axis=1)
    return _Shape(np.concatenate(bases), np.concatenate(targets, axis=1), triangles, joints)


def _targets(document: Document, moves: Sequence[object], vertices: int) -> Floats:
    """(K, 3V) displacements, zeros where a target moves no positions."""
    document.take(len(moves) * vertices * 3)
    out = np.zeros((len(moves), vertices, 3), np.float32)
    for row, move in zip(out, moves, strict=True):
        if move is not None:
            row[:] = document.array(move, "VEC3", vertices)
    return out.reshape(len(moves), 3 * vertices)


def _curves(path: Path, document: Document, nodes: set[int]) -> dict[tuple[int, str], Curve]:
    """What moves these nodes: (node, property) -> curve."""
    found: dict[tuple[int, str], Curve] = {}
    names: dict[int, str] = {}
    for number, animation in enumerate(document.json.get("animations", [])):
        for channel in animation["channels"]:
            node, moved = channel["target"].get("node"), channel["target"]["path"]
            if node in nodes:
                found[node, moved] = _curve(document, animation["samplers"][whole(channel["sampler"])], moved)
                names[number] = str(animation.get("name", number))
    if len(names) > 1:
        listed = ", ".join(names.values())
        raise TalkError(f"'{path}' has several animations of its mesh ({listed}): keep one of them")
    return found


def _curve(document: Document, sampler: Mapping[str, Any], moved: str) -> Curve:
    mode = sampler.get("interpolation", "LINEAR")
    if mode not in ("LINEAR", "STEP", "CUBICSPLINE"):
        raise ValueError(f"unknown interpolation {mode!r}")
    times = document.array(sampler["input"], "SCALAR")[:, 0].astype(np.float64)
    values = document.array(sampler["output"], "SCALAR" if moved == "weights" else f"VEC{_WIDTHS[moved]}")
    shape = (len(times), 3, -1) if mode == "CUBICSPLINE" else (len(times), -1)
    return Curve(times, values.astype(np.float64).reshape(shape), mode, moved == "rotation")
