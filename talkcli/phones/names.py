"""The names that aligners give to phones, in a file with times, as phones of ours.

Which set of names a file is in is decided for the whole file: one name may stand in several ("a", "y", "S").
"""

# phonetic letters look like others, and are meant

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from talkcli.clip import Phone
from talkcli.phones import words
from talkcli.phones.sets import SETS, from_ipa

_SILENCES = frozenset(words("sil sp spn pau h# epi nsn ssil silence brth # _ eps")) | {""}
_BRACKETED = re.compile(r"<.*>|\{.+\}|\[.*\]|\(.*\)")  # <eps>, {SL}, [noise]: marks, not sounds
_CLOSURES = {"bcl": "B", "pcl": "P", "gcl": "G", "kcl": "K", "dcl": "D JH", "tcl": "T CH"}  # and what they open into
_AMERICAN = {**SETS["radio"], "eng": ("AH", "NG"), "ax-h": ("AH",), "wh": ("W",)}
_AMERICAN |= {name: (stops.split()[0],) for name, stops in _CLOSURES.items()}
# names that no phonetic alphabet would spell so: one of them shows that a file is not IPA
_ENGLISH = frozenset(name for name in _AMERICAN if len(name) == 2 and name.isalpha()) - {"aw", "ow"}
_SAMPA = str.maketrans('@6EIOUY92A{VQSZNTDCRJLHBGM?3:"%~=', "əɐɛɪɔʊʏœøɑæʌɒʃʒŋθðçʁɲʎɥβɣɯʔɜːˈˌ\u0303\u0329")
_TOUCHING = 1e-3  # s between labels that follow each other at once


@dataclass(frozen=True)
class Label:
    """What a file says: a name of any set, start and end in seconds."""

    name: str
    start: float
    end: float


class UnknownNameError(ValueError):
    """A name of no known set, with its time."""


def _american(name: str) -> tuple[str, ...] | None:
    """ARPAbet with or without stress, and what TIMIT adds to it."""
    return _AMERICAN.get(re.sub(r"(?<=[a-z])[012]$", "", name.lower()))


def _ipa(name: str) -> tuple[str, ...] | None:
    """IPA: letters that are all known, and no more of them than one sound or a glide has."""
    if name in _ENGLISH:
        return None
    name = re.sub(r"(?<=[aeoɔəɑɛɐ])[jw]$", lambda glide: {"j": "ɪ", "w": "ʊ"}[glide[0]], name)  # MFA's aj, ow
    for letter in unicodedata.normalize("NFD", name):
        kind = unicodedata.category(letter)
        if kind[0] != "M" and kind not in ("Lm", "Sk") and letter != "ʔ" and not from_ipa(letter):
            return None
    phones = from_ipa(name)
    return phones if len(phones) <= 2 else None


def _sampa(name: str) -> tuple[str, ...] | None:
    """SAMPA, the default of WebMAUS."""
    return _ipa(name.translate(_SAMPA))


def _silent(name: str) -> bool:
    return name.lower() in _SILENCES or _BRACKETED.fullmatch(name) is not None


Meanings = dict[str, tuple[str, ...] | None]


def meanings(names: Iterable[str]) -> Meanings:
    """What each name stands for, by the first set of names that has most of them; None for one that it lacks."""
    names = list(names)
    found = [
        {name: ("SIL",) if _silent(name) else sound(name) for name in names} for sound in (_american, _ipa, _sampa)
    ]
    return min(found, key=lambda table: list(table.values()).count(None))  # the first of the best


def phones_of(labels: Sequence[Label]) -> list[Phone]:
    """The labels as our phones, by the first set of names that has them all.

    Raises:
        UnknownNameError: a name of no set.
    """
    table = meanings(dict.fromkeys(label.name for label in labels))
    american = all(_silent(name) or phones == _american(name) for name, phones in table.items())
    out: list[Phone] = []  # from the last to the first, because what has no phone joins what follows
    for label in reversed(labels):
        phones = table[label.name]
        if phones is None:
            unknown = next(label for label in labels if table[label.name] is None)
            raise UnknownNameError(f"a phone '{unknown.name}' at {unknown.start:g} s")
        after = out[-1] if out and out[-1].start - label.end < _TOUCHING else None
        opens = american and after is not None and after.name in _CLOSURES.get(label.name.lower(), "").split()
        if opens or not phones:
            if after is not None and after.name != "SIL":
                out[-1] = replace(after, start=label.start)
            continue
        step = (label.end - label.start) / len(phones)
        for number in reversed(range(len(phones))):
            out.append(Phone(phones[number], label.start + number * step, label.start + (number + 1) * step))
    return out[::-1]
