"""Whether prepared data is what it says: every file read, counted and measured, and each thing that is wrong told.

Shape letters: T frames, V vertices, S samples.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats
from talkcli.console import counted, progress, some, table
from talkcli.datasets.base import SPLITS
from talkcli.datasets.recorded import HEAD
from talkcli.errors import TalkError
from talkcli.prepared import RATE, ClipEntry, Corpus, clip_path

_BROKEN = (ValueError, LookupError, TypeError, ArithmeticError)  # what arrays of other shapes and kinds lead to
TOLD = 20  # problems in the table, before it says how many more there are


@dataclass(frozen=True)
class Report:
    """What the data holds as a table for people, and what is wrong with it, one sentence each."""

    folder: Path
    table: str
    problems: tuple[str, ...]

    @property
    def summary(self) -> str:
        return f"'{self.folder}' has {counted(len(self.problems), 'problem')}, told above; first, {self.problems[0]}"


@dataclass(frozen=True)
class Measured:
    """What one clip's files hold."""

    entry: ClipEntry
    frames: int
    apart: float  # seconds that the motion is longer than the sound
    phones: int
    sound: str  # a hash of the samples


def check(folder: Path) -> Report:
    """Reads all of a prepared data set, one clip at a time.

    Raises:
        TalkError: it is no prepared data, or its manifest is broken.
    """
    corpus = Corpus.open(folder)
    problems = [*_of_corpus(corpus), *_of_templates(corpus)]
    measured: list[Measured] = []
    with progress("clips", len(corpus.clips)) as step:
        for entry in corpus.clips:
            try:
                found, wrong = _clip(corpus, entry)
                measured.append(found)
                problems += [f"{entry.name}: {sentence}" for sentence in wrong]
            except TalkError as error:
                problems.append(f"{entry.name}: {error}")
            except _BROKEN as error:
                problems.append(f"{entry.name}: its file holds what no clip does ({error})")
            step()
    return Report(folder, _table(corpus, measured, problems), tuple(problems))


def _of_corpus(corpus: Corpus) -> Iterator[str]:
    for name, count in Counter(entry.name for entry in corpus.clips).items():
        if count > 1:
            yield f"{name} stands in the manifest more than once"
    for name, reason in dict(corpus.provenance.get("failed", {})).items():
        yield f"{name} could not be prepared: {reason}"
    for split in ("train", "val"):
        if not corpus.part(split):
            yield f"the split '{split}' has no clips, and training needs some"
    for split in sorted({entry.split for entry in corpus.clips}):
        if split.partition("-")[0] not in SPLITS:
            yield f"'{split}' is no split that is known: there are {', '.join(SPLITS)}"
    trained = {entry.subject for entry in corpus.part("train")}
    for subject in sorted(trained - set(corpus.info.subjects)):
        yield f"{subject} has training clips and no place in the style one-hot"
    for subject in sorted(set(corpus.info.subjects) - trained):
        yield f"{subject} has a place in the style one-hot and no training clips"
    topology = corpus.info.topology
    marks = np.array([*topology.landmarks.values()], np.int64)
    named: dict[str, NDArray[Any]] = {**topology.regions, "faces": topology.faces, "landmarks": marks}
    for name, indices in named.items():
        if indices.dtype.kind not in "iu":
            yield f"the topology's {name} are {indices.dtype}, where vertex numbers belong"
        elif indices.size and not 0 <= indices.min() <= indices.max() < topology.vertices:
            yield f"the topology's {name} reach beyond its {topology.vertices} vertices"


def _of_templates(corpus: Corpus) -> Iterator[str]:
    info = corpus.info
    for subject in sorted({entry.subject for entry in corpus.clips} | set(info.subjects)):
        try:
            template = corpus.template(subject)
        except TalkError as error:
            yield str(error)
            continue
        if template.shape != (info.topology.vertices, 3) or not np.isfinite(template).all():
            yield f"the template of {subject} is {template.shape}, not ({info.topology.vertices}, 3) of finite numbers"
            continue
        height = float(np.ptp(template[:, 1])) * info.metres
        if not HEAD[0] < height < HEAD[1]:
            yield f"the head of {subject} is {height:.3g} m high: is the unit of the data right?"


def _clip(corpus: Corpus, entry: ClipEntry) -> tuple[Measured, list[str]]:
    """What a clip's files hold, and what is wrong with it."""
    info, wrong = corpus.info, []
    audio, phones, track = corpus.audio(entry), corpus.phones(entry), corpus.track(entry)
    motion: Floats = corpus.vertices(entry) if track is None else track.values  # (T, V, 3) or (T, C)
    if track is None and motion.shape[1:] != (info.topology.vertices, 3):
        wrong.append(f"its vertices are {motion.shape}, not (T, {info.topology.vertices}, 3)")
    bad = int((~np.isfinite(motion)).reshape(len(motion), -1).any(1).sum()) if len(motion) else 0
    if bad:
        wrong.append(f"{bad} of {len(motion)} frames hold numbers that are none (NaN or Inf)")
    for what, told, found in (("frames", entry.frames, len(motion)), ("samples", entry.samples, len(audio.samples))):
        if told != found:
            wrong.append(f"it has {found} {what} and the manifest says {told}")
        if not found:
            wrong.append(f"it has no {what}")
    apart = len(motion) / info.fps - audio.seconds
    if abs(apart) > 1 / info.fps + 1e-6:
        longer, shorter = ("motion", "sound") if apart > 0 else ("sound", "motion")
        wrong.append(f"its {longer} is {abs(apart):.3f} s longer than its {shorter}, more than a frame")
    times = [time for phone in phones for time in (phone.start, phone.end)]
    if any(later < earlier - 1e-3 for earlier, later in pairwise(times)):
        wrong.append("its phones overlap or are not in order")
    if times and times[-1] > audio.seconds + 1 / info.fps:
        wrong.append(f"its phones end at {times[-1]:.2f} s and its sound at {audio.seconds:.2f} s")
    spoken = sum(phone.name != "SIL" for phone in phones)
    return Measured(entry, len(motion), apart, spoken, hashlib.sha256(audio.samples.tobytes()).hexdigest()), wrong


def _twins(measured: Sequence[Measured]) -> list[str]:
    """Clips of different splits that hold the same sound: what is tested may have been learned."""
    first: dict[str, ClipEntry] = {}
    pairs = [(first.setdefault(clip.sound, clip.entry), clip.entry) for clip in measured]
    twins = [f"{a.name} ({a.split}) and {b.name} ({b.split})" for a, b in pairs if a.split != b.split]
    return [f"{counted(len(twins), 'clip')} with the sound of one in another split: {some(twins)}"] if twins else []


def _table(corpus: Corpus, measured: Sequence[Measured], problems: Sequence[str]) -> str:
    info, topology = corpus.info, corpus.info.topology
    rows = []
    for split in dict.fromkeys(entry.split for entry in corpus.clips):
        clips = [clip for clip in measured if clip.entry.split == split]
        minutes = sum(clip.entry.samples for clip in clips) / RATE / 60
        apart = max((abs(clip.apart) for clip in clips), default=0.0)
        cells = [len(clips), len({clip.entry.subject for clip in clips}), sum(clip.frames for clip in clips)]
        phones = sum(clip.phones for clip in clips)
        texts = sum(bool(clip.entry.text) for clip in clips)
        rows.append([split, *map(str, cells), f"{minutes:.1f}", f"{1000 * apart:.0f}", str(phones), str(texts)])
    heads = ["split", "clips", "subjects", "frames", "minutes", "apart ms", "phones", "texts"]
    head = (
        f"{info.name}: {info.fps:g} fps, unit {info.unit}, topology {topology.name} ({topology.vertices} vertices, "
        f"{len(topology.faces)} triangles), regions {', '.join(topology.regions) or 'none'}"
    )
    listed = [f"problem: {sentence}" for sentence in problems[:TOLD]] or ["no problem found"]
    if len(problems) > TOLD:
        listed.append(f"and {len(problems) - TOLD} more problems")
    notes = [f"note: {sentence}" for sentence in (*_twins(measured), *_orphans(corpus))]
    return "\n".join([head, table(heads, rows), *listed, *notes])


def _orphans(corpus: Corpus) -> list[str]:
    kept = {clip_path(corpus.folder, entry.name) for entry in corpus.clips}
    left = set((corpus.folder / "clips").glob("*.safetensors")) - kept
    return [f"{counted(len(left), 'file')} in clips/ of no clip in the manifest"] if left else []
