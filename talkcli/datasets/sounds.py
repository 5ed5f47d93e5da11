"""Sounds that are no speech: the mouth stays at rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from talkcli.clip import Audio, Floats
from talkcli.prepared import RATE

Random = np.random.Generator


def _white(size: int, rng: Random) -> Floats:
    return rng.normal(0, 1, size).astype(np.float32)


def _pink(size: int, rng: Random) -> Floats:
    spectrum = np.fft.rfft(rng.normal(0, 1, size))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    return np.asarray(np.fft.irfft(spectrum, size), np.float32)


def _hum(size: int, rng: Random) -> Floats:
    base, times = rng.choice([50.0, 60.0, 100.0, 120.0]), np.arange(size) / RATE
    tones = [np.sin(2 * np.pi * base * k * times + rng.uniform(0, 6)) / k ** rng.uniform(0.7, 2) for k in range(1, 9)]
    return np.asarray(np.sum(tones, 0) + 0.02 * rng.normal(0, 1, size), np.float32)


def _tone(midi: float, size: int, rng: Random) -> Floats:
    """A plucked or held note with a few harmonics."""
    times, base = np.arange(size) / RATE, 440 * 2 ** ((midi - 69) / 12)
    decay, bright = rng.uniform(0.0, 4.0), rng.uniform(0.8, 2.0)
    harmonics = [np.sin(2 * np.pi * base * k * times) / k**bright for k in range(1, 9) if base * k < 7500]
    onset = np.minimum(times / 0.02, 1)
    return np.asarray(onset * np.exp(-decay * times) * np.sum(harmonics, 0), np.float32)


def _chords(size: int, rng: Random) -> Floats:
    out, at = np.zeros(size, np.float32), 0
    while at < size:
        length = min(int(rng.uniform(0.6, 2.0) * RATE), size - at)
        root = rng.integers(45, 66)
        for step in ((0, 4, 7), (0, 3, 7), (0, 5, 9), (0, 4, 7, 10))[rng.integers(4)]:
            out[at : at + length] += _tone(float(root + step), length, rng)
        at += length
    return out


def _arpeggio(size: int, rng: Random) -> Floats:
    out, at, root = np.zeros(size, np.float32), 0, rng.integers(48, 70)
    beat = int(rng.uniform(0.12, 0.4) * RATE)
    while at < size:
        length = min(int(beat * rng.uniform(1.0, 2.5)), size - at)
        out[at : at + length] += _tone(float(root + rng.choice([0, 4, 7, 12, 16, 19])), length, rng)
        at += beat
    return out


def _clicks(size: int, rng: Random) -> Floats:
    out = np.zeros(size, np.float32)
    for at in rng.integers(0, max(size - 400, 1), int(rng.integers(2, 12))):
        length = min(int(rng.integers(8, 400)), size - int(at))
        out[at : at + length] += (rng.normal(0, 1, length) * np.exp(-np.arange(length) / (length / 4))).astype(
            np.float32
        )
    return out


def _silence(size: int, rng: Random) -> Floats:
    return np.zeros(size, np.float32)


_MAKERS: dict[str, Callable[[int, Random], Floats]] = {
    "white": _white,
    "pink": _pink,
    "hum": _hum,
    "chords": _chords,
    "arpeggio": _arpeggio,
    "clicks": _clicks,
    "silence": _silence,
}
KINDS = tuple(_MAKERS)


def make(kind: str, rng: Random) -> Audio:
    """Two to six seconds of a kind of sound, between -60 and -10 dB of full scale."""
    sound = _MAKERS[kind](int(rng.uniform(2, 6) * RATE), rng)
    loudest = max(float(np.abs(sound).max()), 1e-6)
    return Audio((sound * np.float32(10 ** rng.uniform(-3, -0.5) / loudest)).astype(np.float32), RATE)
