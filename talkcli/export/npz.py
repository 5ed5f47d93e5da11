"""The motion itself as an npz file, written in pieces so that an hour of it needs no memory, and read back.

Shape letters: T frames, V vertices, F triangles.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from talkcli.clip import Floats, MotionClip, Topology
from talkcli.errors import TalkError
from talkcli.export.base import Job, Turns
from talkcli.head import load_head

HEADER = 128  # bytes before the vertices' numbers, whatever their count
PIECE = 1 << 24


def write(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes vertices, template, faces, fps, landmarks, regions and the model's name, uncompressed.

    Where the head turns, its angles are told beside the vertices, with what turns these (see talkcli/head/neck.py).
    """
    first = next(chunks)
    count = first.topology.vertices
    frames = 0
    turns = Turns()
    with job.path.open("w+b") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        entry = zipfile.ZipInfo("vertices.npy")
        promised = job.total or 0
        with archive.open(entry, "w", force_zip64=True) as member:
            member.write(header((promised, count, 3)))
            for chunk in turns.of(_all(first, chunks)):
                member.write(np.ascontiguousarray(chunk.vertices, "<f4").data)
                frames += chunk.frames
                job.step(chunk.frames)
        if frames != promised:
            _correct_header(file, entry, header((frames, count, 3)))
        for name, array in (_small_arrays(first) | _turning(first, turns.whole)).items():
            with archive.open(f"{name}.npy", "w") as member:
                npy.write_array(member, array, allow_pickle=False)
    return frames


def _all(first: MotionClip, rest: Iterator[MotionClip]) -> Iterator[MotionClip]:
    yield first
    yield from rest


def _small_arrays(clip: MotionClip) -> dict[str, NDArray[Any]]:
    topology = clip.topology
    arrays: dict[str, NDArray[Any]] = {
        "template": np.asarray(clip.template, np.float32),
        "faces": np.asarray(topology.faces, np.int32),
        "fps": np.array(clip.fps, np.float64),
        "landmark_names": np.array(list(topology.landmarks), np.str_),
        "landmark_indices": np.array(list(topology.landmarks.values()), np.int32),
        "model": np.array(clip.model, np.str_),
    }
    arrays |= {f"region_{name}": np.asarray(indices, np.int32) for name, indices in topology.regions.items()}
    return arrays


def _turning(clip: MotionClip, turn: Floats | None) -> dict[str, NDArray[Any]]:
    if turn is None:
        return {}
    neck = load_head().neck
    return {"turn": turn, "turn_pivot": neck.pivot(clip.template), "turn_weights": neck.weights}


def header(shape: tuple[int, ...]) -> bytes:
    """An npy header of HEADER bytes for a float32 array of this shape."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    return npy.magic(1, 0) + (HEADER - 10).to_bytes(2, "little") + text.ljust(HEADER - 11).encode("ascii") + b"\n"


def _correct_header(file: IO[bytes], entry: zipfile.ZipInfo, header: bytes) -> None:
    """Puts the real shape into the member just written, and its new checksum where the archive keeps it."""
    end = file.tell()
    file.seek(entry.header_offset + 26)
    lengths = file.read(4)  # of the name and of the extra field
    start = entry.header_offset + 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
    file.seek(start)
    file.write(header)
    file.seek(start)
    checksum, left = 0, entry.file_size
    while left:
        piece = file.read(min(PIECE, left))
        checksum, left = zlib.crc32(piece, checksum), left - len(piece)
    entry.CRC = checksum  # for the table of contents, written when the archive is closed
    file.seek(entry.header_offset + 14)
    file.write(checksum.to_bytes(4, "little"))
    file.seek(end)


def read(path: Path) -> MotionClip:
    """The clip in an npz file that write made.

    Raises:
        TalkError: no such file, a broken one, or one that holds something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            arrays = {}
            for name in names:
                with archive.open(f"{name}.npy") as member:
                    arrays[name] = npy.read_array(member, allow_pickle=False)
        return _clip(arrays)
    except FileNotFoundError as error:
        raise TalkError(f"There is no file {path}.") from error
    except OSError as error:
        raise TalkError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise TalkError(f"{path} is not a motion file of ours, or is damaged ({error}).") from error


def _clip(arrays: dict[str, NDArray[Any]]) -> MotionClip:
    vertices, template, faces = arrays["vertices"], arrays["template"], arrays["faces"]
    if vertices.ndim != 3 or vertices.dtype != np.float32 or template.dtype != np.float32:
        raise ValueError("vertices must be (T, V, 3) and template (V, 3), both float32")
    count = vertices.shape[1]
    regions = {name[7:]: array.astype(np.int32) for name, array in arrays.items() if name.startswith("region_")}
    landmarks = dict(zip(arrays["landmark_names"].tolist(), arrays["landmark_indices"].tolist(), strict=True))
    for indices in (faces, arrays["landmark_indices"], *regions.values()):
        if indices.size and not 0 <= indices.min() <= indices.max() < count:
            raise ValueError(f"indices reach beyond the {count} vertices")
    fps = float(arrays["fps"])
    if not fps > 0:
        raise ValueError("fps must be positive")
    topology = Topology("npz", count, faces.astype(np.int32), regions, landmarks)
    return MotionClip(vertices, template, topology, fps, model=str(arrays["model"]), turn=arrays.get("turn"))
