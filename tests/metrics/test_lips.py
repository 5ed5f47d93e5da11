"""The lip measures on mouths whose score can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from talkcli.metrics.lips import (
    GAP_RATE,
    OPENING,
    LipScore,
    Share,
    closed,
    closures,
    expected_opening,
    false_closures,
    lip_gap,
    lip_score,
    opening_correlation,
    sampled,
    stillness,
    total,
)
from talkcli.phones import PHONES
from tests.make import make_mouth, make_phones

MAMA = make_phones(("SIL", 0.5), ("M", 0.1), ("AA", 0.3), ("M", 0.1), ("AA", 0.3), ("SIL", 0.5))
SAMPLES = 181


def when(*spans: tuple[float, float], samples: int = SAMPLES) -> np.ndarray:
    """True from start up to but not including end, in seconds."""
    times = np.arange(samples) / GAP_RATE
    return np.any([(times >= start) & (times < end) for start, end in spans], axis=0)


def test_every_phone_has_an_opening() -> None:
    assert set(OPENING) == set(PHONES)


def test_lip_gap_is_vertical_and_never_negative() -> None:
    clip = make_mouth([0.01, -0.01])
    clip.vertices[:, 0, 2] = 0.5  # pushed forward: a bitten lip is not an open mouth
    assert lip_gap(clip) == pytest.approx([0.01, 0.0])


def test_a_gap_is_sampled_between_frames_and_held_after_the_last() -> None:
    gap = sampled(np.array([0.0, 1.0]), fps=25, seconds=0.06)
    assert gap == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1, 1])


def test_closed_is_under_a_millimetre_or_under_a_tenth_of_wide() -> None:
    wide = np.full(100, 0.02)
    wide[:4] = 0.0009, 0.0011, 0.0019, 0.0021
    assert closed(wide).tolist() == [True, True, True] + [False] * 97
    assert not closed(np.full(10, 0.0011)).any()


def test_a_closure_counts_up_to_60_ms_beside_its_phone() -> None:
    assert closures(when((0.44, 0.45), (0.9, 0.91)), MAMA) == Share(2, 2)
    assert closures(when((0.42, 0.43), (0.9, 0.91)), MAMA) == Share(1, 2)
    assert math.isnan(closures(when(), make_phones(("AA", 1.0))).value)


def test_a_vowel_is_wrongly_closed_where_its_middle_third_never_opens() -> None:
    assert false_closures(when((0.6, 0.9)), MAMA) == Share(1, 2)
    assert false_closures(when((0.6, 0.75), (0.76, 0.9)), MAMA) == Share(0, 2)
    assert false_closures(when((0, 2)), make_phones(("AA", 0.07), ("IY", 0.3))) == Share(0, 0)


def test_the_mouth_that_does_what_the_phones_ask_correlates_fully() -> None:
    gap = expected_opening(MAMA, SAMPLES)
    assert opening_correlation(gap, MAMA) == pytest.approx((1.0, 0.0))
    assert opening_correlation(1 - gap, MAMA)[0] < 0.7  # the wrong way round, even at its best lag


@pytest.mark.parametrize("late", [-7, 5])
def test_the_lag_tells_how_late_the_mouth_is(late: int) -> None:
    gap = np.roll(expected_opening(MAMA, SAMPLES), late)
    correlation, lag = opening_correlation(gap, MAMA)
    assert correlation > 0.99
    assert lag == pytest.approx(late / GAP_RATE)


def test_a_mouth_that_never_moves_correlates_with_nothing() -> None:
    assert opening_correlation(np.full(SAMPLES, 0.01), MAMA) == (0.0, 0.0)


def test_stillness_looks_at_the_middle_of_longer_silences_only() -> None:
    gap = np.where(when((0.5, 1.3)), 0.02, 0.0)
    gap[3] = 0.02  # near the edge of the first silence
    assert stillness(gap, MAMA) == 0.0
    gap[25] = 0.01  # in its middle
    assert stillness(gap, MAMA) == pytest.approx(0.25)  # half open in one of two
    assert math.isnan(stillness(gap, make_phones(("AA", 1.5), ("SIL", 0.29))))


def test_a_mouth_that_speaks_scores_all_and_a_dead_one_nothing() -> None:
    spoken = lip_score(make_mouth(np.where(when((0.6, 0.9), (1.0, 1.3)), 0.02, 0.0)), MAMA)
    assert spoken.closures == Share(2, 2)
    assert spoken.false_closures == Share(0, 2)
    assert spoken.correlation > 0.9
    assert spoken.stillness < 0.01
    gaping = lip_score(make_mouth([0.02] * SAMPLES), MAMA)
    assert (gaping.closures, gaping.correlation, gaping.stillness) == (Share(0, 2), 0.0, 1.0)
    assert lip_score(make_mouth([0.0] * SAMPLES), MAMA).false_closures == Share(2, 2)


def test_the_score_is_that_of_the_same_mouth_at_another_frame_rate() -> None:
    gap = 0.02 * expected_opening(MAMA, SAMPLES)
    whole, half = lip_score(make_mouth(gap), MAMA), lip_score(make_mouth(gap[::2], fps=50), MAMA)
    assert half.closures == whole.closures
    assert half.correlation == pytest.approx(whole.correlation, abs=0.01)


def test_a_total_sums_closures_and_leaves_out_clips_without_silence() -> None:
    one = LipScore(Share(1, 2), Share(0, 3), 0.5, 0.01, 0.1)
    two = LipScore(Share(3, 3), Share(1, 1), 0.7, 0.03, math.nan)
    assert total([one, two]) == LipScore(Share(4, 5), Share(1, 4), pytest.approx(0.6), pytest.approx(0.02), 0.1)


gaps = arrays(np.float64, SAMPLES, elements=st.integers(0, 5000).map(lambda step: step * 1e-5))


@given(gaps, st.floats(0.1, 10))
def test_the_correlation_does_not_ask_how_wide_a_mouth_is(gap: np.ndarray, factor: float) -> None:
    assert opening_correlation(gap * factor, MAMA)[0] == pytest.approx(opening_correlation(gap, MAMA)[0], abs=1e-6)


@given(gaps)
def test_all_measures_stay_in_their_range(gap: np.ndarray) -> None:
    score = lip_score(make_mouth(gap), MAMA)
    assert 0 <= score.closures.value <= 1
    assert 0 <= score.false_closures.value <= 1
    assert -1 <= score.correlation <= 1 + 1e-9
    assert abs(score.lag) <= 0.2
    assert score.stillness >= 0


@given(arrays(np.bool_, SAMPLES), st.integers(0, SAMPLES - 1))
def test_closing_the_mouth_once_more_never_loses_a_closure(mouth_closed: np.ndarray, at: int) -> None:
    more = mouth_closed.copy()
    more[at] = True
    assert closures(more, MAMA).count >= closures(mouth_closed, MAMA).count
    assert false_closures(more, MAMA).count >= false_closures(mouth_closed, MAMA).count
