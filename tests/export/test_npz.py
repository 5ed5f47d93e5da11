"""The motion comes back from an npz file as it went in, whatever the chunks."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from talkcli.errors import TalkError
from talkcli.export import ExportOptions, npz, write
from tests.export.make_clips import make_chunks


@pytest.mark.parametrize("total", [12, None, 5, 1000])
def test_motion_comes_back_whether_the_length_was_known_or_not(tmp_path: Path, total: int | None) -> None:
    path = tmp_path / "face.npz"
    assert write(make_chunks([5, 0, 7], fps=25), path, total=total) == 12
    wanted = np.concatenate([chunk.vertices for chunk in make_chunks([5, 7], fps=25)])
    clip = npz.read(path)
    assert (clip.vertices == wanted).all()
    assert (clip.fps, clip.model) == (25.0, "breath")
    assert clip.topology.landmarks == {"lip_inner_upper": 3, "lip_inner_lower": 7}
    assert clip.topology.regions["lips"].tolist() == [3, 7]
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


def test_the_keys_and_types_are_as_promised(tmp_path: Path) -> None:
    path = tmp_path / "face.npz"
    write(make_chunks([4]), path, total=4)
    with np.load(path, allow_pickle=False) as data:
        kinds = {name: (data[name].dtype.kind, data[name].shape) for name in data.files}
    vertices = next(make_chunks([4])).topology.vertices
    faces = len(next(make_chunks([4])).topology.faces)
    assert kinds == {
        "vertices": ("f", (4, vertices, 3)),
        "template": ("f", (vertices, 3)),
        "faces": ("i", (faces, 3)),
        "fps": ("f", ()),
        "landmark_names": ("U", (2,)),
        "landmark_indices": ("i", (2,)),
        "model": ("U", ()),
        "region_lips": ("i", (2,)),
    }


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"hello"])
def test_a_file_that_is_something_else_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "face.npz"
    path.write_bytes(content)
    with pytest.raises(TalkError, match=r"face\.npz is not a motion file"):
        npz.read(path)


def test_damage_pickles_and_foreign_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "face.npz"
    write(make_chunks([4]), path)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 255
    path.write_bytes(data)
    with pytest.raises(TalkError, match="damaged"):
        npz.read(path)
    np.savez(path, vertices=np.zeros((2, 3, 3), np.float32))
    with pytest.raises(TalkError, match="template"):
        npz.read(path)
    np.savez(path, vertices=np.array([{}], dtype=object))
    with pytest.raises(TalkError, match="not a motion file"):
        npz.read(path)


def test_missing_files_and_directories_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match="no file"):
        npz.read(tmp_path / "none.npz")
    with pytest.raises(TalkError, match="cannot be read"):
        npz.read(tmp_path)


def test_options_of_pictures_do_not_matter(tmp_path: Path) -> None:
    write(make_chunks([2]), tmp_path / "face.NPZ", ExportOptions(size=(3, 5)))
    assert npz.read(tmp_path / "face.NPZ").frames == 2
