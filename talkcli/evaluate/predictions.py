"""Where predicted motion comes from: a model that speaks each clip, or files that another tool wrote.

Shape letters: T frames, V vertices, N training subjects.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from talkcli.audio import level
from talkcli.clip import Phone
from talkcli.errors import TalkError
from talkcli.files.motion import FOLDER, READERS, open_motion
from talkcli.files.paths import natural_key, regular_files
from talkcli.phones.keys import scattered, shifted
from talkcli.prepared import ClipEntry, Corpus

if TYPE_CHECKING:
    from talkcli.models.checkpoint import Checkpoint

CONDITION = "_condition_"  # stands before the style in the names of FaceFormer's and CodeTalker's predictions
ALIGN = "type `talk align` with the folder of the data"
Motion = NDArray[np.floating[Any]]
# Who tells where lips meet, see animate; and the key frames of methods that have any: the model's own phone head where
# it has one; where it has none, and for those of KNOWN, the phones of the data
Phones = Literal["auto", "head", "asr", "data", "shifted", "random"]
KNOWN: dict[str, Callable[[Sequence[Phone], float, np.random.Generator], Sequence[Phone]]] = {
    "data": lambda phones, fps, rng: phones,
    "shifted": shifted,
    "random": scattered,
}


class Predictions(Protocol):
    """One model's motion for the clips of a corpus."""

    @property
    def name(self) -> str: ...

    def styles(self, entry: ClipEntry) -> tuple[str, ...]:
        """The styles in which a clip is there, "" for one without; none where it is missing."""

    def motion(self, entry: ClipEntry, style: str) -> Motion:
        """(T, V, 3) as the method gives it, in the corpus' unit at its frame rate.

        Raises:
            TalkError: it is of another topology or rate, or cannot be read.
        """

    def product(self, entry: ClipEntry, style: str) -> Motion | None:
        """The same with what the product adds (lips that must meet do meet); None where nothing is added."""


@dataclass(frozen=True)
class FolderPredictions:
    """Files <clip>.npy or <clip>_condition_<style>.npy (or another format of motion) in a folder."""

    folder: Path
    corpus: Corpus

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @cached_property
    def files(self) -> Mapping[str, Mapping[str, Path]]:
        """By clip and style."""
        found: dict[str, dict[str, Path]] = {}
        paths = [path for path in regular_files(self.folder) if path.suffix.lower() in READERS]
        folders = [path for path in self.folder.iterdir() if path.is_dir() and not path.is_symlink()]
        for path in sorted([*paths, *folders], key=lambda path: natural_key(path.name)):
            clip, _, style = (path.name if path.is_dir() else path.stem).partition(CONDITION)
            found.setdefault(clip, {})[style] = path
        return found

    def check(self, entries: list[ClipEntry]) -> None:
        """Raises TalkError unless some prediction is of these clips."""
        if not self.files:
            formats = ", ".join(name for name in READERS if name != FOLDER)
            raise TalkError(f"'{self.folder}' holds no predictions: give a folder of {formats}")
        if not any(entry.name in self.files for entry in entries):
            raise TalkError(
                f"no prediction in '{self.folder}' has the name of a clip: there is '{next(iter(self.files))}' where "
                f"'{entries[0].name}' or '{entries[0].name}{CONDITION}STYLE' is meant"
            )

    def styles(self, entry: ClipEntry) -> tuple[str, ...]:
        """A seen subject's own style alone, where it is there."""
        there = tuple(self.files.get(entry.name, {}))
        return (entry.subject,) if entry.subject in there else there

    def motion(self, entry: ClipEntry, style: str) -> Motion:
        info, path = self.corpus.info, self.files[entry.name][style]
        found = open_motion(path, info.topology.vertices, info.fps)
        if found.fps is not None and abs(found.fps - info.fps) > 1e-3 * info.fps:
            raise TalkError(f"'{path}' has {found.fps:g} frames a second and the data {info.fps:g}: convert it")
        return found.vertices

    def product(self, entry: ClipEntry, style: str) -> None:
        """What a file holds is all there is."""


class ModelPredictions:
    """A checkpoint that speaks each clip."""

    def __init__(
        self, model: str, corpus: Corpus, device: str = "auto", phones: Phones = "auto", styles: int = 0
    ) -> None:
        from talkcli.models.base import pick_device
        from talkcli.models.checkpoint import load_checkpoint

        self.checkpoint: Checkpoint = load_checkpoint(model, pick_device(device))
        self.corpus, self.phones, self.most = corpus, phones, styles
        self.name = self.checkpoint.name
        known, data = self.checkpoint.model.corpus, corpus.info
        if known.topology.vertices != data.topology.vertices:
            raise TalkError(
                f"the model '{model}' has {known.topology.vertices} vertices and '{corpus.folder}' "
                f"{data.topology.vertices}: it was trained on another topology"
            )
        if known.fps != data.fps:
            raise TalkError(f"the model '{model}' has {known.fps:g} frames a second and the data {data.fps:g}")

    def styles(self, entry: ClipEntry) -> tuple[str, ...]:
        """A training subject's own; all training styles for others; none where the method takes no style."""
        model = self.checkpoint.model
        if not model.takes_style:
            return ("",)
        known = model.corpus.subjects
        if entry.subject in known:
            return (entry.subject,)
        first = zlib.crc32(entry.name.encode()) % len(known) if self.most else 0  # fewer, then others for each clip
        return (*known[first:], *known[:first])[: self.most or None]

    def motion(self, entry: ClipEntry, style: str, host: Motion | None = None) -> Motion:
        """host is another model's motion, of which this one completes the key frames."""
        from talkcli.models.batch import Guide

        model, audio = self.checkpoint.model, level(self.corpus.audio(entry))
        one_hot = np.array([name == style for name in model.corpus.subjects], np.float32)  # (N,)
        guide = None
        if model.key_rule is not None and (host is not None or self.phones in KNOWN or not model.hears_phones):
            phones = self._known_phones(entry)
            if not phones and model.key_rule.source == "phones":
                raise TalkError(f"{entry.name} has no phones, whose boundaries are the keys of '{self.name}': {ALIGN}")
            guide = Guide(phones=phones, host=None if host is None else np.asarray(host, np.float32))
        return np.asarray(model.animate(audio, self.corpus.template(entry.subject), one_hot, guide).vertices[:])

    def _known_phones(self, entry: ClipEntry) -> Sequence[Phone]:
        """The data's, displaced where the keys of that are asked for: the same in every run."""
        rng = np.random.default_rng(zlib.crc32(entry.name.encode()))
        return KNOWN.get(self.phones, KNOWN["data"])(self.corpus.phones(entry), self.corpus.info.fps, rng)

    def product(self, entry: ClipEntry, style: str) -> Motion | None:
        from talkcli.animate import AnimateOptions, animate

        info = self.corpus.info
        if info.topology.contact is None:
            return None
        phones: Literal["auto", "head", "asr"] = (
            self.phones if self.phones == "auto" or self.phones == "asr" else "head"
        )
        options = AnimateOptions(subject=entry.subject, style=style, fps=info.fps, phones=phones, life=0.0)
        return np.concatenate([chunk.vertices for chunk in animate(self.corpus.audio(entry), self.checkpoint, options)])


def open_predictions(
    source: str,
    corpus: Corpus,
    entries: list[ClipEntry],
    device: str = "auto",
    phones: Phones = "auto",
    styles: int = 0,
) -> Predictions:
    """The predictions that a name means: a shipped model, a run, a checkpoint, or a folder of motion.

    styles is the most in which a model speaks a clip of a subject that it does not know; 0: all.
    """
    path = Path(source)
    is_run = any((path / name).is_file() for name in ("best.safetensors", "last.safetensors"))
    if not path.is_dir() or is_run:
        return ModelPredictions(source, corpus, device, phones, styles)
    predictions = FolderPredictions(path, corpus)
    predictions.check(entries)
    return predictions
