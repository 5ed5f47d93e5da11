"""Who speaks in the synthetic corpus: voices of three synthesizers, dealt out to splits and to subjects.

A speaker is what must not be in two splits: a variant of espeak-ng (whatever the language), or the person behind a
recorded voice (flite's kal16 and festival's kal_diphone are one person, and so are the two slt).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from talkcli.clip import Floats, Phone
from talkcli.datasets import espeak, festvox
from talkcli.datasets.base import SPLITS, Split
from talkcli.datasets.foreign import LANGUAGES

Engine = Literal["espeak", "flite", "festival"]
ENGINES: tuple[Engine, ...] = ("espeak", "flite", "festival")
# Shares of the clips: formant synthesis gives many speakers and languages, the other two sound closer to people.
MIX: Mapping[Engine, float] = {"espeak": 0.45, "flite": 0.30, "festival": 0.25}

_TRAIN_VARIANTS = """f1 m1 f2 m2 f3 m3 f5 m4 m6 m7 belinda adam linda Alex steph david aunty Andy Annie Denis anika
Diogo steph2 Gene Michael Henrique Hugo shelby Lee Mario Mike Nguyen antonio benjamin caleb edward grandma Alicia
grandpa gustave ian iven john klatt klatt2 klatt4 marcelo max michel miguel norbert pablo paul pedro quincy robert
victor zac""".split()
_VARIANTS: Mapping[Split, tuple[str, ...]] = {
    "train": tuple(_TRAIN_VARIANTS),
    "val": ("f4", "m5", "steph3", "sandro", "travis"),
    "test": ("m8", "Andrea", "Jacky", "boris", "klatt3", "edward2"),
}
_ACCENTS = ("en-us", "en-us", "en-us", "en", "en", "en-GB-x-rp", "en-GB-scotland", "en-029", "en-US-nyc", "en-GB-x-gbclan")
_ELSEWHERE = (*LANGUAGES, "da", "nb", "hr", "sk", "lt", "ca", "et", "lv", "sl", "eo", "cy", "es-419", "pt")
# speaker -> synthesizer's voices, with the usual pitch in Hz where it is an option
_RECORDED: Mapping[Split, Mapping[str, tuple[tuple[Engine, str, float], ...]]] = {
    "train": {
        "rms": (("flite", "rms", 100.0),),
        "slt": (("flite", "slt", 172.0), ("festival", "cmu_us_slt_arctic_hts", 0.0)),
        "kal": (("flite", "kal16", 105.0), ("festival", "kal_diphone", 0.0)),
    },
    "val": {"ked": (("festival", "ked_diphone", 0.0),)},
    "test": {"awb": (("flite", "awb", 120.0),)},
}


@dataclass(frozen=True)
class Voice:
    """A voice of a synthesizer, set for one sentence.

    tract stretches the vocal tract (formants and pitch by the same factor, not the tempo); tempo is 1 as the voice
    comes; pitch in Hz (flite) or 0 to 100 (espeak); spread of the pitch likewise.
    """

    engine: Engine
    name: str
    tempo: float
    pitch: float
    spread: float
    tract: float
    foreign_text: str = ""  # the language that it reads, where it is not English

    @property
    def speaker(self) -> str:
        """What must not be in two splits."""
        if self.engine == "espeak":
            return f"espeak+{self.name.rpartition('+')[2]}"
        people = (person for split in SPLITS for person, voices in _RECORDED[split].items() for _, name, _ in voices if name == self.name)
        return next(people, self.name)

    @property
    def label(self) -> str:
        return f"{self.engine}:{self.name}"


@dataclass(frozen=True)
class Available:
    """The synthesizers of this machine: engine -> voices, and a sentence for each thing that is missing."""

    espeak: bool
    flite: frozenset[str]
    festival: frozenset[str]

    def has(self, engine: Engine, name: str) -> bool:
        return self.espeak if engine == "espeak" else name in (self.flite if engine == "flite" else self.festival)

    @property
    def engines(self) -> tuple[Engine, ...]:
        found = {"espeak": self.espeak, "flite": bool(self.flite), "festival": bool(self.festival)}
        return tuple(engine for engine in ENGINES if found[engine])

    @property
    def missing(self) -> list[str]:
        """One sentence for each missing synthesizer or voice: its name and what to type."""
        out = []
        if not self.espeak:
            out.append(f"espeak-ng is missing: {espeak.INSTALL}")
        for engine, found in (("flite", self.flite), ("festival", self.festival)):
            if not found:
                out.append(f"{engine} is missing: {festvox.INSTALL[engine]}")
        names = [voice for split in SPLITS for voices in _RECORDED[split].values() for voice in voices]
        for engine, name, _ in names:
            if engine in self.engines and not self.has(engine, name):
                how = festvox.INSTALL.get(name, festvox.INSTALL[engine])
                out.append(f"{engine}'s voice {name} is missing: {how}")
        return out


def available() -> Available:
    """What is installed here."""
    return Available(espeak.available(), festvox.flite_voices(), festvox.festival_voices())


def choose(rng: np.random.Generator, split: Split, subject: int, subjects: int, here: Available) -> Voice:
    """A voice for the next sentence of a subject (an index among the subjects of its split)."""
    recorded = [voice for voices in _RECORDED[split].values() for voice in voices if here.has(voice[0], voice[1])]
    shares = {engine: MIX[engine] for engine in here.engines if engine == "espeak" or any(v[0] == engine for v in recorded)}
    engine: Engine = list(shares)[int(np.searchsorted(_cumulated(list(shares.values())), rng.random()))]
    body = np.random.default_rng([subject, subjects]).uniform(-1, 1)  # the subject's size: it sounds alike every time
    if engine == "espeak":
        return _formant_voice(rng, split, subject, subjects, 1 + 0.05 * body)
    own = [voice for voice in recorded if voice[0] == engine]
    _, name, pitch = own[int(rng.integers(len(own)))]
    return Voice(
        engine,
        name,
        tempo=round(float(rng.uniform(0.8, 1.35)), 3),
        pitch=round(float(pitch * rng.uniform(0.85, 1.2)), 1),
        spread=round(float(rng.uniform(8, 28)), 1),
        tract=round(float(1 + 0.1 * body + rng.uniform(-0.02, 0.02)), 3),
    )


def _formant_voice(rng: np.random.Generator, split: Split, subject: int, subjects: int, tract: float) -> Voice:
    variants = _VARIANTS[split][subject::subjects] or _VARIANTS[split]
    variant, kind, foreign = variants[int(rng.integers(len(variants)))], rng.random(), ""
    if kind < 0.50:
        language = _ACCENTS[int(rng.integers(len(_ACCENTS)))]
    elif kind < 0.64:
        language = _ELSEWHERE[int(rng.integers(len(_ELSEWHERE)))]
    else:
        language = foreign = LANGUAGES[int(rng.integers(len(LANGUAGES)))]
    return Voice(
        "espeak",
        f"{language}+{variant}",
        tempo=round(float(rng.uniform(0.72, 1.3)), 3),
        pitch=float(rng.integers(25, 80)),
        spread=float(rng.integers(30, 81)),
        tract=round(float(tract + rng.uniform(-0.02, 0.02)), 3),
        foreign_text=foreign,
    )


def _cumulated(weights: list[float]) -> list[float]:
    total = np.cumsum(weights) / np.sum(weights)
    return [*total[:-1].tolist(), 1.0]


def everyone() -> Iterator[tuple[Split, str]]:
    """Each split with its speakers."""
    for split in SPLITS:
        yield from ((split, f"espeak+{variant}") for variant in _VARIANTS[split])
        yield from ((split, person) for person in _RECORDED[split])


def speak(voice: Voice, text: str) -> tuple[Floats, float, list[Phone]]:
    """Samples (S,), their rate, and the phones. The tract changes the rate at which the samples are to be read."""
    tempo = voice.tempo / voice.tract  # what reading at another rate will change, the synthesizer undoes
    if voice.engine == "espeak":
        rate = int(np.clip(round(170 * tempo), 90, 300))
        found = espeak.speak(text, voice.name, rate=rate, pitch=int(voice.pitch), pitch_range=int(voice.spread))
    elif voice.engine == "flite":
        pitch = voice.pitch / voice.tract
        found = festvox.flite(text, voice.name, stretch=1 / tempo, pitch=pitch, pitch_range=voice.spread)
    else:
        found = festvox.festival(text, voice.name, stretch=1 / tempo)
    samples, own_rate, phones = found
    phones = [Phone(p.name, p.start / voice.tract, p.end / voice.tract) for p in phones]
    return samples, own_rate * voice.tract, phones
