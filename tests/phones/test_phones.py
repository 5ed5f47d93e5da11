"""The phone set, frame labels, and phones put in order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkcli.clip import Phone
from talkcli.phones import (
    BILABIAL,
    DIPHTHONGS,
    INDEX,
    LABIODENTAL,
    PHONES,
    SIBILANT,
    VISEME,
    VOWELS,
    frame_labels,
    middle_frame,
    tidy,
)
from tests.make import make_phones


def test_there_are_39_phones_and_silence_which_is_0() -> None:
    assert len(PHONES) == len(set(PHONES)) == 40
    assert INDEX["SIL"] == 0


def test_every_phone_has_a_viseme_and_every_group_is_made_of_phones() -> None:
    assert set(VISEME) == set(PHONES)
    groups = (
        BILABIAL | LABIODENTAL | SIBILANT | VOWELS | set(DIPHTHONGS) | {x for pair in DIPHTHONGS.values() for x in pair}
    )
    assert groups <= set(PHONES)


def test_a_frame_has_the_phone_that_its_time_lies_in() -> None:
    phones = make_phones(("SIL", 0.1), ("B", 0.1), ("AA", 0.1))
    labels = frame_labels(phones, fps=20, frames=8)  # at 0, 0.05, 0.1 ... 0.35 s
    assert [PHONES[label] for label in labels] == ["SIL", "SIL", "B", "B", "AA", "AA", "SIL", "SIL"]


def test_labels_of_nothing_are_silence() -> None:
    assert frame_labels([], 30, 3).tolist() == [0, 0, 0]
    assert frame_labels([], 30, 0).shape == (0,)


@pytest.mark.parametrize("fps", [24, 25, 30, 60])
def test_the_middle_frame_is_the_nearest_one(fps: int) -> None:
    phone = Phone("P", 0.31, 0.38)
    times = np.arange(100) / fps
    assert middle_frame(phone, fps, 100) == np.argmin(np.abs(times - 0.345))


def test_the_middle_frame_of_a_phone_after_the_end_is_the_last() -> None:
    assert middle_frame(Phone("P", 9.0, 9.1), 30, 10) == 9
    assert middle_frame(Phone("P", 0.0, 0.1), 30, 1) == 0


ROWS = st.lists(st.tuples(st.sampled_from(PHONES), st.floats(-0.2, 2.5), st.floats(-0.1, 1)), max_size=8)


@given(ROWS, st.floats(0.1, 2))
def test_tidy_phones_follow_each_other_from_0_to_the_end(rows: list[tuple[str, float, float]], seconds: float) -> None:
    phones = tidy([Phone(name, start, start + length) for name, start, length in rows], seconds)
    assert phones[0].start == 0.0
    assert phones[-1].end == pytest.approx(seconds, abs=2e-4)
    for before, after in pairwise(phones):
        assert before.end == pytest.approx(after.start, abs=2e-4)
        assert (before.name, after.name) != ("SIL", "SIL")
    assert all(phone.end > phone.start for phone in phones)
