"""numpy's .npy and .npz files: mapped or read after their headers' claims are held against the length of the file."""

from __future__ import annotations

import io
import math
import sys
import tokenize
import warnings
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from talkcli.errors import TalkError
from talkcli.files.archives import BROKEN_ZIP, zip_members
from talkcli.files.paths import describe_bytes, file_size

_HEAD = 1 << 14  # bytes: numpy takes no header of more than 10000 either
_BLOCK = 1 << 20
_DIMENSIONS = 32
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_NUMBERS, _NAMES = "biuf", "SU"  # kinds of dtype
_UNREADABLE = (ValueError, TypeError, SyntaxError, ArithmeticError, RecursionError, MemoryError, tokenize.TokenError)


@dataclass(frozen=True)
class Header:
    """What a file says of an array before the array comes."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool = False  # the first axis varies fastest
    length: int = 0  # bytes before the data

    @property
    def size(self) -> int:
        """Bytes of the data."""
        return math.prod(self.shape) * self.dtype.itemsize


def map_npy(path: Path) -> NDArray[Any]:
    """The numbers of an .npy file, read from disk where they are looked at, and never written.

    Raises:
        TalkError: no such file, no .npy, one of other things than numbers, or cut off.
    """
    size = file_size(path)
    try:
        with path.open("rb") as file:
            header = _read_header(file, f"'{path}'", _NUMBERS)
            if header.length + header.size > size:
                whole = describe_bytes(header.length + header.size)
                raise TalkError(
                    f"'{path}' is cut off: it should be {whole} and is {describe_bytes(size)}; download it again"
                )
            return np.memmap(file, header.dtype, "r", header.length, header.shape, "F" if header.fortran else "C")
    except OSError as error:
        raise TalkError(f"cannot read '{path}': {error.strerror or error}") from error


def npz_headers(path: Path) -> dict[str, Header]:
    """Shape and dtype of each array of an .npz file by name; reads none of the data.

    Raises:
        TalkError: no such file, no .npz, or one that holds other things than numbers and names.
    """
    with _arrays(path) as (archive, members):
        return {name: _npz_header(archive, member, path) for name, member in members.items()}


def load_npz(path: Path, names: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file by name, all or those asked for.

    Raises:
        TalkError: as `npz_headers`, and where a name is missing or an array is not as its header says.
    """
    with _arrays(path) as (archive, members):
        missing = [name for name in names or () if name not in members]
        if missing:
            raise TalkError(f"'{path}' has no array '{missing[0]}': it has {', '.join(members) or 'none'}")
        wanted = members if names is None else {name: members[name] for name in members if name in names}
        return {name: _npz_array(archive, member, path) for name, member in wanted.items()}


def array_from(raw: bytes, dtype: np.dtype[Any], shape: tuple[Any, ...], order: Literal["C", "F"]) -> NDArray[Any]:
    """An array over these bytes, in this machine's byte order; it cannot be written to.

    Raises:
        ValueError: the shape is none, or takes another number of bytes.
    """
    if len(shape) > _DIMENSIONS or not all(type(length) is int and 0 <= length <= sys.maxsize for length in shape):
        raise ValueError("no shape of an array")
    if not dtype.itemsize or math.prod(shape) * dtype.itemsize != len(raw):
        raise ValueError("another number of bytes")
    array: NDArray[Any] = np.ndarray(shape, dtype, raw, order=order)
    if not dtype.isnative:
        array = array.astype(dtype.newbyteorder("="))
        array.flags.writeable = False
    return array


@contextmanager
def _arrays(path: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """An .npz file and its members that are arrays; whatever breaks while it is open is told."""
    size = file_size(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {}
            for member in zip_members(archive, path, size):
                name = member.orig_filename
                if "/" in name or "\\" in name:
                    raise TalkError(f"'{path}' holds {name!r}, which is no name of an array: save it again with numpy")
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise TalkError(f"'{path}' is packed as numpy never does it: save it again with numpy")
                if name.endswith(".npy"):
                    members[name.removesuffix(".npy")] = member
            yield archive, members
    except BROKEN_ZIP as error:
        raise TalkError(f"'{path}' is no .npz file, or a broken one ({error}): download it again") from error
    except OSError as error:
        raise TalkError(f"cannot read '{path}': {error.strerror or error}") from error


def _npz_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> Header:
    where = f"'{path}' ({member.filename})"
    with archive.open(member) as file:
        header = _read_header(file, where, _NUMBERS + _NAMES)
    if header.length + header.size != member.file_size:
        told = f"its header tells of {header.length + header.size} bytes, the archive of {member.file_size}"
        raise TalkError(f"{where} is broken: {told}; download it again")
    return header


def _npz_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> NDArray[Any]:
    header = _npz_header(archive, member, path)
    data = np.empty(header.size, np.uint8)
    filled = 0
    with archive.open(member) as file:
        file.read(header.length)
        while block := file.read(_BLOCK):  # to the very end, where the checksum is compared
            data[filled : filled + len(block)] = np.frombuffer(block, np.uint8)
            filled += len(block)
    if filled != header.size:
        raise TalkError(f"'{path}' ({member.filename}) is cut off: download it again")
    return data.view(header.dtype).reshape(header.shape, order="F" if header.fortran else "C")


def _read_header(file: IO[bytes], where: str, kinds: str) -> Header:
    """The header at the start of a file, read from no more than its first bytes.

    Raises:
        TalkError: it is none, or is that of an array of other kinds.
    """
    head = io.BytesIO(file.read(_HEAD))  # a header may claim 4 GB
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one of Python 2 has longs in its shape, which numpy would remark upon
            version = npy.read_magic(head)
            if version == (3, 0):
                raise TalkError(f"{where} holds structured data: save each field in an array of its own")
            shape, fortran, dtype = _READERS[version](head)
    except (*_UNREADABLE, KeyError) as error:
        raise TalkError(f"{where} is no numpy array, or a broken one: download it again") from error
    if dtype.kind not in kinds or not dtype.itemsize:
        raise TalkError(f"{where} holds {_describe(dtype)}, not numbers: save it as an array of numbers")
    # what numpy itself could not hold, be it for a length of 0 beside it
    if any(length < 0 for length in shape) or len(shape) > _DIMENSIONS or _extent(shape) * dtype.itemsize > sys.maxsize:
        raise TalkError(f"{where} is broken: no array has the shape {str(shape)[:80]}; download it again")
    return Header(shape, dtype, fortran, head.tell())


def _extent(shape: tuple[int, ...]) -> int:
    return math.prod(max(length, 1) for length in shape)


def _describe(dtype: np.dtype[Any]) -> str:
    if dtype.hasobject:
        return "Python objects"
    return "structured data" if dtype.kind == "V" else f"{dtype.name} values"
