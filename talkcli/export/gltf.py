"""A .glb of the head that moves by morph targets, for Blender, three.js and engines.

Positions alone are morphed: clients promise few morphed attributes, and Blender computes normals anew. Limits and names
are glTF 2.0's. Shape letters: T frames, V vertices, F triangles, K targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, Ints, MotionClip, Topology
from talkcli.export.base import Job
from talkcli.export.glb import INDICES, VERTICES, Glb
from talkcli.export.targets import Targets, check_mesh, gather_shapes, gather_vertices, named
from talkcli.head import load_head
from talkcli.head.neck import quaternions
from talkcli.render.scene import linear_from_srgb

ROUGHNESS = 0.5


@dataclass(frozen=True, eq=False)
class Part:
    """A stretch of the vertices with triangles of its own, which count from its first vertex."""

    name: str
    vertices: slice
    faces: Ints


def write(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes the mesh, its targets and one animation of their weights; sound lies beside it as .wav."""
    first = next(chunks)
    check_mesh(first, job)
    gather = gather_shapes if named(job, first) else gather_vertices
    targets = gather(chain([first], chunks), job)
    glb = Glb()
    _add_mesh(glb, first, targets)
    _add_animation(glb, targets, first.fps)
    if targets.turn is not None:
        _add_neck(glb, first, targets.turn)
    extras: dict[str, Any] = {"fps": first.fps}
    if first.audio is not None:
        extras["sound"] = job.target.with_suffix(".wav").name
    glb.content["animations"][0]["extras"] = extras
    glb.save(job.path)
    return targets.frames


def _add_mesh(glb: Glb, clip: MotionClip, targets: Targets) -> None:
    colors = clip.topology.colors if clip.colors is None else clip.colors
    normals = vertex_normals(clip.template, clip.topology.faces)
    primitives, materials = [], []
    for number, part in enumerate(parts(clip.topology)):
        attributes = {
            "POSITION": glb.array(_float(clip.template[part.vertices]), VERTICES, bounds=True),
            "NORMAL": glb.array(_float(normals[part.vertices]), VERTICES),
        }
        if targets.turn is not None:
            weights = load_head().neck.weights[part.vertices]
            attributes["JOINTS_0"] = glb.array(joints(weights), VERTICES)
            attributes["WEIGHTS_0"] = glb.array(_float(np.c_[1 - weights, weights, 0 * weights, 0 * weights]), VERTICES)
        if colors is not None:
            attributes["COLOR_0"] = glb.array(linear_colors(colors[part.vertices]), VERTICES, normalized=True)
        kind = "<u2" if len(clip.template[part.vertices]) < (1 << 16) - 1 else "<u4"
        primitives.append(
            {
                "attributes": attributes,
                "indices": glb.array(part.faces.astype(kind).ravel(), INDICES),
                "material": number,
                "targets": [{"POSITION": glb.sparse(_float(delta[part.vertices]))} for delta in targets.deltas],
            }
        )
        surface = {"metallicFactor": 0.0, "roughnessFactor": ROUGHNESS}
        materials.append({"name": part.name, "pbrMetallicRoughness": surface, "doubleSided": True})
    mesh = {
        "name": "head",
        "primitives": primitives,
        "weights": [0.0] * len(targets.names),
        "extras": {"targetNames": list(targets.names)},
    }
    glb.content |= {
        "meshes": [mesh],
        "materials": materials,
        "nodes": [{"name": "head", "mesh": 0}],
        "scenes": [{"nodes": [0]}],
        "scene": 0,
    }


def _add_animation(glb: Glb, targets: Targets, fps: float) -> None:
    times = _float(np.arange(targets.frames) / fps)
    sampler = {
        "input": glb.array(times, bounds=True),
        "output": glb.array(_float(targets.weights).ravel()),
        "interpolation": "LINEAR",
    }
    channel = {"sampler": 0, "target": {"node": 0, "path": "weights"}}
    glb.content["animations"] = [{"name": "speech", "samplers": [sampler], "channels": [channel]}]


def _add_neck(glb: Glb, clip: MotionClip, turn: Floats) -> None:
    """Joints below and above the pivot, nodes 1 and 2, of which the animation turns the upper one."""
    neck = load_head().neck
    below, pivot = neck.foot(clip.template), neck.pivot(clip.template)
    glb.content["nodes"][0]["skin"] = 0
    glb.content["nodes"] += [
        {"name": "neck", "translation": below.tolist(), "children": [2]},
        {"name": "skull", "translation": (pivot - below).tolist()},
    ]
    glb.content["scenes"][0]["nodes"].append(1)
    inverse = np.tile(np.eye(4, dtype=np.float32), (2, 1, 1))  # column by column
    inverse[:, 3, :3] = -below, -pivot
    binds = glb.array(_float(inverse).reshape(2, 16))
    glb.content["skins"] = [{"joints": [1, 2], "skeleton": 1, "inverseBindMatrices": binds}]
    (animation,) = glb.content["animations"]
    output = glb.array(_float(quaternions(turn)))
    sampler = {"input": animation["samplers"][0]["input"], "output": output, "interpolation": "LINEAR"}
    animation["samplers"].append(sampler)
    animation["channels"].append({"sampler": 1, "target": {"node": 2, "path": "rotation"}})


def joints(weights: Floats) -> NDArray[np.uint16]:
    """(V, 4) the joints of vertices that the upper one moves by weights (V,): none is named that moves nothing."""
    found = np.zeros((len(weights), 4), "<u2")
    found[:, 1] = weights > 0
    return found


def parts(topology: Topology) -> list[Part]:
    """The topology's parts where each is a stretch of vertices with faces of its own, else all as one.

    So the vertices stay in their order, whatever reads the parts one after another.
    """
    ids = topology.part_ids
    if ids is None or (np.diff(ids.astype(int)) < 0).any() or np.ptp(ids[topology.faces], axis=1).any():
        return [Part(topology.name, slice(0, topology.vertices), topology.faces)]
    owners = ids[topology.faces[:, 0]]
    found = []
    for number in np.unique(ids):
        start, end = np.searchsorted(ids, [number, number + 1])
        faces = topology.faces[owners == number] - np.int32(start)
        found.append(Part(topology.part_names[number], slice(int(start), int(end)), faces))
    return found


def vertex_normals(vertices: Floats, faces: Ints) -> Floats:
    """(V, 3) unit normals, triangles counting by their area; vertices of no triangle look ahead."""
    a, b, c = (vertices[faces[:, corner]].astype(np.float64) for corner in range(3))
    across = np.cross(b - a, c - a)  # (F, 3)
    corners = faces.ravel()
    summed = [np.bincount(corners, np.repeat(across[:, axis], 3), len(vertices)) for axis in range(3)]
    normals = np.stack(summed, axis=1)  # (V, 3)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0, normals / np.maximum(length, 1e-300), [0, 0, 1]).astype(np.float32)


def linear_colors(colors: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """(V, 4) linear light and full opacity; eight bits would be too few in the dark."""
    light = np.concatenate([linear_from_srgb(colors), np.ones((len(colors), 1), np.float32)], axis=1)
    return np.asarray(np.rint(light * 65535), "<u2")


def _float(array: NDArray[Any]) -> Floats:
    return np.ascontiguousarray(array, "<f4")
