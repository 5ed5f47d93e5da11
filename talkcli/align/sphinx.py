"""PocketSphinx behind plain functions: sound in, words and phones with times out, and none of its pitfalls.

It keeps one utterance a decoder and releases no lock while it works: call from one thread, or a process of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from talkcli.align.words import pronunciation
from talkcli.clip import Audio, Floats, Phone
from talkcli.errors import TalkError
from talkcli.phones import INDEX

if TYPE_CHECKING:
    from pocketsphinx import Decoder

log = logging.getLogger(__name__)

RATE = 16000
FRAME = 0.01  # seconds
EDGE = 0.12  # seconds of silence put around: an utterance must end in one, or its last word finds no room
ALIGNERS = ("aligner", "patient aligner", "aligner without pauses")  # each for what the one before cannot place
WIDE = 1e-300  # of what the best state promises: no state is given up
ROOM = 8000  # states a frame: half again as fast as without a bound, with the same words


@dataclass(frozen=True)
class Word:
    """A word as heard, with its posterior probability among all the recogniser thought of."""

    text: str
    start: float
    end: float
    probability: float


def heard_words(audio: Audio) -> list[Word]:
    """What the recogniser understands, silences left out; empty where it understands nothing."""
    decoder = _decoder("recogniser")
    _run(decoder, audio)
    if decoder.hyp() is None:
        return []
    found = [
        Word(_plain(part.word), part.start_frame * FRAME - EDGE, (part.end_frame + 1) * FRAME - EDGE, float(part.prob))
        for part in decoder.seg()
    ]
    return [word for word in found if word.text]


@dataclass(frozen=True)
class Pronounced:
    """A word as the dictionary has it, or, where it lacks it, as its parts and letters are said."""

    phones: tuple[str, ...]
    known: bool


@cache
def pronounced(word: str) -> Pronounced:
    lookup = _decoder("aligner").lookup_word
    known = lookup(word)
    return Pronounced(tuple((pronunciation(word, lookup) if known is None else known).split()), known is not None)


def aligned(audio: Audio, words: Sequence[str]) -> list[Phone]:
    """The phones of words where they are spoken; empty where words and sound do not go together."""
    if not words or not len(audio.samples):
        return []
    said = {word: pronounced(word) for word in words}
    for kind in ALIGNERS:
        found = _aligned(audio, words, said, kind)
        if found:
            return _phones(found, audio.seconds)
    return []


def _aligned(audio: Audio, words: Sequence[str], said: dict[str, Pronounced], kind: str) -> list[tuple[str, int, int]]:
    """(name, first frame, frame after the last) of the padded sound."""
    decoder = _decoder(kind)
    for word, how in said.items():
        if decoder.lookup_word(word) is None:
            decoder.add_word(word, " ".join(how.phones) or "SIL", True)
    hiss = kind != ALIGNERS[0]
    try:
        decoder.set_align_text(" ".join(words))
        _run(decoder, audio, hiss)
        if decoder.hyp() is None:
            return []
        decoder.set_alignment()
        _run(decoder, audio, hiss)
        phones = [phone for word in decoder.get_alignment() for phone in word]
        return [(phone.name, phone.start, phone.start + phone.duration) for phone in phones]
    except RuntimeError as error:  # no path through the sound for these words
        log.info("no alignment: %s", error)
        return []


def heard_phones(audio: Audio) -> list[Phone]:
    """Phones without words, by triphones and a phone language model."""
    decoder = _decoder("listener")
    _run(decoder, audio)
    return _phones(((part.word, part.start_frame, part.end_frame + 1) for part in decoder.seg()), audio.seconds)


def _phones(found: Iterable[tuple[str, int, int]], seconds: float) -> list[Phone]:
    """(name, first frame, frame after the last) of the padded sound -> phones of the sound; noises are silence."""
    out = []
    for name, first, last in found:
        start, end = max(first * FRAME - EDGE, 0.0), min(last * FRAME - EDGE, seconds)
        if end > start:
            out.append(Phone(name if name in INDEX else "SIL", start, end))
    return out


def _plain(word: str) -> str:
    """and(2) -> and; <sil>, [NOISE] and their kin -> nothing."""
    return "" if word[0] in "<[+" else word.split("(")[0]


def _run(decoder: Decoder, audio: Audio, hiss: bool = False) -> None:
    """The decoder over the whole sound; the utterance is ended whatever happens, or the next could not begin."""
    decoder.start_utt()
    try:
        decoder.process_raw(_pcm(audio.samples, hiss), full_utt=True)
    finally:
        decoder.end_utt()


def _pcm(samples: Floats, hiss: bool) -> bytes:
    """16-bit, at the level the model was trained at, with silence around, or with hiss: noise as quiet as the sound's
    quietest moments, because next to digital silence much noise is speech."""
    peak = float(np.abs(samples).max(initial=0.0))
    scaled = samples * np.float32(0.5 / peak if peak > 0.0 else 0.0)
    around = np.zeros((2, round(EDGE * RATE)), np.float32)
    if hiss:
        size = round(FRAME * RATE)
        power = np.square(scaled[: len(scaled) // size * size]).reshape(-1, size).mean(axis=1)
        quiet = np.sort(power)[: max(1, len(power) // 10)]
        around += np.random.default_rng(0).normal(0, np.sqrt(quiet.mean()) if len(quiet) else 0.0, around.shape)
    whole = np.concatenate([around[0], scaled, around[1]])
    return bytes((np.clip(whole, -1.0, 1.0) * 32767).astype("<i2").tobytes())


@cache
def _decoder(kind: str) -> Decoder:
    try:
        from pocketsphinx import Decoder, get_model_path
    except ImportError as error:
        raise TalkError(f"pocketsphinx cannot be imported ({error}): type `pip install pocketsphinx`") from error
    patient = {"lm": None, "bestpath": False, "beam": WIDE, "wbeam": WIDE, "pbeam": WIDE}
    options: dict[str, dict[str, Any]] = {
        "recogniser": {"maxhmmpf": ROOM},
        # the best path through a word lattice may leave a phone no frame to lie in
        "aligner": {"lm": None, "bestpath": False},
        # a narrow beam loses the text in noise, or where a voice is unlike the model's
        "patient aligner": patient,
        # and between words that are spoken very fast, pauses take the place of phones
        "aligner without pauses": {**patient, "fsgusefiller": False},
        "listener": {
            "lm": None,
            "allphone": get_model_path("en-us/en-us-phone.lm.bin"),
            "allphone_ci": False,
            "lw": 2.0,
            "beam": 1e-15,
            "pbeam": 1e-10,
            "maxhmmpf": 3000,
        },
    }
    return Decoder(loglevel="FATAL", **options[kind])
