"""The vertices themselves in the forms that other tools take: .npy, point caches, and an .obj a frame.

Shape letters: T frames, V vertices, F triangles.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import chain
from typing import IO

import numpy as np

from talkcli.clip import Floats, Ints, MotionClip
from talkcli.console import note
from talkcli.export.base import Job
from talkcli.export.npz import header

PC2 = struct.Struct("<12siiffi")  # magic, version, vertices, first frame, frames a sample, samples


def write_npy(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes (T, V, 3) float32, or (T, V * 3) as many evaluation scripts load it."""
    first = next(chunks)
    count = first.topology.vertices
    columns = (3 * count,) if job.options.flat else (count, 3)
    with job.path.open("wb") as file:
        file.write(header((0, *columns)))
        frames = _write_frames(file, chain([first], chunks), job)
        file.seek(0)
        file.write(header((frames, *columns)))
    note(f"{job.target.name}: {first.fps:g} frames a second, which the file does not tell.")
    return frames


def write_pc2(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes a point cache, a sample a frame; the mesh that it moves lies beside it as .obj."""
    first = next(chunks)
    with job.path.open("wb") as file:
        file.write(bytes(PC2.size))
        frames = _write_frames(file, chain([first], chunks), job)
        file.seek(0)
        file.write(PC2.pack(b"POINTCACHE2\0", 1, first.topology.vertices, 0.0, 1.0, frames))
    note(f"{job.target.name}: {first.fps:g} frames a second, which the file does not tell.")
    return frames


def _write_frames(file: IO[bytes], chunks: Iterator[MotionClip], job: Job) -> int:
    frames = 0
    for chunk in chunks:
        file.write(np.ascontiguousarray(chunk.vertices, "<f4").data)
        frames += chunk.frames
        job.step(chunk.frames)
    return frames


def write_obj(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes a mesh a frame, counted from 0."""
    frames, faces = 0, b""
    for chunk in chunks:
        faces = faces or face_lines(chunk.topology.faces)
        for vertices in chunk.vertices:
            (job.path / (job.pattern % frames)).write_bytes(vertex_lines(vertices) + faces)
            frames += 1
            job.step()
    return frames


def write_rest(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes the head at rest, one .obj whatever the motion."""
    first = next(chunks)
    job.path.write_bytes(vertex_lines(first.template) + face_lines(first.topology.faces))
    return first.frames + sum(chunk.frames for chunk in chunks)


def vertex_lines(vertices: Floats) -> bytes:
    """Of an .obj file, in metres, to a micrometre."""
    return (b"v %.6f %.6f %.6f\n" * len(vertices)) % tuple(vertices.ravel().tolist())


def face_lines(faces: Ints) -> bytes:
    """Of an .obj file, where vertices count from 1."""
    return (b"f %d %d %d\n" * len(faces)) % tuple((faces.ravel() + 1).tolist())
