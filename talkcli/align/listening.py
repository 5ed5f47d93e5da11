"""Speech without a transcript: stretch by stretch the phones of the words that are understood, or phones without words.

A recogniser has to find the words first, and a wrong word is wrong with confidence: each stretch says how far it can be
trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from talkcli.align import sphinx
from talkcli.audio.vad import pauses, speech_gate, speech_segments
from talkcli.clip import Audio, Floats, Phone

LONGEST = 20.0  # seconds decoded at a time
APART = 1.5  # seconds of silence that part two stretches
MARGIN = 0.25  # seconds heard on either side
CONFIDENCE = 0.4  # of the recogniser in its words: people's English has more, other languages mostly less
RATES = (6.0, 22.0)  # phones a second of people who speak; 9-18 is usual


Method = Literal["auto", "asr", "allphone"]


@dataclass(frozen=True)
class Stretch:
    """Speech without a long pause.

    phones and their times are those of the whole sound; source is who found them; text is what was recognised, with a
    confidence in [0, 1].
    """

    start: float
    end: float
    phones: tuple[Phone, ...]
    source: Literal["asr", "allphone"]
    text: str = ""
    confidence: float = 0.0


def stretches(audio: Audio, method: Method = "asr") -> Iterator[Stretch]:
    """Stretch by stretch what is heard. asr: words, aligned; no phones where none are understood. allphone: phones
    without words, in any language, about twice as fast as speech. auto: words where they are likely, else without."""
    gate = speech_gate(audio, 100.0, int(audio.seconds * 100) + 1)
    for start, end in _spoken(audio):
        part = audio.part(start, end)
        if method != "allphone":
            heard = sphinx.heard_words(part)
            phones = _within_speech(sphinx.aligned(part, [word.text for word in heard]), start, gate)
            text, confidence = " ".join(word.text for word in heard), _confidence(heard, phones)
            if method == "asr" or confidence >= CONFIDENCE:
                yield Stretch(start, end, phones, "asr", text, confidence)
                continue
        yield Stretch(start, end, _within_speech(sphinx.heard_phones(part), start, gate), "allphone")


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


def _within_speech(phones: Sequence[Phone], start: float, gate: Floats) -> tuple[Phone, ...]:
    """Phones of a part that begins at start, in the time of the whole; what is heard where nobody speaks is silence."""

    def spoken(phone: Phone) -> bool:
        return bool(gate[int(phone.start * 100) : int(phone.end * 100) + 1].max(initial=0.0) > 0.5)

    moved = (Phone(phone.name, phone.start + start, phone.end + start) for phone in phones)
    return tuple(phone if spoken(phone) else replace(phone, name="SIL") for phone in moved)


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
