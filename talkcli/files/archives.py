"""Zip and tar archives that others packed: ordinary files come out, below one folder, and nothing else.

All members are looked at before the first is written. Each is written beside its place and then renamed, so that a
killed unpacking goes on where it was.
"""

from __future__ import annotations

import lzma
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from talkcli.console import Step, progress
from talkcli.errors import TalkError
from talkcli.files.paths import describe_bytes, file_size

# what zipfile and the decompressors raise for a broken file; an OSError with a number is the disk's
_PACKED = (zlib.error, lzma.LZMAError, EOFError, MemoryError)  # lzma takes any size of dictionary for granted
BROKEN_ZIP = (*_PACKED, zipfile.BadZipFile, struct.error, LookupError, ValueError, NotImplementedError)
_BROKEN = (*BROKEN_ZIP, tarfile.TarError, RecursionError)  # recursion: a tar of nothing but extra headers
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_PACKED_MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_PACKED_TARS = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_OTHERS = (".npz", ".pt", ".pth", ".usdz")  # zip files that are read as they are
_DEFLATE = 1100  # bytes from one; deflate reaches 1032
_MEMBERS = 1_000_000
_EXTRAS = 1 << 18  # bytes of a tar member that holds but another's name or dates
_BLOCK = 1 << 20
_BESIDE = ".talk-unpacking"
_ODD = re.compile(r"[\x00-\x1f\x7f\\]|^[A-Za-z]:")
_EXTRA_TYPES = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
_Open = Callable[[], IO[bytes] | None]


@dataclass(frozen=True)
class _Member:
    """A file (or a folder, which has no open) of an archive, at a place that is known to lie below the folder."""

    place: PurePosixPath
    size: int
    open: _Open | None


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or tar archive (plain, gz, bz2, xz), by its first bytes; it may still be cut off."""
    try:
        if path.suffix.lower() in _OTHERS or not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(tarfile.BLOCKSIZE)
        packed = head.startswith(_PACKED_MAGIC)
        if head.startswith(_ZIP_MAGIC) or (packed and path.name.lower().endswith(_PACKED_TARS)):
            return True  # cut off or not, which bz2 and xz tell late
        if not packed and not _is_tar_head(head):
            return False
        with tarfile.open(path, tarinfo=_TarInfo) as archive:
            return archive.next() is not None
    except (OSError, *_BROKEN):
        return False


def unpack(archive: Path, folder: Path) -> None:
    """Writes the files of an archive below a folder; those that are there with the right size stay as they are.

    Folders come with their files: empty ones are left out.

    Raises:
        TalkError: no archive, a broken one, one with members that are no ordinary files or lead out of the folder (then
            nothing is written), or no room for it.
    """
    size = file_size(archive)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _members(archive, size) as members:
            missing = _missing(archive, folder, members)
            with progress(f"unpacking {archive.name}", sum(member.size for member in missing)) as step:
                for member in missing:
                    _write(archive, folder, member, step)
    except OSError as error:
        raise TalkError(f"cannot unpack '{archive}' to '{folder}': {error.strerror or error}") from error


def zip_members(archive: zipfile.ZipFile, path: Path, size: int) -> list[zipfile.ZipInfo]:
    """The members of a zip file of this many bytes, none of which claims what it cannot hold.

    Raises:
        TalkError: one is encrypted, there twice, or packed so small that no compression could.
    """
    members = archive.infolist()
    twice = [name for name, count in Counter(member.filename for member in members).items() if count > 1]
    if twice:
        raise TalkError(f"'{path}' holds {twice[0]!r} twice: pack it again")
    for member in members:
        if member.flag_bits & 1:
            raise TalkError(f"'{path}' is encrypted ({member.filename!r}): unpack it with its password first")
        most = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: _DEFLATE}.get(member.compress_type)
        if most is not None and member.file_size > most * member.compress_size:
            claim = f"{describe_bytes(member.file_size)} in {describe_bytes(member.compress_size)}"
            raise TalkError(f"'{path}' claims to hold {claim} ({member.filename!r}): get it from its source again")
    if sum(member.compress_size for member in members) > size:  # members that share their bytes
        raise TalkError(f"'{path}' claims to hold more than its {describe_bytes(size)}: get it from its source again")
    return members


class _TarInfo(tarfile.TarInfo):
    """A member's header; tarfile would take a broken one for the end, and read any length of extras into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _TarInfo:
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if bytes(buf) == bytes(tarfile.BLOCKSIZE):
                raise  # zeros are the true end
            raise tarfile.ReadError(str(error)) from error
        if member.size < 0 or (member.type in _EXTRA_TYPES and member.size > _EXTRAS):
            raise tarfile.ReadError(f"a header claims {member.size} bytes")
        return member


def _is_tar_head(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head, tarfile.ENCODING, "surrogateescape")
    except tarfile.TarError:
        return False
    return True


@contextmanager
def _told(archive: Path) -> Iterator[None]:
    """Turns what a broken archive raises into a sentence."""
    try:
        yield
    except _BROKEN as error:
        raise _broken(archive, error) from error
    except OSError as error:
        if error.errno is None:  # gzip and bz2 have no other for bytes that are not theirs
            raise _broken(archive, error) from error
        raise


def _broken(archive: Path, error: Exception) -> TalkError:
    reason = (str(error).splitlines() or ["no reason given"])[0].rstrip(":")  # tarfile tells of each way it tried
    if isinstance(error, NotImplementedError):
        return TalkError(f"'{archive}' is packed in a way that is not known here ({reason}): unpack it yourself")
    return TalkError(f"'{archive}' is no zip or tar archive, or is cut off ({reason}): download it again")


@contextmanager
def _members(path: Path, size: int) -> Iterator[Iterator[_Member]]:
    """The members of an archive, one by one while it is open."""
    with path.open("rb") as file:
        is_zip = file.read(4) in _ZIP_MAGIC
    with _told(path), zipfile.ZipFile(path) if is_zip else tarfile.open(path, tarinfo=_TarInfo) as archive:
        if isinstance(archive, zipfile.ZipFile):
            yield _from_zip(archive, path, size)
        else:
            yield _from_tar(archive, path)


def _from_zip(archive: zipfile.ZipFile, path: Path, size: int) -> Iterator[_Member]:
    for member in zip_members(archive, path, size):
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refused(path, member.filename, "is a link or a device")
        opener = None if member.is_dir() else partial(archive.open, member)
        yield _Member(_place(path, member.orig_filename, opener), member.file_size, opener)


def _from_tar(archive: tarfile.TarFile, path: Path) -> Iterator[_Member]:
    for member in archive:
        if not (member.isreg() or member.isdir()):
            raise _refused(path, member.name, "is a link or a device")
        if member.issparse() or member.size < 0:
            raise _refused(path, member.name, "claims more bytes than it has")
        opener = None if member.isdir() else partial(archive.extractfile, member)
        yield _Member(_place(path, member.name, opener), member.size if opener else 0, opener)


def _place(archive: Path, name: str, opener: _Open | None) -> PurePosixPath:
    """Where a member goes, from the folder on."""
    place = PurePosixPath(name)
    if _ODD.search(name) or (opener and not place.parts):
        raise _refused(archive, name, "has a name that is none on all systems")
    if place.is_absolute() or ".." in place.parts:
        raise _refused(archive, name, "leads out of the folder")
    if place.name == _BESIDE:
        raise _refused(archive, name, "has a name that is needed here")
    return place


def _refused(archive: Path, name: str, why: str) -> TalkError:
    return TalkError(f"'{archive}' is not unpacked: {name[:200]!r} in it {why}; get it from its source again")


def _missing(archive: Path, folder: Path, members: Iterator[_Member]) -> list[_Member]:
    """The files that are not there yet, once every member is looked at and there is room for them."""
    missing: list[_Member] = []
    seen: set[PurePosixPath] = set()
    needed, free = 0, shutil.disk_usage(folder).free
    for count, member in enumerate(members, 1):
        if count > _MEMBERS:
            raise TalkError(f"'{archive}' holds more than {_MEMBERS} files: unpack it yourself")
        if member.open is None:
            continue
        if member.place in seen:
            raise TalkError(f"'{archive}' holds '{member.place}' twice: pack it again")
        seen.add(member.place)
        if not _is_there(folder, member):
            missing.append(member)
            needed += member.size
        if needed > free:  # told at once: a tar of some MB may go on for hours
            room = f"'{folder}' has room for {describe_bytes(free)}"
            raise TalkError(f"'{archive}' needs {describe_bytes(needed)} or more and {room}: make some")
    return missing


def _is_there(folder: Path, member: _Member) -> bool:
    """Whether the file is there as a whole; never looks, and so never writes, through a link."""
    path = folder
    for part in member.place.parts:
        path = path / part
        if path.is_symlink():
            raise TalkError(f"'{path}' is a link, and nothing is unpacked through one: remove it")
    return path.is_file() and path.stat().st_size == member.size


def _write(archive: Path, folder: Path, member: _Member, step: Step) -> None:
    path = folder / member.place
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(_BESIDE)  # one name, so that a killed unpacking leaves one file, which the next removes
    beside.unlink(missing_ok=True)
    try:
        source = member.open() if member.open else None
        assert source is not None  # a regular file: `_from_tar` let no other pass
        with source, beside.open("xb") as target:
            left = member.size
            while block := source.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    break
                target.write(block)
                step(len(block))
        if left:
            raise TalkError(f"'{archive}' is broken: '{member.place}' is not as long as it says; download it again")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
