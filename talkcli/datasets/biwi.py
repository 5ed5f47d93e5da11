"""BIWI's B3D(AC)^2 (Fanelli et al. 2010): fourteen people, 23370 vertices, 25 frames a second.

Every frame is turned, centred and scaled to a surface of area 1 by itself, as the public scripts of CodeTalker and
SelfTalk do; one unit is then about 0.18 m. Only the emotional sequences (e01-e40) are in the field's splits.
Shape letters: T frames, V vertices, F triangles.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from talkcli.audio import load_audio
from talkcli.clip import Floats, Ints
from talkcli.datasets import processed
from talkcli.datasets.base import RawClip, Recipe, Source
from talkcli.datasets.places import archives, locate, unpacked
from talkcli.datasets.recorded import Facts, Inventory, Options, Part, Recording, recorded, shape
from talkcli.errors import TalkError
from talkcli.files.meshes import load_mesh
from talkcli.files.paths import natural_key, regular_files
from talkcli.phones import words

__all__ = ["FACTS", "Biwi", "Options"]

FACES, SCANS = "faces", "rigid_scans"
SOUNDS = ("wav", "audio", "videos")  # folders that may hold a sequence's sound, the first that does decides
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
        wanted = f"{FACES}/ and {SCANS}/ (or {processed.WANTED})"
        root = locate(options.raw, scratch, lambda folder: is_raw(folder) or processed.holds(folder), wanted)
        return Raw.open(root, options, scratch) if is_raw(root) else processed.Processed.open(FACTS, root, options)


def is_raw(folder: Path) -> bool:
    return (folder / FACES).is_dir() or (folder / SCANS).is_dir()


@dataclass(frozen=True)
class Raw(Recording):
    """The files of the release: frames as .vl, templates as .obj, sound as .wav or in the films."""

    faces: Ints  # of the templates, by which areas are measured
    motion: Mapping[str, Path]  # folder of frames, by clip
    sounds: Mapping[str, Path]
    layout: ClassVar[str] = "raw"

    @classmethod
    def open(cls, root: Path, options: Options, scratch: Path) -> Raw:
        missing = [name for name in (FACES, SCANS) if not (root / name).is_dir()]
        if missing:
            raise TalkError(f"'{root}' lacks {' and '.join(missing)}/: it is part of the download; put both there")
        templates, faces = read_scans(root / SCANS)
        places = [root / FACES, *unpacked(archives(root / FACES), scratch / FACES)]
        motion = dict(frame_folders(places))
        sounds = dict(sound_files(root))
        facts = FACTS.at(options.file_fps)
        inventory = Inventory.of(facts, motion, sounds, templates)
        found = shape(facts, len(next(iter(templates.values()))), root, options, faces)
        return cls(facts, root, templates, found, inventory, faces, motion, sounds)

    def told(self, name: str) -> dict[str, Any]:
        sound, frames = self.sounds[name], self.motion[name]
        sizes = [entry.stat().st_size for entry in os.scandir(frames) if FRAME.fullmatch(entry.name)]
        files = {
            f"{sound.parent.name}/{sound.name}": sound.stat().st_size,
            f"{FACES}/{frames.parent.name}/{frames.name}": sum(sizes),
        }
        return {"files": files, "frames": len(sizes)}

    def make(self, recipe: Recipe) -> RawClip:
        frames = read_frames(self.motion[recipe.name], self.shape.topology.vertices, self.facts.every)
        vertices = np.array([normalised(frame, self.faces) for frame in frames], np.float32)  # (T, V, 3)
        return recorded(load_audio(self.sounds[recipe.name]), vertices, self.facts.fps, recipe.subject, self.templates)


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
    numbers = [int(path.stem.removeprefix("frame_")) for path in files]
    gaps = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers)) if numbers else []
    if gaps:
        raise TalkError(f"frame {gaps[0]} is missing ({len(gaps)} of {numbers[-1]}): unpack its archive again")
    return (read_vl(path, vertices) for path in files[::every])


def frame_folders(places: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """(clip name, folder) of all sequences: folders of frames called SUBJECT/SENTENCE, however deep."""
    for place in places:
        for folder, subfolders, files in os.walk(place):
            subfolders.sort()
            if any(FRAME.fullmatch(name) for name in files):
                subfolders.clear()
                path = Path(folder)
                yield f"{path.parent.name}_{path.name}", path


def sound_files(root: Path) -> Iterator[tuple[str, Path]]:
    """(clip name, file) of all sounds: F1_e01.wav, F1_e01_cut.wav, or the film F1_e01.flv."""
    seen = set()
    for folder in SOUNDS:
        if (root / folder).is_dir():
            for path in sorted(regular_files(root / folder), key=lambda path: natural_key(path.name)):
                name = path.stem.removesuffix("_cut")
                if name not in seen:
                    seen.add(name)
                    yield name, path


def read_scans(folder: Path) -> tuple[dict[str, Floats], Ints]:
    """The normalised templates by subject, and the triangles that they share."""
    paths = [path for path in regular_files(folder) if path.suffix.lower() == ".obj"]
    if not paths:
        raise TalkError(f"'{folder}' holds no .obj templates: unpack rigid_scans of the download there")
    meshes = {path.stem: load_mesh(path) for path in paths}
    first_name, first = next(iter(meshes.items()))
    for name, mesh in meshes.items():
        if not np.array_equal(mesh.faces, first.faces):
            raise TalkError(f"'{folder}': {name}.obj has other triangles than {first_name}.obj: one is another file")
    templates = {name: normalised(mesh.vertices, mesh.faces).astype(np.float32) for name, mesh in meshes.items()}
    return templates, first.faces
