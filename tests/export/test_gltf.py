"""A .glb has the motion, the names and the colours that it was given, read back by others and by our own reader."""

from __future__ import annotations

import json
import wave
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from talkcli.blendshapes import SHAPES, Distances, shapes
from talkcli.clip import MotionClip
from talkcli.errors import TalkError
from talkcli.export import ExportOptions, write
from talkcli.export.components import Collector
from talkcli.export.gltf import linear_colors, parts, vertex_normals
from talkcli.export.targets import Targets, fitted
from talkcli.files.glb import Document
from talkcli.files.motion import open_motion
from talkcli.head import load_head
from tests.export.make_clips import make_chunks, make_head_chunks
from tests.render.make_heads import ball
from tests.test_blendshapes import make_clip, make_weights

VERTICES = ExportOptions(targets="vertices")


def motion(chunks: Sequence[MotionClip]) -> np.ndarray[Any, Any]:
    return np.concatenate([chunk.vertices for chunk in chunks])


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_motion_made_of_shapes_comes_back_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = make_weights(9)
    clip = make_clip(weights, "ben")
    path = tmp_path / "face.glb"
    assert write([clip], path) == 9
    assert list(tmp_path.iterdir()) == [path]  # no sound, no .wav
    again = open_motion(path)
    assert again.fps == 30.0
    assert np.abs(again.vertices - clip.vertices).max() < 1e-4  # what smoothing and preferring nothing cost
    assert np.array_equal(again.faces, clip.topology.faces)
    document = Document(path)
    mesh = document.json["meshes"][0]
    assert tuple(mesh["extras"]["targetNames"]) == SHAPES
    assert all(len(each["targets"]) == len(mesh["weights"]) == len(SHAPES) for each in mesh["primitives"])
    (animation,) = document.json["animations"]
    stored = document.array(animation["samplers"][0]["output"], "SCALAR").reshape(9, len(SHAPES))
    assert np.abs(stored - weights).max() < 0.05
    assert "face.glb: blendshapes instead of vertices" in said(capsys)


def test_the_file_is_the_head_at_rest_and_frames_are_base_and_targets(tmp_path: Path) -> None:
    chunks = list(make_head_chunks([4, 3], fps=25))
    path = tmp_path / "face.glb"
    write(chunks, path)
    again = open_motion(path)
    assert again.fps == 25.0
    assert np.abs(again.vertices - motion(chunks)).max() < 2e-3  # the jaw's hinge is no straight line
    scene = trimesh.load(path)
    assert set(scene.geometry) == {"head"} | {f"head_{number}" for number in range(1, 9)}
    assert sum(len(mesh.vertices) for mesh in scene.geometry.values()) == 8494
    assert np.abs(scene.bounds - [chunks[0].template.min(0), chunks[0].template.max(0)]).max() < 1e-6


def test_any_mesh_moves_by_fitted_targets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chunks = list(make_chunks([5, 4], fps=24000 / 1001))
    path = tmp_path / "ball.glb"
    assert write(chunks, path) == 9
    again = open_motion(path)
    assert again.fps == pytest.approx(23.976, abs=1e-3)
    assert np.abs(again.vertices - motion(chunks)).max() < 1e-5
    assert np.abs(trimesh.load(path).bounds - [chunks[0].template.min(0), chunks[0].template.max(0)]).max() < 1e-6
    assert "ball.glb: 1 targets instead of vertices" in said(capsys)
    with pytest.raises(TalkError, match=r"no named blendshapes; --targets vertices"):
        write(chunks, tmp_path / "other.glb", ExportOptions(targets="shapes"))


def test_fitted_targets_keep_the_heads_motion_too(tmp_path: Path) -> None:
    chunks = list(make_head_chunks([6, 6]))
    path = tmp_path / "face.glb"
    write(chunks, path, VERTICES)
    assert np.abs(open_motion(path).vertices - motion(chunks)).max() < 5e-4
    document = Document(path)
    output = document.json["animations"][0]["samplers"][0]["output"]
    assert np.abs(document.array(output, "SCALAR")).max() == pytest.approx(1)


def fit(frames: np.ndarray[Any, Any], template: np.ndarray[Any, Any]) -> tuple[Targets, Distances]:
    collector = Collector(template)
    collector.add(frames)
    return fitted(collector)


def test_the_basis_grows_until_it_is_good_enough_and_no_further_than_64() -> None:
    random = np.random.default_rng(0)
    template = random.normal(size=(200, 3)).astype(np.float32) / 10
    few = (random.normal(size=(50, 3)) @ random.normal(size=(3, 600)) / 1000).reshape(50, 200, 3)
    targets, distances = fit((template + few).astype(np.float32), template)
    assert len(targets.names) == 3
    assert distances.p99 < 1e-3
    wild = (template + random.normal(size=(90, 200, 3)) / 100).astype(np.float32)
    targets, distances = fit(wild, template)
    assert targets.names[::63] == ("pca00", "pca63")
    assert distances.p99 > 1
    still, distances = fit(np.repeat(template[None], 3, 0), template)
    assert (len(still.names), distances.p99) == (1, 0)


def test_sound_lies_beside_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "face.glb"
    write(make_chunks([5, 4], fps=25), path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["face.glb", "face.wav"]
    assert Document(path).json["animations"][0]["extras"] == {"fps": 25.0, "sound": "face.wav"}
    with wave.open(str(tmp_path / "face.wav")) as sound:
        assert sound.getnframes() == round(9 / 25 * 16000)
    with pytest.raises(TalkError, match=r"face\.wav exists already"):
        write(make_chunks([5]), tmp_path / "face.GLB")


def test_the_sound_that_it_was_made_from_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "face.wav").write_text("mine")
    write(make_chunks([5]), tmp_path / "face.glb", ExportOptions(sound=tmp_path / "." / "face.wav", force=True))
    assert (tmp_path / "face.wav").read_text() == "mine"


def test_what_glb_demands_of_numbers_holds(tmp_path: Path) -> None:
    path = tmp_path / "face.glb"
    write(make_head_chunks([3]), path)
    content = Document(path).json
    assert "uri" not in content["buffers"][0]
    assert len(json.dumps(content)) < 200_000
    for accessor in content["accessors"]:
        if accessor["type"] == "VEC3" and "sparse" in accessor:
            assert accessor["sparse"]["count"] >= 1
            assert len(accessor["min"]) == len(accessor["max"]) == 3
    times = content["accessors"][content["animations"][0]["samplers"][0]["input"]]
    assert (times["count"], times["min"]) == (3, [0.0])
    assert times["max"][0] == pytest.approx(2 / 30, abs=1e-7)
    assert all(view["byteOffset"] % 4 == 0 for view in content["bufferViews"])


def test_parts_keep_the_vertices_order_or_are_one() -> None:
    topology = load_head().topology
    found = parts(topology)
    assert [part.name for part in found] == list(topology.part_names)
    assert [part.vertices.start for part in found[1:]] == [part.vertices.stop for part in found[:-1]]
    assert sum(len(part.faces) for part in found) == len(topology.faces)
    mixed = topology.part_ids[::-1].copy()
    assert len(parts(replace(topology, part_ids=mixed))) == 1


def test_normals_are_a_spheres_and_colours_linear() -> None:
    vertices, faces = ball()
    normals = vertex_normals(vertices, faces)
    assert np.abs(normals - vertices / 0.1).max() < 0.05
    lonely = vertex_normals(np.concatenate([vertices, [[1, 1, 1]]]).astype(np.float32), faces)
    assert lonely[-1].tolist() == [0, 0, 1]
    assert linear_colors(np.array([[0, 188, 255]], np.uint8))[0] == pytest.approx([0, 32957, 65535, 65535], abs=1)


def test_a_topology_without_triangles_is_told(tmp_path: Path) -> None:
    clip = next(make_chunks([2]))
    bare = replace(clip, topology=replace(clip.topology, faces=np.zeros((0, 3), np.int32)))
    with pytest.raises(TalkError, match="needs triangles"):
        write([bare], tmp_path / "ball.glb")
    assert not list(tmp_path.iterdir())


def test_shapes_are_the_heads_own() -> None:
    assert shapes().shape == (54, 8494, 3)
