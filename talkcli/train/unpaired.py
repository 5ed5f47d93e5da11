"""Sound without meshes, for the dual task: what training hears of each file is made once and kept beside the data.

Shape letters: S samples, P posterior steps.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from talkcli.audio import SUFFIXES, level, load_audio
from talkcli.audio.posteriors import phone_posteriors
from talkcli.clip import Audio
from talkcli.console import note, progress
from talkcli.datasets.recorded import stamp
from talkcli.errors import TalkError
from talkcli.files.paths import regular_files
from talkcli.models.batch import RATE
from talkcli.prepared import MANIFEST, Corpus

VERSION = 2
LONGEST = 30.0  # seconds that are heard at once where clips are heard whole: an hour would not fit
SHORTEST = 0.2  # seconds: shorter sound says nothing
POSTERIOR_RATE = 100


class Sounds:
    """The sounds of a folder, or of the training clips of prepared data."""

    def __init__(self, source: Path, cache: Path, *, posteriors: bool) -> None:
        """
        Raises:
            TalkError: there are none.
        """
        self.posteriors = posteriors
        self.files: list[tuple[str, Callable[[], Audio]]] = []
        stamps: list[list[int]] = []  # a sound that was replaced is heard anew
        if (source / MANIFEST).is_file():
            corpus = Corpus.open(source)
            stamps.append(stamp(source / MANIFEST))
            for entry in corpus.part("train"):
                self.files.append((entry.name, lambda entry=entry: corpus.audio(entry)))  # type: ignore[misc]
        elif source.is_dir():
            for path in regular_files(source, recursive=True):
                if path.suffix.lower() in SUFFIXES:
                    name = str(path.relative_to(source))
                    self.files.append((name, lambda path=path: load_audio(path, RATE)))  # type: ignore[misc]
                    stamps.append(stamp(path))
        if not self.files:
            raise TalkError(f"dual.sounds: '{source}' has no sound: give a folder of sound files, or prepared data")
        told = [VERSION, str(source.resolve()), posteriors, [name for name, _ in self.files], stamps]
        self.folder = cache / f"sounds-{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]}"

    def __len__(self) -> int:
        return len(self.files)

    def file(self, place: int) -> Path:
        return self.folder / f"{place}.safetensors"

    def make(self) -> None:
        """Make what is missing; a killed run goes on where it stopped.

        Raises:
            TalkError: a sound cannot be read, or is too short, or there is no room.
        """
        missing = [place for place in range(len(self)) if not self.file(place).is_file()]
        if not missing:
            return
        note(f"preparing sounds: {len(missing)} files in {self.folder}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with progress("sounds", len(missing)) as step:
                for place in missing:
                    self._make(place)
                    step()
        except (OSError, SafetensorError) as error:
            raise TalkError(f"cannot write sounds to {self.folder}: {error}") from error

    def _make(self, place: int) -> None:
        name, load = self.files[place]
        audio = load()
        if audio.seconds < SHORTEST:
            raise TalkError(f"dual.sounds: '{name}' lasts {audio.seconds:.2f} s: take it out of the folder")
        samples = level(audio).samples
        arrays: dict[str, NDArray[Any]] = {"samples": (np.clip(samples, -1, 1) * 32767).astype(np.int16)}
        if self.posteriors:
            arrays["posteriors"] = phone_posteriors(samples).astype(np.float16)
        beside = self.file(place).with_name(f".{place}.{os.getpid()}")
        save_file(arrays, beside)
        beside.replace(self.file(place))

    def load(
        self, place: int, longest: float, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Samples (S,) of a sound, of so many seconds of it (0: of LONGEST), and their posteriors (P, 42)."""
        arrays = load_file(self.file(place))
        samples, posteriors = arrays["samples"], arrays.get("posteriors")
        hop = RATE // POSTERIOR_RATE
        steps = round((longest or LONGEST) * POSTERIOR_RATE)
        if len(samples) > steps * hop:
            start = int(rng.integers(len(samples) // hop - steps + 1))
            samples = samples[start * hop : (start + steps) * hop]
            posteriors = None if posteriors is None else posteriors[start : start + steps + 1]
        told = None if posteriors is None else posteriors.astype(np.float32)
        return samples.astype(np.float32) / np.float32(32767), told


def check_unpaired(sounds: str, meshes: str, corpus: Corpus) -> None:
    """
    Raises:
        TalkError: there are no sounds, or the meshes are not like those of the corpus, or none is for training.
    """
    if sounds:
        Sounds(Path(sounds), Path(), posteriors=False)
    if not meshes:
        return
    source = Path(meshes)
    other = Corpus.open(source)
    ours, theirs = corpus.info, other.info
    for own, found, what in (
        (ours.topology.name, theirs.topology.name, "topology"),
        (ours.fps, theirs.fps, "frame rate"),
        (ours.unit, theirs.unit, "unit"),
    ):
        if own != found:
            raise TalkError(f"dual.meshes: '{source}' has the {what} '{found}' and the data '{own}': prepare it alike")
    if not other.part("train"):
        raise TalkError(f"dual.meshes: '{source}' has no clips in the split 'train'")
