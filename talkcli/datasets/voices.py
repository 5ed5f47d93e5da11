"""Who speaks in the synthetic corpus: voices of three synthesizers, dealt out to splits and to subjects.

A speaker is what must not be in two splits: a variant of espeak-ng (whatever the language), or the person behind a
recorded voice (flite's kal16 and festival's kal_diphone are one person, and so are the two slt).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from talkcli.clip import Floats, Phone
from talkcli.datasets import espeak, festvox
from talkcli.datasets.base import Split
from talkcli.datasets.foreign import LANGUAGES
from talkcli.phones import words
from talkcli.phones.sets import PhoneSet

T = TypeVar("T")
Engine = Literal["espeak", "flite", "festival"]
ENGINES: tuple[Engine, ...] = ("espeak", "flite", "festival")
# Shares of the clips: formant synthesis gives many speakers and languages, the other two sound closer to people.
MIX: Mapping[Engine, float] = {"espeak": 0.45, "flite": 0.30, "festival": 0.25}
ENGLISH_SHARE = 0.6  # of festival's clips, where it has other languages
TEXT_SHARES = (0.50, 0.14, 0.36)  # of espeak's clips: English accents; foreign voices that read English; their language

# Clear voices of the wheel; without f2 f3 f5 Alicia victor sandro, who breathe differently every time.
VARIANTS: Mapping[Split, Sequence[str]] = {
    "train": words("""
    f1 m1 m2 m3 m4 m6 m7 belinda adam linda Alex Andrea david aunty Andy Annie Denis anika Diogo steph2
    Gene Michael Henrique Hugo shelby Lee Mario Mike Nguyen antonio benjamin caleb edward grandma grandpa
    gustave ian iven john klatt klatt2 klatt4 marcelo max michel miguel norbert pablo paul pedro quincy robert
    zac
    """),
    "val": ("f4", "m5", "steph3", "rob", "travis"),
    "test": ("m8", "steph", "Jacky", "boris", "klatt3", "edward2"),
}
_ACCENTS = (
    "en-us",
    "en",
    "en-us",
    "en",
    "en-us",
    "en-GB-x-rp",
    "en-GB-scotland",
    "en-029",
    "en-US-nyc",
    "en-GB-x-gbclan",
)
_ELSEWHERE = (*LANGUAGES, "da", "nb", "hr", "sk", "lt", "et", "lv", "sl", "eo", "cy", "es-419", "pt")


@dataclass(frozen=True)
class Recorded:
    """A voice made from recordings of a person. pitch is its usual one in Hz, where it is an option."""

    split: Split
    speaker: str
    engine: Engine
    name: str
    package: str = ""
    pitch: float = 0.0
    language: str = "en"
    phone_set: PhoneSet = "radio"
    encoding: str = "utf-8"


def _czech(split: Split, name: str) -> Recorded:
    return Recorded(split, name, "festival", f"czech_{name}", f"festvox-czech-{name}", 0, "cs", "czech", "iso-8859-2")


def _finnish(split: Split, name: str, voice: str) -> Recorded:
    return Recorded(split, name, "festival", voice, f"festvox-suopuhe-{name}", 0, "fi", "finnish", "iso-8859-1")


def _italian(split: Split, name: str, package: str) -> Recorded:
    return Recorded(split, name, "festival", f"{name}_diphone", package, 0, "it", "italian", "iso-8859-1")


RECORDED: tuple[Recorded, ...] = (
    Recorded("train", "rms", "flite", "rms", pitch=100.0),
    Recorded("train", "awb", "flite", "awb", pitch=120.0),
    Recorded("train", "slt", "flite", "slt", pitch=172.0),
    Recorded("train", "kal", "flite", "kal16", pitch=105.0),
    Recorded("train", "slt", "festival", "cmu_us_slt_arctic_hts", "festvox-us-slt-hts"),
    Recorded("train", "kal", "festival", "kal_diphone", "festvox-kallpc16k"),
    Recorded("test", "ked", "festival", "ked_diphone", "festvox-kdlpc16k"),
    _italian("train", "lp", "festvox-italp16k"),
    _italian("train", "pc", "festvox-itapc16k"),
    _finnish("train", "lj", "suo_fi_lj_diphone"),
    _finnish("val", "mv", "hy_fi_mv_diphone"),
    _czech("train", "dita"),
    _czech("train", "krb"),
    _czech("train", "ph"),
    _czech("test", "machac"),
    Recorded("train", "nsh", "festival", "msu_ru_nsh_clunits", "festvox-ru", 0, "ru", "russian"),
    Recorded("train", "ona", "festival", "upc_ca_ona_hts", "festvox-ca-ona-hts", 0, "ca", "catalan", "iso-8859-15"),
)
_BY_NAME = {(voice.engine, voice.name): voice for voice in RECORDED}


@dataclass(frozen=True)
class Voice:
    """A voice of a synthesizer, set for one sentence.

    tract stretches the vocal tract (formants and pitch by the same factor, not the tempo); tempo is 1 as the voice
    comes; pitch in Hz (flite) or 0 to 100 (espeak); spread of the pitch likewise; language is that of the text.
    """

    engine: Engine
    name: str
    tempo: float
    pitch: float
    spread: float
    tract: float
    language: str = "en"

    @property
    def label(self) -> str:
        return f"{self.engine}:{self.name}"


def speaker(label: str) -> str:
    """Who speaks with the voice of this label: what must not be in two splits."""
    engine, _, name = label.partition(":")
    if engine == "espeak":
        return f"espeak+{name.rpartition('+')[2]}"
    return next((voice.speaker for voice in RECORDED if (voice.engine, voice.name) == (engine, name)), label)


@dataclass(frozen=True)
class Available:
    """The synthesizers of this machine, with their voices."""

    espeak: bool
    flite: frozenset[str]
    festival: frozenset[str]

    def has(self, voice: Recorded) -> bool:
        return voice.name in (self.flite if voice.engine == "flite" else self.festival)

    @property
    def engines(self) -> tuple[Engine, ...]:
        found = {"espeak": self.espeak, "flite": bool(self.flite), "festival": bool(self.festival)}
        return tuple(engine for engine in ENGINES if found[engine])

    @property
    def missing(self) -> list[str]:
        """One sentence for what is missing of each synthesizer: its name and what to type."""
        out = [] if self.espeak else [f"espeak-ng is missing: {espeak.INSTALL}"]
        out += [] if self.flite else [f"flite is missing: {festvox.INSTALL['flite']}"]
        lacking = [voice for voice in RECORDED if voice.engine == "festival" and not self.has(voice)]
        if not self.festival:
            out.append(f"festival is missing: {festvox.INSTALL['festival']}")
        elif lacking:
            names, packages = (", ".join(v.name for v in lacking), " ".join(v.package for v in lacking))
            out.append(f"of festival, the voices {names} are missing: sudo apt-get install {packages}")
        return out


def available() -> Available:
    """What is installed here."""
    return Available(espeak.available(), festvox.flite_voices(), festvox.festival_voices())


def choose(rng: np.random.Generator, split: Split, subject: int, subjects: int, here: Available) -> Voice:
    """A voice for the next sentence of a subject (an index among the subjects of its split)."""
    recorded = [voice for voice in RECORDED if voice.split == split and here.has(voice)]
    shares = {"espeak": MIX["espeak"]} if here.espeak else {}
    shares |= {voice.engine: MIX[voice.engine] for voice in recorded}
    if not shares:  # nothing of this split is installed: what there is speaks for it
        recorded = [voice for voice in RECORDED if here.has(voice)]
        shares = {voice.engine: MIX[voice.engine] for voice in recorded}
    engine = _pick(rng, list(shares), list(shares.values()))
    body = np.random.default_rng([subject, subjects]).uniform(-1, 1)  # the subject's size: it sounds alike every time
    if engine == "espeak":
        return _formant_voice(rng, split, subject, subjects, 1 + 0.05 * body)
    own = [voice for voice in recorded if voice.engine == engine]
    english = sum(voice.language == "en" for voice in own)
    share = ENGLISH_SHARE if 0 < english < len(own) else 0.5
    weights = [share / english if v.language == "en" else (1 - share) / (len(own) - english) for v in own]
    voice = _pick(rng, own, weights)
    return Voice(
        voice.engine,
        voice.name,
        tempo=round(float(rng.uniform(0.8, 1.35)), 3),
        pitch=round(float(voice.pitch * rng.uniform(0.85, 1.2)), 1),
        spread=round(float(rng.uniform(8, 28)), 1),
        tract=round(float(1 + 0.1 * body + rng.uniform(-0.02, 0.02)), 3),
        language=voice.language,
    )


def _formant_voice(rng: np.random.Generator, split: Split, subject: int, subjects: int, tract: float) -> Voice:
    variant = _pick(rng, VARIANTS[split][subject::subjects] or VARIANTS[split])
    kind = _pick(rng, range(3), TEXT_SHARES)
    voice = _pick(rng, (_ACCENTS, _ELSEWHERE, LANGUAGES)[kind])
    return Voice(
        "espeak",
        f"{voice}+{variant}",
        tempo=round(float(rng.uniform(0.72, 1.3)), 3),
        pitch=float(rng.integers(25, 80)),
        spread=float(rng.integers(30, 81)),
        tract=round(float(tract + rng.uniform(-0.02, 0.02)), 3),
        language=voice if kind == 2 else "en",
    )


def _pick(rng: np.random.Generator, things: Sequence[T], weights: Sequence[float] = ()) -> T:
    edges = np.cumsum(weights or [1.0] * len(things))
    return things[min(int(np.searchsorted(edges, rng.random() * edges[-1], "right")), len(things) - 1)]


def speak(voice: Voice, text: str) -> tuple[Floats, float, list[Phone]]:
    """Samples (S,), their rate, and the phones. The tract changes the rate at which the samples are to be read."""
    tempo = voice.tempo / voice.tract  # what reading at another rate will change, the synthesizer undoes
    if voice.engine == "espeak":
        rate = int(np.clip(round(170 * tempo), 90, 300))
        found = espeak.speak(text, voice.name, rate=rate, pitch=int(voice.pitch), spread=int(voice.spread))
    elif voice.engine == "flite":
        pitch = voice.pitch / voice.tract
        found = festvox.flite(text, voice.name, stretch=1 / tempo, pitch=pitch, spread=voice.spread)
    else:
        kind = _BY_NAME[voice.engine, voice.name]
        found = festvox.festival(text, voice.name, stretch=1 / tempo, phone_set=kind.phone_set, encoding=kind.encoding)
    samples, own_rate, phones = found
    phones = [Phone(p.name, p.start / voice.tract, p.end / voice.tract) for p in phones]
    return samples, own_rate * voice.tract, phones
