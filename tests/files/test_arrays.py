"""Arrays in numpy's files are as their headers say, or one sentence says how they are not."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from talkcli.errors import TalkError
from talkcli.files.arrays import array_from, load_npz, map_npy, npz_headers

VERTICES = np.arange(24, dtype=np.float32).reshape(2, 4, 3)


def npy(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """An .npy file with a header of one's own."""
    text = header.encode() + b"\n"
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + data


def told(shape: str, descr: str = "'<f4'", fortran: bool = False) -> str:
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"


def bytes_of(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def save(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def save_members(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def change_directory(path: Path, offset: int, value: int, old: int) -> None:
    """Writes another number into the first entry of a zip file's table of contents."""
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + offset
    assert data[at : at + 4] == struct.pack("<I", old)
    data[at : at + 4] = struct.pack("<I", value)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "array",
    [
        VERTICES,
        np.asfortranarray(VERTICES),
        np.arange(5, dtype=">i2"),
        np.array([True, False]),
        np.zeros((0, 5023, 3)),
        np.array(3.0),
        np.array([1, 2], np.float16),
    ],
)
def test_a_mapped_array_is_the_saved_one(tmp_path: Path, array: NDArray[Any]) -> None:
    np.save(tmp_path / "a.npy", array)
    found = map_npy(tmp_path / "a.npy")
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert np.array_equal(found, array)


def test_a_mapped_array_takes_no_memory_and_is_never_written(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((1000, 1000, 3), np.float32))
    before = path.stat().st_mtime_ns
    tracemalloc.start()
    try:
        found = map_npy(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1
    assert path.stat().st_mtime_ns == before


def test_a_header_of_python_2_is_read_without_remark(tmp_path: Path) -> None:
    found = map_npy(save(tmp_path / "a.npy", npy(told("(2L, 4L, 3L)"), VERTICES.tobytes())))
    assert np.array_equal(found, VERTICES)
    found = map_npy(save(tmp_path / "b.npy", npy(told("(2, 4, 3)"), VERTICES.tobytes(), (2, 0))))
    assert np.array_equal(found, VERTICES)


def test_an_array_that_is_cut_off_is_told_with_both_sizes(tmp_path: Path) -> None:
    path = save(tmp_path / "data_verts.npy", npy(told("(104500, 5023, 3)"), bytes(1000)))
    with pytest.raises(
        TalkError, match=r"data_verts\.npy' is cut off: it should be 6\.3 GB and is 1\.1 kB; download it again"
    ):
        map_npy(path)
    data = bytes_of(VERTICES)
    for length in range(1, len(data)):
        path.unlink()
        with pytest.raises(TalkError, match=r"data_verts\.npy' is (cut off|no numpy array, or a broken one)"):
            map_npy(save(path, data[:length]))


@pytest.mark.parametrize(
    "header",
    [
        told("(-1, -24)"),
        told("(-24,)"),
        told("(4611686018427387904, 4)"),
        told("(0, 4611686018427387904, 4)"),
        told("(0,)" + " * 1"),
        told("(" + "0, " * 40 + ")"),
        told("(2.0,)"),
        told("24"),
        told("(24,)", "'<f9'"),
        told("(24,)", "['<f4']"),
        told("(24,)", "'f4'") + "()",
        "{}",
        "print('x')",
        "(" * 5000,
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (24,)}",
        "\\",
        "0 1",
    ],
)
def test_headers_that_are_none_are_told(tmp_path: Path, header: str) -> None:
    path = save(tmp_path / "a.npy", npy(header, VERTICES.tobytes()))
    with pytest.raises(TalkError, match=r"a\.npy' is (no numpy array|broken)"):
        map_npy(path)


@pytest.mark.parametrize(
    ("descr", "what"),
    [
        ("'|O'", "Python objects"),
        ("[('a', '<f4')]", "structured data"),
        ("'<U4'", "str128 values"),
        ("'|S4'", "bytes32 values"),
        ("'<c8'", "complex64 values"),
        ("'<M8[s]'", "datetime64"),
        ("'<f4,<O'", "Python objects"),
    ],
)
def test_other_things_than_numbers_are_refused(tmp_path: Path, descr: str, what: str) -> None:
    path = save(tmp_path / "a.npy", npy(told("(2,)", descr), bytes(100)))
    with pytest.raises(TalkError, match=rf"a\.npy' holds {what}.*, not numbers"):
        map_npy(path)


def test_an_array_of_objects_is_never_unpickled(tmp_path: Path) -> None:
    data = bytes_of(np.array([{"a": 1}], object))
    with pytest.raises(TalkError, match="holds Python objects"):
        map_npy(save(tmp_path / "a.npy", data))
    path = save_members(tmp_path / "a.npz", {"a.npy": data})
    for read in (npz_headers, load_npz):
        with pytest.raises(TalkError, match=r"a\.npz' \(a\.npy\) holds Python objects"):
            read(path)


@pytest.mark.parametrize("version", [(2, 0), (3, 0), (9, 9)])
def test_a_header_that_claims_gigabytes_takes_none(tmp_path: Path, version: tuple[int, int]) -> None:
    path = save(tmp_path / "a.npy", b"\x93NUMPY" + bytes(version) + b"\xff\xff\xff\xff{")
    tracemalloc.start()
    try:
        with pytest.raises(TalkError, match=r"a\.npy'"):
            map_npy(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_what_is_no_npy_is_told(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"a\.npy' is no numpy array"):
        map_npy(save(tmp_path / "a.npy", b"<!DOCTYPE html>"))
    with pytest.raises(TalkError, match=r"b\.npy' is empty"):
        map_npy(save(tmp_path / "b.npy", b""))
    with pytest.raises(TalkError, match=r"c\.npy' does not exist"):
        map_npy(tmp_path / "c.npy")
    with pytest.raises(TalkError, match="is a folder"):
        map_npy(tmp_path)


@pytest.mark.parametrize("save_as", [np.savez, np.savez_compressed])
def test_the_arrays_of_an_npz_come_back(tmp_path: Path, save_as: Any) -> None:
    path = tmp_path / "a.npz"
    arrays = {
        "vertices": np.asfortranarray(VERTICES),
        "fps": np.array(30.0),
        "names": np.array(["one", "\u20ac"]),
        "bytes": np.array([b"a", b"bc"]),
        "none": np.zeros((0, 3), np.int32),
        "zeros": np.zeros(500_000),  # as small as deflate can make it
    }
    save_as(path, **arrays)
    headers = npz_headers(path)
    assert {name: (header.shape, header.dtype) for name, header in headers.items()} == {
        name: (array.shape, array.dtype) for name, array in arrays.items()
    }
    found = load_npz(path)
    assert found.keys() == arrays.keys()
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())
    assert load_npz(path, ["fps", "names"]).keys() == {"fps", "names"}


def test_a_missing_array_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", vertices=VERTICES, fps=30)
    with pytest.raises(TalkError, match=r"a\.npz' has no array 'faces': it has vertices, fps"):
        load_npz(tmp_path / "a.npz", ["fps", "faces"])


def test_headers_are_read_without_the_data(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.zeros(2_000_000))
    tracemalloc.start()
    try:
        npz_headers(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["../a.npy", "b/a.npy", "b\\a.npy", "/a.npy"])
def test_names_with_folders_are_refused(tmp_path: Path, name: str) -> None:
    path = save_members(tmp_path / "a.npz", {name: bytes_of(VERTICES)})
    with pytest.raises(TalkError, match="which is no name of an array"):
        npz_headers(path)


def test_a_member_that_is_longer_or_shorter_than_its_header_says_is_told(tmp_path: Path) -> None:
    for data in (
        npy(told("(10,)"), bytes(39)),
        npy(told("(10,)"), bytes(41)),
        npy(told("(1000000000000,)"), bytes(40)),
    ):
        path = save_members(tmp_path / "a.npz", {"a.npy": data})
        for read in (npz_headers, load_npz):
            with pytest.raises(TalkError, match=r"a\.npz' \(a\.npy\) is broken: its header tells of"):
                read(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_bomb_takes_no_memory(tmp_path: Path, compression: int) -> None:
    claimed = (1 << 31) - 1
    header = npy(told(f"({(claimed - 128) // 4},)").ljust(117))
    assert len(header) == 128
    data = header + bytes(claimed % 4)
    path = save_members(tmp_path / "a.npz", {"a.npy": data}, compression)
    change_directory(path, 24, claimed, len(data))
    tracemalloc.start()
    try:
        with pytest.raises(TalkError, match=r"a\.npz' claims to hold 2\.1 GB in .* bytes \('a\.npy'\)"):
            load_npz(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_members_that_share_their_bytes_are_told(tmp_path: Path) -> None:
    path = save_members(tmp_path / "a.npz", {"a.npy": bytes_of(VERTICES)})
    compressed = len(bytes_of(VERTICES))
    change_directory(path, 20, 1 << 30, compressed)
    with pytest.raises(TalkError, match=r"a\.npz' claims to hold more than its"):
        load_npz(path)


def test_an_npz_that_is_broken_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, vertices=VERTICES, b=np.arange(50))
    data = path.read_bytes()
    for length in range(1, len(data), 7):
        path.unlink()
        with pytest.raises(TalkError, match=r"a\.npz'"):
            load_npz(save(path, data[:length]))
    wrong = bytearray(data)
    wrong[data.index(VERTICES.tobytes()) + 5] ^= 1
    with pytest.raises(TalkError, match=r"a\.npz' is no \.npz file, or a broken one \(Bad CRC-32"):
        load_npz(save(path, bytes(wrong)))


def test_an_npz_packed_in_other_ways_is_told(tmp_path: Path) -> None:
    path = save_members(tmp_path / "a.npz", {"a.npy": bytes_of(VERTICES)}, zipfile.ZIP_LZMA)
    with pytest.raises(TalkError, match="packed as numpy never does it"):
        load_npz(path)
    with pytest.raises(TalkError, match=r"b\.npz' is no \.npz file"):
        load_npz(save(tmp_path / "b.npz", b"no zip"))
    with pytest.raises(TalkError, match=r"c\.npz' does not exist"):
        npz_headers(tmp_path / "c.npz")


def test_what_is_no_array_in_an_npz_is_left_out(tmp_path: Path) -> None:
    path = save_members(tmp_path / "a.npz", {"a.npy": bytes_of(VERTICES), "readme.txt": b"hello"})
    assert load_npz(path).keys() == npz_headers(path).keys() == {"a"}


def test_an_array_is_made_of_just_its_bytes() -> None:
    assert array_from(b"\0\1\0\2", np.dtype(">i2"), (2,), "C").tolist() == [1, 2]
    with pytest.raises(ValueError, match="bytes"):
        array_from(b"\0\1\0\2", np.dtype(">i2"), (3,), "C")
    with pytest.raises(ValueError, match="shape"):
        array_from(b"\0\1\0\2", np.dtype(">i2"), (-1, -2), "C")
