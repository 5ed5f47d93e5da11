"""The synthetic corpus: sentences, synthesizers that read them and time their phones, and the head that mouths them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from talkcli.articulation import Style, lively_controls
from talkcli.audio import resample
from talkcli.clip import Audio, CorpusInfo, Floats, Phone, Track
from talkcli.datasets import foreign, sounds, voices
from talkcli.datasets.base import RawClip, Recipe, Split
from talkcli.datasets.sentences import sentences
from talkcli.errors import TalkError
from talkcli.head import load_head
from talkcli.phones import tidy
from talkcli.prepared import RATE

FPS = 30.0
VERSION = 2  # of what a recipe means: clips of another version are made anew
SECONDS = 4.1  # of a clip on average
HELD_OUT = 2  # subjects each of val and test
REST_SHARE = 0.03  # of the train split: noise, hum, music, clicks and silence, with the mouth at rest


@dataclass(frozen=True, kw_only=True)
class Options:
    """hours: length of the corpus; seed: decides everything else."""

    hours: float = 3.0
    seed: int = 1


@dataclass(frozen=True)
class Synthetic:
    """The corpus of these options with the synthesizers of this machine."""

    options: Options
    here: voices.Available
    tolerance: ClassVar[float] = 0.02  # synthesizers crash now and then, and another sentence is as good

    @classmethod
    def open(cls, options: Options, scratch: Path) -> Synthetic:
        """Raises TalkError where no synthesizer is installed."""
        here = voices.available()
        if not here.engines:
            raise TalkError(f"no speech synthesizer is installed; {'; '.join(here.missing)}")
        return cls(options, here)

    @property
    def info(self) -> CorpusInfo:
        return CorpusInfo("synthetic", load_head().topology, FPS, self.subjects["train"])

    @property
    def templates(self) -> Mapping[str, Floats] | None:
        return None

    @property
    def notes(self) -> Sequence[str]:
        return [f"{sentence} (going on without)" for sentence in self.here.missing]

    @property
    def provenance(self) -> Mapping[str, Any]:
        return {"options": asdict(self.options), "engines": list(self.here.engines), "missing": self.here.missing}

    @property
    def subjects(self) -> Mapping[Split, tuple[str, ...]]:
        """The head's subjects, dealt out: the last four are held out."""
        names = load_head().subjects
        first, second = len(names) - 2 * HELD_OUT, len(names) - HELD_OUT
        return {"train": names[:first], "val": names[first:second], "test": names[second:]}

    def style(self, subject: str) -> Style:
        """A subject's style; the first subject speaks by the table of targets."""
        index = load_head().subjects.index(subject)
        return Style.drawn(np.random.default_rng([self.options.seed, 7, index])) if index else Style()

    def recipes(self) -> list[Recipe]:
        count = max(round(self.options.hours * 3600 / SECONDS), 3)
        texts = self._texts(count)
        return [self._recipe(index, count, texts[index]) for index in range(count)]

    def _texts(self, count: int) -> list[str]:
        return sentences(count, np.random.default_rng([self.options.seed, 11]))

    def _recipe(self, index: int, count: int, text: str) -> Recipe:
        rng = np.random.default_rng([self.options.seed, 13, index])
        split = self._split(index)
        names = self.subjects[split]
        number = index % len(names) if split == "train" else int(rng.integers(len(names)))
        data: dict[str, Any] = {"version": VERSION, "seed": int(rng.integers(2**31)), "subject": number}
        name = f"{index:05d}"
        if split == "train" and rng.random() < REST_SHARE:
            kind = sounds.KINDS[int(rng.integers(len(sounds.KINDS)))]
            return Recipe(name, names[number], split, f"none:{kind}", "", data | {"rest": kind})
        voice = voices.choose(rng, split, number, len(names), self.here)
        if voice.language != "en":
            text = foreign.sentence(voice.language, rng, numbers=voice.engine == "espeak")
        return Recipe(name, names[number], split, voice.label, text, data | {"voice": asdict(voice)})

    @staticmethod
    def _split(index: int) -> Split:
        """Spread evenly: one clip in twenty each for val and test."""
        place = (index * 7) % 20
        return "val" if place == 3 else "test" if place == 11 else "train"

    def make(self, recipe: Recipe) -> RawClip:
        rng = np.random.default_rng([self.options.seed, 17, int(recipe.data["seed"])])
        if "rest" in recipe.data:
            audio = sounds.make(recipe.data["rest"], rng)
            phones = [Phone("SIL", 0.0, audio.seconds)]
        else:
            audio, phones = spoken(voices.Voice(**recipe.data["voice"]), recipe.text, rng)
        return RawClip(audio, phones, self.track(recipe, audio, phones))

    def track(self, recipe: Recipe, audio: Audio, phones: Sequence[Phone]) -> Track:
        """The controls of a clip: what has to be made again when the articulation changes."""
        frames = max(1, round(audio.seconds * FPS))
        style = self.style(recipe.subject)
        if "rest" in recipe.data:
            return Track(self._controls, np.zeros((frames, len(self._controls)), np.float32))
        return lively_controls(phones, audio, FPS, frames, style, int(recipe.data["seed"]))

    @cached_property
    def _controls(self) -> tuple[str, ...]:
        one = Audio(np.zeros(RATE // 10, np.float32), RATE)
        return lively_controls([], one, FPS, 3, Style(), 0).names


def spoken(voice: voices.Voice, text: str, rng: np.random.Generator) -> tuple[Audio, list[Phone]]:
    """A sentence as a voice reads it, at RATE, with its phones; silences have other lengths than the synthesizer's."""
    samples, rate, phones = voices.speak(voice, text)
    if not len(samples) or not np.any(samples):
        raise TalkError(f"{voice.label} made no sound of {text!r}")
    samples = resample(samples, rate, RATE)
    phones = tidy(phones, len(samples) / RATE)
    samples, phones = with_pauses(samples, phones, rng)
    samples = samples * np.float32(rng.uniform(0.3, 0.9) / max(float(np.abs(samples).max()), 1e-4))
    if rng.random() < 0.7:  # the others keep their digital silence
        samples = samples + rng.normal(0, 10 ** rng.uniform(-4.6, -3.3), len(samples)).astype(np.float32)
    return Audio(np.clip(samples, -1, 1).astype(np.float32), RATE), phones


def with_pauses(samples: Floats, phones: Sequence[Phone], rng: np.random.Generator) -> tuple[Floats, list[Phone]]:
    """The sound with silences of other lengths, cut or filled up in their middles."""
    pieces: list[Floats] = []
    out: list[Phone] = []
    at = 0.0
    if phones and phones[0].name != "SIL":
        phones = [Phone("SIL", 0.0, 0.0), *phones]
    if phones and phones[-1].name != "SIL":
        phones = [*phones, Phone("SIL", phones[-1].end, phones[-1].end)]
    for index, phone in enumerate(phones):
        sound = samples[round(phone.start * RATE) : round(phone.end * RATE)]
        if phone.name == "SIL":
            outer = index in (0, len(phones) - 1)
            sound = _pause(sound, _pause_seconds(len(sound) / RATE, outer, rng), index == 0, index == len(phones) - 1)
        pieces.append(sound)
        seconds = len(sound) / RATE
        out.append(Phone(phone.name, at, at + seconds))
        at += seconds
    joined = np.concatenate(pieces)
    return joined, tidy(out, len(joined) / RATE)


def _pause_seconds(now: float, outer: bool, rng: np.random.Generator) -> float:
    if outer:
        return float(rng.uniform(0.03, 0.25) if rng.random() < 0.5 else rng.uniform(0.25, 1.0))
    if rng.random() < 0.45:
        return now
    return float(rng.uniform(min(now, 0.12), 0.5) if rng.random() < 0.6 else rng.uniform(0.4, 1.2))


def _pause(sound: Floats, seconds: float, first: bool, last: bool) -> Floats:
    """A silence of another length. The first changes at its start, the last at its end, others in the middle."""
    wanted = round(seconds * RATE)
    keep = min(len(sound), wanted)
    head = 0 if first else keep if last else keep // 2
    left, right = sound[:head].copy(), sound[len(sound) - (keep - head) :].copy()
    fade = np.linspace(0, 1, 64, dtype=np.float32)
    if len(right) >= 64:
        right[:64] *= fade
    if len(left) >= 64:
        left[-64:] *= fade[::-1]
    return np.concatenate([left, np.zeros(wanted - keep, np.float32), right])
