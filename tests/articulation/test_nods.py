"""The head turns smoothly and a little, nods on what is loud, and begins and ends at rest."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from talkcli.articulation import as_track, head_turn, life, steady_gaze
from talkcli.articulation.nods import MOST
from talkcli.audio import load_audio
from talkcli.clip import Audio, Floats
from talkcli.head import load_head
from tests.make import RATE, make_silence, sample_speech

FPS = 30.0


@cache
def speech() -> Audio:
    return Audio(np.tile(load_audio(sample_speech()).samples, 4), RATE)


def turn(seed: int = 0, fps: float = FPS, audio: Audio | None = None) -> Floats:
    heard = audio or speech()
    return head_turn(round(heard.seconds * fps), fps, seed, heard)


@pytest.mark.parametrize("seed", range(4))
def test_the_head_turns_a_few_degrees_and_slowly(seed: int) -> None:
    found = turn(seed)
    assert found.dtype == np.float32
    assert (np.abs(found) < MOST).all()
    assert (found.std(0) > np.radians(0.3)).all()
    assert np.degrees(np.abs(np.diff(found, axis=0)) * FPS).max() < 20
    power = np.abs(np.fft.rfft(found - found.mean(0), axis=0)) ** 2
    quick = np.fft.rfftfreq(len(found), 1 / FPS) > 5
    assert (power[quick].sum(0) < 1e-3 * power.sum(0)).all()


def test_it_begins_and_ends_at_rest_and_without_a_start() -> None:
    found = turn()
    assert not found[0].any()
    assert np.degrees(np.abs(found[[1, -1]])).max() < 0.05


@pytest.mark.parametrize("fps", [23.976, 25.0, 60.0])
def test_the_motion_is_the_same_at_every_frame_rate(fps: float) -> None:
    slow, fast = turn(3), turn(3, fps)
    times = np.arange(len(fast)) / fps
    inside = times < speech().seconds - 0.6
    expected = np.stack([np.interp(times, np.arange(len(slow)) / FPS, angle) for angle in slow.T], 1)
    assert np.degrees(np.abs(fast - expected)[inside]).max() < 0.03


def test_the_same_seed_turns_the_same_and_another_one_otherwise() -> None:
    assert np.array_equal(turn(1), turn(1))
    assert np.degrees(np.abs(turn(1) - turn(2)).max()) > 1


def test_loud_syllables_nod() -> None:
    """The head is lower at a burst of sound than a little before it, on average."""
    times = np.arange(20 * RATE) / RATE
    bursts = 0.02 + 0.4 * (np.abs((times % 1.0) - 0.5) < 0.08)
    audio = Audio((bursts * np.sin(1500 * times)).astype(np.float32), RATE)
    pitch = np.mean([turn(seed, audio=audio)[:, 1] for seed in range(6)], axis=0)
    loud = (np.arange(2, 18) + 0.5) * FPS
    lower = pitch[loud.astype(int)] - pitch[(loud - 0.4 * FPS).astype(int)]
    assert np.degrees(lower.mean()) > 0.3


def test_silence_hardly_moves() -> None:
    quiet, spoken = (np.abs(turn(0, audio=audio)).mean() for audio in (make_silence(32.0), speech()))
    assert quiet < 0.4 * spoken


@pytest.mark.parametrize("frames", [1, 2, 3, 20])
def test_the_shortest_clips_are_fine(frames: int) -> None:
    found = head_turn(frames, FPS, 0, make_silence(frames / FPS))
    assert found.shape == (frames, 3)
    assert np.isfinite(found).all()
    assert not found[0].any()


def test_eyes_stay_on_what_they_look_at_while_the_head_turns() -> None:
    head = load_head()
    frames = np.radians(np.array([[4, 3, 0], [-4, 2, 0], [3, -3, 0]], np.float32))
    still = {name: 0 * curve for name, curve in life(3, FPS, 0).items()}
    angle = head.rig.eyes[0].angle
    for curves, near in ((steady_gaze(still, frames, angle), True), (still, False)):
        posed = head.pose(head.values(as_track(curves)))
        turned = head.neck.turned(posed, head.template, frames)
        ball = head.topology.regions["part_eye_left"]
        front = ball[head.template[ball, 2].argmax()]
        ahead = turned[:, front] - turned[:, ball].mean(1)
        rest = head.template[front] - head.template[ball].mean(0)
        off = np.degrees(np.arccos(np.sum(ahead * rest, 1) / np.linalg.norm(ahead, axis=1) / np.linalg.norm(rest)))
        assert (off.max() < 0.7) if near else (off.min() > 2)


def test_gaze_that_is_asked_for_stays() -> None:
    curves = life(300, FPS, 2)
    same = steady_gaze(curves, np.zeros((300, 3), np.float32), 0.5)
    assert all(np.allclose(same[name], curves[name]) for name in curves)
