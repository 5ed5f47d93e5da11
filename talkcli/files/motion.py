"""One door for motion that others made, whatever the format: vertices, and what else the file tells.

Numbers that are no numbers (NaN or Inf) pass here: whoever takes the motion in looks at each frame anyway.
Shape letters: T frames, V vertices, F triangles.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, Ints
from talkcli.console import progress
from talkcli.errors import TalkError
from talkcli.files.arrays import load_npz, map_npy, npz_headers
from talkcli.files.gltf import read_glb
from talkcli.files.meshes import load_mesh, load_vertices
from talkcli.files.paths import file_size, regular_files

_PC2 = struct.Struct("<12siiffi")  # magic, version, vertices, first frame, frames a sample, samples
# what may be made of key frames, whose times may say anything: bytes, and frames (ten hours at 30 fps)
_MOST, _LONGEST = 1 << 33, 1 << 20
_BLOCK = 64  # frames made at a time
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


@dataclass(frozen=True, eq=False)
class RawMotion:
    """Motion as its file has it: vertices (T, V, 3) in the file's unit and axes, mapped from disk where that can be.

    fps and faces (F, 3) are None where the file does not tell them.
    """

    vertices: NDArray[Any]
    fps: float | None = None
    faces: Ints | None = None


def open_motion(path: Path, vertices: int | None = None, fps: float | None = None) -> RawMotion:
    """The motion in a file, or in a folder of .obj files, one a frame.

    Args:
        vertices: how many the template has, where that is known.
        fps: the rate at which key frames are read, where they should not be at the file's own.

    Raises:
        TalkError: no such file, another format, a file that is broken, or motion of another topology.
    """
    suffix = FOLDER if path.is_dir() else path.suffix.lower()
    if suffix not in READERS:
        formats = ", ".join(name for name in READERS if name != FOLDER)
        raise TalkError(f"'{path}' is no motion that can be read: give {formats} or a folder of .obj files")
    motion = READERS[suffix](path, vertices, fps)
    frames, count = motion.vertices.shape[:2]
    if vertices is not None and count != vertices:
        raise _other_topology(path, (frames, count, 3), vertices)
    if not frames or not count:
        raise TalkError(f"'{path}' holds {motion.vertices.shape} numbers: there is no frame in it")
    return motion


def _read_npy(path: Path, vertices: int | None, fps: float | None) -> RawMotion:
    return RawMotion(_frames(path, map_npy(path), vertices))


def _read_npz(path: Path, vertices: int | None, fps: float | None) -> RawMotion:
    headers = npz_headers(path)
    name = _motion_name(path, {name: (header.shape, header.dtype) for name, header in headers.items()}, vertices)
    beside = [extra for extra in ("fps", "faces") if extra in headers and extra != name]
    arrays = load_npz(path, [name, *beside])
    told = arrays.get("fps", np.zeros(0))
    rate = float(told.ravel()[0]) if told.size == 1 and told.dtype.kind in "fiu" else None
    frames = _frames(path, arrays[name], vertices)
    return RawMotion(frames, rate if rate and 0 < rate < np.inf else None, _faces(path, arrays, frames.shape[1]))


def _motion_name(path: Path, headers: dict[str, tuple[tuple[int, ...], np.dtype[Any]]], vertices: int | None) -> str:
    """The array called vertices, else the only one that looks like motion."""
    if "vertices" in headers:
        return "vertices"
    floats = {name: shape for name, (shape, dtype) in headers.items() if dtype in _FLOATS}
    likely = [name for name, shape in floats.items() if len(shape) == 3 and shape[2] == 3]
    flat = [name for name, shape in floats.items() if len(shape) == 2 and shape[1] > 3 and shape[1] % 3 == 0]
    likely = likely or [name for name in flat if vertices in (None, floats[name][1] // 3)]
    if len(likely) != 1:
        held = ", ".join(f"{name} {shape}" for name, (shape, _) in headers.items()) or "nothing"
        raise TalkError(f"'{path}' holds {held}: call the array (T, V, 3) of the motion 'vertices'")
    return likely[0]


def _faces(path: Path, arrays: dict[str, NDArray[Any]], vertices: int) -> Ints | None:
    faces = arrays.get("faces")
    if faces is None:
        return None
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype.kind not in "iu":
        raise TalkError(f"'{path}' holds faces {faces.shape} of {faces.dtype}, where (F, 3) whole numbers belong")
    if faces.size and not 0 <= faces.min() <= faces.max() < vertices:
        raise TalkError(f"'{path}' holds faces that reach beyond its {vertices} vertices: export it again")
    return faces.astype(np.int32)


def _frames(path: Path, array: NDArray[Any], vertices: int | None) -> NDArray[Any]:
    """(T, V, 3) of an array that may be flat, (T, 3V), as many evaluation scripts keep it."""
    shape = array.shape
    if array.dtype.newbyteorder("=") not in _FLOATS:
        raise TalkError(f"'{path}' holds {array.dtype}, where vertices are float32 or float64: save it as one of them")
    if array.ndim == 3 and shape[2] == 3:
        return array
    if array.ndim != 2 or shape[1] % 3 or shape[1] <= 3:
        raise TalkError(f"'{path}' holds {shape}, where motion is (T, V, 3), or (T, 3V) flat: reshape it")
    if vertices is not None and shape[1] != 3 * vertices:
        raise _other_topology(path, shape, vertices)
    return array.reshape(shape[0], shape[1] // 3, 3)


def _other_topology(path: Path, shape: tuple[int, ...], vertices: int) -> TalkError:
    return TalkError(f"'{path}' holds {shape} and the template has {vertices} vertices: is it of another topology?")


def _read_pc2(path: Path, vertices: int | None, fps: float | None) -> RawMotion:
    size = file_size(path)
    with path.open("rb") as file:
        head = file.read(_PC2.size)
    if len(head) < _PC2.size or not head.startswith(b"POINTCACHE2\0"):
        raise TalkError(f"'{path}' is no point cache (.pc2): export it again")
    _, _, count, _, _, frames = _PC2.unpack(head)
    if count <= 0 or frames <= 0 or size < _PC2.size + 12 * count * frames:
        promise = f"{frames} frames of {count} vertices"
        raise TalkError(f"'{path}' promises {promise} and has {size} bytes: export it again, or copy it whole")
    return RawMotion(np.memmap(path, "<f4", "r", _PC2.size, (frames, count, 3)))


def _read_glb(path: Path, vertices: int | None, fps: float | None) -> RawMotion:
    motion = read_glb(path)
    if vertices is not None and len(motion.rest) != vertices:
        raise TalkError(
            f"'{path}' has {len(motion.rest)} vertices and the template {vertices}: is it of another topology?"
        )
    if not motion.duration:
        raise TalkError(f"'{path}' has no animation: export it with the keys of its morph targets")
    rate = fps or motion.fps
    if not rate:
        raise TalkError(f"'{path}' tells no frame rate, its key frames lie unevenly: give the frames a second")
    count = round(motion.duration * rate) + 1
    if count > _LONGEST or 12 * count * len(motion.rest) > _MOST:
        raise TalkError(f"'{path}' lasts {motion.duration:g} s, {count} frames at {rate:g} fps: give a shorter one")
    out = np.empty((count, len(motion.rest), 3), np.float32)
    try:
        for start in range(0, count, _BLOCK):
            out[start : start + _BLOCK] = motion.vertices_at(np.arange(start, min(start + _BLOCK, count)) / rate)
    except ValueError as error:  # a spline between turns that passes through no turn at all
        raise TalkError(f"'{path}' has key frames that cannot be followed ({error}): export it again") from error
    return RawMotion(out, rate, motion.faces)


def _read_folder(path: Path, vertices: int | None, fps: float | None) -> RawMotion:
    paths = regular_files(path, "*.[oO][bB][jJ]")
    if not paths:
        raise TalkError(f"'{path}' has no .obj files: give a folder with one a frame")
    _check_numbers(path, paths)
    mesh = load_mesh(paths[0])
    count = len(mesh.vertices)
    if vertices is not None and count != vertices:
        raise _other_topology(paths[0], (count, 3), vertices)
    out: Floats = np.empty((len(paths), count, 3), np.float32)
    with progress(path.name, len(paths)) as step:
        for row, frame in zip(out, paths, strict=True):
            found = load_vertices(frame)
            if len(found) != count:
                others = f"{count} in '{paths[0].name}'"
                raise TalkError(f"'{frame}' has {len(found)} vertices, and there are {others}: is it of this motion?")
            row[:] = found
            step()
    return RawMotion(out, None, mesh.faces if len(mesh.faces) else None)


def _check_numbers(folder: Path, paths: Sequence[Path]) -> None:
    """Frames that are missing between others would be a jump in time that nobody sees."""
    found = [re.search(r"(\d+)\D*$", path.stem) for path in paths]
    odd = [path.name for path, match in zip(paths, found, strict=True) if match is None]
    if odd and len(odd) < len(paths):
        raise TalkError(f"'{folder}' has frames and '{odd[0]}', which has no number: take it out of the folder")
    numbers = sorted(int(match[1]) for match in found if match is not None)
    steps = [(after - before, before) for before, after in pairwise(numbers)]
    usual = min(steps, default=(1, 0))[0]
    if usual == 0:
        raise TalkError(f"'{folder}' has two frames of one number: leave the frames of one motion in it")
    gap = next((before + usual for step, before in steps if step != usual), None)
    if gap is not None:
        raise TalkError(f"'{folder}' lacks frame {gap}, and has frames after it: export it again")


FOLDER = "folder"
READERS: dict[str, Callable[[Path, int | None, float | None], RawMotion]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".pc2": _read_pc2,
    ".glb": _read_glb,
    FOLDER: _read_folder,
}
