"""Morph targets in .glb files move as the specification says, and no claim of a broken file is believed."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talkcli.errors import TalkError
from talkcli.files.gltf import read_glb
from talkcli.files.meshes import load_mesh
from tests.files.make_glb import BASE, FACES, OPEN, SQUARE, WIDE, Glb, make_head

WEIGHTS = np.array([[0, 0], [1, 0.25], [0.5, 1]], np.float32)  # at 0, 0.1 and 0.2 s
TIMES = [0, 0.1, 0.2]
TURN = [0, 0, np.sin(np.pi / 4), np.cos(np.pi / 4)]  # a quarter round z


def moved(open_: float, wide: float) -> np.ndarray:
    return BASE + open_ * OPEN + wide * WIDE


def moving_head(*, sparse: bool = True) -> Glb:
    glb = make_head(sparse=sparse)
    glb.channel(TIMES, WEIGHTS, "weights")
    return glb


@pytest.mark.parametrize("sparse", [True, False])
def test_parts_come_as_one_mesh_that_moves_by_its_weights(tmp_path: Path, sparse: bool) -> None:
    motion = read_glb(moving_head(sparse=sparse).save(tmp_path / "a.glb"))
    assert np.array_equal(motion.rest, BASE)
    assert motion.faces.tolist() == FACES
    assert motion.duration == pytest.approx(0.2)
    assert motion.fps == 10
    vertices = motion.vertices_at([0, 0.05, 0.1, 0.2])
    assert vertices.dtype == np.float32
    expected = [moved(0, 0), moved(0.5, 0.125), moved(1, 0.25), moved(0.5, 1)]
    assert np.abs(vertices - expected).max() < 1e-6


def test_before_the_first_key_and_after_the_last_nothing_moves(tmp_path: Path) -> None:
    glb = make_head()
    glb.channel([1, 2], [[1, 0], [0, 1]], "weights")
    motion = read_glb(glb.save(tmp_path / "a.glb"))
    assert np.abs(motion.vertices_at([0, 1, 2, 9]) - [moved(1, 0), moved(1, 0), moved(0, 1), moved(0, 1)]).max() < 1e-6


def test_steps_hold_until_the_next_key_though_keys_are_float32(tmp_path: Path) -> None:
    keys = np.arange(60) / 30  # as float32 some lie after the frame that they stand for
    ramp = np.stack([np.arange(60), np.zeros(60)], 1)
    glb = make_head()
    glb.channel(keys, ramp, "weights", "STEP")
    motion = read_glb(glb.save(tmp_path / "a.glb"))
    assert motion.fps == 30
    assert np.array_equal(motion.vertices_at(keys)[:, 1, 1], -np.arange(60))
    assert motion.vertices_at([0.9 / 30])[0, 1, 1] == 0


def test_cubic_keys_follow_hermites_formula(tmp_path: Path) -> None:
    keys = np.array([[[0, 0], [0, 0], [3, 0]], [[-2, 0], [1, 0], [0, 0]]])  # tangent in, value, tangent out
    glb = make_head()
    glb.channel([1, 1.5], keys, "weights", "CUBICSPLINE")
    motion = read_glb(glb.save(tmp_path / "a.glb"))
    for time in (1.0, 1.1, 1.25, 1.5):
        s, d = (time - 1) / 0.5, 0.5
        value = (s**3 - 2 * s**2 + s) * d * 3 + (3 * s**2 - 2 * s**3) * 1 + (s**3 - s**2) * d * -2
        assert motion.vertices_at([time])[0, 1, 1] == pytest.approx(-value, abs=1e-6)


def test_normalized_weights_are_parts_of_one(tmp_path: Path) -> None:
    glb = moving_head()
    stored = glb.accessor(np.array([0, 0, 255, 51, 0, 255], "<u1"), normalized=True)
    glb.content["animations"][0]["samplers"][0]["output"] = stored
    vertices = read_glb(glb.save(tmp_path / "a.glb")).vertices_at(TIMES)
    assert np.abs(vertices - [moved(0, 0), moved(1, 0.2), moved(0, 1)]).max() < 1e-6


def test_without_animation_the_default_weights_hold_and_the_nodes_come_before_the_meshs(tmp_path: Path) -> None:
    glb = make_head()
    glb.content["meshes"][0]["weights"] = [1, 0]
    motion = read_glb(glb.save(tmp_path / "a.glb"))
    assert np.array_equal(motion.rest, moved(1, 0))
    assert (motion.duration, motion.fps) == (0, None)
    assert np.array_equal(motion.vertices_at([0, 5]), [moved(1, 0)] * 2)
    glb.content["nodes"][0]["weights"] = [0, 0.5]
    assert np.array_equal(read_glb(glb.save(tmp_path / "a.glb")).rest, moved(0, 0.5))


def test_nodes_put_the_mesh_where_it_stands(tmp_path: Path) -> None:
    glb = moving_head()
    matrix = [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 10, 20, 30, 1]  # column by column: twice as large, and moved
    glb.content["nodes"] = [
        {"mesh": 0, "translation": [1, 0, 0], "rotation": TURN, "scale": [1, 2, 3]},
        {"matrix": matrix, "children": [0]},
    ]
    glb.content["scenes"][0]["nodes"] = [1]
    motion = read_glb(glb.save(tmp_path / "a.glb"))
    x, y, z = (BASE * [1, 2, 3]).T
    expected = 2 * np.stack([1 - y, x, z], 1) + [10, 20, 30]
    assert np.abs(motion.rest - expected).max() < 1e-5
    assert np.abs(motion.vertices_at([0])[0] - expected).max() < 1e-5
    shift = motion.vertices_at([0.1])[0, 1] - motion.vertices_at([0])[0, 1]
    assert np.abs(shift - [4, 0, 0]).max() < 1e-5  # down by 1, doubled twice, turned to +x


def test_a_node_that_moves_or_turns_takes_its_mesh_along(tmp_path: Path) -> None:
    glb = make_head()
    glb.content["nodes"] = [{"mesh": 0}, {"children": [0]}]
    glb.content["scenes"][0]["nodes"] = [1]
    glb.channel([0, 1], [[0, 0, 0], [10, 0, 0]], "translation", node=0)
    glb.channel([0, 1], [[0, 0, 0, 1], TURN], "rotation", node=1)
    motion = read_glb(glb.save(tmp_path / "a.glb"))
    assert np.array_equal(motion.rest, BASE)
    angle = np.pi / 4  # half of a quarter: turns go at an even pace
    x, y, z = (BASE + np.array([5, 0, 0])).T
    half = np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle), z], 1)
    assert np.abs(motion.vertices_at([0.5])[0] - half).max() < 1e-5
    x, y, z = (BASE + np.array([10, 0, 0])).T
    assert np.abs(motion.vertices_at([1])[0] - np.stack([-y, x, z], 1)).max() < 1e-5


def test_several_meshes_come_in_the_scenes_order_and_other_nodes_do_not_matter(tmp_path: Path) -> None:
    glb = moving_head()
    eye = glb.primitive([[7, 7, 7], [8, 7, 7], [7, 8, 7]], [[0, 1, 2]], [])
    glb.content["meshes"].append({"primitives": [eye]})
    glb.content["nodes"] = [{"mesh": 0}, {"mesh": 1}, {"children": [1]}, {"camera": 0}]
    glb.content["scenes"][0]["nodes"] = [2, 3, 0]
    glb.channel(TIMES, [[0, 0, 0]] * 3, "translation", node=3)
    motion = read_glb(glb.save(tmp_path / "a.glb"))
    assert motion.rest[:3].tolist() == [[7, 7, 7], [8, 7, 7], [7, 8, 7]]
    assert np.array_equal(motion.rest[3:], BASE)
    assert motion.faces.tolist() == [[0, 1, 2], *(np.array(FACES) + 3).tolist()]
    assert np.abs(motion.vertices_at([0.1])[0, 3:] - moved(1, 0.25)).max() < 1e-6


def test_vertices_that_parts_share_come_once(tmp_path: Path) -> None:
    glb = Glb()
    skin = glb.primitive(SQUARE, [[0, 1, 2]], [OPEN[:4]])
    hair = skin | {"indices": glb.accessor(np.array([0, 2, 3], "<u2"))}
    glb.content |= {"meshes": [{"primitives": [skin, hair]}], "nodes": [{"mesh": 0}], "scenes": [{"nodes": [0]}]}
    motion = read_glb(glb.save(tmp_path / "a.glb"))
    assert np.array_equal(motion.rest, SQUARE)
    assert motion.faces.tolist() == FACES[:2]


def make_skinned(**more: Any) -> Glb:
    """A square on two joints, of which the upper one, one above the lower, turns a quarter round z in a second; its
    right half hangs on the upper one, and the left half on both alike."""
    glb = Glb()
    base = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    primitive = glb.primitive(base, [[0, 1, 2], [0, 2, 3]], [OPEN[:4]])
    shares = np.array([[0.5, 0.5], [0, 1], [0, 1], [0.5, 0.5]], "<f4")
    primitive["attributes"] |= {
        "JOINTS_0": glb.accessor(np.array([[0, 1, 0, 0]] * 4, "|u1")),
        "WEIGHTS_0": glb.accessor(np.c_[shares, np.zeros((4, 2), "<f4")].astype("<f4")),
    }
    inverse = np.tile(np.eye(4, dtype="<f4"), (2, 1, 1))
    inverse[1, 3, 1] = -1  # columns
    nodes = [
        {"mesh": 0, "skin": 0, "translation": [9, 9, 9]},
        {"children": [2]},
        {"translation": [0, 1, 0]},
    ]
    binds = glb.accessor(np.ascontiguousarray(inverse.reshape(2, 16)))
    skins = [{"joints": [1, 2], "inverseBindMatrices": binds}]
    glb.content |= {"meshes": [{"primitives": [primitive]}], "nodes": nodes, "scenes": [{"nodes": [0, 1]}]}
    glb.content |= {"skins": skins} | more
    glb.channel([0, 1], [[0, 0, 0, 1], TURN], "rotation", node=2)
    return glb


def test_a_skin_moves_vertices_by_its_joints_wherever_the_mesh_lies(tmp_path: Path) -> None:
    motion = read_glb(make_skinned().save(tmp_path / "a.glb"))
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    assert np.allclose(motion.rest, square)
    turned = np.array([[1, 1, 0], [1, 2, 0], [0, 2, 0], [0, 1, 0]])  # a quarter about (0, 1)
    turned[0], halves = (1, 1, 0), np.array([0.5, 1, 1, 0.5])[:, None]
    assert np.allclose(motion.vertices_at([1])[0], square + halves * (turned - square), atol=1e-6)
    assert motion.fps is None


def test_a_skin_whose_joints_are_not_there_is_told(tmp_path: Path) -> None:
    for joints, what in (([1], "vertices name others"), ([1, 7], "no 7 in its nodes")):
        glb = make_skinned()
        glb.content["skins"][0]["joints"] = joints
        del glb.content["skins"][0]["inverseBindMatrices"]
        with pytest.raises(TalkError, match=what):
            read_glb(glb.save(tmp_path / "a.glb"))
    glb = make_skinned()
    del glb.content["meshes"][0]["primitives"][0]["attributes"]["WEIGHTS_0"]
    with pytest.raises(TalkError, match="it lacks 'WEIGHTS_0'"):
        read_glb(glb.save(tmp_path / "a.glb"))


def test_rows_that_lie_interleaved_and_a_mesh_without_indices_are_read(tmp_path: Path) -> None:
    glb = Glb()
    rows = np.concatenate([SQUARE[:3], np.full((3, 3), 9, np.float32)], 1)  # position, normal
    view = glb.view(rows.tobytes(), byteStride=24)
    glb.content["accessors"] = [{"bufferView": view, "componentType": 5126, "count": 3, "type": "VEC3"}]
    glb.content |= {"meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}], "nodes": [{"mesh": 0}]}
    mesh = load_mesh(glb.save(tmp_path / "a.glb"))
    assert np.array_equal(mesh.vertices, SQUARE[:3])
    assert mesh.faces.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("times", "fps"),
    [
        (np.arange(3000) / 30, 30),
        (np.arange(300) / 29.97, 29.97),
        (1 / 24 + np.arange(300) / 24, 24),
        (np.array([0, 1, 2, 5, 6, 20, 21]) / 25, 25),  # keys that change nothing left out
        (np.array([0, 3]), None),
        (np.array([0, 1, 2, 3]), None),
        (np.array([0, 0.1, 0.25, 0.31]), None),
    ],
)
def test_the_frame_rate_is_what_even_keys_tell(tmp_path: Path, times: np.ndarray, fps: float | None) -> None:
    glb = make_head()
    glb.channel(times, np.zeros((len(times), 2)), "weights")
    assert read_glb(glb.save(tmp_path / "a.glb")).fps == fps


def change(*keys: Any, to: Any) -> Callable[[Glb], None]:
    def apply(glb: Glb) -> None:
        place: Any = glb.content
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to

    return apply


@pytest.mark.parametrize(
    ("breaks", "what"),
    [
        (change("skins", to=[]), None),
        (change("nodes", 0, "skin", to=0), "no 0 in its skins"),
        (change("extensionsRequired", to=["KHR_draco_mesh_compression"]), "export it without compression"),
        (
            change("buffers", to=[{"uri": "head.bin", "byteLength": 9}]),
            r"keeps its data outside itself \('head\.bin'\)",
        ),
        (change("buffers", to=3), "cannot be read as"),
        (change("accessors", 0, "count", to=2_000_000_000), "reaches beyond its view"),
        (change("accessors", 0, "count", to=-1), "where a whole number belongs"),
        (change("accessors", 0, "count", to=1e9), "where a whole number belongs"),
        (change("accessors", 0, "byteOffset", to=4), "reaches beyond its view"),
        (change("accessors", 0, "componentType", to=1), "it lacks 1"),
        (change("accessors", 0, "type", to="VEC2"), "not any number of VEC3"),
        (change("accessors", 2, "count", to=2_000_000_000), "not 4 VEC3"),
        (change("accessors", 2, "sparse", "count", to=1000), "reaches beyond its view"),
        (change("accessors", 2, "sparse", "indices", "componentType", to=5122), "beyond its 4 rows"),
        (change("accessors", 2, "sparse", "indices", "byteOffset", to=4), "reaches beyond its view"),
        (change("accessors", 0, "bufferView", to=99), "no 99 in its bufferViews"),
        (change("accessors", 0, "bufferView", to=-1), "where a whole number belongs"),
        (change("bufferViews", 0, "byteLength", to=1 << 40), "beyond its .* bytes of data"),
        (change("bufferViews", 0, "byteStride", to=0), "beyond its view"),
        (change("bufferViews", 0, "buffer", to=1), "beyond its .* bytes of data"),
        (change("bufferViews", 0, to=None), "no 0 in its bufferViews"),
        (change("meshes", 0, "primitives", 0, "mode", to=1), "other things than triangles"),
        (change("meshes", 0, "primitives", 1, "targets", to=[]), "different numbers of targets"),
        (change("meshes", 0, "primitives", to=[]), "cannot be read as"),
        (change("meshes", 0, "weights", to=[0]), "1 weights for 2 targets"),
        (change("meshes", to=[]), "no 0 in its meshes"),
        (change("nodes", 0, "children", to=[0]), "twice"),
        (change("nodes", 0, "matrix", to=[1, 2]), "cannot be read as"),
        (change("nodes", 0, "rotation", to=[0, 0, 0, 0]), "cannot be read as"),
        (change("nodes", to=[]), "cannot be read as"),
        (change("scenes", to=[{}]), "it has no mesh"),
        (change("animations", 0, "samplers", 0, "interpolation", to="SMOOTH"), "unknown interpolation 'SMOOTH'"),
        (change("animations", 0, "samplers", 0, "interpolation", to="CUBICSPLINE"), "cannot be read as"),
        (change("animations", 0, "samplers", 0, "input", to=0), "not any number of SCALAR"),
        (change("animations", 0, "channels", 0, "target", "path", to="pointer"), "it lacks 'pointer'"),
        (change("animations", 0, to={}), "it lacks 'channels'"),
    ],
)
def test_a_broken_file_is_told_in_one_sentence(tmp_path: Path, breaks: Callable[[Glb], None], what: str | None) -> None:
    glb = moving_head()
    breaks(glb)
    path = glb.save(tmp_path / "a.glb")
    if what is None:
        assert len(read_glb(path).rest) == len(BASE)
        return
    with pytest.raises(TalkError, match=rf"a\.glb' .*{what}") as told:
        read_glb(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("times", [[0, 0, 0.1], [0.1, 0, 0.2], [0, np.nan, 0.2]])
def test_key_times_that_do_not_rise_are_told(tmp_path: Path, times: list[float]) -> None:
    glb = make_head()
    glb.channel(times, WEIGHTS, "weights")
    with pytest.raises(TalkError, match="key times that do not rise"):
        read_glb(glb.save(tmp_path / "a.glb"))


def test_indices_beyond_the_vertices_are_told(tmp_path: Path) -> None:
    glb = Glb()
    part = glb.primitive(SQUARE, [[0, 1, 4]], [])
    glb.content |= {"meshes": [{"primitives": [part]}], "nodes": [{"mesh": 0}]}
    with pytest.raises(TalkError, match="faces that reach beyond 4 vertices"):
        read_glb(glb.save(tmp_path / "a.glb"))


def test_many_targets_of_the_same_bytes_take_no_memory(tmp_path: Path) -> None:
    glb = Glb()
    large = glb.accessor(np.zeros((30000, 3), "<f4"))
    part = {"attributes": {"POSITION": large}, "targets": [{"POSITION": large}] * 20000}
    glb.content |= {"meshes": [{"primitives": [part]}], "nodes": [{"mesh": 0}]}
    with pytest.raises(TalkError, match="numbers in its arrays, too many for 360000 bytes"):
        read_glb(glb.save(tmp_path / "a.glb"))


def test_many_nodes_of_one_mesh_and_a_deep_scene_take_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkcli.files.glb._MOST", 1 << 20)
    glb = Glb()
    part = {"attributes": {"POSITION": glb.accessor(np.zeros((30000, 3), "<f4"))}}
    glb.content |= {"meshes": [{"primitives": [part] * 100}], "nodes": [{"mesh": 0}] * 10000}
    with pytest.raises(TalkError, match="numbers in its arrays, too many"):
        read_glb(glb.save(tmp_path / "a.glb"))
    glb.content["nodes"] = [{"mesh": 0, "children": [number + 1]} for number in range(10000)] + [{}]
    with pytest.raises(TalkError, match="node 100 has 101 nodes above it"):
        read_glb(glb.save(tmp_path / "a.glb"))


def test_two_animations_of_one_mesh_ask_for_one(tmp_path: Path) -> None:
    glb = moving_head()
    glb.content["animations"].append(glb.content["animations"][0] | {"name": "smile"})
    path = glb.save(tmp_path / "a.glb")
    with pytest.raises(TalkError, match=r"several animations of its mesh \(0, smile\): keep one of them"):
        read_glb(path)
    assert np.array_equal(load_mesh(path).vertices, BASE)  # which needs none


def test_a_file_that_is_cut_off_anywhere_is_told(tmp_path: Path) -> None:
    whole = moving_head().bytes()
    for length in [*range(0, 40), *range(40, len(whole), 97)]:
        (tmp_path / "a.glb").write_bytes(whole[:length])
        with pytest.raises(TalkError, match=r"a\.glb'"):
            read_glb(tmp_path / "a.glb")


@pytest.mark.parametrize("text", [b"{", b"[]", b"3", b"\xff\xff\xff\xff", b'{"nodes": 3}', b"[" * 200000])
def test_garbage_where_the_json_belongs_is_told(tmp_path: Path, text: bytes) -> None:
    chunk = struct.pack("<I4s", len(text), b"JSON") + text
    (tmp_path / "a.glb").write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunk)) + chunk)
    with pytest.raises(TalkError, match=r"a\.glb' cannot be read as \.glb"):
        read_glb(tmp_path / "a.glb")


def test_a_gltf_of_version_one_and_a_missing_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.glb").write_bytes(struct.pack("<4sII", b"glTF", 1, 20) + json.dumps({}).encode().ljust(8))
    with pytest.raises(TalkError, match="version 1"):
        read_glb(tmp_path / "a.glb")
    with pytest.raises(TalkError, match="does not exist"):
        read_glb(tmp_path / "b.glb")
