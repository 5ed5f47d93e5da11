"""Sentences: many, different, and with all phones well covered."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from talkcli.datasets import foreign
from talkcli.datasets.sentences import from_pattern, number, sentences, split_sentences, spoken
from talkcli.phones import PHONES


def test_numbers_are_written_as_they_are_said() -> None:
    assert [number(x) for x in (0, 13, 40, 57, 100, 342, 2018)] == [
        "zero",
        "thirteen",
        "forty",
        "fifty-seven",
        "one hundred",
        "three hundred forty-two",
        "two thousand eighteen",
    ]


def test_the_same_seed_gives_the_same_different_sentences() -> None:
    first, again = (sentences(60, np.random.default_rng(3)) for _ in range(2))
    assert first == again
    assert len(set(first)) == 60


def test_the_chosen_sentences_cover_every_phone() -> None:
    phones = Counter(name for text in sentences(120, np.random.default_rng(1)) for name in spoken(text))
    assert set(phones) == set(PHONES)
    assert min(phones.values()) >= 10


def test_patterns_leave_no_slot_empty() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        text = from_pattern(rng)
        assert not set("{}_") & set(text)
        assert text[-1] in ".?!"


def test_running_text_is_cut_at_its_ends_of_sentences() -> None:
    assert split_sentences("Oh! Is it? Yes. No") == ["Oh!", "Is it?", "Yes.", "No"]


@pytest.mark.parametrize("language", foreign.LANGUAGES)
def test_every_language_has_a_dozen_sentences(language: str) -> None:
    lines = foreign.SENTENCES[language].splitlines()
    assert len(lines) == len(set(lines)) >= 12
    texts = [foreign.sentence(language, np.random.default_rng(seed), numbers=False) for seed in range(30)]
    assert not any(letter.isdigit() for text in texts for letter in text)
