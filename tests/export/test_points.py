"""Vertices come back from .npy, point caches and .obj files as they went in."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh

from talkcli.errors import TalkError
from talkcli.export import ExportOptions, write
from talkcli.files.motion import open_motion
from tests.export.make_clips import make_chunks, make_head_chunks

WANTED = np.concatenate([chunk.vertices for chunk in make_chunks([3, 4])])


@pytest.mark.parametrize("flat", [False, True])
def test_an_npy_holds_the_frames_whole_or_flat(tmp_path: Path, flat: bool, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "face.npy"
    assert write(make_chunks([3, 4]), path, ExportOptions(flat=flat)) == 7
    found = np.load(path)
    assert found.dtype == np.float32
    assert np.array_equal(found, WANTED.reshape(7, -1) if flat else WANTED)
    assert "30 frames a second, which the file does not tell" in " ".join(capsys.readouterr().err.split())


def test_a_point_cache_is_as_its_format_says_and_its_mesh_and_sound_lie_beside(tmp_path: Path) -> None:
    path = tmp_path / "face.pc2"
    assert write(make_chunks([3, 4]), path) == 7
    data = path.read_bytes()
    count = WANTED.shape[1]
    assert struct.unpack_from("<12siiffi", data) == (b"POINTCACHE2\0", 1, count, 0.0, 1.0, 7)
    assert np.array_equal(np.frombuffer(data, "<f4", offset=32).reshape(7, count, 3), WANTED)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["face.obj", "face.pc2", "face.wav"]
    clip = next(make_chunks([1]))
    mesh = trimesh.load(tmp_path / "face.obj", process=False)
    assert np.abs(mesh.vertices - clip.template).max() < 1e-6
    assert np.array_equal(mesh.faces, clip.topology.faces)


def test_an_obj_a_frame_is_a_mesh_each(tmp_path: Path) -> None:
    folder = tmp_path / "face"
    chunks = list(make_head_chunks([2, 1]))
    assert write(chunks, folder / "head_%03d.obj") == 3
    assert sorted(path.name for path in folder.iterdir()) == ["head_000.obj", "head_001.obj", "head_002.obj"]
    again = open_motion(folder)
    assert np.abs(again.vertices - np.concatenate([chunk.vertices for chunk in chunks])).max() < 1e-6
    mesh = trimesh.load(folder / "head_002.obj", process=False)
    assert np.array_equal(mesh.faces, chunks[0].topology.faces)
    assert np.abs(mesh.vertices - chunks[1].vertices[0]).max() < 1e-6


def test_what_lies_beside_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "face.obj").write_text("mine")
    with pytest.raises(TalkError, match=r"face\.obj exists already"):
        write(make_chunks([1]), tmp_path / "face.pc2")
    write(make_chunks([1]), tmp_path / "face.pc2", ExportOptions(force=True))
    assert (tmp_path / "face.obj").read_text().startswith("v ")


def test_outputs_share_what_lies_beside(tmp_path: Path) -> None:
    write(make_chunks([2, 2]), [tmp_path / "face.pc2", tmp_path / "face.glb"])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["face.glb", "face.obj", "face.pc2", "face.wav"]
