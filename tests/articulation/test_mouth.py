"""The default head, posed by the controls, opens its lips by the millimetres of the curves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkcli.articulation import Style, controls, lively_controls, mouth_controls, mouth_curves
from talkcli.articulation.mouth import as_track
from talkcli.clip import Floats, Phone, Track
from talkcli.head import CONTROLS, load_head
from talkcli.phones import PHONES, middle_frame, words
from tests.make import make_phones, make_tone

FPS = 30.0
SENTENCE = words(
    "SIL AA B AA P AE M IY SIL F AY V SIL SH UW Z SIL OW W EH R SIL M AA M AH SIL TH IH S SIL B OY JH AW SIL"
)


def gap_mm(track: Track) -> Floats:
    """(T,) the vertical gap between the midpoints of the posed head's lips."""
    head = load_head()
    vertices = head.pose(head.values(track))
    marks = head.topology.landmarks
    gap: Floats = (vertices[:, marks["lip_inner_upper"], 1] - vertices[:, marks["lip_inner_lower"], 1]) * 1000
    return gap


def speech() -> list[Phone]:
    return make_phones(*((name, 0.25 if name == "SIL" else 0.11) for name in SENTENCE))


@pytest.mark.parametrize("style", [Style(), Style.drawn(np.random.default_rng(3))])
def test_the_posed_lips_part_by_what_the_curves_say(style: Style) -> None:
    phones = speech()
    frames = round(phones[-1].end * FPS)
    curves = mouth_curves(phones, FPS, frames, style)
    error = gap_mm(as_track(mouth_controls(curves, style))) - np.maximum(curves["lip"], 0.08)
    assert np.abs(error).max() < 1.3
    assert np.abs(error).mean() < 0.3


def test_the_posed_lips_touch_at_every_p_b_m() -> None:
    phones = speech()
    frames = round(phones[-1].end * FPS)
    gap = gap_mm(controls(phones, FPS, frames))
    for phone in phones:
        if phone.name in ("P", "B", "M"):
            assert gap[middle_frame(phone, FPS, frames)] < 0.12


@given(st.floats(0.3, 8), st.floats(0, 1))
@settings(max_examples=15)
def test_the_gap_grows_steadily_with_the_opening_asked_for(jaw: float, protrusion: float) -> None:
    lip = np.linspace(-2, 12, 60)
    curves = {name: np.zeros(60) for name in ("press", "bite", "upper", "tip", "back", "out", "width")}
    curves |= {"lip": lip, "jaw": np.full(60, 2 + jaw), "protrusion": np.full(60, protrusion)}
    gap = gap_mm(as_track(mouth_controls(curves, Style())))
    assert np.diff(gap).min() > -0.05
    assert np.diff(gap).max() < 0.9


def test_controls_are_those_of_the_head_and_lie_between_0_and_1() -> None:
    phones = make_phones(*((name, 0.1) for name in PHONES))
    track = lively_controls(phones, make_tone(4.0), FPS, 120, Style(jaw=1.25, lip=1.25), seed=1)
    assert set(track.names) <= set(CONTROLS)
    assert track.values.shape == (120, len(track.names))
    assert track.values.dtype == np.float32
    assert 0 <= track.values.min() <= track.values.max() <= 1


def test_silence_is_the_template() -> None:
    track = controls(make_phones(("SIL", 1.0)), FPS, 30)
    assert np.abs(track.values).max() < 1e-5


def test_the_corners_of_a_smile_stay_when_nothing_is_said() -> None:
    track = controls(make_phones(("SIL", 1.0)), FPS, 30, Style(smile=0.2))
    assert track.values[:, track.names.index("mouthSmileLeft")] == pytest.approx(np.full(30, 0.2), abs=1e-3)
