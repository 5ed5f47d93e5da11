"""Which letters of a word say which of its phones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from talkcli.align.words import letter_sounds
from talkcli.phones import VOWELS

VOWEL_LETTERS = frozenset("aeiouy")
LIKELY, LIKE, MUTE, ODD = 0.0, 0.4, 0.6, 1.0  # what it costs that a letter says a phone, or nothing


@dataclass(frozen=True)
class Part:
    """Phones that letters from first to last say together: one phone of several letters, or several of one."""

    first: int
    last: int
    phones: tuple[str, ...]


def spell(letters: Sequence[str], phones: Sequence[str]) -> list[Part]:
    """Letters and phones side by side, in their order, as cheaply as can be; nothing where one of the two is empty.

    bright, B R AY T: b says B, r R, i AY, g and h are silent and go with it, t says T.
    """
    if not letters or not phones:
        return []

    @cache
    def best(letter: int, phone: int) -> tuple[float, tuple[tuple[int, int], ...]]:
        """The cheapest way up to the pair of this letter and this phone: its cost and its pairs."""
        if letter == phone == 0:
            return _cost(letters[0], phones[0]), ((0, 0),)
        ways = []
        if letter and phone:
            ways.append((best(letter - 1, phone - 1), _cost(letters[letter], phones[phone])))
        if letter:  # one more letter of the same phone
            ways.append((best(letter - 1, phone), min(MUTE, _cost(letters[letter], phones[phone]) + 0.1)))
        if phone:  # one more phone of the same letter
            ways.append((best(letter, phone - 1), _cost(letters[letter], phones[phone]) + 0.3))
        (cost, pairs), more = min(ways, key=lambda way: way[0][0] + way[1])
        return cost + more, (*pairs, (letter, phone))

    return _parts(best(len(letters) - 1, len(phones) - 1)[1], phones)


def _parts(pairs: Sequence[tuple[int, int]], phones: Sequence[str]) -> list[Part]:
    """Pairs that share a letter or a phone, as one part each."""
    out: list[Part] = []
    last_phone = -1
    for letter, phone in pairs:
        if out and letter == out[-1].last:
            out[-1] = Part(out[-1].first, letter, (*out[-1].phones, phones[phone]))
        elif phone == last_phone:
            out[-1] = Part(out[-1].first, letter, out[-1].phones)
        else:
            out.append(Part(letter, letter, (phones[phone],)))
        last_phone = phone
    return out


def _cost(letter: str, phone: str) -> float:
    if phone in letter_sounds().get(letter, ()):
        return LIKELY
    return LIKE if (letter in VOWEL_LETTERS) == (phone in VOWELS) else ODD
