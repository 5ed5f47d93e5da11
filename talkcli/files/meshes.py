"""Meshes that others made: vertices in the file's own order and number, because motion counts on both.

Shape letters: V vertices, F triangles.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Ints
from talkcli.errors import TalkError
from talkcli.files.gltf import read_glb
from talkcli.files.paths import file_size

Doubles = NDArray[np.float64]
Arrays = tuple[Doubles, NDArray[Any]]  # vertices (V, 3), faces (F, 3)

_HEADER = 1 << 16  # bytes: a ply header that is longer is none
# what trimesh raises of broken files; NameError: of faces under a name that it does not know
_TRIMESH = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, MemoryError, NameError)
_PLY_BYTES = {
    **dict.fromkeys(("char", "uchar", "int8", "uint8"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "uint16", "float16"), 2),
    **dict.fromkeys(("int", "uint", "int32", "uint32", "float", "float32"), 4),
    **dict.fromkeys(("int64", "uint64", "double", "float64"), 8),
}


@dataclass(frozen=True, eq=False)
class Mesh:
    """A mesh as its file has it: vertices (V, 3), faces (F, 3), no faces where the file has none."""

    vertices: Doubles
    faces: Ints


def load_mesh(path: Path) -> Mesh:
    """The mesh of a .ply, .obj or .glb file; larger faces become fans of triangles.

    Raises:
        TalkError: no such file, another format, or a file that is broken.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise TalkError(f"'{path}' is no mesh that can be read: give one of {', '.join(READERS)}")
    vertices, faces = reader(path)
    count = len(vertices)
    if not count:
        raise TalkError(f"'{path}' has no vertices: export it again")
    if not np.isfinite(vertices).all():
        raise TalkError(f"'{path}' has vertices that are no numbers (NaN or Inf): export it again")
    if faces.size and not 0 <= faces.min() <= faces.max() < count:
        raise TalkError(f"'{path}' has faces that reach beyond its {count} vertices: export it again")
    return Mesh(vertices, faces.astype(np.int32))


def triangles(path: Path, vertices: int) -> Ints:
    """The faces (F, 3) of a mesh that must have this many vertices."""
    mesh = load_mesh(path)
    if len(mesh.vertices) != vertices:
        counts = f"{len(mesh.vertices)} vertices and the data {vertices}"
        raise TalkError(f"'{path}' has {counts}: give the mesh of this topology")
    if not len(mesh.faces):
        raise TalkError(f"'{path}' has vertices and no faces: export it with its faces")
    return mesh.faces


def load_vertices(path: Path) -> Doubles:
    """The vertices (V, 3) of an .obj file, without a look at its faces: for one frame of many."""
    data = _obj_text(path)
    end = data.find(b"\n", max(data.rfind(b"v "), data.rfind(b"v\t")))  # of the last line that may be a vertex
    try:
        return _coordinates((data if end < 0 else data[:end]).splitlines())
    except ValueError as error:
        raise _broken(path, error) from error


def _read_obj(path: Path) -> Arrays:
    """Our own reader, because trimesh makes one mesh of each material, warns of vertices in no face, and takes 0.1 s.

    Whoever maps textures numbers them apart from the vertices (v/vt): only the first number of a corner counts.
    """
    lines = _obj_text(path).splitlines()
    try:
        return _coordinates(lines), _fans(_obj_faces(lines))
    except (ValueError, IndexError, OverflowError) as error:
        raise _broken(path, error) from error


def _obj_text(path: Path) -> bytes:
    data = _bytes(path)
    if b"\\" in data:  # joins a line to the next
        data = data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    return data


def _coordinates(lines: Iterable[bytes]) -> Doubles:
    """(V, 3); what follows after x y z, a weight or a colour, is left out."""
    found = [line for line in lines if line.lstrip().startswith((b"v ", b"v\t"))]
    return np.loadtxt(found, np.float64, usecols=(1, 2, 3), ndmin=2) if found else np.zeros((0, 3))


def _obj_faces(lines: Iterable[bytes]) -> list[list[int]]:
    faces, count = [], 0
    for line in lines:
        words = line.split(b"#", 1)[0].split()
        if not words:
            continue
        if words[0] == b"v":
            count += 1
        elif words[0] == b"f":
            numbers = [int(word.split(b"/", 1)[0]) for word in words[1:]]
            if 0 in numbers or min(numbers) < -count:
                raise ValueError(f"a face of {line.decode('latin-1')!r}, where vertices count from 1")
            faces.append([number - 1 if number > 0 else count + number for number in numbers])  # -1: the latest vertex
    return faces


def _fans(polygons: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """(F, 3): each polygon as a fan of triangles round its first corner."""
    fewest = min(map(len, polygons), default=3)
    if fewest < 3:
        raise ValueError(f"a face has {fewest} corners")
    fans = [(p[0], p[i], p[i + 1]) for p in polygons for i in range(1, len(p) - 1)]
    return np.array(fans, np.int64).reshape(-1, 3)


def _read_ply(path: Path) -> Arrays:
    from trimesh.exchange.ply import load_ply

    data = _bytes(path)
    counts = _promised(path, data)
    try:
        with np.errstate(invalid="raise", over="raise"):  # NaN where an index belongs
            # as numbers alone: no pictures are opened, no vertices parted where textures have seams
            mesh = load_ply(io.BytesIO(data), fix_texture=False, skip_materials=True)
            vertices = np.asarray(mesh.get("vertices", np.zeros((0, 3))), np.float64)
            faces = _polygons(mesh.get("faces"))
    except _TRIMESH as error:
        raise _broken(path, error, "triangulate it if it mixes triangles with larger faces, or save .obj") from error
    if len(vertices) != counts.get("vertex", 0) or len(faces) < counts.get("face", 0):
        raise _broken(path, ValueError(f"{len(vertices)} vertices and {len(faces)} faces where {counts} are promised"))
    return vertices, faces


def _polygons(faces: Any) -> NDArray[np.int64]:
    """(F, 3) of faces that trimesh gives as they are in the file, all of one size, or as triangles."""
    array = np.zeros((0, 3), np.int64) if faces is None else np.asarray(faces).astype(np.int64)
    return array if array.ndim == 2 and array.shape[1] == 3 else _fans(array.tolist())


def _promised(path: Path, data: bytes) -> dict[str, int]:
    """How many of each element the header promises, once the file is seen to be long enough for them."""
    head, end, _ = data[:_HEADER].partition(b"end_header")
    if not data.startswith(b"ply") or not end:
        raise _broken(path, ValueError("no header of a ply file"))
    rows = [line.split() for line in head.decode("latin-1").splitlines() if line.strip()]
    plain = any(row[:2] == ["format", "ascii"] for row in rows)
    counts: dict[str, int] = {}
    room = count = 0
    try:
        for row in rows:
            if row[0] == "element":
                name, count = row[1], int(row[2])
                counts[name] = count
            elif row[0] == "property":
                room += max(count, 0) * (2 if plain else _PLY_BYTES[row[2] if row[1] == "list" else row[1]])
    except (IndexError, KeyError, ValueError) as error:
        raise _broken(path, ValueError(f"its header has {' '.join(row)!r}")) from error
    if room > len(data) - len(head) or min(counts.values(), default=0) < 0:
        promise = " and ".join(f"{count} of '{name}'" for name, count in counts.items())
        raise TalkError(f"'{path}' is cut off: it promises {promise} and has {len(data)} bytes; copy it again")
    return counts


def _read_glb(path: Path) -> Arrays:
    still = read_glb(path, moving=False)
    return still.rest, still.faces


def _bytes(path: Path) -> bytes:
    file_size(path)  # whether there is something to read
    return path.read_bytes()


def _broken(path: Path, error: Exception, hint: str = "export it again") -> TalkError:
    return TalkError(f"'{path}' cannot be read as a mesh ({' '.join(str(error).split())}): {hint}")


READERS: dict[str, Callable[[Path], Arrays]] = {".ply": _read_ply, ".obj": _read_obj, ".glb": _read_glb}
