"""What training reads again and again is made once, by worker processes, and kept beside the prepared data.

For each clip: its target in the output basis, and the sound with its phone posteriors, clean and in augmented copies.
Shape letters: T frames, K coefficients, S samples, P posterior steps, A encoder steps.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

import talkcli
from talkcli.audio import level
from talkcli.audio.augment import augment
from talkcli.audio.posteriors import phone_posteriors
from talkcli.clip import Audio
from talkcli.console import note, progress
from talkcli.errors import TalkError
from talkcli.models.basis import BASES, OutputBasis
from talkcli.platform import end_with_parent, threads_each
from talkcli.prepared import Corpus, clip_path

VERSION = 1  # of the speech files below; a change makes them anew
TARGETS = 2  # the same of the targets
BABBLE = 4  # other clips that a copy may hear in the background


@dataclass(frozen=True)
class Recipe:
    """Everything the files depend on beside the data."""

    data: Path
    basis: str
    copies: int
    seed: int
    posteriors: bool


@dataclass(frozen=True, eq=False)
class Features:
    """One copy of a clip: samples (S,) float32 at 16 kHz, posteriors (P, 42) or None, and by how much it is faster."""

    samples: NDArray[np.float32]
    posteriors: NDArray[np.float32] | None
    speed: float


class Store:
    """The files of one recipe."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        clips = Corpus.open(recipe.data).clips
        seed = recipe.seed if recipe.copies else 0  # which decides nothing but the copies
        told = [VERSION, seed, recipe.posteriors, [[c.name, c.split, c.voice, c.samples, c.text] for c in clips]]
        motion = [TARGETS, recipe.basis, _head_key(), [[c.name, c.subject, c.frames] for c in clips]]
        motion.append(max(clip_path(recipe.data, clip.name).stat().st_mtime_ns for clip in clips))
        self.speech = recipe.data / "cache" / f"speech-{_key(told)}"
        self.targets = recipe.data / "cache" / f"motion-{_key(motion)}"

    def speech_file(self, clip: str, copy: int) -> Path:
        return self.speech / str(copy) / f"{clip}.safetensors"

    def target_file(self, clip: str) -> Path:
        return self.targets / f"{clip}.safetensors"

    def features(self, clip: str, copy: int) -> Features:
        tensors = load_file(self.speech_file(clip, copy))
        posteriors = tensors.get("posteriors")
        return Features(
            samples=tensors["samples"].astype(np.float32) / np.float32(32767),
            posteriors=None if posteriors is None else posteriors.astype(np.float32),
            speed=float(tensors["speed"][0]),
        )

    def target(self, clip: str) -> tuple[NDArray[np.float32], float]:
        """Coefficients (T, K) and the mean square that the basis leaves out."""
        tensors = load_file(self.target_file(clip))
        return tensors["motion"], float(tensors["outside"][0])

    def make(self, jobs: int) -> None:
        """Make what is missing, with a progress bar; a killed run goes on where it stopped."""
        missing = [job for job in self._jobs() if not job[1].is_file()]
        if not missing:
            return
        note(f"preparing features: {len(missing)} files in {self.recipe.data / 'cache'}")
        context = multiprocessing.get_context("spawn")
        try:
            with (
                progress("features", len(missing)) as step,
                threads_each(1),
                ProcessPoolExecutor(jobs, context, _start, (self.recipe,)) as pool,
            ):
                for _ in pool.map(_make, missing, chunksize=8):
                    step()
        except BrokenProcessPool as error:
            raise TalkError(
                "a process that prepared features died, for lack of memory perhaps: type it again with fewer --jobs"
            ) from error
        except (OSError, SafetensorError) as error:
            raise TalkError(f"cannot write features to {self.recipe.data / 'cache'}: {error}") from error

    def _jobs(self) -> Iterator[tuple[str, Path, int]]:
        """(clip, file, copy); copy -1 is the target."""
        for entry in Corpus.open(self.recipe.data).clips:
            if entry.split not in ("train", "val"):
                continue
            yield entry.name, self.target_file(entry.name), -1
            for copy in range(1 + self.recipe.copies * (entry.split == "train")):
                yield entry.name, self.speech_file(entry.name, copy), copy


def _key(told: list[Any]) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


def _head_key() -> str:
    """Changes with the packaged head and its motion basis."""
    resources = Path(talkcli.__file__).parent / "resources"
    return hashlib.sha256(b"".join((resources / n).read_bytes() for n in ("head.npz", "basis.npz"))).hexdigest()


_worker: dict[str, Any] = {}


def _start(recipe: Recipe) -> None:
    """What a worker process keeps from job to job."""
    import torch

    end_with_parent()
    torch.set_num_threads(1)
    corpus = Corpus.open(recipe.data)
    entries = {entry.name: entry for entry in corpus.clips}
    voices = [entry for entry in corpus.clips if entry.split == "train"]
    basis: OutputBasis = BASES[recipe.basis](corpus.info)
    _worker.update(recipe=recipe, corpus=corpus, entries=entries, voices=voices, basis=basis)


def _make(job: tuple[str, Path, int]) -> None:
    clip, path, copy = job
    tensors = _target(clip) if copy < 0 else _speech(clip, copy)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, beside)  # it does not look
    beside.replace(path)


def _target(clip: str) -> dict[str, NDArray[Any]]:
    """The clip's displacements in the basis, and what is lost."""
    corpus: Corpus = _worker["corpus"]
    entry = _worker["entries"][clip]
    displacements = corpus.vertices(entry) - corpus.template(entry.subject)  # (T, V, 3)
    basis: OutputBasis = _worker["basis"]
    motion = basis.encode(displacements)
    outside = 0.0
    if basis.coefficients != displacements[0].size:
        outside = max(0.0, float(np.square(displacements).mean() - basis.mean_square(motion)))
    return {"motion": motion, "outside": np.array([outside])}


def _speech(clip: str, copy: int) -> dict[str, NDArray[Any]]:
    """The clip's sound, as it is (copy 0) or augmented, at the level that models hear."""
    recipe: Recipe = _worker["recipe"]
    corpus: Corpus = _worker["corpus"]
    samples, speed = corpus.audio(_worker["entries"][clip]).samples, 1.0
    if copy:
        rng = np.random.default_rng([recipe.seed, zlib.crc32(clip.encode()), copy])
        picked = rng.choice(len(_worker["voices"]), BABBLE)
        babble = [corpus.audio(_worker["voices"][index]).samples for index in picked]
        samples, speed = augment(samples, rng, others=babble)
    samples = level(Audio(samples, 16000)).samples
    tensors: dict[str, NDArray[Any]] = {
        "samples": (np.clip(samples, -1, 1) * 32767).astype(np.int16),
        "speed": np.array([speed]),
    }
    if recipe.posteriors:
        tensors["posteriors"] = phone_posteriors(samples).astype(np.float16)
    return tensors
