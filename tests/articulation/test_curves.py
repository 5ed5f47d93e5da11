"""What a viewer checks: lips that close, bite and open when the phones say so, at any frame rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkcli.articulation import Style, mouth_curves
from talkcli.articulation.curves import BITE_GAP, CLOSED, SIBILANT_JAW
from talkcli.articulation.targets import CHANNELS, REST_JAW, TARGETS
from talkcli.clip import Phone
from talkcli.phones import BILABIAL, LABIODENTAL, PHONES, SIBILANT, VOWELS, middle_frame
from tests.make import make_phones

SPEECH = st.lists(st.tuples(st.sampled_from(PHONES), st.floats(0.02, 0.3)), min_size=1, max_size=12)
RATES = st.sampled_from([24.0, 25.0, 30.0, 60.0])
STYLES = st.sampled_from([Style(), *(Style.drawn(np.random.default_rng(seed)) for seed in range(4))])


def frames_of(phones: list[Phone], fps: float) -> int:
    return max(1, round(phones[-1].end * fps))


@given(SPEECH, RATES, STYLES)
def test_every_p_b_m_is_closed_at_the_frame_nearest_its_middle(
    spoken: list[tuple[str, float]], fps: float, style: Style
) -> None:
    phones = make_phones(*spoken)
    frames = frames_of(phones, fps)
    lip = mouth_curves(phones, fps, frames, style)["lip"]
    for phone in phones:
        if phone.name in BILABIAL:
            assert lip[middle_frame(phone, fps, frames)] <= CLOSED + 1e-9


@given(SPEECH, RATES, STYLES)
def test_every_vowel_opens_unless_a_closure_has_its_frame(
    spoken: list[tuple[str, float]], fps: float, style: Style
) -> None:
    phones = make_phones(*spoken)
    frames = frames_of(phones, fps)
    lip = mouth_curves(phones, fps, frames, style)["lip"]
    taken = {middle_frame(phone, fps, frames) for phone in phones if phone.name in BILABIAL | LABIODENTAL}
    for phone in phones:
        middle = middle_frame(phone, fps, frames)
        if phone.name in VOWELS and middle not in taken:
            assert lip[middle] >= 1.2


@given(SPEECH, RATES, STYLES)
def test_f_v_bite_and_sibilants_bring_the_teeth_together(
    spoken: list[tuple[str, float]], fps: float, style: Style
) -> None:
    phones = make_phones(*spoken)
    frames = frames_of(phones, fps)
    curves = mouth_curves(phones, fps, frames, style)
    closed = {middle_frame(phone, fps, frames) for phone in phones if phone.name in BILABIAL}
    for phone in phones:
        middle = middle_frame(phone, fps, frames)
        if phone.name in SIBILANT:
            assert curves["jaw"][middle] <= SIBILANT_JAW + 1e-9
        if phone.name in LABIODENTAL and middle not in closed:
            assert curves["bite"][middle] >= 0.9 - 1e-9
            assert curves["lip"][middle] <= BITE_GAP + 1e-9


@given(SPEECH, RATES)
def test_curves_stay_within_what_a_mouth_can_do(spoken: list[tuple[str, float]], fps: float) -> None:
    phones = make_phones(*spoken)
    curves = mouth_curves(phones, fps, frames_of(phones, fps), Style())
    assert set(curves) == set(CHANNELS)
    assert np.all((curves["jaw"] >= 1.5) & (curves["jaw"] <= 12.5))
    assert np.all((curves["lip"] >= -2.6) & (curves["lip"] <= 13.5))


def test_silence_returns_to_rest_after_a_quarter_of_a_second() -> None:
    phones = make_phones(("SIL", 0.5), ("AA", 0.2), ("SIL", 1.0))
    curves = mouth_curves(phones, 100.0, 170, Style())
    still = np.r_[0:20, 95:170]
    assert np.abs(curves["lip"][still]).max() < 0.6
    assert np.abs(curves["jaw"][still] - REST_JAW).max() < 0.6
    assert curves["lip"][60] > 8


def test_no_phones_are_rest() -> None:
    curves = mouth_curves([], 30.0, 10, Style())
    assert curves["jaw"] == pytest.approx(np.full(10, REST_JAW))
    assert all(np.allclose(curve, 0, atol=1e-6) for name, curve in curves.items() if name != "jaw")


def test_a_long_vowel_reaches_its_target() -> None:
    curves = mouth_curves(make_phones(("T", 0.1), ("AA", 0.4), ("T", 0.1)), 100.0, 60, Style())
    assert curves["lip"][30] == pytest.approx(TARGETS["AA"].values["lip"], abs=0.3)


def test_a_diphthong_moves_from_its_first_part_to_its_second() -> None:
    curves = mouth_curves(make_phones(("SIL", 0.3), ("AW", 0.4), ("SIL", 0.3)), 100.0, 100, Style())
    assert curves["lip"][43] > curves["lip"][64] + 4
    assert curves["protrusion"][64] > curves["protrusion"][43] + 2


def test_rounding_starts_before_its_sound() -> None:
    curves = mouth_curves(make_phones(("S", 0.15), ("T", 0.1), ("UW", 0.2), ("SIL", 0.2)), 100.0, 65, Style())
    assert curves["protrusion"][20] > 1.0  # 50 ms before the vowel
