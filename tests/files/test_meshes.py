"""Meshes come in with the file's own vertices, in its order and number, or are told in one sentence."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from talkcli.errors import TalkError
from talkcli.files.meshes import load_mesh, load_vertices, triangles

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [9, 9, 9], [1, 1, 0], [0, 1, 0], [0.5, 2, 0]])  # the third is in no face
FACES = [[0, 1, 3], [0, 3, 4]]
# one vertex with two texture coordinates, coordinates in another order, two materials, colours, a comment
SEAM = """# a head
mtllib head.mtl
o head
v 0 0 0 0.1 0.2 0.3
v 1 0 0 0.1 0.2 0.3 # the chin
v 9 9 9 0.1 0.2 0.3
v\t1 1 0 0.1 0.2 0.3
  v 0 1 0 0.1 0.2 0.3
v 5e-1 2 0 0.1 0.2 0.3
vt 0 0
vt 1 0
vt 1 1
vt 0 1
vt .5 .5
vn 0 0 1
usemtl skin
s off
f 1/5/1 2/2/1 4/3/1
usemtl hair
f 1/1/1 4/3/1 5/4/1
l 1 2
"""


def save_ply(path: Path, faces: Sequence[Sequence[int]], real: str = "double", index: str = "uint16") -> Path:
    """Little endian, lists counted in a byte, as meshio and trimesh write them."""
    header = f"ply\nformat binary_little_endian 1.0\ncomment Created by meshio\nelement vertex {len(CORNERS)}\n"
    header += "".join(f"property {real} {axis}\n" for axis in "xyz")
    header += f"element face {len(faces)}\nproperty list uint8 {index} vertex_indices\nend_header\n"
    kinds = {"uint16": "<u2", "int": "<i4", "double": "<f8", "float": "<f4"}
    body = [struct.pack("B", len(face)) + np.array(face, kinds[index]).tobytes() for face in faces]
    path.write_bytes(header.encode() + CORNERS.astype(kinds[real]).tobytes() + b"".join(body))
    return path


def plain_ply(faces: Sequence[Sequence[int]]) -> str:
    header = f"ply\nformat ascii 1.0\nelement vertex {len(CORNERS)}\n"
    header += "property float x\nproperty float y\nproperty float z\nproperty uchar red\n"
    header += f"element face {len(faces)}\nproperty list uchar int vertex_index\nend_header\n"
    rows = [f"{x:g} {y:g} {z:g} 255" for x, y, z in CORNERS]
    return header + "\n".join(rows + [" ".join(map(str, [len(face), *face])) for face in faces]) + "\n"


def save(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_an_obj_keeps_its_vertices_whatever_textures_materials_and_faces_do(tmp_path: Path) -> None:
    path = save(tmp_path / "head.obj", SEAM)
    mesh = load_mesh(path)
    assert np.array_equal(mesh.vertices, CORNERS)
    assert mesh.faces.tolist() == FACES
    assert (mesh.vertices.dtype, mesh.faces.dtype) == (np.float64, np.int32)
    assert np.array_equal(load_vertices(path), CORNERS)


def test_an_obj_with_windows_line_ends_and_joined_lines_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "head.obj"
    path.write_bytes(SEAM.replace("f 1/5/1 2/2/1", "f 1/5/1 \\\n2/2/1").replace("\n", "\r\n").encode())
    mesh = load_mesh(path)
    assert np.array_equal(mesh.vertices, CORNERS)
    assert mesh.faces.tolist() == FACES


def test_larger_faces_of_an_obj_become_fans_in_their_place(tmp_path: Path) -> None:
    vertices = "".join(f"v {x} {y} {z}\n" for x, y, z in CORNERS)
    mesh = load_mesh(save(tmp_path / "a.obj", vertices + "f 1 2 3\nf 1 2 4 5\nf 2//1 3//1 4//1 5//1 6//1\n"))
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 1, 3], [0, 3, 4], [1, 2, 3], [1, 3, 4], [1, 4, 5]]


def test_negative_indices_of_an_obj_count_back_from_where_they_stand(tmp_path: Path) -> None:
    text = "v 0 0 0\nv 1 0 0\nv 1 1 0\nf -3 -2 -1\nv 0 1 0\nf -4/-1 -2/-1 -1/-1\n"
    assert load_mesh(save(tmp_path / "a.obj", text)).faces.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_an_obj_of_points_has_no_faces_and_gives_no_triangles(tmp_path: Path) -> None:
    path = save(tmp_path / "a.obj", "v 0 0 0\nv 1 0 0\n")
    assert load_mesh(path).faces.shape == (0, 3)
    with pytest.raises(TalkError, match=r"a\.obj' has vertices and no faces"):
        triangles(path, 2)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        ("# nothing\n", "has no vertices"),
        ("solid what\n", "has no vertices"),
        ("v 0 0\n", "cannot be read as a mesh"),
        ("v 0 0 x\n", "cannot be read as a mesh"),
        ("v 0 0 nan\n", r"no numbers \(NaN or Inf\)"),
        ("v 0 0 1e999\n", r"no numbers \(NaN or Inf\)"),
        ("v 0 0 0\nf 1 1 2\n", "faces that reach beyond its 1 vertices"),
        ("v 0 0 0\nf 1 1 99999999999999999999\n", "cannot be read as a mesh"),
        ("v 0 0 0\nf 0 1 1\n", "vertices count from 1"),
        ("v 0 0 0\nf 1 1 -2\n", "vertices count from 1"),
        ("v 0 0 0\nf 1 1\n", "a face has 2 corners"),
        ("v 0 0 0\nf\n", "cannot be read as a mesh"),
        ("v 0 0 0\nf a b c\n", "cannot be read as a mesh"),
    ],
)
def test_a_broken_obj_is_told_with_its_name(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(TalkError, match=rf"a\.obj' .*{what}"):
        load_mesh(save(tmp_path / "a.obj", text))


@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("index", ["uint16", "int"])
def test_a_binary_ply_is_read_in_the_forms_of_the_public_heads(tmp_path: Path, real: str, index: str) -> None:
    mesh = load_mesh(save_ply(tmp_path / "head.ply", FACES, real, index))
    assert np.array_equal(mesh.vertices, CORNERS)
    assert mesh.faces.tolist() == FACES
    assert (mesh.vertices.dtype, mesh.faces.dtype) == (np.float64, np.int32)


def test_a_ply_in_plain_text_is_read(tmp_path: Path) -> None:
    mesh = load_mesh(save(tmp_path / "head.ply", plain_ply(FACES)))
    assert np.array_equal(mesh.vertices, CORNERS)
    assert mesh.faces.tolist() == FACES


def test_a_ply_with_seams_in_its_texture_keeps_its_vertices(tmp_path: Path) -> None:
    text = plain_ply(FACES).replace("vertex_index\n", "vertex_index\nproperty list uchar float texcoord\n")
    text = text.replace("3 0 1 3\n", "3 0 1 3 6 .5 .5 1 0 1 1\n").replace("3 0 3 4\n", "3 0 3 4 6 0 0 1 1 0 1\n")
    mesh = load_mesh(save(tmp_path / "head.ply", text))
    assert np.array_equal(mesh.vertices, CORNERS)
    assert mesh.faces.tolist() == FACES


def test_larger_faces_of_a_ply_become_fans(tmp_path: Path) -> None:
    fans = [[0, 1, 3], [0, 3, 5], [0, 5, 4]]
    assert load_mesh(save_ply(tmp_path / "a.ply", [[0, 1, 3, 5, 4]])).faces.tolist() == fans
    assert load_mesh(save(tmp_path / "b.ply", plain_ply([[0, 1, 3, 5, 4]]))).faces.tolist() == fans
    assert len(load_mesh(save(tmp_path / "c.ply", plain_ply([[0, 1, 2], [0, 1, 3, 5, 4]]))).faces) == 4


def test_a_binary_ply_of_mixed_faces_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"a\.ply' cannot be read as a mesh .*triangulate it .*or save \.obj"):
        load_mesh(save_ply(tmp_path / "a.ply", [[0, 1, 2], [0, 1, 3, 4]]))


def test_a_header_that_promises_more_than_the_file_holds_takes_no_memory(tmp_path: Path) -> None:
    path = save_ply(tmp_path / "a.ply", FACES)
    path.write_bytes(path.read_bytes().replace(b"vertex 6", b"vertex 2000000000"))
    with pytest.raises(TalkError, match=r"a\.ply' is cut off: it promises 2000000000 of 'vertex'"):
        load_mesh(path)
    text = plain_ply(FACES).replace("vertex 6", "vertex 2000000000")
    with pytest.raises(TalkError, match="is cut off"):
        load_mesh(save(path, text))


def test_a_ply_that_is_cut_off_anywhere_is_never_read_in_part(tmp_path: Path) -> None:
    for whole in (save_ply(tmp_path / "a.ply", FACES).read_bytes(), plain_ply(FACES).strip().encode()):
        for length in range(0, len(whole) - 1, 5):
            (tmp_path / "b.ply").write_bytes(whole[:length])
            with pytest.raises(TalkError, match=r"b\.ply'"):
                load_mesh(tmp_path / "b.ply")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("0.5 2 0", "0.5 nan 0"),
        ("0.5 2 0", "0.5 x 0"),
        ("3 0 3 4", "3 0 3 6"),
        ("3 0 3 4", "3 0 3 -1"),
        ("3 0 3 4", "2 0 3"),
        ("vertex 6", "vertex -6"),
        ("vertex 6", "vertex six"),
        ("vertex 6", "vertex 0"),
        ("face 2", "face 3"),
        ("element vertex 6", ""),
        ("float x", "what x"),
        ("float x", "float w"),
        ("format ascii", "format binary_little_endian"),
        ("end_header", ""),
        ("ply", "glb"),
    ],
)
def test_a_broken_ply_is_told_with_its_name(tmp_path: Path, before: str, after: str) -> None:
    text = plain_ply(FACES)
    assert before in text
    with pytest.raises(TalkError, match=r"a\.ply'") as told:
        load_mesh(save(tmp_path / "a.ply", text.replace(before, after, 1)))
    assert "\n" not in str(told.value)


def test_other_formats_and_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"a\.stl' is no mesh that can be read: give one of \.ply, \.obj, \.glb"):
        load_mesh(tmp_path / "a.stl")
    for suffix in ("ply", "obj", "glb"):
        with pytest.raises(TalkError, match=rf"a\.{suffix}' does not exist"):
            load_mesh(tmp_path / f"a.{suffix}")
    with pytest.raises(TalkError, match="does not exist"):
        load_vertices(tmp_path / "a.obj")


def test_triangles_of_another_topology_are_refused(tmp_path: Path) -> None:
    path = save_ply(tmp_path / "head.ply", FACES)
    assert triangles(path, len(CORNERS)).tolist() == FACES
    with pytest.raises(TalkError, match=r"head\.ply' has 6 vertices and the data 5023: give the mesh of this topology"):
        triangles(path, 5023)
