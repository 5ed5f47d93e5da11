"""Makes clean speech sound as if recorded in the world: what is trained on clean voices alone hears little else.

Rooms, microphones, noise, telephones and bad levels, drawn from a random generator that the caller owns. Only `speed`
moves time: filters have no phase and a room's direct sound arrives at 0. All at 16 kHz; S samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from talkcli.clip import Floats

RATE = 16000
Noise = Literal["white", "pink", "brown", "hum", "babble"]
NOISES: tuple[Noise, ...] = ("white", "pink", "brown", "hum", "babble")
SLOPES = {"white": 0.0, "pink": -0.5, "brown": -1.0}  # of the amplitude, by the logarithm of the frequency


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How often (share of clips) and how much; pairs are the ends of an even draw."""

    speed: tuple[float, float] = (0.85, 1.18)
    eq_db: float = 9.0  # either way, at 7 points
    reverb: float = 0.5
    reverb_seconds: tuple[float, float] = (0.1, 0.6)  # until 60 dB down
    reverb_db: tuple[float, float] = (-18.0, -3.0)  # of the room against the voice
    noise: float = 0.7
    snr_db: tuple[float, float] = (5.0, 40.0)
    low_pass: float = 0.2
    low_pass_hz: tuple[float, float] = (3000.0, 7000.0)
    telephone: float = 0.1
    clipping: float = 0.1
    coding: float = 0.1  # mu-law or few bits
    dropouts: float = 0.03
    level_db: tuple[float, float] = (-36.0, 0.0)  # of the peak, below full scale


DEFAULT = Augmentation()


def augment(
    samples: Floats,
    rng: np.random.Generator,
    *,
    others: Sequence[Floats] = (),
    plan: Augmentation = DEFAULT,
) -> tuple[Floats, float]:
    """(S,) at 16 kHz -> (round(S / speed),) and the speed: what was at t seconds is at t / speed now.

    others: other people's speech (S',), for babble. Sound without speech stays without speech.
    """
    speed = float(rng.uniform(*plan.speed))
    sound = change_speed(samples, speed)
    if not len(sound):
        return sound, speed
    if rng.random() < plan.reverb:
        sound = add_reverb(sound, rng, float(rng.uniform(*plan.reverb_seconds)), float(rng.uniform(*plan.reverb_db)))
    if rng.random() < plan.noise:
        kind = NOISES[int(rng.integers(len(NOISES) if others else len(NOISES) - 1))]
        sound = add_noise(sound, rng, kind, float(rng.uniform(*plan.snr_db)), others)
    sound = _filtered(sound, _channel(len(sound), rng, plan))
    if rng.random() < plan.clipping:
        top = np.quantile(np.abs(sound), rng.uniform(0.9, 0.995))
        sound = np.clip(sound, -top, top)
    peak = float(np.abs(sound).max())
    if peak > 0.0:
        sound = sound * np.float32(10.0 ** (rng.uniform(*plan.level_db) / 20.0) / peak)
    if rng.random() < plan.coding:
        sound = _coded(sound, rng)
    if rng.random() < plan.dropouts:
        sound = _with_dropouts(sound, rng)
    return sound, speed


def change_speed(samples: Floats, speed: float) -> Floats:
    """Faster (> 1) or slower, pitch and formants with it: (S,) -> (round(S / speed),)."""
    import soxr

    count = round(len(samples) / speed)
    if not count or speed == 1.0:
        return samples[:count]
    changed = np.asarray(soxr.resample(samples, RATE * speed, RATE), np.float32)[:count]
    return np.pad(changed, (0, count - len(changed)))


def add_reverb(samples: Floats, rng: np.random.Generator, seconds: float, wet_db: float) -> Floats:
    """A room: noise that decays by 60 dB in seconds, wet_db against the direct sound, which stays at time 0."""
    from scipy.signal import oaconvolve

    time = np.arange(int(seconds * RATE), dtype=np.float32) / RATE
    room = rng.standard_normal(len(time), dtype=np.float32) * np.exp(-6.9 / seconds * time)
    room[: int(rng.uniform(0.001, 0.008) * RATE)] = 0.0  # the way to the nearest wall
    energy = float(np.sqrt(np.sum(room**2)))
    room *= 10.0 ** (wet_db / 20.0) / max(energy, 1e-9)
    room[0] = 1.0
    return np.asarray(oaconvolve(samples, room)[: len(samples)], np.float32)


def add_noise(
    samples: Floats, rng: np.random.Generator, kind: Noise, snr_db: float, others: Sequence[Floats] = ()
) -> Floats:
    """Noise of one kind, snr_db below the speech (or below -30 dBFS where there is none); half of it comes and goes."""
    count = len(samples)
    if kind == "babble":
        noise = _babble(count, rng, others)
    elif kind == "hum":
        noise = _hum(count, rng)
    else:
        bins = np.arange(count // 2 + 1, dtype=np.float32)
        fall = np.maximum(bins, 30.0 * count / RATE) ** np.float32(SLOPES[kind])
        noise = _filtered(rng.standard_normal(count, dtype=np.float32), fall)
    if rng.random() < 0.5:
        points = np.linspace(0, count, max(2, count // (RATE // 2)))
        swell = 10.0 ** (rng.uniform(-12.0, 3.0, len(points)) / 20.0)
        noise = noise * np.interp(np.arange(count), points, swell).astype(np.float32)
    loudness = float(np.sqrt(np.mean(noise**2)))
    voice = speech_level(samples) or 10.0 ** (-30.0 / 20.0)
    return samples + noise * np.float32(voice / max(loudness, 1e-9) * 10.0 ** (-snr_db / 20.0))


def speech_level(samples: Floats) -> float:
    """Root mean square of the 25 ms frames within 30 dB of the loudest, 0 for silence."""
    size = RATE // 40
    whole = len(samples) // size * size
    frames = samples[:whole].reshape(-1, size) if whole else samples[None]
    power = np.mean(frames**2, axis=1)
    loud = power[power > 1e-3 * power.max(initial=0.0)]
    return float(np.sqrt(loud.mean())) if len(loud) else 0.0


def _babble(count: int, rng: np.random.Generator, others: Sequence[Floats]) -> Floats:
    """Three to six people at once, each anywhere in their speech."""
    noise = np.zeros(count, np.float32)
    for _ in range(int(rng.integers(3, 7))):
        talker = others[int(rng.integers(len(others)))]
        level = speech_level(talker)
        if level > 0.0:
            noise += np.resize(np.roll(talker, -int(rng.integers(len(talker)))), count) * np.float32(
                rng.uniform(0.4, 1.0) / level
            )
    return noise


def _hum(count: int, rng: np.random.Generator) -> Floats:
    """The mains and its overtones, with a little hiss."""
    time = np.arange(count, dtype=np.float32) * np.float32(2 * np.pi * rng.choice([50.0, 60.0]) / RATE)
    noise = rng.standard_normal(count, dtype=np.float32) * np.float32(0.02)
    for order in range(1, 9):
        noise += np.sin(order * time + np.float32(rng.uniform(0, 2 * np.pi))) * np.float32(
            rng.uniform(0.1, 1.0) / order
        )
    return noise


def _channel(count: int, rng: np.random.Generator, plan: Augmentation) -> Floats:
    """Gains (S // 2 + 1,) of a microphone and a line: an equaliser, perhaps a low-pass, perhaps a telephone."""
    hz = np.fft.rfftfreq(count, 1 / RATE)
    points = np.linspace(np.log(80.0), np.log(7500.0), 7)
    bend = np.interp(np.log(np.maximum(hz, 20.0)), points, rng.uniform(-plan.eq_db, plan.eq_db, 7))
    gains = 10.0 ** (bend / 20.0)
    if rng.random() < plan.low_pass:
        gains /= np.sqrt(1.0 + (hz / rng.uniform(*plan.low_pass_hz)) ** 24)
    if rng.random() < plan.telephone:
        gains /= np.sqrt(1.0 + (hz / 3400.0) ** 24) * np.sqrt(1.0 + (300.0 / np.maximum(hz, 1.0)) ** 12)
    return np.asarray(gains, np.float32)


def _filtered(samples: Floats, gains: Floats) -> Floats:
    """Without phase, so that nothing moves in time; gains (S // 2 + 1,)."""
    from scipy.fft import irfft, rfft

    return np.asarray(irfft(rfft(samples) * gains, len(samples)), np.float32)


def _coded(samples: Floats, rng: np.random.Generator) -> Floats:
    """8-bit mu-law, or 8 to 11 plain bits."""
    if rng.random() < 0.5:
        squeezed = np.round(np.log1p(255.0 * np.abs(samples)) / np.log(256.0) * 127.0) / 127.0
        return np.asarray(np.copysign((256.0**squeezed - 1.0) / 255.0, samples), np.float32)
    step = np.float32(2.0 ** -(int(rng.integers(8, 12)) - 1))
    return np.round(samples / step) * step


def _with_dropouts(samples: Floats, rng: np.random.Generator) -> Floats:
    """One to three packets of 10 to 40 ms lost."""
    holed = samples.copy()
    for _ in range(int(rng.integers(1, 4))):
        start = int(rng.integers(len(holed)))
        holed[start : start + int(rng.uniform(0.01, 0.04) * RATE)] = 0.0
    return holed
