"""Binary glTF 2.0 as a container: its JSON and its arrays, whose claims are held against the file's real length."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.errors import TalkError
from talkcli.files.paths import file_size

_HEADER = struct.Struct("<4sII")  # magic, version, length of all
_CHUNK = struct.Struct("<I4s")
_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_MOST = 1 << 28  # numbers read of one file in all: many accessors may claim the same few bytes
_PACKED = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression")


class Document:
    """A .glb file in memory. Its methods raise ValueError, KeyError or TypeError where the file is broken."""

    def __init__(self, path: Path) -> None:
        file_size(path)  # whether there is something to read
        self.json, self.data = _chunks(path.read_bytes())
        self.taken = 0
        packed = [name for name in self.json.get("extensionsRequired", []) if name in _PACKED]
        if packed:
            raise TalkError(f"'{path}' is packed with {packed[0]}, which is not read: export it without compression")
        outside = [buffer["uri"] for buffer in self.json.get("buffers", []) if "uri" in buffer]
        if outside:
            hint = "which is not read: export a .glb with everything inside"
            raise TalkError(f"'{path}' keeps its data outside itself ('{str(outside[0])[:40]}'), {hint}")

    def take(self, numbers: int) -> None:
        """Counts numbers that are about to take memory."""
        self.taken += numbers
        if self.taken > _MOST:
            raise ValueError(f"{self.taken} numbers in its arrays, too many for {len(self.data)} bytes")

    def item(self, kind: str, index: object) -> dict[str, Any]:
        """An entry of one of the JSON's lists."""
        entries = self.json.get(kind, [])
        number = whole(index)
        if number >= len(entries) or not isinstance(entries[number], dict):
            raise ValueError(f"no {number} in its {kind}")
        return entries[number]  # type: ignore[no-any-return]  # json gives Any

    def array(self, index: object, kind: str, expected: int | None = None) -> NDArray[Any]:
        """An accessor's rows, of any count or the expected one; normalized integers as floats in [-1, 1]."""
        accessor = self.item("accessors", index)
        count, dtype = whole(accessor["count"]), np.dtype(_TYPES[accessor["componentType"]])
        if accessor["type"] != kind or count != (count if expected is None else expected):
            wanted = "any number of" if expected is None else expected
            raise ValueError(f"accessor {index} has {count} {accessor['type']}, not {wanted} {kind}")
        if "bufferView" in accessor:
            rows = self._rows(accessor, count, dtype, _WIDTHS[kind])
        elif expected is None:
            raise ValueError(f"accessor {index} has no data")
        else:
            rows = np.zeros((count, _WIDTHS[kind]), dtype)
        self.take(rows.size)
        if "sparse" in accessor:
            rows = self._scattered(accessor["sparse"], rows)
        if accessor.get("normalized") and dtype.kind != "f":
            return np.maximum(rows / np.float32(np.iinfo(dtype).max), np.float32(-1))
        return rows

    def _scattered(self, sparse: dict[str, Any], rows: NDArray[Any]) -> NDArray[Any]:
        """The rows with those that are stored singly put in their places."""
        count, indices, out = whole(sparse["count"]), sparse["indices"], rows.copy()
        places = self._rows(indices, count, np.dtype(_TYPES[indices["componentType"]]), 1)[:, 0]
        if places.dtype.kind != "u" or (count and places.max() >= len(rows)):
            raise ValueError(f"a sparse accessor reaches beyond its {len(rows)} rows")
        out[places] = self._rows(sparse["values"], count, rows.dtype, rows.shape[1])
        return out

    def _rows(self, source: dict[str, Any], count: int, dtype: np.dtype[Any], width: int) -> NDArray[Any]:
        """A look into the data: (count, width), which may lie interleaved with other rows."""
        view = self.item("bufferViews", source["bufferView"])
        start, length = whole(view.get("byteOffset", 0)), whole(view["byteLength"])
        offset, size = whole(source.get("byteOffset", 0)), dtype.itemsize * width
        stride = whole(view.get("byteStride", size))
        if whole(view["buffer"]) != 0 or start + length > len(self.data):
            raise ValueError(f"a view of {length} bytes at {start} reaches beyond its {len(self.data)} bytes of data")
        if stride < size or (count and offset + stride * (count - 1) + size > length):
            raise ValueError(f"an accessor of {count} rows reaches beyond its view of {length} bytes")
        if not count:
            return np.zeros((0, width), dtype)
        return np.ndarray((count, width), dtype, self.data, start + offset, (stride, dtype.itemsize))


def whole(value: object) -> int:
    """A count or an index of the JSON."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{str(value)[:40]!r} where a whole number belongs")
    return value


def _chunks(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON and the binary chunk, which may be missing."""
    if len(data) < _HEADER.size or data[:4] != b"glTF":
        raise ValueError("no header of a .glb file")
    _, version, length = _HEADER.unpack_from(data)
    if version != 2 or length > len(data):
        raise ValueError(f"version {version} and {length} bytes promised, where 2 and {len(data)} are there")
    found: dict[bytes, bytes] = {}
    at = _HEADER.size
    while at + _CHUNK.size <= length:
        size, kind = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        if at + size > length:
            raise ValueError(f"a chunk of {size} bytes, where {length - at} are left")
        found.setdefault(kind, data[at : at + size])
        at += size
    content = json.loads(found[b"JSON"].decode("utf-8"))
    if not isinstance(content, dict):
        raise ValueError("its JSON is no object")
    return content, found.get(b"BIN\0", b"")
