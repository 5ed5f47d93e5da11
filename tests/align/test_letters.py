"""Letters stand beside the phones that they say."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkcli.align.letters import spell
from talkcli.phones import PHONES


@pytest.mark.parametrize(
    ("word", "phones", "expected"),
    [
        ("bright", "B R AY T", "b:B r:R igh:AY t:T"),
        ("made", "M EY D", "m:M a:EY de:D"),
        ("box", "B AA K S", "b:B o:AA x:K S"),
        ("phone", "F OW N", "ph:F o:OW ne:N"),
        ("happy", "HH AE P IY", "h:HH a:AE pp:P y:IY"),
    ],
)
def test_letters_say_their_phones(word: str, phones: str, expected: str) -> None:
    parts = spell(word, phones.split())
    assert " ".join(f"{word[part.first : part.last + 1]}:{' '.join(part.phones)}" for part in parts) == expected


@given(st.text("abcdefghijklmnopqrstuvwxyz'", max_size=12), st.lists(st.sampled_from(PHONES[1:]), max_size=12))
def test_every_phone_is_said_once_and_in_order(word: str, phones: list[str]) -> None:
    parts = spell(word, phones)
    assert [phone for part in parts for phone in part.phones] == (phones if word else [])
    assert all(one.last < two.first for one, two in pairwise(parts))
