"""From a text as people write it to words the aligner can look up, and a pronunciation for those it cannot."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

from talkcli.errors import TalkError

Lookup = Callable[[str], str | None]  # word -> its phones, or None where the dictionary has no such word

_NUMBERS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty thirty forty fifty sixty seventy eighty ninety
"""
_ONES, _TENS = _NUMBERS.split()[:20], _NUMBERS.split()[20:]
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
_ORDINALS |= {"twelve": "twelfth"}
_SIGNS = {"&": " and ", "%": " percent ", "+": " plus ", "@": " at ", "$": " dollars ", "€": " euros ", "£": " pounds "}
_UNMARKED = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "th", "þ": "th"})
_TITLES = {"mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint", "vs": "versus", "etc": "et cetera"}

# What letters say in English, longest first; what they leave out is silent. For names and new words only.
_LETTERS = """
tion SH AH N|sion ZH AH N|ture CH ER|ough AO|augh AO|eigh EY|igh AY|tch CH|dge JH|sch SH|wh W|ph F|gh G|th TH|sh SH
ch CH|ck K|ng NG|qu K W|kn N|wr R|gn N|ps S|rh R|ee IY|ea IY|oo UW|ou AW|ow OW|oi OY|oy OY|ai EY|ay EY|ei AY|ey IY
ie IY|au AO|aw AO|oa OW|ue UW|ew UW|ui UW|ar AA R|er ER|ir ER|or AO R|ur ER|bb B|cc K|dd D|ff F|gg G|ll L|mm M|nn N
pp P|rr R|ss S|tt T|zz Z|ce S|ci S IH|cy S IY|ge JH|gi JH IH|a AE|b B|c K|d D|e EH|f F|g G|h HH|i IH|j JH|k K|l L|m M
n N|o AA|p P|q K|r R|s S|t T|u AH|v V|w W|x K S|y IY|z Z
"""
_GRAPHEMES = dict(entry.split(" ", 1) for line in _LETTERS.strip().splitlines() for entry in line.split("|"))
_VOWELS = set("aeiou")


def spoken_words(text: str) -> list[str]:
    """Lower-case words without punctuation; numbers spelled out, accents dropped.

    Raises:
        TalkError: a letter that no English word is written with.
    """
    plain = text.replace("\u2019", "'").replace("\u2018", "'")  # the apostrophes that word processors write
    plain = re.sub(r"([$€£])\s?(\d[\d,.]*)", r"\2\1", plain)  # $5 is said as it is not written
    for sign, spoken in _SIGNS.items():
        plain = plain.replace(sign, spoken)
    plain = unicodedata.normalize("NFD", plain.lower().translate(_UNMARKED))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", plain)
    foreign = next((letter for letter in plain if letter.isalpha() and not letter.isascii()), "")
    if foreign:
        hint = "write it in Latin letters as it is said, or leave it out"
        raise TalkError(f"the transcript has '{foreign}', a letter that English words are not written with: {hint}")
    found = re.findall(r"\d+(?:\.\d+|(?:st|nd|rd|th)\b)?|[a-z]+(?:'[a-z]+)*'?", plain)
    return [word for token in found for word in _spoken(token.rstrip("'") or token)]


def _spoken(token: str) -> list[str]:
    if token[0].isdigit():
        whole, _, part = token.partition(".")
        if part:
            return [*_number(whole), "point", *(_ONES[int(digit)] for digit in part)]
        digits = token.rstrip("abcdefghijklmnopqrstuvwxyz")
        said = _number(digits)
        return said if digits == token else [*said[:-1], _ordinal(said[-1])]
    return _TITLES.get(token, token).split()


def _ordinal(number: str) -> str:
    return _ORDINALS.get(number, f"{number[:-1]}ieth" if number.endswith("y") else f"{number}th")


def _number(digits: str) -> list[str]:
    """1961 as a year, 42 as a number, and what begins with 0, or is a thousand million and more, digit by digit."""
    value = int(digits)
    if len(digits) > 9 or (digits[0] == "0" and len(digits) > 1):
        return [_ONES[int(digit)] for digit in digits]
    if 1100 <= value < 2000 and value % 100:
        return [*_number(digits[:2]), *(["oh"] if value % 100 < 10 else []), *_number(str(value % 100))]
    out: list[str] = []
    for size, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if value >= size:
            out += [*_number(str(value // size)), name]
            value %= size
    if value >= 20:
        out.append(_TENS[value // 10 - 2])
        value %= 10
    return [*out, _ONES[value]] if value or not out else out


def pronunciation(word: str, lookup: Lookup) -> str:
    """Phones of a word that the dictionary lacks: of the words it is made of, else of its letters."""
    return " ".join(phones for _, phones in _best_split(word.replace("'", ""), lookup))


@cache
def letter_sounds() -> dict[str, frozenset[str]]:
    """The phones that each letter may say, alone or with others."""
    out: dict[str, set[str]] = {}
    for grapheme, phones in _GRAPHEMES.items():
        for letter in grapheme:
            out.setdefault(letter, set()).update(phones.split())
    return {letter: frozenset(phones) for letter, phones in out.items()}


def _best_split(word: str, lookup: Lookup) -> list[tuple[str, str]]:
    """Fewest and longest pieces, words of three letters and more before letters: (piece, phones)."""

    @cache
    def split(start: int) -> tuple[float, tuple[tuple[str, str], ...]]:
        if start == len(word):
            return 0.0, ()
        choices = []
        for end in range(start + 1, len(word) + 1):
            piece = word[start:end]
            known = lookup(piece) if end - start >= 3 else None
            rest = split(end)
            if known is not None:
                choices.append((1.0 + rest[0], ((piece, known), *rest[1])))
            if piece in _GRAPHEMES:
                said = "" if _is_mute(word, start, end) else _GRAPHEMES[piece]
                choices.append((0.6 + 0.2 * len(piece) + rest[0], ((piece, said), *rest[1])))
        return min(choices, key=lambda choice: choice[0]) if choices else split(start + 1)

    return [(piece, phones) for piece, phones in split(0)[1] if phones]


def _is_mute(word: str, start: int, end: int) -> bool:
    """The e that ends a word after a consonant, the b that ends one after m."""
    if end < len(word) or len(word) < 3:
        return False
    return word[-2:] == "mb" or (word[start:end] == "e" and word[start - 1] not in _VOWELS)
