"""What all recordings share: regions and triangles from other files, provenance, and whether a clip can be true.

Shape letters: T frames, V vertices, F triangles.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from talkcli.audio import resample
from talkcli.clip import Audio, CorpusInfo, Floats, Ints, Phone, Topology
from talkcli.datasets.base import RawClip, Recipe
from talkcli.datasets.official import Facts, Inventory
from talkcli.datasets.places import Places
from talkcli.datasets.regions import REGION_FILES, first, read_regions, region_files
from talkcli.errors import TalkError
from talkcli.files.meshes import triangles
from talkcli.files.pickles import load_pickle
from talkcli.prepared import RATE

HEAD = (0.08, 0.8)  # metres: the height of anything from a face mask to a bust
OTHERS = 0.5  # a clip this much nearer to another subject's template is that subject's
LASTING = 1.5  # sound and motion that differ by this factor are not of one clip, or the frame rate is another


@dataclass(frozen=True, kw_only=True)
class Options:
    """raw: the folder or archive of the download; faces: a mesh with the triangles; regions: a folder of vertex lists
    (lve.txt, fdd.txt, FLAME_masks.pkl) where the download has none; file_fps: the frame rate of the files where it is
    not the released one."""

    raw: Path
    faces: Path | None = None
    regions: Path | None = None
    file_fps: float | None = None


@dataclass(frozen=True)
class Recording(ABC):
    """What both layouts of a published data set tell of themselves."""

    facts: Facts
    places: Places
    templates: Mapping[str, Floats]
    shape: Shape
    inventory: Inventory
    shared: Mapping[str, Path]  # files of more than one clip, by what they are called in the provenance
    layout: ClassVar[str]
    tolerance: ClassVar[float] = 0.0

    @property
    def info(self) -> CorpusInfo:
        """Training subjects that have no clip are left out of the style one-hot."""
        facts, trained = self.facts, {s.subject for s in self.inventory.sequences if s.split == "train"}
        listed = [subject for part in facts.parts if part.split == "train" for subject in part.subjects]
        subjects = tuple(subject for subject in listed if subject in trained)
        return CorpusInfo(facts.name, self.shape.topology, facts.fps, subjects, facts.unit, facts.metres)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """The files with their sizes in bytes: those of several clips, those of each, and archives they came in."""
        files = {**self.shared, **self.shape.files, **{path.name: path for path in self.places.archives}}
        for sequence in self.inventory.sequences:
            files |= self.files(sequence.name)
        sizes = {name: stamp(path)[0] for name, path in files.items()}
        told = {"layout": self.layout, "raw": str(self.places.raw), "missing": list(self.inventory.missing)}
        return {**told, "files": sizes}

    @property
    def notes(self) -> Sequence[str]:
        return [*self.inventory.notes, *self.shape.notes]

    def recipes(self) -> list[Recipe]:
        return [Recipe(s.name, s.subject, s.split, s.subject, "", self._told(s.name)) for s in self.inventory.sequences]

    def _told(self, name: str) -> dict[str, Any]:
        """What decides how a clip comes out: its files, by size and time, and what of them is kept."""
        return {"files": {file: stamp(path) for file, path in self.files(name).items()}, **self.kept(name)}

    @abstractmethod
    def files(self, name: str) -> Mapping[str, Path]:
        """A clip's files, or folders of frames, by what they are called in the provenance."""

    @abstractmethod
    def kept(self, name: str) -> Mapping[str, Any]:
        """What of a clip's files is kept, and how: plain values."""

    @abstractmethod
    def make(self, recipe: Recipe) -> RawClip: ...


def stamp(path: Path) -> list[int]:
    """Bytes of a file and when it was last changed, in ns; of a folder of frames, their sum and the latest."""
    stats = [entry.stat() for entry in os.scandir(path)] if path.is_dir() else [path.stat()]
    return [sum(stat.st_size for stat in stats), max((stat.st_mtime_ns for stat in stats), default=0)]


@dataclass(frozen=True, eq=False)
class Shape:
    """The topology of a data set as far as its files tell, what they do not tell, and which files those were."""

    topology: Topology
    notes: tuple[str, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)


def shape(facts: Facts, vertices: int, places: Places, options: Options, faces: Ints | None = None) -> Shape:
    """Triangles, where not known, from options.faces or a mesh in the folders; regions from lists there."""
    notes, files = [], {}
    folders = [folder / sub for folder in places.folders for sub in ("", "templates", "regions")]
    if faces is None or options.faces:
        mesh = options.faces or first(folders, facts.meshes)
        faces = triangles(mesh, vertices) if mesh else np.zeros((0, 3), np.int32)
        files = {mesh.name: mesh} if mesh else {}
    if not len(faces):
        notes.append(
            "no file tells the triangles: data is prepared without, which serves training and .npz but draws no film; "
            f"--faces FILE gives them, a .ply or .obj of this topology such as {facts.meshes[0]}"
        )
    lists = region_files([options.regions] if options.regions else folders)
    if options.regions and not lists:
        raise TalkError(f"'{options.regions}' holds none of {', '.join(REGION_FILES)}: name the folder that does")
    if not lists:
        notes.append(
            "no file tells which vertices are lips, which losses and metrics of lips need: --regions DIR names a "
            f"folder with {', '.join(REGION_FILES)}"
        )
    topology = Topology(facts.topology, vertices, faces, read_regions(lists, vertices))
    return Shape(topology, tuple(notes), {**files, **lists})


def read_templates(path: Path) -> dict[str, Floats]:
    """templates.pkl: (V, 3) of each subject, all of one topology."""
    found = load_pickle(path)
    if not isinstance(found, dict) or not found:
        raise TalkError(f"'{path}' does not hold templates by subject: download it again")
    templates = {str(name): np.asarray(template) for name, template in found.items()}
    for name, template in templates.items():
        good = template.ndim == 2 and template.shape[1] == 3 and template.dtype.kind == "f"
        if not good or not np.isfinite(template).all():
            raise TalkError(f"'{path}': the template of {name} is {template.shape}, not (V, 3) of finite numbers")
    sizes = {len(template) for template in templates.values()}
    if len(sizes) > 1:
        raise TalkError(f"'{path}' holds templates of different topologies: {sorted(sizes)} vertices")
    return {name: template.astype(np.float32) for name, template in templates.items()}


def recorded(
    audio: Audio,
    vertices: Floats,
    fps: float,
    subject: str,
    templates: Mapping[str, Floats],
    phones: Sequence[Phone] = (),
) -> RawClip:
    """A clip of recorded motion (T, V, 3) and its sound, brought to RATE.

    Raises:
        TalkError: it cannot be true: no frames, no numbers, another subject's head, or sound of another length.
    """
    if not len(vertices):
        raise TalkError("its motion has no frames")
    if not len(audio.samples):
        raise TalkError("its sound has no samples")
    if not np.isfinite(vertices).all():
        bad = int((~np.isfinite(vertices)).any(axis=(1, 2)).sum())
        raise TalkError(f"{bad} of its {len(vertices)} frames hold numbers that are none (NaN or Inf)")
    seconds = len(vertices) / fps
    if not 1 / LASTING < seconds / audio.seconds < LASTING:
        raise TalkError(
            f"its sound lasts {audio.seconds:.2f} s and its motion {seconds:.2f} s ({len(vertices)} frames at "
            f"{fps:g} fps): the two are not of one clip, or the frame rate is another (--file-fps, or talk.toml)"
        )
    _check_subject(vertices, subject, templates)
    return RawClip(
        Audio(resample(audio.samples, audio.rate, RATE), RATE),
        phones,
        vertices=np.ascontiguousarray(vertices, np.float32),
    )


def _check_subject(vertices: Floats, subject: str, templates: Mapping[str, Floats]) -> None:
    """A head in motion stays near its own template."""
    middle = vertices.mean(axis=0)  # (V, 3)
    far = {name: float(np.linalg.norm(middle - template, axis=1).mean()) for name, template in templates.items()}
    nearest = min(far, key=far.__getitem__)
    if far[nearest] < OTHERS * far[subject]:
        raise TalkError(f"its motion fits the template of {nearest} and not that of {subject}: it is another's file")
