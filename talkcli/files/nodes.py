"""Where the nodes of a .glb lie as they move, and skins: meshes whose vertices follow several of them.

Shape letters: V vertices, J joints, T times asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats
from talkcli.files.curves import Curve, Doubles
from talkcli.files.glb import Document, whole

_AT_REST = {"translation": (0.0, 0.0, 0.0), "rotation": (0.0, 0.0, 0.0, 1.0), "scale": (1.0, 1.0, 1.0)}


@dataclass(frozen=True, eq=False)
class Node:
    """Where a node lies in its parent: a fixed matrix (4, 4), or what its curves say."""

    matrix: Doubles | None
    curves: Mapping[str, Curve]

    @classmethod
    def of(cls, document: Document, index: int, curves: Mapping[tuple[int, str], Curve]) -> Node:
        """A node of the file, moved by what curves are its own."""
        node = document.item("nodes", index)
        own = {path: constant(node.get(path, rest)) for path, rest in _AT_REST.items()}
        moved = {path: curves[index, path] for path in _AT_REST if (index, path) in curves}
        matrix = None
        if "matrix" in node:
            matrix = np.array(node["matrix"], np.float64).reshape(4, 4).T  # written column by column
            if moved or not np.isfinite(matrix).all():
                raise ValueError(f"node {index} has a matrix that is animated or holds no numbers")
        return cls(matrix, own | moved)

    def at(self, times: Doubles) -> Doubles:
        """(T, 4, 4)."""
        from scipy.spatial.transform import Rotation

        if self.matrix is not None:
            return np.broadcast_to(self.matrix, (len(times), 4, 4))
        out = np.tile(np.eye(4), (len(times), 1, 1))
        turned = Rotation.from_quat(self.curves["rotation"].at(times)).as_matrix()
        out[:, :3, :3] = turned * self.curves["scale"].at(times)[:, None, :]
        out[:, :3, 3] = self.curves["translation"].at(times)
        return out


def constant(values: Sequence[float]) -> Curve:
    return Curve(np.zeros(1), np.array(values, np.float64).reshape(1, -1))


def world(nodes: Sequence[Node], times: Doubles) -> Doubles:
    """(T, 4, 4) of the last of nodes, each in the one before."""
    out = np.tile(np.eye(4), (len(times), 1, 1))
    for node in nodes:
        out = out @ node.at(times)
    return out


def placed(vertices: Floats, matrices: Doubles) -> Floats:
    """Vertices (T, V, 3) put where matrices (T, 4, 4) say."""
    turned: Floats = matrices[:, :3, :3].swapaxes(1, 2).astype(np.float32)
    out: Floats = vertices @ turned
    out += matrices[:, None, :3, 3].astype(np.float32)
    return out


@dataclass(frozen=True, eq=False)
class Skin:
    """Joints (J), each with the nodes above it, and the matrices (J, 4, 4) that bring the mesh to each of them."""

    joints: Sequence[Sequence[Node]]
    inverse: Doubles

    def moved(self, vertices: Floats, weights: Floats, times: Doubles) -> Floats:
        """Vertices (T, V, 3) moved by the joints, by weights (J, V)."""
        out = np.zeros_like(vertices)
        for nodes, inverse, weight in zip(self.joints, self.inverse, weights, strict=True):
            if weight.any():
                out += weight[:, None] * placed(vertices, world(nodes, times) @ inverse)
        return out


def read_skin(
    document: Document, index: object, parents: Mapping[int, int], curves: Mapping[tuple[int, str], Curve]
) -> Skin:
    """A skin of the file; parents are those of its nodes."""
    skin = document.item("skins", index)
    joints = [whole(joint) for joint in skin["joints"]]
    inverse = np.tile(np.eye(4), (len(joints), 1, 1))
    if "inverseBindMatrices" in skin:
        columns = document.array(skin["inverseBindMatrices"], "MAT4", len(joints))
        inverse = columns.astype(np.float64).reshape(-1, 4, 4).swapaxes(1, 2)
    return Skin([[Node.of(document, each, curves) for each in above(joint, parents)] for joint in joints], inverse)


def above(node: int, parents: Mapping[int, int]) -> list[int]:
    """The nodes from the root to this one."""
    chain = [node]
    while chain[-1] in parents:
        if len(chain) > len(parents):
            raise ValueError(f"node {node} lies above itself")
        chain.append(parents[chain[-1]])
    return chain[::-1]


def joint_weights(document: Document, attributes: Mapping[str, Any], vertices: int, joints: int) -> Floats:
    """(J, V) how much each joint moves each vertex of a primitive."""
    document.take(joints * vertices)
    out, every = np.zeros((joints, vertices), np.float32), np.arange(vertices)
    for number in range(len(attributes)):
        if f"JOINTS_{number}" not in attributes:
            break
        which: NDArray[Any] = document.array(attributes[f"JOINTS_{number}"], "VEC4", vertices)
        much = document.array(attributes[f"WEIGHTS_{number}"], "VEC4", vertices)
        if which.dtype.kind != "u" or (which.size and which.max() >= joints):
            raise ValueError(f"a skin of {joints} joints, of which vertices name others")
        for place, weight in zip(which.T, much.T, strict=True):
            np.add.at(out, (place, every), weight)
    return out
