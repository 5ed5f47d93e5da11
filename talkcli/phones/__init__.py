"""One phone set for all rooms: 39 ARPAbet phones and silence, which of them look alike, and where they lie in time.

Shape letters: T frames, P phones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Phone


def words(text: str) -> tuple[str, ...]:
    """A list that is written as words with spaces between them."""
    return tuple(text.split())


# The order of the phone head and of phone_ids in prepared data: silence is 0.
PHONES = words(
    "SIL AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
)
INDEX: dict[str, int] = {name: index for index, name in enumerate(PHONES)}

BILABIAL = frozenset({"P", "B", "M"})
LABIODENTAL = frozenset({"F", "V"})
SIBILANT = frozenset({"S", "Z", "SH", "ZH", "CH", "JH"})
VOICELESS_STOP = frozenset({"P", "T", "K", "CH"})
VOWELS = frozenset(words("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"))
# A diphthong looks like its first part and then like its second.
DIPHTHONGS: dict[str, tuple[str, str]] = {
    "AY": ("AA", "IY"),
    "AW": ("AA", "UW"),
    "OY": ("AO", "IY"),
    "EY": ("EY", "IY"),
    "OW": ("OW", "UW"),
}

_VISEMES = {
    "sil": "SIL",
    "PP": "P B M",
    "FF": "F V",
    "TH": "TH DH",
    "DD": "T D N L",
    "kk": "K G NG HH",
    "CH": "SH ZH CH JH",
    "SS": "S Z",
    "RR": "R ER",
    "aa": "AA AE AH AY AW",
    "E": "EH EY",
    "ih": "IH IY Y",
    "oh": "AO OY",
    "ou": "OW UH UW W",
}
# Phones of one class look alike on the lips (the fifteen Oculus classes, DD and nn as one).
VISEME: dict[str, str] = {phone: viseme for viseme, names in _VISEMES.items() for phone in names.split()}

_BRIEFEST = 1e-4  # s: less is no phone and no gap


def frame_labels(phones: Iterable[Phone], fps: float, frames: int) -> NDArray[np.int64]:
    """The index in PHONES of the phone at each frame's time i / fps, silence where there is none: (T,)."""
    return labels_at(phones, np.arange(frames) / fps, INDEX["SIL"])


def labels_at(phones: Iterable[Phone], times: NDArray[np.float64], outside: int) -> NDArray[np.int64]:
    """The index in PHONES of the phone at each of these rising times (T,) in seconds, outside where there is none."""
    labels = np.full(len(times), outside, np.int64)
    for phone in phones:
        first, last = np.searchsorted(times, (phone.start - 1e-9, phone.end - 1e-9))
        labels[first:last] = INDEX[phone.name]
    return labels


def middle_frame(phone: Phone, fps: float, frames: int) -> int:
    """The frame nearest to the phone's middle."""
    return min(max(round((phone.start + phone.end) / 2 * fps), 0), max(frames - 1, 0))


def tidy(phones: Sequence[Phone], seconds: float) -> list[Phone]:
    """The phones without gaps, overlaps or repeated silences, from 0 to the end of the sound."""
    out: list[Phone] = []
    for phone in phones:
        before = out[-1].end if out else 0.0
        start, end = max(phone.start, before), min(phone.end, seconds)
        if end - start < _BRIEFEST:
            continue
        if start - before < _BRIEFEST:
            start = before
        _append(out, Phone("SIL", before, start))
        _append(out, Phone(phone.name, start, end))
    _append(out, Phone("SIL", out[-1].end if out else 0.0, seconds))
    return out


def _append(phones: list[Phone], phone: Phone) -> None:
    """Adds a phone that lasts; silence after silence becomes one."""
    if phone.end - phone.start < _BRIEFEST:
        return
    if phones and phones[-1].name == phone.name == "SIL":
        phone = Phone("SIL", phones.pop().start, phone.end)
    phones.append(phone)


def diphones(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each phone with the one after it."""
    return list(pairwise(names))
