"""What all recordings share: official splits, regions and triangles from other files, and whether a clip can be true.

Shape letters: T frames, V vertices, F triangles.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from talkcli.audio import resample
from talkcli.clip import Audio, CorpusInfo, Floats, Ints, Phone, Topology
from talkcli.console import counted, some
from talkcli.datasets.base import RawClip, Recipe, Split
from talkcli.datasets.regions import LISTS, MASKS, find_regions, first
from talkcli.errors import TalkError
from talkcli.files.meshes import triangles
from talkcli.files.pickles import load_pickle
from talkcli.prepared import RATE

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
class Part:
    """One line of an official split: these sentences of these subjects, whose order is that of the style one-hot."""

    split: Split
    subjects: tuple[str, ...]
    sentences: range


@dataclass(frozen=True)
class Sentence:
    """A recorded sentence of a subject, and the split that it belongs to."""

    subject: str
    sentence: str
    split: Split

    @property
    def name(self) -> str:
        return f"{self.subject}_{self.sentence}"


@dataclass(frozen=True)
class Facts:
    """What is known of a published data set: rates, unit, splits, and what its files are called.

    sentence is how the number of a sentence is written ("sentence{:02d}"); absent are sequences that the release
    itself lacks; meshes are names under which a mesh with the triangles is handed round.
    """

    name: str
    topology: str
    file_fps: float
    fps: float
    parts: tuple[Part, ...]
    sentence: str
    meshes: tuple[str, ...]
    absent: tuple[str, ...] = ()
    unit: str = "m"
    metres: float = 1.0

    @property
    def every(self) -> int:
        """Of so many frames one is kept: the first, none averaged."""
        return round(self.file_fps / self.fps)

    def at(self, file_fps: float | None) -> Facts:
        """The same of files with another frame rate.

        Raises:
            TalkError: it is no multiple of what the data is prepared at.
        """
        if file_fps is not None and (file_fps < self.fps or file_fps % self.fps):
            raise TalkError(f"--file-fps {file_fps:g} is no multiple of {self.fps:g}, the rate of {self.name}")
        return replace(self, file_fps=file_fps or self.file_fps)

    @property
    def sequences(self) -> list[Sentence]:
        """All that the official splits name, in their order."""
        return [
            Sentence(subject, self.sentence.format(number), part.split)
            for part in self.parts
            for subject in part.subjects
            for number in part.sentences
        ]


@dataclass(frozen=True)
class Inventory:
    """Which sequences of an official split are there: those with sound and motion, and what to tell of the rest."""

    sequences: tuple[Sentence, ...]
    notes: tuple[str, ...]
    missing: tuple[str, ...]

    @classmethod
    def of(cls, facts: Facts, motion: Iterable[str], sound: Iterable[str], known: Iterable[str]) -> Inventory:
        """motion and sound are the names of sequences that have such files, known the subjects that have a template.

        Raises:
            TalkError: no official sequence has both.
        """
        moving, sounding, subjects = set(motion), set(sound), set(known)
        official = facts.sequences
        names = {sequence.name for sequence in official}
        found = tuple(s for s in official if s.name in moving and s.name in sounding and s.subject in subjects)
        if not found:
            raise TalkError(_nothing(facts, moving, sounding, names))
        notes = [_counts(facts, found)]
        lacking = [s for s in official if s.name not in moving or s.name not in sounding]
        released = [s.name for s in lacking if s.name in facts.absent]
        if released:
            notes.append(f"the release itself lacks {some(released)}")
        for what, these in _missing([s.name for s in lacking if s.name not in facts.absent], moving, sounding):
            notes.append(f"{counted(len(these), 'official clip')} with {what}: {some(these)}")
        orphans = sorted({s.subject for s in official if s.name in moving} - subjects)
        if orphans:
            notes.append(f"templates.pkl has no template of {some(orphans)}: their clips are left out")
        others = sorted((moving | sounding) - names)
        if others:
            notes.append(f"{counted(len(others), 'clip')} in no official split, left out: {some(others)}")
        return cls(found, tuple(notes), tuple(s.name for s in official if s not in set(found)))


def _missing(names: Sequence[str], motion: set[str], sound: set[str]) -> Iterable[tuple[str, list[str]]]:
    kinds = {
        "sound and no motion": [n for n in names if n in sound and n not in motion],
        "motion and no sound": [n for n in names if n in motion and n not in sound],
        "neither sound nor motion": [n for n in names if n not in motion and n not in sound],
    }
    return ((kind, these) for kind, these in kinds.items() if these)


def _counts(facts: Facts, found: Sequence[Sentence]) -> str:
    splits = {part.split: sum(s.split == part.split for s in found) for part in facts.parts}
    clips = ", ".join(f"{count} {split}" for split, count in splits.items())
    return f"{facts.name}: {clips} clips of {counted(len({s.subject for s in found}), 'subject')}"


def _nothing(facts: Facts, motion: set[str], sound: set[str], official: set[str]) -> str:
    if motion & official and sound & official:
        return (
            f"no clip of {facts.name} has both motion and sound by the same name: motion is called "
            f"'{min(motion & official)}' and sound '{min(sound & official)}'; rename one kind after the other"
        )
    if motion and sound:
        return (
            f"no clip is called as {facts.name} calls them: there is '{min(motion)}' where "
            f"'{facts.sequences[0].name}' is meant; for recordings of your own use `talk preprocess folder`"
        )
    lacking = "motion" if sound else "sound" if motion else "motion and no sound"
    return f"there is no {lacking} of {facts.name} here: is the download complete?"


@dataclass(frozen=True)
class Recording(ABC):
    """What both layouts of a published data set tell of themselves."""

    facts: Facts
    root: Path
    templates: Mapping[str, Floats]
    shape: Shape
    inventory: Inventory
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
        files: dict[str, int] = {}
        for sequence in self.inventory.sequences:
            files |= self.told(sequence.name)["files"]
        missing = list(self.inventory.missing)
        return {"layout": self.layout, "raw": str(self.root), "files": files, "missing": missing}

    @property
    def notes(self) -> Sequence[str]:
        return [*self.inventory.notes, *self.shape.notes]

    def recipes(self) -> list[Recipe]:
        return [Recipe(s.name, s.subject, s.split, s.subject, "", self.told(s.name)) for s in self.inventory.sequences]

    @abstractmethod
    def told(self, name: str) -> dict[str, Any]:
        """What decides how a clip comes out: its files with their sizes in bytes, and what of them is kept."""

    @abstractmethod
    def make(self, recipe: Recipe) -> RawClip: ...


@dataclass(frozen=True, eq=False)
class Shape:
    """The topology of a data set as far as its files tell, and what they do not tell."""

    topology: Topology
    notes: tuple[str, ...] = field(default=())


def shape(facts: Facts, vertices: int, root: Path, options: Options, faces: Ints | None = None) -> Shape:
    """Triangles, where not known, from options.faces or a mesh in the folders; regions from lists there."""
    notes = []
    places = [root, root / "templates", root / "regions"]
    if faces is None or options.faces:
        mesh = options.faces or first(places, facts.meshes)
        faces = triangles(mesh, vertices) if mesh else np.zeros((0, 3), np.int32)
    if not len(faces):
        notes.append(
            "no file tells the triangles: data is prepared without, which serves training and .npz but draws no film; "
            f"--faces FILE gives them, a .ply or .obj of this topology such as {facts.meshes[0]}"
        )
    regions = find_regions([options.regions] if options.regions else places, vertices)
    if options.regions and not regions:
        raise TalkError(f"'{options.regions}' holds none of {', '.join(f'{name}.txt' for name in LISTS)} and {MASKS}")
    if "lips" not in regions:
        notes.append(
            "no file tells which vertices are lips, which losses and metrics of lips need: --regions DIR names a "
            f"folder with lve.txt and fdd.txt, or with {MASKS}"
        )
    return Shape(Topology(facts.topology, vertices, faces, regions), tuple(notes))


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
            f"{fps:g} fps): the two are not of one clip, or the frame rate is another"
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
