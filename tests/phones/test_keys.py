"""Key frames from phones."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkcli.clip import Phone
from talkcli.errors import TalkError
from talkcli.phones import INDEX, PHONES
from talkcli.phones.keys import SWITCH, KeyRule, heard_phones, key_frames, scattered, shifted, varied

RULE = KeyRule()
SAID = [Phone("SIL", 0.0, 0.4), Phone("M", 0.4, 0.5), Phone("AA", 0.5, 0.7), Phone("SIL", 0.7, 1.0)]


def test_keys_are_the_boundaries_of_phones_and_the_ends() -> None:
    assert key_frames(SAID, 30, 31, RULE).tolist() == [0, 12, 15, 21, 30]


def test_a_silence_has_no_boundary_of_its_own() -> None:
    two = [Phone("M", 0.1, 0.2), Phone("SIL", 0.2, 0.25), Phone("SIL", 0.25, 0.3), Phone("AA", 0.3, 0.4)]
    assert key_frames(two, 100, 41, RULE).tolist() == [0, 10, 20, 30, 40]


def test_phones_that_take_no_time_and_the_names_of_others_do_not_matter() -> None:
    renamed = [replace(phone, name="B" if phone.name != "SIL" else "SIL") for phone in SAID]
    more = [*SAID[:2], Phone("T", 0.45, 0.45), *SAID[2:]]
    expected = key_frames(SAID, 30, 31, RULE).tolist()
    assert key_frames(renamed, 30, 31, RULE).tolist() == key_frames(more, 30, 31, RULE).tolist() == expected


@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0])
def test_the_times_of_keys_are_those_of_the_phones_at_any_frame_rate(fps: float) -> None:
    keys = key_frames(SAID, fps, round(fps), RULE)
    for time in (0.4, 0.5, 0.7):
        assert np.abs(keys / fps - time).min() <= 0.5 / fps + 1e-9


@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0])
def test_uniform_keys_are_as_many_a_second_at_any_frame_rate(fps: float) -> None:
    keys = key_frames([], fps, round(10 * fps), KeyRule(source="uniform"))
    assert len(keys) == pytest.approx(91, abs=2)


times = st.lists(st.floats(0, 12), min_size=0, max_size=30)


@given(times, st.sampled_from([25.0, 29.97, 60.0]), st.integers(1, 300), st.integers(1, 4), st.floats(0.05, 2))
def test_keys_rise_within_the_clip_and_leave_no_long_gap(
    cuts: list[float], fps: float, frames: int, apart: int, gap: float
) -> None:
    edges = sorted(cuts)
    phones = [Phone("AA", a, b) for a, b in pairwise(edges)]
    keys = key_frames(phones, fps, frames, KeyRule(min_gap=apart, max_gap=gap))
    assert keys[0] == 0
    assert keys[-1] == frames - 1
    assert (np.diff(keys) > 0).all()
    assert (np.diff(keys) <= max(1, gap * fps + 1e-6)).all()


def test_keys_can_be_kept_apart() -> None:
    close = [Phone("AA", 0.1 * i, 0.1 * (i + 1)) for i in range(10)]
    keys = key_frames(close, 30, 31, KeyRule(min_gap=5))
    assert keys[0] == 0
    assert keys[-1] == 30
    assert (np.diff(keys)[:-1] >= 5).all()


@given(st.lists(st.integers(1, 98), unique=True), st.integers(0, 5))
def test_training_moves_keys_by_a_frame_at_most(inner: list[int], seed: int) -> None:
    keys = np.array([0, *sorted(inner), 99])
    found = varied(keys, KeyRule(shift=1.0, drop=0.0), np.random.default_rng(seed))
    assert found[0] == 0
    assert found[-1] == 99
    assert (np.diff(found) > 0).all()
    assert all(np.abs(keys - key).min() <= 1 for key in found)


def test_training_leaves_keys_out() -> None:
    keys = np.arange(101)
    rng = np.random.default_rng(0)
    counts = [len(varied(keys, KeyRule(shift=0.0, drop=0.3), rng)) for _ in range(20)]
    assert np.mean(counts) == pytest.approx(2 + 0.7 * 99, rel=0.05)
    assert len(varied(keys, KeyRule(shift=0.0, drop=0.0), rng)) == 101


def test_one_frame_is_one_key() -> None:
    assert key_frames(SAID, 30, 1, RULE).tolist() == [0]
    assert varied(np.array([0]), RULE, np.random.default_rng(0)).tolist() == [0]
    assert key_frames([], 30, 2, RULE).tolist() == [0, 1]


def test_a_phone_head_is_heard_as_phones_without_flicker() -> None:
    scores = np.full((30, len(PHONES)), -4.0)
    scores[:10, INDEX["M"]] = scores[10:, INDEX["AA"]] = 0.0
    scores[5, INDEX["M"]], scores[5, INDEX["T"]] = -0.5 * SWITCH, 0.0  # one doubtful step is no phone
    found = heard_phones(scores, 50)
    assert found == [Phone("M", 0.0, 0.2), Phone("AA", 0.2, 0.6)]


@pytest.mark.parametrize(("key", "value"), [("shift", 2.0), ("drop", -0.1), ("min_gap", 0), ("max_gap", 0.0)])
def test_a_rule_that_cannot_be_is_refused(key: str, value: float) -> None:
    with pytest.raises(TalkError, match=key):
        KeyRule(**{key: value})  # type: ignore[arg-type]


def test_shifted_phones_have_each_boundary_a_frame_early_or_late_and_stay_in_order() -> None:
    moved = shifted(SAID, 30, np.random.default_rng(0))
    assert [phone.name for phone in moved] == [phone.name for phone in SAID]
    for own, other in zip(SAID[1:], moved[1:], strict=True):
        assert abs(other.start - own.start) == pytest.approx(1 / 30)
    assert moved[0].start in (0.0, pytest.approx(1 / 30))  # nothing begins before the sound
    assert all(left.end == right.start for left, right in pairwise(moved))


def test_scattered_phones_are_as_many_between_the_same_ends_at_other_times() -> None:
    moved = scattered(SAID, 30, np.random.default_rng(0))
    assert len(moved) == len(SAID)
    times = [time for phone in moved for time in (phone.start, phone.end)]
    assert times == sorted(times)
    assert min(times) >= 0
    assert max(times) <= 1
    assert not {phone.start for phone in moved} & {phone.start for phone in SAID}
    assert scattered([], 30, np.random.default_rng(0)) == shifted([], 30, np.random.default_rng(0)) == []
