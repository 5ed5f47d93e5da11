"""A small writer of .glb files, free to write what no exporter should."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CODES = {"<i1": 5120, "|i1": 5120, "|u1": 5121, "<i2": 5122, "<u2": 5123, "<u4": 5125, "<f4": 5126}
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}


class Glb:
    """Gathers arrays and JSON: content is the JSON, to be changed at will before it is saved."""

    def __init__(self) -> None:
        self.content: dict[str, Any] = {"asset": {"version": "2.0"}, "accessors": [], "bufferViews": []}
        self.data = b""

    def view(self, data: bytes, **more: Any) -> int:
        self.data += bytes(-len(self.data) % 4)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data), **more}
        self.content["bufferViews"].append(view)
        self.data += data
        return len(self.content["bufferViews"]) - 1

    def accessor(self, array: NDArray[Any], **more: Any) -> int:
        """A dense array, (N,) or (N, 3)."""
        return self._accessor(array, bufferView=self.view(array.tobytes()), **more)

    def sparse(self, array: NDArray[np.float32]) -> int:
        """An array of which only the rows that are not zero are stored, one at least."""
        rows = np.flatnonzero(array.any(axis=1)).astype("<u2")
        rows = rows if len(rows) else np.zeros(1, "<u2")
        indices = {"bufferView": self.view(rows.tobytes()), "componentType": 5123}
        values = {"bufferView": self.view(array[rows].tobytes())}
        return self._accessor(array, sparse={"count": len(rows), "indices": indices, "values": values})

    def _accessor(self, array: NDArray[Any], **more: Any) -> int:
        kind = _TYPES[array.shape[1] if array.ndim == 2 else 1]
        entry = {"componentType": _CODES[array.dtype.str], "count": len(array), "type": kind, **more}
        self.content["accessors"].append(entry)
        return len(self.content["accessors"]) - 1

    def primitive(
        self, base: ArrayLike, faces: ArrayLike, targets: Sequence[ArrayLike], *, sparse: bool = False
    ) -> Any:
        write = self.sparse if sparse else self.accessor
        return {
            "attributes": {"POSITION": self.accessor(np.asarray(base, "<f4"))},
            "indices": self.accessor(np.asarray(faces, "<u2").ravel()),
            "targets": [{"POSITION": write(np.asarray(target, "<f4"))} for target in targets],
        }

    def channel(self, times: ArrayLike, values: ArrayLike, path: str, mode: str = "LINEAR", node: int = 0) -> None:
        """A channel of the only animation; weights are written one after another."""
        animation = self.content.setdefault("animations", [{"channels": [], "samplers": []}])[0]
        array = np.asarray(values, "<f4")
        array = array.ravel() if path == "weights" else array.reshape(-1, array.shape[-1])
        sampler = {"input": self.accessor(np.asarray(times, "<f4")), "output": self.accessor(array)}
        animation["samplers"].append(sampler | {"interpolation": mode})
        target = {"node": node, "path": path}
        animation["channels"].append({"sampler": len(animation["samplers"]) - 1, "target": target})

    def bytes(self) -> bytes:
        self.content["buffers"] = self.content.get("buffers", [{"byteLength": len(self.data)}])
        text = json.dumps(self.content).encode()
        text += b" " * (-len(text) % 4)
        data = self.data + bytes(-len(self.data) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    def save(self, path: Path) -> Path:
        path.write_bytes(self.bytes())
        return path


# Two parts, a square and a triangle; the first target moves both, the second only the triangle.
SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
TRIANGLE = np.array([[2, 0, 0], [3, 0, 0], [2, 1, 0]], np.float32)
BASE = np.concatenate([SQUARE, TRIANGLE])
OPEN = np.array([[0, 0, 0], [0, -1, 0], [0, 0, 0], [0, 0, 0.5], [0, -2, 0], [0, 0, 0], [0, 0, 0]], np.float32)
WIDE = np.array([[0, 0, 0]] * 4 + [[0, 0, 0], [4, 0, 0], [0, 0, 0]], np.float32)
FACES = [[0, 1, 2], [0, 2, 3], [4, 5, 6]]


def make_head(*, sparse: bool = True) -> Glb:
    """One mesh of two parts at one node, as our exporter writes a head; without animation."""
    glb = Glb()
    parts = [
        glb.primitive(SQUARE, [[0, 1, 2], [0, 2, 3]], [OPEN[:4], WIDE[:4]], sparse=sparse),
        glb.primitive(TRIANGLE, [[0, 1, 2]], [OPEN[4:], WIDE[4:]], sparse=sparse),
    ]
    mesh = {"primitives": parts, "weights": [0, 0], "extras": {"targetNames": ["open", "wide"]}}
    glb.content |= {"meshes": [mesh], "nodes": [{"mesh": 0}], "scenes": [{"nodes": [0]}], "scene": 0}
    return glb
