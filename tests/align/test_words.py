"""Texts become words that can be looked up, and words that cannot be still get phones."""

from __future__ import annotations

import pytest

from talkcli.align.words import pronunciation, spoken_words
from talkcli.errors import TalkError
from talkcli.phones import PHONES

DICTIONARY = {"dash": "D AE SH", "wood": "W UH D", "ash": "AE SH", "book": "B UH K", "was": "W AA Z"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", "hello world"),
        ("\u201cDon\u2019t\u201d -- rock'n'roll; the dogs' day…", "don't rock'n'roll the dogs day"),
        ("Mr. Smith & 42 % of café", "mister smith and forty two percent of cafe"),
        (
            "1961, 1905, 20, 300, 0, 007",
            "nineteen sixty one nineteen oh five twenty three hundred zero zero zero seven",
        ),
        ("2,500,000", "two million five hundred thousand"),
        ("1234567890", "one two three four five six seven eight nine zero"),
        ("1st, 22nd, 30th, 12th", "first twenty second thirtieth twelfth"),
        ("3.14 and $5", "three point one four and five dollars"),
        ("Stra\u00dfe, Mal\u00f8y", "strasse maloy"),
        ("12000 and 115", "twelve thousand and one hundred fifteen"),
        ("¿?", ""),
    ],
)
def test_a_text_becomes_words(text: str, expected: str) -> None:
    assert " ".join(spoken_words(text)) == expected


def test_letters_of_other_alphabets_are_told() -> None:
    with pytest.raises(TalkError, match="the transcript has 'п', a letter that English words are not written with"):
        spoken_words("say привет to them")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("dashwood", "D AE SH W UH D"),
        ("bookish", "B UH K IH SH"),
        ("zam", "Z AE M"),
        ("phone", "F AA N"),
        ("night", "N AY T"),
        ("tipper", "T IH P ER"),
        ("zamb", "Z AE M"),
        ("m", "M"),
    ],
)
def test_an_unknown_word_is_said_by_its_parts(word: str, expected: str) -> None:
    assert pronunciation(word, DICTIONARY.get) == expected


def test_letters_say_phones_that_exist() -> None:
    for word in ("abcdefghijklmnopqrstuvwxyz", "thoughtlessly", "queue", "rhythm", "a" * 60):
        phones = pronunciation(word, DICTIONARY.get).split()
        assert phones
        assert set(phones) <= set(PHONES)
