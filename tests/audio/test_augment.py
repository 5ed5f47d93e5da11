"""Augmented speech keeps its length, its timing and its generator's word."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from talkcli.audio.augment import (
    NOISES,
    Augmentation,
    Noise,
    add_noise,
    add_reverb,
    augment,
    change_speed,
    speech_level,
)
from talkcli.clip import Floats


def make_bursts(seconds: float = 2.0, seed: int = 0) -> Floats:
    """Noise that comes and goes at random times, so that its envelope tells where it is."""
    rng = np.random.default_rng(seed)
    count = round(seconds * 16000)
    loudness = np.interp(np.arange(count), np.arange(0, count, 800), rng.random(len(range(0, count, 800))) ** 3)
    return np.asarray(0.3 * loudness * rng.standard_normal(count), np.float32)


def envelope(samples: Floats) -> Floats:
    power = np.convolve(samples**2, np.ones(160), "same")[::16]
    return np.asarray(np.sqrt(power), np.float32)


def test_the_same_generator_gives_the_same_sound() -> None:
    others = [make_bursts(seed=1)]
    for seed in range(8):
        first, speed = augment(make_bursts(), np.random.default_rng(seed), others=others)
        second, same = augment(make_bursts(), np.random.default_rng(seed), others=others)
        assert speed == same
        assert np.array_equal(first, second)


def test_length_follows_speed_and_all_is_finite() -> None:
    rng = np.random.default_rng(0)
    for count in (0, 1, 7, 399, 8001):
        for _ in range(20):
            for samples in (make_bursts()[:count], np.zeros(count, np.float32)):
                sound, speed = augment(samples, rng, others=[make_bursts(0.1)])
                assert 0.85 <= speed <= 1.18
                assert sound.dtype == np.float32
                assert len(sound) == round(count / speed)
                assert np.isfinite(sound).all()


def test_only_speed_moves_time() -> None:
    rng = np.random.default_rng(0)
    samples = make_bursts()
    plan = Augmentation(speed=(1.0, 1.0), reverb=1.0, reverb_db=(-12.0, -6.0), snr_db=(20.0, 40.0), dropouts=0.0)
    lags = []
    for _ in range(12):
        heard = envelope(augment(samples, rng, plan=plan)[0])
        first, second = envelope(samples) - envelope(samples).mean(), heard - heard.mean()
        lags.append(int(np.correlate(second, first, "full").argmax()) - len(first) + 1)
    assert abs(float(np.median(lags))) <= 1  # milliseconds


def test_speed_resamples() -> None:
    tone = np.sin(2 * np.pi * 500 * np.arange(16000) / 16000).astype(np.float32)
    faster = change_speed(tone, 1.1)
    assert len(faster) == round(16000 / 1.1)
    assert np.abs(np.fft.rfft(faster)).argmax() * 16000 / len(faster) == pytest.approx(550, abs=2)
    assert change_speed(tone, 1.0) is not None


def test_the_direct_sound_of_a_room_stays_at_time_zero() -> None:
    click = np.zeros(8000, np.float32)
    click[1000] = 1.0
    room = add_reverb(click, np.random.default_rng(0), 0.3, -6.0)
    assert room[1000] == pytest.approx(1.0, abs=1e-3)
    assert np.abs(room[:999]).max() < 1e-5
    assert 20 * np.log10(np.linalg.norm(room[1001:])) == pytest.approx(-6.0, abs=0.3)


@pytest.mark.parametrize("kind", NOISES)
def test_noise_is_as_loud_as_asked(kind: Noise) -> None:
    samples = make_bursts()
    noisy = add_noise(samples, np.random.default_rng(3), kind, 12.0, [make_bursts(seed=2)])
    noise = float(np.sqrt(np.mean((noisy - samples) ** 2)))
    assert 20 * np.log10(speech_level(samples) / noise) == pytest.approx(12.0, abs=0.1)


def test_noise_over_silence_is_soft() -> None:
    noisy = add_noise(np.zeros(8000, np.float32), np.random.default_rng(0), "white", 10.0)
    assert 20 * np.log10(np.sqrt(np.mean(noisy**2))) == pytest.approx(-40.0, abs=0.1)


def test_it_costs_no_more_than_some_forty_fourier_transforms_there_and_back() -> None:
    """About 10 ms for a second of sound."""
    samples, rng = make_bursts(10.0), np.random.default_rng(0)
    augment(samples, rng, others=[samples])

    def cost(work: Callable[[], object]) -> float:
        start = time.process_time()
        for _ in range(10):
            work()
        return time.process_time() - start

    ratios = [
        cost(lambda: augment(samples, rng, others=[samples])) / cost(lambda: np.fft.irfft(np.fft.rfft(samples)))
        for _ in range(3)
    ]
    assert min(ratios) < 40
