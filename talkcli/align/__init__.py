"""Speech -> phones with times: from a transcript, from the recogniser's own, or without words at all.

An aligner places the phones of known words to within 20 ms; a recogniser has to find the words first, and a wrong word
is wrong with confidence. So each stretch of speech says how far it can be trusted, and who has a network compares
(`trusted`). Slow (recognising about 4 times as fast as speech) and never releasing the interpreter's lock: use
a process of its own where something else is to go on meanwhile. Letters: A encoder steps, P phones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.align import sphinx
from talkcli.align.words import spoken_words
from talkcli.audio.vad import pauses, speech_gate, speech_segments
from talkcli.clip import Audio, Floats, Phone
from talkcli.errors import TalkError
from talkcli.phones import PHONES, VISEME, frame_labels, tidy

LONGEST = 20.0  # seconds decoded at a time
APART = 1.5  # seconds of silence that part two stretches
MARGIN = 0.25  # seconds heard on either side
SHARE, AROUND = 0.4, 0.35  # agreement that makes a phone trusted, and the seconds on either side it is taken from
RATES = (6.0, 22.0)  # phones a second of people who speak; 9-18 is usual


@dataclass(frozen=True)
class Stretch:
    """Speech without a long pause.

    phones and their times are those of the whole sound; text is what was recognised; confidence in [0, 1].
    """

    start: float
    end: float
    text: str
    phones: tuple[Phone, ...]
    confidence: float


def align(audio: Audio, text: str) -> list[Phone]:
    """The phones of a transcript, silences included, from 0 to the sound's end. Audio at 16 kHz.

    Raises TalkError where the text holds no words or is not what is spoken.
    """
    spoken = spoken_words(text)
    if not spoken:
        raise TalkError("the transcript holds no words: write what is said, or leave it out")
    phones = sphinx.aligned(audio, spoken)
    if not phones:
        raise TalkError(
            f"the transcript ({' '.join(spoken[:6])} ...) does not fit the sound: correct it, or leave it out"
        )
    return tidy(phones, audio.seconds)


def recognise(audio: Audio) -> list[Phone]:
    """The phones of what the recogniser understands, from 0 to the sound's end; [] where it understands nothing."""
    found = [phone for stretch in stretches(audio) for phone in stretch.phones]
    return tidy(found, audio.seconds) if found else []


def allphone(audio: Audio) -> list[Phone]:
    """Phones heard without words, for any language; silence outside speech. About twice as fast as speech."""
    found: list[Phone] = []
    for start, end in _spoken(audio):
        found += [_moved(phone, start) for phone in sphinx.heard_phones(audio.part(start, end))]
    return tidy(_within_speech(found, audio), audio.seconds)


def stretches(audio: Audio) -> Iterator[Stretch]:
    """Stretch by stretch what the recogniser understands, aligned; such without words or alignment have no phones."""
    for start, end in _spoken(audio):
        part = audio.part(start, end)
        heard = sphinx.heard_words(part)
        phones = [_moved(phone, start) for phone in sphinx.aligned(part, [word.text for word in heard])]
        phones = _within_speech(phones, audio)
        text = " ".join(word.text for word in heard)
        yield Stretch(start, end, text, tuple(phones), _confidence(heard, phones))


def trusted(
    phones: Sequence[Phone], log_posteriors: Floats, rate: float, *, share: float = SHARE, around: float = AROUND
) -> list[Phone]:
    """The phones round which the network agrees: a wrong word is found out where it stands, its neighbours stay.

    A phone stays if, within `around` seconds of its middle, at least `share` of the speech frames look alike.
    log_posteriors: (A, 40) in the order of phones.PHONES, row i at time i / rate. Silences stay.
    """
    alike, speech = (np.concatenate([[0], np.cumsum(flags)]) for flags in _alike(phones, log_posteriors, rate))

    def agrees(phone: Phone) -> bool:
        middle = (phone.start + phone.end) / 2
        first, last = (
            int(np.clip(round(t * rate), 0, len(log_posteriors))) for t in (middle - around, middle + around)
        )
        return bool(alike[last] - alike[first] >= share * max(int(speech[last] - speech[first]), 1))

    return [phone for phone in phones if phone.name == "SIL" or agrees(phone)]


def _alike(phones: Sequence[Phone], log_posteriors: Floats, rate: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(A,) where aligned phone and network share a viseme in speech, and (A,) where there is speech."""
    classes = sorted(set(VISEME.values()))
    looks = np.array([classes.index(VISEME[name]) for name in PHONES])
    labels = frame_labels(phones, rate, len(log_posteriors))
    speech = np.asarray(labels != 0)
    return np.asarray(speech & (looks[labels] == looks[log_posteriors.argmax(axis=1)])), speech


def _spoken(audio: Audio) -> Iterator[tuple[float, float]]:
    """Windows of speech, with a margin, at most LONGEST long."""
    joined: list[tuple[float, float]] = []
    for start, end in speech_segments(audio):
        if joined and start - joined[-1][1] < APART:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    for first, last in joined:
        first, last = max(0.0, first - MARGIN), min(audio.seconds, last + MARGIN)
        for start, end in pauses(audio.part(first, last), LONGEST):
            yield first + start, first + end


def _within_speech(phones: list[Phone], audio: Audio) -> list[Phone]:
    """Phones heard where nobody speaks are none."""
    gate = speech_gate(audio, 100.0, int(audio.seconds * 100) + 1)

    def spoken(phone: Phone) -> bool:
        return bool(gate[int(phone.start * 100) : int(phone.end * 100) + 1].max(initial=0.0) > 0.5)

    return [phone if spoken(phone) else Phone("SIL", phone.start, phone.end) for phone in phones]


def _moved(phone: Phone, by: float) -> Phone:
    return Phone(phone.name, phone.start + by, phone.end + by)


def _confidence(heard: Sequence[sphinx.Word], phones: Sequence[Phone]) -> float:
    """The words' mean probability, by their length; nothing where people cannot speak as fast, or as slowly."""
    sounds = [phone for phone in phones if phone.name != "SIL"]
    if not sounds:
        return 0.0
    seconds = sum(phone.end - phone.start for phone in sounds)
    if not RATES[0] <= len(sounds) / seconds <= RATES[1]:
        return 0.0
    lengths = np.array([word.end - word.start for word in heard])
    return float(np.average([min(word.probability, 1.0) for word in heard], weights=lengths))
