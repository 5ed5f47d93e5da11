"""Every name that a synthesizer gives becomes phones of ours."""

# phonetic letters look like others, and are meant

from __future__ import annotations

import pytest

from talkcli.phones import PHONES
from talkcli.phones.sets import SETS, PhoneSet, from_ipa, from_set


@pytest.mark.parametrize("phone_set", SETS)
def test_every_name_of_a_set_becomes_phones(phone_set: PhoneSet) -> None:
    found = {name: from_set(name, phone_set) for name in SETS[phone_set]}
    assert set().union(*found.values()) <= set(PHONES)
    assert {"P", "B", "M", "F", "SIL"} <= set().union(*found.values())


def test_a_long_sound_is_as_a_short_one() -> None:
    assert from_set("p:", "finnish") == ("P",)


def test_an_unknown_name_is_a_bug() -> None:
    with pytest.raises(ValueError, match="unknown phone name 'xyz'"):
        from_set("xyz", "radio")


@pytest.mark.parametrize(
    ("name", "phones"),
    [
        ("ˈoʊ", "OW"),
        ("aɪɚ", "AY ER"),
        ("t͡ʃ", "CH"),
        ("tʃ", "CH"),
        ("ɔ̃", "AO"),
        ("ç", "HH"),
        ("n̩", "N"),
        ("ˈʊɹ", "UH R"),
        ("iː", "IY"),
        ("ʔ", ""),
        ("ˈ", ""),
        ("", ""),
        ("5", ""),
        ("pʰ", "P"),
    ],
)
def test_ipa_is_read_longest_name_first_and_without_marks(name: str, phones: str) -> None:
    assert from_ipa(name) == tuple(phones.split())
