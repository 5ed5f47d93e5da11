"""What is known of a published data set beforehand: its official splits, and which of their clips a download holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from talkcli.console import counted, some
from talkcli.datasets.base import Split
from talkcli.errors import TalkError


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
            raise TalkError(_nothing(facts, moving, sounding, names, subjects))
        notes = [_counts(facts, found)]
        lacking = [s for s in official if s.name not in moving or s.name not in sounding]
        released = [s.name for s in lacking if s.name in facts.absent]
        if released:
            notes.append(f"the release itself lacks {some(released)}")
        for what, these in _missing([s.name for s in lacking if s.name not in facts.absent], moving, sounding):
            notes.append(f"{counted(len(these), 'official clip')} with {what}: {some(these)}")
        orphans = sorted({s.subject for s in official if s.name in moving} - subjects)
        if orphans:
            notes.append(f"there is no template of {some(orphans)}: their clips are left out")
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


def _nothing(facts: Facts, motion: set[str], sound: set[str], official: set[str], subjects: set[str]) -> str:
    """Why no official clip is there."""
    if both := motion & sound & official:
        known = some(sorted(subjects)) or "nobody"
        return f"no clip is of someone whose template is here: there are {some(sorted(both))}, and templates of {known}"
    if motion and sound and (motion | sound) & official:
        return (
            f"no clip of {facts.name} has both motion and sound by the same name: motion is called '{min(motion)}' and "
            f"sound '{min(sound)}'; rename one kind after the other"
        )
    if motion and sound:
        return (
            f"no clip is called as {facts.name} calls them: there is '{min(motion)}' where "
            f"'{facts.sequences[0].name}' is meant; for recordings of your own use `talk preprocess folder`"
        )
    lacking = "motion" if sound else "sound" if motion else "motion and no sound"
    return f"there is no {lacking} of {facts.name} here: is the download complete?"
