"""One phone set for all rooms: 39 ARPAbet phones and silence, with the names that synthesizers give them.

Shape letters: T frames, P phones.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Phone

# The order of the phone head and of phone_ids in prepared data: silence is 0.
PHONES: tuple[str, ...] = tuple(
    "SIL AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)
INDEX: dict[str, int] = {name: index for index, name in enumerate(PHONES)}

BILABIAL = frozenset({"P", "B", "M"})
LABIODENTAL = frozenset({"F", "V"})
SIBILANT = frozenset({"S", "Z", "SH", "ZH", "CH", "JH"})
VOICELESS_STOP = frozenset({"P", "T", "K", "CH"})
VOWELS = frozenset("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split())
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


def frame_labels(phones: Iterable[Phone], fps: float, frames: int) -> NDArray[np.int64]:
    """The index in PHONES of the phone at each frame's time i / fps, silence where there is none: (T,)."""
    labels = np.zeros(frames, np.int64)
    times = np.arange(frames) / fps
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
        start, end = max(phone.start, out[-1].end if out else 0.0), min(phone.end, seconds)
        if end - start < 1e-4:
            continue
        _append(out, Phone("SIL", out[-1].end if out else 0.0, start))
        _append(out, Phone(phone.name, start, end))
    _append(out, Phone("SIL", out[-1].end if out else 0.0, seconds))
    return out


def _append(phones: list[Phone], phone: Phone) -> None:
    """Adds a phone that lasts; silence after silence becomes one."""
    if phone.end - phone.start < 1e-4:
        return
    if phones and phones[-1].name == phone.name == "SIL":
        phone = Phone("SIL", phones.pop().start, phone.end)
    phones.append(phone)


def diphones(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each phone with the one after it."""
    return list(pairwise(names))


# -- names that synthesizers use -------------------------------------------------------------------------------------

# Flite and festival's radio set are lower-case ARPAbet with a few reduced vowels and syllabic consonants of their own.
_RADIO = {
    "pau": ("SIL",), "h#": ("SIL",), "brth": ("SIL",), "#": ("SIL",), "ssil": ("SIL",), "sil": ("SIL",),
    "ax": ("AH",), "ah": ("AH",), "axr": ("ER",), "ix": ("IH",), "ux": ("UW",), "dx": ("D",), "nx": ("N",),
    "el": ("AH", "L"), "em": ("AH", "M"), "en": ("AH", "N"), "hv": ("HH",), "q": (),
}  # fmt: skip
# British festival voices.
_MRPA = {
    "#": ("SIL",), "uh": ("AH",), "e": ("EH",), "a": ("AE",), "o": ("AA",), "i": ("IH",), "u": ("UH",), "ii": ("IY",),
    "uu": ("UW",), "oo": ("AO",), "aa": ("AA",), "@@": ("ER",), "ai": ("AY",), "ei": ("EY",), "oi": ("OY",),
    "au": ("AW",), "ou": ("OW",), "e@": ("EH", "AH"), "i@": ("IH", "AH"), "u@": ("UH", "AH"), "@": ("AH",), "h": ("HH",),
}  # fmt: skip


def from_radio(name: str) -> tuple[str, ...]:
    """The phones that a name of flite, or of festival's radio set, stands for; empty for none.

    Raises:
        ValueError: no such name in these sets.
    """
    found = _RADIO.get(name.lower())
    return found if found is not None else _arpabet(name)


def from_mrpa(name: str) -> tuple[str, ...]:
    """The phones that a name of festival's mrpa set (British voices) stands for; raises ValueError for none."""
    found = _MRPA.get(name.lower())
    return found if found is not None else _arpabet(name)


def _arpabet(name: str) -> tuple[str, ...]:
    upper = name.upper().rstrip("012")
    if upper not in INDEX:
        raise ValueError(f"unknown phone name {name!r}")
    return (upper,)


# International Phonetic Alphabet as espeak-ng writes it, for all its languages: what a sound looks like on the lips
# decides where English has none of its kind. Longer names first.
_IPA_TABLE = """
tʃ CH|dʒ JH|t͡ʃ CH|d͡ʒ JH|tɕ CH|dʑ JH|tʂ CH|dʐ JH|ts T S|dz D Z|pf P F
eɪ EY|aɪ AY|ɔɪ OY|aʊ AW|oʊ OW|əʊ OW|ɔʏ OY|ɔø OY|æʊ AW|ʌʊ OW|ʌɪ AY|ɑɪ AY|œʏ OY|œy OY|ɛɪ EY|ei EY|ɛi EY|ɔi OY|oi OY|ai AY
au AW|ɑu AW|ʌu AW|ou OW|ɔu OW|æi EY|ɐɪ AY|ɒɪ OY|ɔʊ OW|ɐʊ AW
iə IH AH|ɪə IH AH|eə EH AH|ɛə EH AH|ʊə UH AH|ɔə AO AH|oə AO AH
ɪɹ IH R|ɛɹ EH R|ʊɹ UH R|ɔːɹ AO R|ɔɹ AO R|oːɹ AO R|oɹ AO R|ɑːɹ AA R|ɑɹ AA R
əl AH L|ɚ ER|ɝ ER|ɜ ER
p P|b B|m M|ɱ M|ɓ B|β B|ɸ F|f F|v V|ʋ V|ⱱ V|ʙ B
t T|d D|ʈ T|ɖ D|ɗ D|ɾ D|ɽ D|n N|ɳ N|ɲ N|ȵ N|l L|ɭ L|ɫ L|ɬ L|ɮ L|ʎ L|ʟ L|r D|ɹ R|ɻ R|ʀ R|ʁ R|ɺ L
k K|c K|q K|g G|ɡ G|ɟ G|ɢ G|ɠ G|ʛ G|ŋ NG|ɴ NG|x HH|χ HH|ɣ G|h HH|ɦ HH|ħ HH|ç HH|ʝ Y|j Y|ʕ AA|ɰ G|ʜ HH
s S|z Z|ʃ SH|ʒ ZH|ɕ SH|ʑ ZH|ʂ SH|ʐ ZH|ɧ SH|θ TH|ð DH|w W|ʍ W|ɥ W|ʦ T S|ʣ D Z|ʧ CH|ʤ JH
a AA|ɑ AA|ɒ AA|ä AA|æ AE|ɐ AH|ʌ AH|ə AH|ɘ AH|ɞ AH|ɤ AH|ɨ IH|ᵻ IH|ɪ IH|i IY|y UW|ʏ UH|ɯ IH|ʉ UW|u UW|ʊ UH|ᵿ UH
e EY|ɛ EH|ø UH|œ UH|ɶ AO|ɵ UH|o AO|ɔ AO
"""
_IPA = {
    key: tuple(value.split())
    for key, value in (
        entry.split(" ", 1) for line in _IPA_TABLE.strip().splitlines() for entry in line.split("|") if entry.strip()
    )
}
_LONGEST = max(map(len, _IPA))
_DROPPED = set("ˈˌːˑʔ'‿.|̩̯̃̆ʰʲʷˠˤ̪̥̬ʼ˞ˀ-,;_~^\"↓↑→↗↘ʱʳˡⁿ")


def from_ipa(name: str) -> tuple[str, ...]:
    """The phones that an IPA name of espeak-ng stands for; empty for marks that are no sound (stress, glottal stop).

    Unknown letters give no phone: an unknown name of a language is no reason to lose its sentence.
    """
    letters = "".join(
        letter for letter in unicodedata.normalize("NFD", name).replace("c\u0327", "ç") if letter not in _DROPPED and not _is_mark(letter)
    )
    out: list[str] = []
    at = 0
    while at < len(letters):
        for width in range(min(_LONGEST, len(letters) - at), 0, -1):
            if found := _IPA.get(letters[at : at + width]):
                out += found
                at += width
                break
        else:
            at += 1
    return tuple(out)


def _is_mark(letter: str) -> bool:
    """Tones, diacritics, digits and whatever else is no letter."""
    return unicodedata.category(letter)[0] in "MNPSZC" or (unicodedata.category(letter) == "Lm")
