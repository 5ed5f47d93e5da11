"""Blinks, brows and gaze: natural on average, the same for the same seed."""

from __future__ import annotations

import numpy as np

from talkcli.articulation import life
from talkcli.articulation.life import loudness
from talkcli.head import CONTROLS
from tests.make import make_silence, make_tone

FPS = 30.0


def blinks(shut: np.ndarray[tuple[int], np.dtype[np.float64]]) -> int:
    return int(np.sum((shut[1:] > 0.5) & (shut[:-1] <= 0.5)))


def test_a_minute_has_about_seventeen_blinks() -> None:
    count = np.mean([blinks(life(1800, FPS, seed)["eyeBlinkLeft"]) for seed in range(20)])
    assert 13 < count < 21


def test_the_same_seed_gives_the_same_life_and_another_one_another() -> None:
    first, again, other = life(300, FPS, 5), life(300, FPS, 5), life(300, FPS, 6)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)


def test_life_is_made_of_the_heads_controls_between_0_and_1() -> None:
    curves = life(600, FPS, 2, make_tone(20.0), lively=1.3)
    assert set(curves) <= set(CONTROLS)
    assert all(len(curve) == 600 and curve.min() >= 0 and curve.max() <= 1 for curve in curves.values())


def test_brows_rise_with_loud_speech_only() -> None:
    loud = max(life(900, FPS, seed, make_tone(30.0))["browInnerUp"].max() for seed in range(4))
    quiet = max(life(900, FPS, seed, make_silence(30.0))["browInnerUp"].max() for seed in range(4))
    assert loud > 0.15 > quiet


def test_both_eyes_look_the_same_way() -> None:
    curves = life(600, FPS, 3)
    assert np.array_equal(curves["eyeLookInLeft"], curves["eyeLookOutRight"])


def test_one_frame_and_none_are_fine() -> None:
    assert all(len(curve) == 1 for curve in life(1, FPS, 0).values())
    assert loudness(make_silence(0.0), 3, FPS).shape == (3,)
