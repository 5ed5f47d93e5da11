"""The corrections of espeak-ng's times, on sounds whose truth is known; the engine itself runs in test_preprocess."""

# phonetic letters look like others, and are meant

from __future__ import annotations

import numpy as np
import pytest

from talkcli.clip import Phone
from talkcli.datasets.espeak import corrected, raw_phones

RATE = 22050


def sound(*parts: tuple[float, float]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Seconds of a level, one after another."""
    return np.concatenate([np.full(round(seconds * RATE), level, np.float32) for seconds, level in parts])


def test_events_become_phones_that_last_until_the_next() -> None:
    events = [(0.0, "h"), (0.1, "aɪɚ"), (0.3, ""), (0.5, "(en)"), (0.6, "t"), (0.7, "")]
    phones = raw_phones(events, 1.0)
    assert [phone.name for phone in phones] == ["HH", "AY", "ER", "SIL", "T", "SIL"]
    assert phones[1] == Phone("AY", 0.1, pytest.approx(0.2))
    assert phones[3] == Phone("SIL", 0.3, 0.6)


def test_a_glottal_stop_belongs_to_the_phone_before() -> None:
    assert raw_phones([(0.0, "a"), (0.1, "ʔ"), (0.13, "n"), (0.2, "")], 0.23)[0] == Phone("AA", 0.0, 0.13)
    assert raw_phones([(0.0, "a"), (0.1, ""), (0.13, "n")], 0.4)[0] == Phone("AA", 0.0, 0.13)


def test_a_voiceless_stop_begins_with_its_silence() -> None:
    samples = sound((0.26, 0.3), (0.04, 0.0), (0.2, 0.3))
    phones = corrected([Phone("N", 0.1, 0.3), Phone("P", 0.3, 0.5)], samples, RATE)
    assert phones[1].start == pytest.approx(0.26, abs=0.001)
    assert phones[0].end == phones[1].start


def test_a_stop_without_silence_begins_a_usual_closure_earlier() -> None:
    phones = corrected([Phone("N", 0.1, 0.3), Phone("T", 0.3, 0.5)], sound((0.6, 0.3)), RATE)
    assert phones[1].start == pytest.approx(0.3 - 0.045)


def test_a_long_silence_gives_a_stop_no_more_than_90_ms() -> None:
    phones = corrected([Phone("SIL", 0.0, 0.5), Phone("K", 0.5, 0.6)], sound((0.5, 0.0), (0.1, 0.3)), RATE)
    assert phones[1].start == pytest.approx(0.41)


def test_a_vowel_begins_with_the_transition_into_it() -> None:
    samples = sound((1.0, 0.3))
    after_voiced = corrected([Phone("L", 0.1, 0.3), Phone("AA", 0.3, 0.5)], samples, RATE)
    after_voiceless = corrected([Phone("S", 0.1, 0.3), Phone("AA", 0.3, 0.5)], samples, RATE)
    after_short = corrected([Phone("D", 0.28, 0.3), Phone("AA", 0.3, 0.5)], samples, RATE)
    starts = [phones[1].start for phones in (after_voiced, after_voiceless, after_short)]
    assert starts == pytest.approx([0.27, 0.288, 0.291])


def test_no_phones_stay_none() -> None:
    assert corrected([], sound((0.1, 0.0)), RATE) == []
