"""Archives give ordinary files below the folder, all of them, and touch nothing else."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from talkcli.errors import TalkError
from talkcli.files.archives import is_archive, unpack

FILES = {"data/a.txt": b"one", "data/deep/b.bin": bytes(range(256)) * 5000, "data/empty": b"", "c d\u00e9.txt": b"two"}
KINDS = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz")
Usage = namedtuple("Usage", "total used free")  # as shutil gives it


def make_zip(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def make_tar(path: Path, files: dict[str, bytes], packed: str = "", **changes: object) -> Path:
    """A tar whose members are changed as told: type, linkname, mode."""
    with tarfile.open(path, f"w:{packed}") as archive:  # type: ignore[call-overload]  # any of its modes
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            for key, value in changes.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(data))
    return path


def make(path: Path, files: dict[str, bytes] = FILES) -> Path:
    if path.suffix == ".zip":
        return make_zip(path, files)
    return make_tar(path, files, path.suffix.removeprefix(".").removeprefix("tar"))


def held(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(archive: Path, folder: Path, match: str) -> None:
    """The archive is refused and nothing is written, in the folder or beside it."""
    before = set(archive.parent.rglob("*")) | {folder}
    with pytest.raises(TalkError, match=match) as told:
        unpack(archive, folder)
    assert "\n" not in str(told.value)
    assert set(archive.parent.rglob("*")) | {folder} == before


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_archive_is_known_and_comes_out(tmp_path: Path, kind: str) -> None:
    archive = make(tmp_path / f"data.{kind}")
    other = archive.rename(tmp_path / "download")  # the name says nothing
    assert is_archive(other)
    unpack(other, tmp_path / "new" / "out")
    assert held(tmp_path / "new" / "out") == FILES


def test_what_is_no_archive_is_none(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    np.savez(tmp_path / "a.npz", a=np.zeros(3))
    (tmp_path / "zeros.tar").write_bytes(bytes(10240))
    (tmp_path / "text.zip").write_text("PK is how a zip begins", encoding="utf-8")
    (tmp_path / "text.gz").write_bytes(gzip.compress(b"no tar " * 1000))
    (tmp_path / "short.gz").write_bytes(b"\x1f\x8b")
    (tmp_path / "empty.tar").touch()
    for path in (*tmp_path.iterdir(), tmp_path, tmp_path / "missing.zip"):
        assert not is_archive(path), path


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_that_is_cut_off_is_told_and_none_of_its_files_is_half_there(tmp_path: Path, kind: str) -> None:
    archive = make(tmp_path / f"data.{kind}", {name: data + os.urandom(3000) for name, data in FILES.items()})
    whole = archive.read_bytes()
    unpack(archive, tmp_path / "whole")
    for length in (3, 100, 511, 512, 513, 1024, 1536, 2000, len(whole) * 3 // 4):
        archive.unlink()
        archive.write_bytes(whole[:length])
        with pytest.raises(TalkError, match=rf"data\.{kind}' is no zip or tar archive, or is cut off"):
            unpack(archive, tmp_path / "out")
        assert held(tmp_path / "out").items() <= held(tmp_path / "whole").items()
    assert is_archive(archive)


def test_a_tar_cut_off_between_two_members_is_told(tmp_path: Path) -> None:
    archive = make(tmp_path / "data.tar", {"a": b"1", "b": b"2"})
    archive.write_bytes(archive.read_bytes()[:1024])
    with pytest.raises(TalkError, match="cut off"):
        unpack(archive, tmp_path / "out")
    assert held(tmp_path / "out") == {}


def test_wrong_bytes_in_an_archive_are_told(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "data.zip", {"a": b"abcdefgh" * 100}, zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"abcdefgh", b"abcdefgH", 1))
    with pytest.raises(TalkError, match=r"is cut off \(Bad CRC-32 for file 'a'\)"):
        unpack(archive, tmp_path / "out")
    assert held(tmp_path / "out") == {}
    archive = make(tmp_path / "data.tar", {"a": b"1", "b": b"2"})
    archive.write_bytes(archive.read_bytes().replace(b"b\0\0\0", b"x\0\0\0", 1))  # a header that fails its checksum
    with pytest.raises(TalkError, match="bad checksum"):
        unpack(archive, tmp_path / "out")
    assert held(tmp_path / "out") == {}


def test_a_killed_unpacking_goes_on(tmp_path: Path) -> None:
    archive, out = make(tmp_path / "data.tar.gz"), tmp_path / "out"
    unpack(archive, out)
    (out / "data" / "a.txt").write_bytes(b"two")  # of the right size: stays
    (out / "c d\u00e9.txt").write_bytes(b"t")
    (out / "data" / "deep" / "b.bin").unlink()
    (out / "data" / "deep" / ".talk-unpacking").write_bytes(b"half")
    unpack(archive, out)
    assert held(out) == FILES | {"data/a.txt": b"two"}


def test_what_is_there_is_not_written_again(tmp_path: Path) -> None:
    archive, out = make(tmp_path / "data.zip"), tmp_path / "out"
    unpack(archive, out)
    before = {path: path.stat().st_ino for path in out.rglob("*")}
    unpack(archive, out)
    assert {path: path.stat().st_ino for path in out.rglob("*")} == before


NAMES = [
    "../out.txt",
    "a/../../out.txt",
    "a/..",
    "..",
    "/tmp/talk-out.txt",
    "//server/out.txt",
    "C:/out.txt",
    "c:out.txt",
    "..\\out.txt",
    "a\\b.txt",
    "a\n.txt",
    "a\x1b[2J",
    "a/.talk-unpacking",
    ".",
    "./.",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_with_a_name_that_leads_elsewhere_is_refused_as_a_whole(
    tmp_path: Path, kind: str, name: str
) -> None:
    archive = make(tmp_path / f"data.{kind}", {"good.txt": b"1", name: b"2"})
    (tmp_path / "out").mkdir()
    refused(archive, tmp_path / "out", r"data\.(zip|tar)' is not unpacked: '.*' in it (leads out|has a name)")


def test_a_name_behind_a_zero_byte_is_looked_at_as_well(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "data.zip", {"good_____.txt": b"1"})
    archive.write_bytes(archive.read_bytes().replace(b"good_____.txt", b"good\0/../x.txt"[:13]))
    (tmp_path / "out").mkdir()
    refused(archive, tmp_path / "out", "has a name that is none on all systems")


def test_names_that_only_look_odd_come_out(tmp_path: Path) -> None:
    files = {"./a.txt": b"1", "b//c.txt": b"2", "..d/e..f": b"3", "...": b"4", "x/./y": b"5"}
    unpack(make(tmp_path / "data.tar", files), tmp_path / "out")
    assert held(tmp_path / "out") == {"a.txt": b"1", "b/c.txt": b"2", "..d/e..f": b"3", "...": b"4", "x/y": b"5"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = make_tar(tmp_path / "data.tar", {"good/a": b"", "bad": b""}, type=kind, linkname="/etc/passwd")
    (tmp_path / "out").mkdir()
    refused(archive, tmp_path / "out", "'good/a' in it is a link or a device")


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("good", b"1")
        member = zipfile.ZipInfo("link")
        member.create_system, member.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    (tmp_path / "out").mkdir()
    refused(tmp_path / "data.zip", tmp_path / "out", "'link' in it is a link or a device")


def test_nothing_is_written_through_a_link_that_is_there(tmp_path: Path) -> None:
    archive, out, away = make(tmp_path / "data.zip"), tmp_path / "out", tmp_path / "away"
    away.mkdir()
    out.mkdir()
    for link, target in ((out / "data", away), (out / "c d\u00e9.txt", away / "new.txt")):
        link.symlink_to(target)
        refused(archive, out, "is a link, and nothing is unpacked through one: remove it")
        link.unlink()
    (out / "data").mkdir()
    (out / "data" / ".talk-unpacking").symlink_to(away / "new.txt")
    unpack(archive, out)
    assert held(out) == FILES
    assert held(away) == {}


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to("disk")
    unpack(make(tmp_path / "data.zip"), tmp_path / "out")
    assert held(tmp_path / "disk") == FILES


def test_files_have_the_permissions_of_new_ones(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "data.tar", {"a": b"1"}, mode=0o4777)
    old = os.umask(0o027)
    try:
        unpack(archive, tmp_path / "out")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "out" / "a").stat().st_mode) == 0o640


def test_an_archive_that_does_not_fit_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 0, 1_000_000))
    for kind in ("zip", "tar.gz"):
        archive = make(tmp_path / f"data.{kind}")
        refused(archive, tmp_path / "out", r"needs 1\.3 MB or more and '.*out' has room for 1\.0 MB: make some")


def test_files_that_are_there_need_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make(tmp_path / "data.zip")
    unpack(archive, tmp_path / "out")
    (tmp_path / "out" / "data" / "a.txt").unlink()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 0, 1000))
    unpack(archive, tmp_path / "out")
    assert held(tmp_path / "out") == FILES


def change_directory(path: Path, offset: int, data: bytes) -> Path:
    """Writes other bytes into the first entry of a zip file's table of contents."""
    whole = bytearray(path.read_bytes())
    at = whole.index(b"PK\x01\x02") + offset
    whole[at : at + len(data)] = data
    path.write_bytes(whole)
    return path


@pytest.mark.parametrize(
    ("offset", "data", "match"),
    [
        (8, b"\x01\0", r"is encrypted \('a'\): unpack it with its password first"),
        (10, b"\x09\0", r"is packed in a way that is not known here \(.*\): unpack it yourself"),
        (24, struct.pack("<I", 10**9), "claims to hold 1.0 GB in .* bytes"),
        (20, struct.pack("<I", 10**9), "claims to hold more than its"),
    ],
)
def test_a_zip_that_claims_what_cannot_be_is_refused(tmp_path: Path, offset: int, data: bytes, match: str) -> None:
    archive = change_directory(make_zip(tmp_path / "data.zip", {"a": b"abcdefgh" * 100}), offset, data)
    (tmp_path / "out").mkdir()
    refused(archive, tmp_path / "out", match)


def test_a_member_without_a_name_is_told(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "data.zip", {"a": b"1"})
    data = archive.read_bytes().replace(b"a1PK", b"\0" + b"1PK")
    archive.write_bytes(data.replace(b"aPK\x05\x06", b"\0PK\x05\x06"))
    (tmp_path / "out").mkdir()
    refused(archive, tmp_path / "out", r"data\.zip' is no")


@pytest.mark.parametrize("claim", [700, 900])
def test_a_member_of_another_length_than_it_says_is_told(tmp_path: Path, claim: int) -> None:
    archive = change_directory(make_zip(tmp_path / "data.zip", {"a": b"abcdefgh" * 100}), 24, struct.pack("<I", claim))
    (tmp_path / "out").mkdir()
    refused(
        archive, tmp_path / "out", r"data\.zip' is (broken: 'a' is not as long|no zip or tar archive, or is cut off)"
    )


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "data.tar", "w") as archive:
        for name in ("a", "./a"):
            archive.addfile(tarfile.TarInfo(name))
    (tmp_path / "out").mkdir()
    refused(tmp_path / "data.tar", tmp_path / "out", "holds 'a' twice")
    refused(make_zip(tmp_path / "data.zip", {"a": b"1", "./a": b"2"}), tmp_path / "out", "holds 'a' twice")


def header_of(kind: bytes, size: int) -> bytes:
    member = tarfile.TarInfo("name")
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_tar_with_a_name_of_gigabytes_takes_no_memory(tmp_path: Path, kind: bytes) -> None:
    archive = tmp_path / "data.gz"
    with gzip.open(archive, "wb") as file:
        file.write(header_of(kind, 1 << 33) + bytes(20_000_000))
    (tmp_path / "out").mkdir()
    tracemalloc.start()
    try:
        refused(archive, tmp_path / "out", "is no zip or tar archive, or is cut off")
        assert not is_archive(archive)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_tar_of_nothing_but_extra_headers_is_told(tmp_path: Path) -> None:
    archive = tmp_path / "data.tar"
    archive.write_bytes((header_of(tarfile.XGLTYPE, 0) + header_of(tarfile.GNUTYPE_LONGNAME, 0)) * 3000)
    (tmp_path / "out").mkdir()
    refused(archive, tmp_path / "out", "is no zip or tar archive, or is cut off")


@pytest.mark.parametrize("size", [-512, -1])
def test_a_tar_with_a_size_below_nothing_is_told(tmp_path: Path, size: int) -> None:
    archive = tmp_path / "data.tar"
    record = f" size={size}\n"
    record = f"{len(record) + 2}{record}"
    for data in (
        header_of(tarfile.REGTYPE, size),
        header_of(tarfile.XHDTYPE, len(record)) + record.encode().ljust(512, b"\0") + header_of(tarfile.REGTYPE, 0),
    ):
        archive.write_bytes(data + bytes(1024))
        (tmp_path / "out").mkdir(exist_ok=True)
        refused(archive, tmp_path / "out", r"data\.tar' is (no|not)")


def test_a_sparse_file_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "data.tar"
    header = bytearray(header_of(tarfile.GNUTYPE_SPARSE, 0))
    header[483:495] = b"%011o\0" % (1 << 30)
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 32 + sum(header[156:]))
    archive.write_bytes(bytes(header) + bytes(1024))
    (tmp_path / "out").mkdir()
    refused(archive, tmp_path / "out", "claims more bytes than it has")


def test_too_many_members_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkcli.files.archives._MEMBERS", 3)
    (tmp_path / "out").mkdir()
    refused(make(tmp_path / "data.tar"), tmp_path / "out", "holds more than 3 files")


def broken_folder(folder: Path) -> None:
    (folder / "data").write_text("a file where a folder belongs", encoding="utf-8")


def broken_file(folder: Path) -> None:
    (folder / "data" / "a.txt").mkdir(parents=True)


@pytest.mark.parametrize("spoil", [broken_folder, broken_file])
def test_what_cannot_be_written_is_told(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    (tmp_path / "out").mkdir()
    spoil(tmp_path / "out")
    with pytest.raises(TalkError, match=r"cannot unpack '.*data\.zip' to '.*out': "):
        unpack(make(tmp_path / "data.zip"), tmp_path / "out")


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "page.zip").write_text("<!DOCTYPE html>", encoding="utf-8")
    (tmp_path / "empty.zip").touch()
    (tmp_path / "out").mkdir()
    refused(tmp_path / "page.zip", tmp_path / "out", r"page\.zip' is no zip or tar archive")
    with pytest.raises(TalkError, match=r"empty\.zip' is empty"):
        unpack(tmp_path / "empty.zip", tmp_path / "out")
    with pytest.raises(TalkError, match=r"missing\.zip' does not exist"):
        unpack(tmp_path / "missing.zip", tmp_path / "out")
