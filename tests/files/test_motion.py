"""Motion of every format comes in by one door as (T, V, 3), or is told with its shape and its file."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talkcli.errors import TalkError
from talkcli.files.motion import FOLDER, READERS, open_motion
from tests.files.make_glb import BASE, FACES, OPEN, Glb, make_head

MOTION = np.random.default_rng(0).random((4, 5, 3)).astype(np.float32)


def save_npy(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


def save_npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def save_pc2(path: Path, motion: np.ndarray, frames: int | None = None, vertices: int | None = None) -> Path:
    counts = (len(motion) if frames is None else frames, motion.shape[1] if vertices is None else vertices)
    header = struct.pack("<12siiffi", b"POINTCACHE2\0", 1, counts[1], 0.0, 1.0, counts[0])
    path.write_bytes(header + motion.astype("<f4").tobytes())
    return path


def save_folder(path: Path, motion: np.ndarray, name: str = "{:06d}.obj") -> Path:
    path.mkdir(exist_ok=True)
    for number, frame in enumerate(motion):
        rows = "".join("v {:.9g} {:.9g} {:.9g}\n".format(*row) for row in frame)
        (path / name.format(number)).write_text(rows + "f 1 2 3\n", encoding="utf-8")
    return path


def talking_head(times: np.ndarray) -> Glb:
    glb = make_head()
    glb.channel(times, [[time, 0] for time in times], "weights")
    return glb


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4"])
@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("vertices", [5, None])
def test_an_npy_is_mapped_whether_flat_or_not(tmp_path: Path, dtype: Any, flat: bool, vertices: int | None) -> None:
    path = save_npy(tmp_path / "a.npy", (MOTION.reshape(4, 15) if flat else MOTION).astype(dtype))
    motion = open_motion(path, vertices)
    assert np.array_equal(motion.vertices, MOTION)
    assert isinstance(motion.vertices, np.memmap)
    assert not motion.vertices.flags.writeable
    assert (motion.fps, motion.faces) == (None, None)


@pytest.mark.parametrize(
    ("array", "vertices", "what"),
    [
        (
            np.zeros((120, 15066), np.float32),
            5023,
            r"holds \(120, 15066\) and the template has 5023 vertices: is it of",
        ),
        (np.zeros((4, 5, 3), np.float32), 6, r"holds \(4, 5, 3\) and the template has 6 vertices: is it of"),
        (np.zeros((4, 14), np.float32), None, r"holds \(4, 14\), where motion is \(T, V, 3\), or \(T, 3V\) flat"),
        (np.zeros((5023, 3), np.float32), None, r"holds \(5023, 3\), where motion is"),
        (np.zeros((4, 3, 5), np.float32), None, r"holds \(4, 3, 5\), where motion is"),
        (np.zeros((1, 4, 5, 3), np.float32), None, r"holds \(1, 4, 5, 3\), where motion is"),
        (np.zeros((4, 5, 3), np.int32), None, "holds int32, where vertices are float32 or float64"),
        (np.zeros((4, 5, 3), np.float16), None, "holds float16, where vertices are float32 or float64"),
        (np.zeros((0, 5, 3), np.float32), None, r"holds .*: there is no frame in it"),
        (np.zeros((4, 0, 3), np.float32), None, r"holds .*: there is no frame in it"),
    ],
)
def test_an_npy_of_other_things_is_told_with_its_shape(
    tmp_path: Path, array: np.ndarray, vertices: int | None, what: str
) -> None:
    with pytest.raises(TalkError, match=rf"a\.npy' {what}"):
        open_motion(save_npy(tmp_path / "a.npy", array), vertices)


def test_an_npz_gives_its_rate_and_faces_too(tmp_path: Path) -> None:
    path = save_npz(tmp_path / "a.npz", vertices=MOTION, faces=[[0, 1, 2]], fps=25.0, names=np.array(["a"]))
    motion = open_motion(path, 5)
    assert np.array_equal(motion.vertices, MOTION)
    assert motion.fps == 25
    assert motion.faces is not None
    assert (motion.faces.tolist(), motion.faces.dtype) == ([[0, 1, 2]], np.int32)


@pytest.mark.parametrize("motion", [MOTION, MOTION.reshape(4, 15)])
def test_the_only_motion_in_an_npz_needs_no_name(tmp_path: Path, motion: np.ndarray) -> None:
    template = MOTION[0]
    path = save_npz(tmp_path / "a.npz", what=motion, template=template, audio=np.zeros(16000, np.float32), fps=0)
    found = open_motion(path)
    assert np.array_equal(found.vertices, MOTION)
    assert found.fps is None


def test_an_npz_of_two_motions_or_none_lists_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"a\.npz' holds a \(4, 5, 3\), b \(4, 5, 3\): call the array .* 'vertices'"):
        open_motion(save_npz(tmp_path / "a.npz", a=MOTION, b=MOTION))
    with pytest.raises(TalkError, match=r"holds weights \(4, 52\): call"):
        open_motion(save_npz(tmp_path / "a.npz", weights=np.zeros((4, 52))))


@pytest.mark.parametrize("faces", [[[0, 1, 5]], [[0, 1, -1]], [0, 1, 2], [[0.0, 1.0, 2.0]]])
def test_faces_that_are_none_are_told(tmp_path: Path, faces: Any) -> None:
    with pytest.raises(TalkError, match=r"a\.npz' holds faces"):
        open_motion(save_npz(tmp_path / "a.npz", vertices=MOTION, faces=faces))


def test_a_point_cache_is_mapped(tmp_path: Path) -> None:
    motion = open_motion(save_pc2(tmp_path / "a.pc2", MOTION), 5)
    assert np.array_equal(motion.vertices, MOTION)
    assert isinstance(motion.vertices, np.memmap)


@pytest.mark.parametrize(("frames", "vertices"), [(5, None), (2**31 - 1, 2**31 - 1), (0, None), (-1, None), (4, -5)])
def test_a_point_cache_that_promises_more_than_it_holds_is_told(
    tmp_path: Path, frames: int, vertices: int | None
) -> None:
    with pytest.raises(TalkError, match=rf"a\.pc2' promises {frames} frames .* and has 272 bytes"):
        open_motion(save_pc2(tmp_path / "a.pc2", MOTION, frames, vertices))


def test_what_is_no_point_cache_is_told(tmp_path: Path) -> None:
    for data in (b"POINTCACHE2\0", b"POINTCACHE1\0" + bytes(100)):
        (tmp_path / "a.pc2").write_bytes(data)
        with pytest.raises(TalkError, match=r"a\.pc2' is no point cache"):
            open_motion(tmp_path / "a.pc2")


@pytest.mark.parametrize("name", ["{:06d}.obj", "frame_{}.obj", "{}.OBJ", "take2_{}_head.obj"])
def test_a_folder_of_obj_files_is_read_in_the_order_of_its_numbers(tmp_path: Path, name: str) -> None:
    many = np.concatenate([MOTION] * 3)  # 12 frames: 10 comes after 9
    many += np.arange(12, dtype=np.float32)[:, None, None]
    folder = save_folder(tmp_path / "clip", many, name)
    (folder / "notes.txt").touch()
    motion = open_motion(folder, 5)
    assert np.array_equal(motion.vertices, many)
    assert motion.vertices.dtype == np.float32
    assert motion.faces is not None
    assert motion.faces.tolist() == [[0, 1, 2]]


def test_every_second_number_is_no_gap(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "clip", MOTION)
    for number in (1, 3):
        (folder / f"{number:06d}.obj").unlink()
    assert np.array_equal(open_motion(folder).vertices, MOTION[::2])


def test_a_frame_that_is_missing_or_there_twice_is_told(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "clip", MOTION)
    shutil.copy(folder / "000002.obj", folder / "2.obj")
    with pytest.raises(TalkError, match="two frames of one number"):
        open_motion(folder)
    (folder / "2.obj").unlink()
    (folder / "000002.obj").unlink()
    with pytest.raises(TalkError, match="clip' lacks frame 2, and has frames after it"):
        open_motion(folder)


def test_a_file_beside_the_frames_is_told(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "clip", MOTION)
    shutil.copy(folder / "000000.obj", folder / "template.obj")
    with pytest.raises(TalkError, match=r"has frames and 'template\.obj', which has no number"):
        open_motion(folder)


def test_frames_of_another_topology_are_told(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "clip", MOTION)
    with pytest.raises(TalkError, match=r"holds \(5, 3\) and the template has 6 vertices"):
        open_motion(folder, 6)
    (folder / "000002.obj").write_text("v 0 0 0\n", encoding="utf-8")
    with pytest.raises(TalkError, match=r"000002\.obj' has 1 vertices, and there are 5 in '000000\.obj'"):
        open_motion(folder)
    (folder / "000002.obj").write_text("v 0 0 x\n", encoding="utf-8")
    with pytest.raises(TalkError, match=r"000002\.obj' cannot be read as a mesh"):
        open_motion(folder)


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"has no \.obj files"):
        open_motion(tmp_path)


def test_a_glb_is_read_at_its_own_rate(tmp_path: Path) -> None:
    times = np.arange(100) / 25
    motion = open_motion(talking_head(times).save(tmp_path / "a.glb"), len(BASE))
    assert motion.fps == 25
    assert motion.vertices.shape == (100, 7, 3)
    assert np.abs(motion.vertices - (BASE + times[:, None, None] * OPEN)).max() < 1e-5
    assert motion.faces is not None
    assert motion.faces.tolist() == FACES


def test_a_glb_is_read_at_any_rate(tmp_path: Path) -> None:
    path = talking_head(np.array([0, 0.3, 1])).save(tmp_path / "a.glb")
    motion = open_motion(path, fps=50)
    assert motion.fps == 50
    assert motion.vertices.shape == (51, 7, 3)
    assert np.abs(motion.vertices - (BASE + np.arange(51)[:, None, None] / 50 * OPEN)).max() < 1e-5
    with pytest.raises(TalkError, match=r"a\.glb' tells no frame rate, its key frames lie unevenly"):
        open_motion(path)


def test_a_glb_that_cannot_be_motion_is_told(tmp_path: Path) -> None:
    path = talking_head(np.arange(4) / 25).save(tmp_path / "a.glb")
    with pytest.raises(TalkError, match=r"a\.glb' has 7 vertices and the template 5023"):
        open_motion(path, 5023)
    with pytest.raises(TalkError, match="has no animation"):
        open_motion(make_head().save(path))
    with pytest.raises(TalkError, match=r"lasts 1e\+30 s, .* frames at 25 fps: give a shorter one"):
        open_motion(talking_head(np.array([0, 1e30])).save(path), fps=25)


def test_a_glb_whose_turn_passes_through_nothing_is_told(tmp_path: Path) -> None:
    glb = make_head()
    keys = [[[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]], [[0, 0, 0, 0], [0, 0, 0, -1], [0, 0, 0, 0]]]
    glb.channel([0, 1], keys, "rotation", "CUBICSPLINE")
    with pytest.raises(TalkError, match="key frames that cannot be followed"):
        open_motion(glb.save(tmp_path / "a.glb"), fps=2)


def test_other_formats_are_told_with_those_that_are_read(tmp_path: Path) -> None:
    with pytest.raises(
        TalkError, match=r"a\.abc' is no motion .*\.npy, \.npz, \.pc2, \.glb or a folder of \.obj files"
    ):
        open_motion(tmp_path / "a.abc")
    for suffix in set(READERS) - {FOLDER}:
        with pytest.raises(TalkError, match=rf"a\{suffix}' does not exist"):
            open_motion(tmp_path / f"a{suffix}")
