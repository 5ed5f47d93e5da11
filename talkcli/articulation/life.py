"""Blinks, brows and gaze for a head that would stare otherwise: from a seed and from the voice's loudness.

Speech does not determine these; they are made to look natural on average, and are never scored frame by frame.
Shape letters: T frames, S samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Audio

Curve = NDArray[np.float64]

BLINKS = 17 / 60  # a second
CLOSING, OPENING = 0.09, 0.20  # seconds
CHUNK = 1000  # frames whose sound is added up at a time: bounds the memory, not the length


def life(frames: int, fps: float, seed: int, audio: Audio | None = None, *, lively: float = 1.0) -> dict[str, Curve]:
    """Control -> (T,) weights in [0, 1] of blinks, brows and gaze. audio: the sound from frame 0 on."""
    rng = np.random.default_rng([seed, 0xFACE])
    energy = loudness(audio, frames, fps) if audio is not None else np.zeros(frames)
    blink = np.clip(_blinks(frames, fps, rng, energy), 0, 1)
    brows = lively * _brows(frames, fps, rng, energy)
    out = {"eyeBlinkLeft": blink, "eyeBlinkRight": blink, "browInnerUp": brows}
    out |= {"browOuterUpLeft": 0.6 * brows, "browOuterUpRight": 0.55 * brows}
    across, up = (lively * _gaze(frames, fps, rng) for _ in range(2))
    out |= {"eyeLookInLeft": np.maximum(-across, 0), "eyeLookOutLeft": np.maximum(across, 0)}
    out |= {"eyeLookInRight": np.maximum(across, 0), "eyeLookOutRight": np.maximum(-across, 0)}
    for side in ("Left", "Right"):
        out |= {f"eyeLookUp{side}": np.maximum(0.6 * up, 0), f"eyeLookDown{side}": np.maximum(-0.6 * up, 0)}
    return {name: np.clip(curve, 0, 1) for name, curve in out.items()}


def loudness(audio: Audio, frames: int, fps: float) -> Curve:
    """(T,) from 0 to 1: the level of the sound around each frame, within 40 dB of the loudest."""
    edges = np.clip(np.round((np.arange(frames + 1) - 0.5) / fps * audio.rate), 0, len(audio.samples)).astype(int)
    mean = np.zeros(frames)
    for first in range(0, frames, CHUNK):
        part = edges[first : first + CHUNK + 1]
        power = np.cumsum(audio.samples[part[0] : part[-1]].astype(np.float64) ** 2)
        power = np.concatenate([[0.0], power])[part - part[0]]
        mean[first : first + CHUNK] = np.diff(power) / np.maximum(np.diff(part), 1)
    level = 10 * np.log10(mean + 1e-10)
    loudest = max(float(level.max(initial=-100.0)), -60.0)
    return np.asarray(np.clip((level - loudest + 40) / 40, 0, 1))


def _blinks(frames: int, fps: float, rng: np.random.Generator, energy: Curve) -> Curve:
    """Closing fast, opening slower; twice as likely where the voice pauses."""
    times, out = np.arange(frames) / fps, np.zeros(frames)
    at = float(rng.exponential(0.6 / BLINKS))
    while at < frames / fps:
        if energy[int(at * fps)] < 0.35 or rng.random() < 0.75:
            shut = at + CLOSING * rng.uniform(0.85, 1.15)
            closing = (times - at) / (shut - at)
            opening = 1 - (times - shut - 0.02) / (OPENING * rng.uniform(0.8, 1.25))
            out = np.maximum(out, _eased(np.clip(np.minimum(closing, opening), 0, 1)))
        at += 0.5 + float(rng.exponential(1 / BLINKS - 0.5))
    return out


def _eased(x: Curve) -> Curve:
    return x * x * (3 - 2 * x)


def _brows(frames: int, fps: float, rng: np.random.Generator, energy: Curve) -> Curve:
    """One in three loud moments lifts the brows a little."""
    out, times, last = np.zeros(frames), np.arange(frames) / fps, -1.0
    for frame in range(1, frames - 1):
        peak = energy[frame] > 0.85 and energy[frame] >= energy[frame - 1] and energy[frame] > energy[frame + 1]
        if peak and times[frame] - last > 0.35:
            last = float(times[frame])
            if rng.random() < 0.33:
                out += rng.uniform(0.15, 0.5) * np.exp(-0.5 * ((times - last) / rng.uniform(0.1, 0.16)) ** 2)
    return np.asarray(0.05 * _drift(frames, fps, rng) + np.clip(out, 0, 0.7))


def _gaze(frames: int, fps: float, rng: np.random.Generator) -> Curve:
    """Small jumps every second or two about the viewer, who is at 0."""
    out, at = np.zeros(frames), 0.0
    while at < frames / fps:
        out[int(at * fps) :] = rng.normal(0, 0.09)
        at += rng.uniform(0.5, 2.2)
    kernel = np.ones(max(round(0.04 * fps), 1))
    return np.asarray(
        np.convolve(np.pad(out, len(kernel), mode="edge"), kernel / kernel.sum(), "same")[len(kernel) : -len(kernel)]
    )


def _drift(frames: int, fps: float, rng: np.random.Generator) -> Curve:
    """Slow motion between 0 and 1."""
    knots = rng.uniform(0, 1, int(frames / fps) + 4)
    return np.asarray(np.interp(np.arange(frames) / fps, np.arange(len(knots)), knots))
