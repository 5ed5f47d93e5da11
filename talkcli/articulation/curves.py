"""Phones with times -> curves of the mouth in millimetres: coarticulation first, then the rules that a viewer checks.

Each phone pulls each channel towards its target with a strength that fades with distance in time (Cohen and Massaro
1993, "Modeling coarticulation in synthetic visual speech", dominance functions). Then p b m close the lips, f v bite,
sibilants bring the teeth together, vowels open.
Shape letters: N moments of the fine grid, T frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from talkcli.articulation.style import Style
from talkcli.articulation.targets import (
    CHANNELS,
    FADE,
    FADE_BILABIAL,
    FADE_LABIODENTAL,
    FADE_ROUND_AFTER,
    FADE_ROUND_BEFORE,
    FADE_SILENCE,
    REDUCED_BELOW,
    REDUCED_FLOOR,
    REDUCIBLE,
    REST_JAW,
    ROUND_CHANNELS,
    ROUNDED,
    SPLIT,
    TARGETS,
)
from talkcli.clip import Phone
from talkcli.phones import BILABIAL, DIPHTHONGS, LABIODENTAL, SIBILANT, VOWELS, middle_frame

Curve = NDArray[np.float64]
Curves = dict[str, Curve]

GRID = 200.0  # moments a second
CLOSED = -1.5  # mm: what p b m reach at least
BITE_GAP = 1.2  # mm: the most that f v leave open
SIBILANT_JAW = 3.0  # mm: the most that s z sh leave between the teeth
LIP_SPEED, JAW_SPEED, BITE_SPEED = 220.0, 150.0, 14.0  # mm/s, mm/s, 1/s: how fast a rule may be approached
REACH = 0.6  # s beyond which a phone pulls no more
SIGMA = 0.016  # s of the Gaussian that smooths the blend
REST = {"jaw": REST_JAW}


def mouth_curves(phones: Sequence[Phone], fps: float, frames: int, style: Style, *, start: float = 0.0) -> Curves:
    """Channel -> (T,) at times start + i / fps; see `targets.CHANNELS` for the units.

    The grid's moments are those of the phones' time, whatever the start: curves that overlap are alike.
    """
    grid = (int(np.floor(start * GRID)) + np.arange(int(np.ceil(frames / fps * GRID)) + 2)) / GRID  # (N,)
    curves = _smoothed(_blended(_parts(phones), grid, style))
    curves = _styled(curves, style)
    _open_vowels(curves, phones, grid)
    _sibilants(curves, phones, grid)
    _bites(curves, phones, grid)
    _closures(curves, phones, grid)
    times = start + np.arange(frames) / fps - style.delay  # (T,)
    sampled = {name: np.interp(times, grid, curve) for name, curve in curves.items()}
    shown = [replace(p, start=p.start - start, end=p.end - start) for p in phones] if start else phones
    _at_frames(sampled, shown, fps, frames)
    return sampled


def _parts(phones: Sequence[Phone]) -> list[Phone]:
    """The phones with diphthongs in two; names are those of TARGETS."""
    out: list[Phone] = []
    for phone in phones:
        if phone.name in DIPHTHONGS:
            first, second = DIPHTHONGS[phone.name]
            turn = phone.start + SPLIT * (phone.end - phone.start)
            out += [Phone(first, phone.start, turn), Phone(second, turn, phone.end)]
        else:
            out.append(phone)
    return out


def _core(phone: Phone) -> tuple[float, float]:
    """From when to when a phone pulls with all its strength."""
    length = phone.end - phone.start
    if phone.name in BILABIAL:
        return phone.start + 0.1 * length, phone.start + 0.7 * length
    inset = min(length / 4, 0.06) if phone.name == "SIL" else length / 4
    return phone.start + inset, phone.end - inset


def _fade(name: str, channel: str) -> tuple[float, float]:
    """How fast the pull fades before and after the core, per second."""
    if name == "SIL":
        return FADE_SILENCE * 1000, FADE_SILENCE * 1000
    if name in ROUNDED and channel in ROUND_CHANNELS:
        return FADE_ROUND_BEFORE * 1000, FADE_ROUND_AFTER * 1000
    fade = FADE_BILABIAL if name in BILABIAL else FADE_LABIODENTAL if name in LABIODENTAL else FADE
    return fade * 1000, fade * 1000


def _blended(parts: Sequence[Phone], grid: Curve, style: Style) -> Curves:
    """The mean of the phones' targets, weighted by their pulls."""
    total = {channel: np.full(len(grid), 1e-9) for channel in CHANNELS}
    pulled = {channel: total[channel] * REST.get(channel, 0.0) for channel in CHANNELS}
    for part in parts:
        low, high = np.searchsorted(grid, (part.start - REACH, part.end + REACH))
        near, (first, last) = grid[low:high], _core(part)
        before, after = np.maximum(first - near, 0), np.maximum(near - last, 0)
        target, length = TARGETS[part.name], part.end - part.start
        reduced = max(REDUCED_FLOOR, min(1.0, length / REDUCED_BELOW)) if part.name in REDUCIBLE else 1.0
        for channel in CHANNELS:
            back, forth = _fade(part.name, channel)
            pull = target.alpha(channel) * reduced * np.exp(-style.crispness * (back * before + forth * after))
            total[channel][low:high] += pull
            pulled[channel][low:high] += pull * target.values.get(channel, 0.0)
    return {channel: pulled[channel] / total[channel] for channel in CHANNELS}


def _smoothed(curves: Curves) -> Curves:
    half = int(4 * SIGMA * GRID)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / (SIGMA * GRID)) ** 2)
    kernel /= kernel.sum()
    return {name: np.convolve(np.pad(curve, half, mode="edge"), kernel, "valid") for name, curve in curves.items()}


def _styled(curves: Curves, style: Style) -> Curves:
    """The speaker's habits: gains about rest."""
    lip = curves["lip"]
    return curves | {
        "jaw": REST_JAW + style.jaw * (curves["jaw"] - REST_JAW),
        "lip": np.where(lip > 0, style.lip * lip, lip),
        "protrusion": style.round * curves["protrusion"],
        "width": style.width * curves["width"],
    }


def _distance(phone: Phone, grid: Curve, first: float, last: float) -> tuple[slice, Curve]:
    """Where on the grid a rule of this phone can matter, and the seconds to its core there."""
    low, high = np.searchsorted(grid, (phone.start - 0.15, phone.end + 0.15))
    near = grid[low:high]
    return slice(int(low), int(high)), np.maximum(np.maximum(first - near, near - last), 0)


def _open_vowels(curves: Curves, phones: Sequence[Phone], grid: Curve) -> None:
    """Every vowel opens the lips around its middle, at least to a third of its target."""
    for phone in _parts(phones):
        if phone.name in VOWELS:
            middle = (phone.start + phone.end) / 2
            where, distance = _distance(phone, grid, middle, middle)
            least = 0.35 * TARGETS[phone.name].values["lip"] * np.clip(1 - (distance / 0.04) ** 2, 0, 1)
            curves["lip"][where] = np.maximum(curves["lip"][where], least)


def _sibilants(curves: Curves, phones: Sequence[Phone], grid: Curve) -> None:
    for phone in phones:
        if phone.name in SIBILANT:
            where, distance = _distance(phone, grid, *_core(phone))
            curves["jaw"][where] = np.minimum(curves["jaw"][where], SIBILANT_JAW + JAW_SPEED * distance)


def _bites(curves: Curves, phones: Sequence[Phone], grid: Curve) -> None:
    for phone in phones:
        if phone.name in LABIODENTAL:
            where, distance = _distance(phone, grid, *_core(phone))
            full = TARGETS[phone.name].values["bite"]
            curves["lip"][where] = np.minimum(curves["lip"][where], BITE_GAP + LIP_SPEED * distance)
            curves["bite"][where] = np.maximum(curves["bite"][where], full - BITE_SPEED * distance)


def _closures(curves: Curves, phones: Sequence[Phone], grid: Curve) -> None:
    for phone in phones:
        if phone.name in BILABIAL:
            where, distance = _distance(phone, grid, *_core(phone))
            curves["lip"][where] = np.minimum(curves["lip"][where], CLOSED + LIP_SPEED * distance)


def _at_frames(sampled: Curves, phones: Sequence[Phone], fps: float, frames: int) -> None:
    """What no frame rate may miss: the frame nearest to a phone's middle shows what the phone is known by.

    Closures come last, so they win where a frame is the nearest of two phones.
    """
    for phone in phones:
        frame = middle_frame(phone, fps, frames)
        if phone.name in VOWELS:
            least = 0.35 * TARGETS[_parts([phone])[0].name].values["lip"]
            sampled["lip"][frame] = max(sampled["lip"][frame], least)
    for phone in phones:
        frame = middle_frame(phone, fps, frames)
        if phone.name in SIBILANT:
            sampled["jaw"][frame] = min(sampled["jaw"][frame], SIBILANT_JAW)
        if phone.name in LABIODENTAL:
            sampled["lip"][frame] = min(sampled["lip"][frame], BITE_GAP)
            sampled["bite"][frame] = max(sampled["bite"][frame], TARGETS[phone.name].values["bite"])
    for phone in phones:
        if phone.name in BILABIAL:
            frame = middle_frame(phone, fps, frames)
            sampled["lip"][frame] = min(sampled["lip"][frame], CLOSED)
            sampled["bite"][frame] = 0.0
