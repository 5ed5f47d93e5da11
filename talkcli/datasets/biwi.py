"""BIWI's B3D(AC)^2 (Fanelli et al. 2010): fourteen people, 23370 vertices, 25 frames a second.

Every frame is turned, centred and scaled to a surface of area 1 by itself, as the public scripts of CodeTalker and
SelfTalk do; one unit is then about 0.18 m. Only the emotional sequences (e01-e40) are in the field's splits.
Shape letters: T frames, V vertices, F triangles.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from talkcli.audio import SUFFIXES, load_audio
from talkcli.clip import Floats, Ints
from talkcli.datasets import processed
from talkcli.datasets.base import RawClip, Recipe, Source
from talkcli.datasets.official import Facts, Inventory, Part
from talkcli.datasets.places import Places, archives, locate, unpacked
from talkcli.datasets.recorded import Options, Recording, recorded, shape
from talkcli.errors import TalkError
from talkcli.files.meshes import load_mesh
from talkcli.files.paths import inside, regular_files
from talkcli.phones import words

__all__ = ["FACTS", "Biwi", "Options"]

FACES, SCANS = "faces", "rigid_scans"
PARTS = (FACES, SCANS)
SOUNDS = ("wav", "audio", "videos")  # folders that may hold a sequence's sound; the first that does is taken
TRAIN, UNSEEN = words("F2 F3 F4 M3 M4 M5"), words("F1 F5 F6 F7 F8 M1 M2 M6")
FRAME = re.compile(r"frame_(\d+)\.vl")
Doubles = NDArray[np.float64]

FACTS = Facts(
    name="biwi",
    topology="biwi",
    file_fps=25.0,
    fps=25.0,
    parts=(
        Part("train", TRAIN, range(1, 33)),
        Part("val", TRAIN, range(33, 37)),
        Part("test-a", TRAIN, range(37, 41)),
        Part("test-b", UNSEEN, range(37, 41)),
    ),
    sentence="e{:02d}",
    meshes=("BIWI.ply",),
    unit="head of area 1",
    metres=0.18,
)


class Biwi:
    """The door to both layouts."""

    @classmethod
    def open(cls, options: Options, scratch: Path) -> Source:
        """Raises TalkError where there is neither layout, or half of one."""
        wanted = f"{FACES}/, {SCANS}/ and {'/, '.join(SOUNDS[:-1])}/ or {SOUNDS[-1]}/ (or {processed.WANTED})"
        places = locate(options.raw, scratch, _holds, _complete, wanted, PARTS)
        raw = any(is_raw(folder) or folder.name in PARTS for folder in places.folders)
        return Raw.open(places, options, scratch) if raw else processed.Processed.open(FACTS, places, options)


def is_raw(folder: Path) -> bool:
    return (folder / FACES).is_dir() or (folder / SCANS).is_dir()


def _holds(folder: Path) -> bool:
    return is_raw(folder) or processed.holds(folder)


def _complete(folder: Path) -> bool:
    sound = any((folder / name).is_dir() for name in SOUNDS)
    return (sound and all((folder / name).is_dir() for name in PARTS)) or processed.complete(folder)


@dataclass(frozen=True)
class Raw(Recording):
    """The files of the release: frames as .vl, templates as .obj, sound as .wav or in the films."""

    faces: Ints  # of the templates, by which areas are measured
    motion: Mapping[str, Path]  # folder of frames, by clip
    sounds: Mapping[str, Path]
    layout: ClassVar[str] = "raw"

    @classmethod
    def open(cls, places: Places, options: Options, scratch: Path) -> Raw:
        folders = {name: places.called(name) for name in PARTS}
        missing = [f"{name}/" for name, found in folders.items() if not found]
        if missing:
            raise TalkError(
                f"'{places.raw}' lacks {', '.join(missing)}: it is part of the download; put all of it there"
            )
        scans = {path.stem: path for folder in folders[SCANS] for path in regular_files(folder, "*.obj")}
        templates, faces = read_scans(scans, places.raw)
        packed = [path for folder in folders[FACES] for path in archives(folder)]
        motion = dict(frame_folders([*folders[FACES], *unpacked(packed, scratch / FACES)]))
        sounds = dict(sound_files([folder for name in SOUNDS for folder in places.called(name)]))
        facts = FACTS.at(options.file_fps)
        inventory = Inventory.of(facts, motion, sounds, templates)
        about = shape(facts, len(next(iter(templates.values()))), places, options, faces)
        shared = {f"{SCANS}/{path.name}": path for path in scans.values()}
        return cls(facts, places, templates, about, inventory, shared, faces, motion, sounds)

    def files(self, name: str) -> Mapping[str, Path]:
        sound, frames = self.sounds[name], self.motion[name]
        return {f"{sound.parent.name}/{sound.name}": sound, f"{FACES}/{frames.parent.name}/{frames.name}": frames}

    def kept(self, name: str) -> Mapping[str, Any]:
        return {"every": self.facts.every, "faces": hashlib.sha256(self.faces.tobytes()).hexdigest()[:12]}

    def make(self, recipe: Recipe) -> RawClip:
        frames = read_frames(self.motion[recipe.name], self.shape.topology.vertices, self.facts.every)
        vertices = np.array([normalised(frame, self.faces) for frame in frames], np.float32)  # (T, V, 3)
        audio = load_audio(self.sounds[recipe.name])
        return recorded(audio, vertices, self.facts.fps, recipe.subject, self.templates)


def normalised(vertices: NDArray[np.floating[Any]], faces: Ints) -> Doubles:
    """(V, 3) turned by half a turn about x, its mean at the origin, and scaled to a surface of area 1; in float64."""
    turned = vertices.astype(np.float64) * np.array([1.0, -1.0, -1.0])
    centred: Doubles = turned - turned.mean(axis=0)
    a, b, c = (centred[faces[:, corner]] for corner in range(3))  # (F, 3)
    area = 0.5 * float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())
    if not area > 0:
        raise TalkError("a frame has a surface of no area, or of numbers that are none")
    scaled: Doubles = centred / np.sqrt(area)
    return scaled


def read_vl(path: Path, vertices: int) -> NDArray[np.float32]:
    """(V, 3) of one frame. Its count has 4 or 8 bytes, which the size of the file tells.

    Raises:
        TalkError: it is cut off, or of another topology.
    """
    data = path.read_bytes() if path.stat().st_size <= 8 + 12 * vertices else b""
    for header in (4, 8):
        if len(data) == header + 12 * vertices and int.from_bytes(data[:header], "little") == vertices:
            return np.frombuffer(data, "<f4", offset=header).reshape(-1, 3)
    raise TalkError(
        f"{path.parent.name}/{path.name} has {path.stat().st_size} bytes where {vertices} vertices take "
        f"{4 + 12 * vertices} or {8 + 12 * vertices}: it is cut off, or of another topology"
    )


def read_frames(folder: Path, vertices: int, every: int = 1) -> Iterator[NDArray[np.float32]]:
    """The frames (V, 3) of a sequence in order, frame_001.vl first and then every so many."""
    files = [path for path in regular_files(folder) if FRAME.fullmatch(path.name)]
    numbers = {int(path.stem.removeprefix("frame_")) for path in files}
    gaps = sorted(set(range(1, max(numbers, default=0) + 1)) - numbers)
    if gaps:
        raise TalkError(f"frame {gaps[0]} is missing ({len(gaps)} of {max(numbers)}): unpack its archive again")
    sizes = {path.stat().st_size: path.name for path in files}
    if len(sizes) > 1:
        told = " and ".join(f"{name} {size}" for size, name in list(sizes.items())[:2])
        raise TalkError(f"its frames have different bytes ({told}): one is cut off, or of another topology")
    return (read_vl(path, vertices) for path in files[::every])


def frame_folders(places: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """(clip name, folder) of all sequences: folders of frames called SUBJECT/SENTENCE, however deep."""
    for place in places:
        for folder, subfolders, files in os.walk(place):
            path = Path(folder)
            for name in subfolders:
                inside(place, (path / name).relative_to(place))  # a link out of the folder is refused
            subfolders.sort()
            if any(FRAME.fullmatch(name) for name in files):
                subfolders.clear()
                yield f"{path.parent.name}_{path.name}", path


def sound_files(folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """(clip name, file) of all sounds: F1_e01.wav, F1_e01_cut.wav, or the film F1_e01.flv; of several the first."""
    seen = set()
    for folder in folders:
        for path in regular_files(folder):
            name = path.stem.removesuffix("_cut")
            if path.suffix.lower() in SUFFIXES and name not in seen:
                seen.add(name)
                yield name, path


def read_scans(paths: Mapping[str, Path], raw: Path) -> tuple[dict[str, Floats], Ints]:
    """The normalised templates by subject, and the triangles that they share."""
    if not paths:
        raise TalkError(f"'{raw}' holds no .obj templates in {SCANS}/: unpack that part of the download there")
    meshes = {name: load_mesh(path) for name, path in paths.items()}
    first_name, first = next(iter(meshes.items()))
    for name, mesh in meshes.items():
        if not np.array_equal(mesh.faces, first.faces):
            raise TalkError(f"'{paths[name]}' has other triangles than {first_name}.obj: one is another file")
    templates = {name: normalised(mesh.vertices, mesh.faces).astype(np.float32) for name, mesh in meshes.items()}
    return templates, first.faces
