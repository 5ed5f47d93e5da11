"""Prepared data to examples: which clips, which stretch of them, and what of them is a target.

Shape letters: B clips, T frames, K coefficients, S samples, P posterior steps, A encoder steps, N subjects.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from talkcli.clip import Phone
from talkcli.errors import TalkError
from talkcli.models.batch import RATE
from talkcli.phones import BILABIAL, INDEX, LABIODENTAL, labels_at
from talkcli.phones.keys import KeyRule, key_frames, varied
from talkcli.prepared import ClipEntry, Corpus
from talkcli.train.features import Store
from talkcli.train.readings import Readings
from talkcli.train.unpaired import Sounds

POSTERIOR_RATE = 100


@dataclass(frozen=True, eq=False)
class Example:
    """One stretch of one clip, in numpy; see Batch."""

    samples: NDArray[np.float32]
    posteriors: NDArray[np.float32] | None
    motion: NDArray[np.float32]
    outside: float
    template: NDArray[np.float32]
    style: int
    phones: NDArray[np.int64]
    contacts: NDArray[np.float32]
    keys: NDArray[np.int64] | None = None  # (N,)
    reading: tuple[NDArray[np.float32], NDArray[np.int64]] | None = None  # hidden states (A, D), symbols (A,)
    sound: Example | None = None  # another, without its motion
    mesh: Example | None = None  # another, without its sound


@dataclass(frozen=True, eq=False)
class Sound:
    """One copy of a clip as it is learned: samples (S,), posteriors (P, 42) or None, motion (T, K), and by how much it
    is faster than the recording."""

    samples: NDArray[np.float32]
    posteriors: NDArray[np.float32] | None
    motion: NDArray[np.float32]
    outside: float
    speed: float


class Clips(Dataset[Example]):
    """The clips of one split, as a model with this label rate learns them.

    Which copy and which stretch of a clip comes depends on the seed, the epoch and the clip alone.
    """

    def __init__(
        self,
        data: Path,
        store: Store,
        split: str,
        label_rate: float,
        *,
        crop_seconds: float,
        copies: int,
        seed: int,
        whole: bool = False,
        keys: KeyRule | None = None,
        vary: bool = False,
        readings: Readings | None = None,
        share: float = 1.0,
    ) -> None:
        """share takes so many of the clips. whole leaves sound and motion as long as they are; else the longer of the
        two is cut off. keys says which frames are keys, for a method that has any; vary moves and drops some."""
        self.data, self.store, self.label_rate = data, store, label_rate
        self.crop_seconds, self.copies, self.seed = crop_seconds, copies, seed
        self.whole, self.readings = whole, readings
        self.keys, self.vary = keys, vary
        self.corpus = Corpus.open(data)
        self.entries: Sequence[ClipEntry] = shared_out(self.corpus.part(split), share)
        self.sounds: Sounds | None = None
        self.meshes: Clips | None = None
        self.epoch = 0
        self.fps = self.corpus.info.fps
        self.grid = _grid(self.fps, label_rate)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, key: int | tuple[int, int]) -> Example:
        index, epoch = key if isinstance(key, tuple) else (key, 0)
        entry = self.entries[index]
        rng = np.random.default_rng([self.seed, epoch, zlib.crc32(entry.name.encode())])
        copy = (epoch + zlib.crc32(entry.name.encode())) % (self.copies + 1)
        sound = self.sound(entry, copy)
        phones = [Phone(p.name, p.start / sound.speed, p.end / sound.speed) for p in self.corpus.phones(entry)]
        start, length = self._stretch(len(sound.motion) / self.fps, rng)
        example = self._example(entry, sound, phones, start, length)
        if self.keys is not None:
            example = replace(example, keys=self._keys(self.keys, entry, phones, start, len(example.motion), rng))
        if self.readings is not None:
            example = replace(example, reading=self.readings.load(entry.name, copy))
        return self._beside(example, np.random.default_rng([self.seed, epoch, zlib.crc32(entry.name.encode()), 1]))

    def _beside(self, example: Example, rng: np.random.Generator) -> Example:
        """With a sound and a mesh of other clips, where there are any; the sound is spoken in the example's style."""
        if self.sounds is not None:
            samples, posteriors = self.sounds.load(int(rng.integers(len(self.sounds))), self.crop_seconds, rng)
            frames = max(1, round(len(samples) / RATE * self.fps))
            none = np.zeros((frames, 1), np.float32)
            sound = replace(example, samples=samples, posteriors=posteriors, motion=none, keys=None, reading=None)
            example = replace(example, sound=sound)
        if self.meshes is not None:
            mesh = self.meshes[int(rng.integers(len(self.meshes))), int(rng.integers(1 << 30))]
            known = self.meshes.corpus.info.subjects == self.corpus.info.subjects
            example = replace(example, mesh=mesh if known else replace(mesh, style=-1))
        return example

    def sound(self, entry: ClipEntry, copy: int) -> Sound:
        """A copy of a clip from its beginning to its end."""
        features = self.store.features(entry.name, copy)
        motion, outside = self.store.target(entry.name)
        frames, samples = max(1, round(len(motion) / features.speed)), features.samples
        if not self.whole:
            frames = min(frames, max(1, round(len(samples) / RATE * self.fps)))
            samples = samples[: round(frames / self.fps * RATE)]
        motion = _resample(motion, features.speed, frames)
        return Sound(samples, features.posteriors, motion, outside, features.speed)

    def _stretch(self, seconds: float, rng: np.random.Generator) -> tuple[float, float]:
        """Where to cut, on a time that samples, posteriors, labels and frames share."""
        if not self.crop_seconds or seconds <= self.crop_seconds or not self.grid:
            return 0.0, seconds
        places = int((seconds - self.crop_seconds) / self.grid)
        return float(rng.integers(places + 1)) * self.grid, self.crop_seconds

    def _keys(
        self,
        rule: KeyRule,
        entry: ClipEntry,
        phones: Sequence[Phone],
        start: float,
        frames: int,
        rng: np.random.Generator,
    ) -> NDArray[np.int64]:
        """The key frames (N,) of a stretch."""
        if not phones and rule.source == "phones":
            raise TalkError(
                f"the clip '{entry.name}' has no phones, whose boundaries are the keys: type `talk align {self.data}`, "
                "or set model.keys.source=uniform"
            )
        here = [Phone(p.name, p.start - start, p.end - start) for p in phones]
        here = [phone for phone in here if phone.end > 0 and phone.start * self.fps < frames]
        keys = key_frames(here, self.fps, frames, rule)
        return varied(keys, rule, rng) if self.vary else keys

    def _example(
        self,
        entry: ClipEntry,
        sound: Sound,
        phones: Sequence[Phone],
        start: float,
        length: float,
    ) -> Example:
        first, last = round(start * self.fps), round((start + length) * self.fps)
        samples = sound.samples if self.whole else sound.samples[round(start * RATE) : round((start + length) * RATE)]
        posteriors = sound.posteriors
        if posteriors is not None:
            begin = round(start * POSTERIOR_RATE)
            posteriors = posteriors[begin : begin + len(samples) // 160 + 1]
        steps = round(length * self.label_rate)
        spoken = labels_at(phones, start + np.arange(steps) / self.label_rate, outside=-1)  # (A,)
        subjects = self.corpus.info.subjects
        return Example(
            samples=samples,
            posteriors=posteriors,
            motion=sound.motion[first:last],
            outside=sound.outside,
            template=self.corpus.template(entry.subject),
            style=subjects.index(entry.subject) if entry.subject in subjects else -1,
            phones=spoken,
            contacts=contact_labels(spoken),
        )


def shared_out(entries: Sequence[ClipEntry], share: float) -> Sequence[ClipEntry]:
    """A share of the clips, at least one, in their order; those of a smaller share are among those of a larger one."""
    count = max(1, round(share * len(entries)))
    picked = {entry.name for entry in sorted(entries, key=lambda entry: zlib.crc32(entry.name.encode()))[:count]}
    return [entry for entry in entries if entry.name in picked]


def _grid(fps: float, label_rate: float) -> float:
    """The shortest time that is whole in frames, labels and posterior steps; 0 where there is none under a second."""
    step = Fraction(1, POSTERIOR_RATE)
    for count in range(1, POSTERIOR_RATE + 1):
        time = step * count
        if all((time * Fraction(rate).limit_denominator(1000)).denominator == 1 for rate in (fps, label_rate)):
            return float(time)
    return 0.0


def _resample(motion: NDArray[np.float32], speed: float, frames: int) -> NDArray[np.float32]:
    """Motion (T, K) at the same frame rate, played speed times as fast."""
    if speed == 1.0:
        return motion[:frames]
    position = np.minimum(np.arange(frames) * speed, len(motion) - 1)
    left = position.astype(np.int64)
    right = np.minimum(left + 1, len(motion) - 1)
    share = (position - left)[:, None].astype(np.float32)
    resampled: NDArray[np.float32] = motion[left] * (1 - share) + motion[right] * share
    return resampled


def contact_labels(phones: NDArray[np.int64]) -> NDArray[np.float32]:
    """(A, 2) for phone labels (A,): where the lips meet, and where the lower lip meets the teeth."""
    kinds = [[INDEX[name] for name in names] for names in (BILABIAL, LABIODENTAL)]
    return np.stack([np.isin(phones, kind) for kind in kinds], 1).astype(np.float32)
