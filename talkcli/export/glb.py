"""Binary glTF 2.0 as a container: arrays gathered behind one JSON.

Shape letters: N rows.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli import __version__

CODES = {"<f4": 5126, "<u2": 5123, "<u4": 5125}
KINDS = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
VERTICES, INDICES = 34962, 34963  # what a view is for


class Glb:
    """A file in the making: content is its JSON, beside the arrays that are added."""

    def __init__(self) -> None:
        self._views: list[dict[str, int]] = []
        self._accessors: list[dict[str, Any]] = []
        self._data = bytearray()
        self.content: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": f"talk {__version__}"},
            "bufferViews": self._views,
            "accessors": self._accessors,
        }

    def array(self, array: NDArray[Any], target: int | None = None, *, bounds: bool = False, **more: Any) -> int:
        """An accessor of rows (N,) or (N, C): float32, uint16 or uint32."""
        return self._accessor(array, bounds, bufferView=self._view(array, target), **more)

    def sparse(self, array: NDArray[np.float32]) -> int:
        """An accessor of (N, 3) that stores the rows that are not zero; one at least, as glTF demands."""
        rows = np.flatnonzero(array.any(axis=1))
        rows = (rows if len(rows) else np.zeros(1)).astype("<u2" if len(array) < 1 << 16 else "<u4")
        indices = {"bufferView": self._view(rows), "componentType": CODES[rows.dtype.str]}
        stored = {"count": len(rows), "indices": indices, "values": {"bufferView": self._view(array[rows])}}
        return self._accessor(array, True, sparse=stored)

    def save(self, path: Path) -> None:
        """Writes header, JSON and arrays; both chunks are filled up to four bytes."""
        self.content["buffers"] = [{"byteLength": len(self._data)}]
        text = json.dumps(self.content, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        filling = bytes(-len(self._data) % 4)
        size = len(self._data) + len(filling)
        with path.open("wb") as file:
            file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + size))
            file.write(struct.pack("<I4s", len(text), b"JSON") + text)
            file.write(struct.pack("<I4s", size, b"BIN\0"))
            file.write(self._data)
            file.write(filling)

    def _view(self, array: NDArray[Any], target: int | None = None) -> int:
        self._data += bytes(-len(self._data) % 4)
        start = len(self._data)
        self._data += np.ascontiguousarray(array).data.cast("B") if array.size else b""
        view = {"buffer": 0, "byteOffset": start, "byteLength": len(self._data) - start}
        self._views.append(view if target is None else view | {"target": target})
        return len(self._views) - 1

    def _accessor(self, array: NDArray[Any], bounds: bool, **more: Any) -> int:
        entry: dict[str, Any] = {
            "componentType": CODES[array.dtype.str],
            "count": len(array),
            "type": KINDS[array.shape[1] if array.ndim == 2 else 1],
            **more,
        }
        if bounds:
            rows = array.reshape(len(array), -1)
            entry |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        self._accessors.append(entry)
        return len(self._accessors) - 1
