"""Motion from a file, ours or another tool's, into other formats; no model is needed.

Shape letters: T frames, V vertices, F triangles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.audio import RATE, load_audio
from talkcli.clip import Audio, Floats, Ints, MotionClip, Phone, Topology
from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.export import ExportOptions, check_outputs, write
from talkcli.files.arrays import load_npz, map_npy, npz_headers
from talkcli.files.meshes import load_mesh, triangles
from talkcli.files.motion import RawMotion, open_motion
from talkcli.finish import PLAIN, Finish, finished, tell_unknown
from talkcli.head import load_head
from talkcli.phones.files import read_phones

BLOCK = 128  # frames a chunk
LIKELY = (0.05, 1.0)  # metres across, from which on and up to which a head is one
MINE = 0.002  # metres that a subject's head may lie from the first frame, for half of its vertices
UNEVEN = 0.1  # seconds by which sound may be longer or shorter than the motion before it is told
SMALL = ("template", "landmark_names", "landmark_indices")  # what our own .npz tells beside the motion
TURN = "turn"  # and where the head turns


@dataclass(frozen=True, kw_only=True)
class ConvertOptions:
    """What the motion's file does not tell.

    template is a mesh or an .npy (V, 3) of the head at rest, topology a mesh with the triangles; fps the rate of the
    frames, or the one to which they are brought where the file tells its own; scale makes metres of the file's unit;
    finish is what is done to the motion.
    """

    template: Path | None = None
    topology: Path | None = None
    fps: float | None = None
    scale: float = 1.0
    audio: Path | None = None
    phones: Path | None = None
    finish: Finish = PLAIN


def convert_file(source: Path, outputs: Sequence[Path], options: ConvertOptions, export_options: ExportOptions) -> None:
    """Motion from a file, or a folder of .obj files, into files; the suffix picks the format.

    Raises:
        TalkError: whatever is wrong with a file, or with an output; nothing is written then.
    """
    export_options = replace(export_options, sound=options.audio)
    check_outputs(outputs, export_options)
    motion = _open(source, options)
    audio = None if options.audio is None else load_audio(options.audio, RATE)
    phones = () if options.phones is None else tuple(read_phones(options.phones))
    if audio is not None and abs(audio.seconds - motion.frames / motion.fps) > UNEVEN:
        lengths = f"{audio.seconds:.2f} s, and the motion {motion.frames / motion.fps:.2f} s"
        note(f"{options.audio} lasts {lengths}: the sound is cut, or filled with silence, to the motion.")
    write(motion.chunks(audio, phones), outputs, export_options, motion.frames)


@dataclass(frozen=True, eq=False)
class Motion:
    """A file's motion as it will be written: raw frames at a rate of their own, a factor, and whose head it is, which
    turns (T, 3) where the file tells that apart, and how it is to be finished."""

    path: Path
    raw: NDArray[Any]  # (T, V, 3)
    raw_fps: float
    fps: float
    scale: float
    template: Floats
    topology: Topology
    colors: NDArray[np.uint8] | None
    turn: Floats | None = None
    finish: Finish = PLAIN

    @cached_property
    def frames(self) -> int:
        return max(1, round(len(self.raw) * self.fps / self.raw_fps))

    def chunks(self, audio: Audio | None, phones: Sequence[Phone]) -> Iterator[MotionClip]:
        """Frames as clips of at most BLOCK, with their sound and phones, which are as late as the motion."""
        late = self.finish.frames_late(self.fps) / self.fps
        phones = [replace(phone, start=phone.start + late, end=phone.end + late) for phone in phones]
        for first in range(0, self.frames, BLOCK):
            last = min(first + BLOCK, self.frames)
            start, end = first / self.fps, last / self.fps
            yield MotionClip(
                self._finished(first, last),
                self.template,
                self.topology,
                self.fps,
                None if audio is None else audio.part(start, end),
                start,
                colors=self.colors,
                turn=self._turn(first, last),
                phones=tuple(
                    replace(phone, start=max(phone.start, start) - start, end=min(phone.end, end) - start)
                    for phone in phones
                    if phone.start < end and phone.end > start
                ),
            )

    def _places(self, first: int, last: int) -> NDArray[np.float64]:
        """(T,) where frames lie among the file's, of which the first and the last hold."""
        own = np.arange(first, last) - self.finish.frames_late(self.fps)
        return np.asarray(np.clip(own * self.raw_fps / self.fps, 0, len(self.raw) - 1))

    def _finished(self, first: int, last: int) -> Floats:
        """(T, V, 3) metres."""
        around = self.finish.context(self.fps)
        vertices = self._vertices(first - around, last + around)
        return finished(vertices, self.template, self.topology, self.fps, self.finish)

    def _turn(self, first: int, last: int) -> Floats | None:
        """(T, 3) radians, straight between the file's frames."""
        if self.turn is None:
            return None
        places, own = self._places(first, last), np.arange(len(self.turn))
        return np.stack([np.interp(places, own, angle) for angle in self.turn.T], 1).astype(np.float32)

    def _vertices(self, first: int, last: int) -> Floats:
        """(T, V, 3) metres, straight between the file's frames."""
        places = self._places(first, last)
        before = np.floor(places + 1e-6).astype(int)
        share = np.maximum(places - before, 0)[:, None, None]
        out: Floats = self.raw[before].astype(np.float32)
        if share.any():
            out += (share * (self.raw[np.minimum(before + 1, len(self.raw) - 1)] - out)).astype(np.float32)
        if not np.isfinite(out).all():
            frame = first + int(np.flatnonzero(~np.isfinite(out).all((1, 2)))[0])
            raise TalkError(f"'{self.path}' has vertices that are no numbers (NaN or Inf) at frame {frame}: mend it")
        return out * np.float32(self.scale)


def _open(path: Path, options: ConvertOptions) -> Motion:
    if not 0 < options.scale < np.inf:
        raise TalkError(f"--scale {options.scale:g}: give the metres of the file's unit, such as 0.001")
    small = _small(path)
    given = None if options.template is None else _template(options.template)
    template = small.get("template") if given is None else given.vertices
    raw = open_motion(path, None if template is None else len(template), options.fps)
    fps = options.fps or raw.fps
    if fps is None:
        raise TalkError(f"'{path}' tells no frame rate: give --fps")
    topology, colors = _topology(path, raw, given, small, options)
    if template is None:
        template, colors = _guess(path, raw, topology, options.scale)
    template = (np.asarray(template, np.float64) * options.scale).astype(np.float32)
    _check_size(path, template)
    turn = _turn(path, small, len(raw.vertices)) if topology is load_head().topology else None
    tell_unknown(topology, options.finish)
    raw_fps = raw.fps or fps
    return Motion(path, raw.vertices, raw_fps, fps, options.scale, template, topology, colors, turn, options.finish)


def _small(path: Path) -> dict[str, NDArray[Any]]:
    """What our own .npz tells of the head; nothing of another file."""
    if path.suffix.lower() != ".npz":
        return {}
    headers = npz_headers(path)
    if not {"vertices", *SMALL} <= set(headers) or headers["template"].shape != headers["vertices"].shape[1:]:
        return {}
    return load_npz(path, [name for name in headers if name in (*SMALL, TURN) or name.startswith("region_")])


def _turn(path: Path, small: Mapping[str, NDArray[Any]], frames: int) -> Floats | None:
    """(T, 3) the angles of the head in the file, where it has some."""
    turn = small.get(TURN)
    if turn is None:
        return None
    if turn.shape != (frames, 3) or turn.dtype.kind != "f" or not np.isfinite(turn).all():
        raise TalkError(f"'{path}' holds a head's turn {turn.shape} for {frames} frames: export it again")
    return turn.astype(np.float32)


def _template(path: Path) -> RawMotion:
    """One head at rest: vertices (V, 3), and faces where the file has some."""
    if path.suffix.lower() == ".npy":
        vertices = map_npy(path)
        if vertices.ndim != 2 or vertices.shape[1] != 3:
            raise TalkError(f"--template '{path}' holds {vertices.shape}, where a head at rest is (V, 3)")
        return RawMotion(vertices)
    mesh = load_mesh(path)
    return RawMotion(mesh.vertices, faces=mesh.faces if len(mesh.faces) else None)


def _topology(
    path: Path,
    raw: RawMotion,
    template: RawMotion | None,
    small: Mapping[str, NDArray[Any]],
    options: ConvertOptions,
) -> tuple[Topology, NDArray[np.uint8] | None]:
    """The topology of the motion, the packaged head's own where it is that, and its colours."""
    count = raw.vertices.shape[1]
    found = [triangles(options.topology, count)] if options.topology else []
    found += [each.faces for each in (template, raw) if each is not None and each.faces is not None]
    faces: Ints = found[0] if found else np.zeros((0, 3), np.int32)
    mine = load_head().topology
    if count == mine.vertices and (not len(faces) or np.array_equal(faces, mine.faces)):
        return mine, mine.colors
    regions = {name[7:]: array.astype(np.int32) for name, array in small.items() if name.startswith("region_")}
    names, places = (small.get(name, np.zeros(0, np.int32)) for name in SMALL[1:])
    for indices in (*regions.values(), places):
        if indices.size and not 0 <= indices.min() <= indices.max() < count:
            raise TalkError(f"'{path}' names vertices beyond its {count}: export it again")
    landmarks = {str(name): int(index) for name, index in zip(names, places, strict=False)}
    return Topology(path.stem, count, faces, regions, landmarks), None


def _guess(
    path: Path, raw: RawMotion, topology: Topology, scale: float
) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    """A head at rest where nobody gave one: of the packaged head, the nearest subject; else the first frame."""
    first = np.asarray(raw.vertices[0], np.float64)
    head = load_head()
    if topology is head.topology:
        off = {name: _apart(head.subject_template(name), first * scale) for name in head.subjects}
        nearest = min(off, key=lambda name: off[name])
        if off[nearest] < MINE:
            return head.subject_template(nearest) / scale, head.subject_colors(nearest)
    note(f"'{path}': its first frame is taken for the head at rest; give --template where it is not.")
    return first, topology.colors


def _apart(template: Floats, vertices: NDArray[Any]) -> float:
    """Metres that half of the vertices exceed: speech moves the others."""
    return float(np.median(np.linalg.norm(template - vertices, axis=1)))


def _check_size(path: Path, template: Floats) -> None:
    size = float(np.ptp(template, axis=0).max())
    if not LIKELY[0] <= size <= LIKELY[1]:
        raise TalkError(f"'{path}' holds a head {size:.3g} m large: give --scale, such as 0.001 for millimetres")
