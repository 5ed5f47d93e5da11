"""The cepstra that PocketSphinx's acoustic model was trained on, in numpy: its decoder gives them away only in files.

The recipe is that of the model's `feat.params` (25 mel filters 130-6800 Hz, noise removal, DCT, lifter 22); the tests
check it against `Decoder(mfclogdir=...)`. Letters: S samples, A frames (100 a second), M mel filters, C cepstra.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache

import numpy as np

from talkcli.clip import Floats

RATE = 16000
HOP = 160
WINDOW = 410
FFT = 512
FILTERS = 25
CEPSTRA = 13
LOWEST, HIGHEST = 130.0, 6800.0  # Hz
EMPHASIS = 0.97
LIFTER = 22
CHUNK = 2000  # frames worked on at a time: bounds the memory, not the length

# Where a mean of its own is missing (short or silent sounds), that of PocketSphinx's decoder, at our level.
USUAL_MEAN = np.array([54.0, 3.0, -1.0] + [0.0] * (CEPSTRA - 3), np.float32)
ENOUGH = 200  # frames of sound that make a mean of their own
SILENT = 10.0  # first cepstrum of frames that hold nothing but dither
PEAK = 0.5 * 32767.0  # the model heard int16
DITHER = 0.5  # without it the stillness of digital silence looks like no silence that the model has heard


@lru_cache(maxsize=8)  # augmentation draws a warp for each clip
def _filters(warp: float) -> Floats:
    """Triangles of unit area on the mel scale, edges rounded to bins; warp stretches their frequencies."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (LOWEST, HIGHEST))
    edges = 700.0 * (10.0 ** (np.linspace(low, high, FILTERS + 2) / 2595.0) - 1.0) * warp
    width = RATE / FFT
    edges = np.floor(np.minimum(edges, RATE / 2) / width + 0.5) * width
    bins = np.arange(FFT // 2 + 1)[:, None] * width  # (bins, 1)
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    area = 2.0 / (right - left)
    rise = (bins - left) / np.maximum(middle - left, width)
    fall = (right - bins) / np.maximum(right - middle, width)
    return np.asarray(np.maximum(np.minimum(rise, fall), 0.0) * area, np.float32)  # (bins, M)


@cache
def _cosines() -> Floats:
    """Orthonormal DCT-II with the lifter folded in."""
    order = np.arange(CEPSTRA)
    dct = np.sqrt(2.0 / FILTERS) * np.cos(np.pi * np.outer(np.arange(FILTERS) + 0.5, order) / FILTERS)  # (M, C)
    dct[:, 0] = np.sqrt(1.0 / FILTERS)
    return np.asarray(dct * (1.0 + LIFTER / 2 * np.sin(np.pi * order / LIFTER)), np.float32)


@cache
def _neighbours() -> Floats:
    """Mean over the four filters on either side."""
    near = np.abs(np.subtract.outer(np.arange(FILTERS), np.arange(FILTERS))) <= 4
    return np.asarray(near / near.sum(axis=0), np.float32)  # (M, M), columns sum to 1


class _NoiseTracker:
    """Takes steady noise out of mel spectra: a lower envelope for the noise, temporal masking, a smoothed gain.

    This is the noise removal the model was trained with, constants included; it remembers the past, so the chunks of
    one sound go through one tracker in order.
    """

    LARGEST = 20.0  # largest gain, and the inverse of the smallest

    def __init__(self) -> None:
        self.power: Floats | None = None

    def clean(self, mel: Floats) -> Floats:
        """(A, M) mel power -> (A, M) with less noise."""
        if self.power is None:
            self.power, self.noise, self.floor = mel[0], mel[0] / self.LARGEST, mel[0] / self.LARGEST
            self.peak = np.zeros_like(mel[0])
        power = self._smooth(mel)
        noise = _lower_envelope(power, self.noise)
        self.noise = noise[-1]
        signal = np.maximum(power - noise, 1.0)
        floor = _lower_envelope(signal, self.floor)
        self.floor = floor[-1]
        signal = np.maximum(self._mask(signal), floor)
        gain = np.full_like(signal, self.LARGEST)
        np.divide(signal, power, out=gain, where=signal < self.LARGEST * power)
        return np.asarray(mel * (np.maximum(gain, 1.0 / self.LARGEST) @ _neighbours()), np.float32)

    def _smooth(self, mel: Floats) -> Floats:
        assert self.power is not None
        power = np.empty_like(mel)
        now = self.power.astype(np.float64)
        for i, value in enumerate(0.3 * mel.astype(np.float64)):  # scipy's filter would cost every start a second
            now = value + 0.7 * now
            power[i] = now
        self.power = power[-1]
        return power

    def _mask(self, signal: Floats) -> Floats:
        """What follows a louder sound too quickly to be heard gives way to a fifth of that sound's fading peak."""
        fade = np.float32(np.log(0.85))
        steps = np.arange(1, len(signal) + 1, dtype=np.float32)[:, None] * fade  # (A, 1)
        with np.errstate(divide="ignore"):
            start = np.log(self.peak)
        # peak[t] = max(0.85 * peak[t - 1], signal[t]), as a running maximum of logarithms
        heights = np.maximum.accumulate(np.vstack([start, np.log(signal) - steps]), axis=0)
        before = np.exp(heights[:-1] + steps)  # the peak of the past, faded by one frame, (A, M)
        self.peak = np.exp(heights[-1] + steps[-1])
        return np.where(signal < 0.85 * before, 0.2 * before, signal)


def _lower_envelope(values: Floats, start: Floats) -> Floats:
    """Follows values down at once and up slowly: 0.5 and 0.005 of the way a frame."""
    envelope = np.empty_like(values)
    now, up, down = start.copy(), np.empty_like(start), np.empty_like(start)
    for i, value in enumerate(values):
        np.subtract(value, now, out=down)
        np.multiply(down, 0.005, out=up)
        np.multiply(down, 0.5, out=down)
        np.minimum(up, down, out=up)
        now += up
        envelope[i] = now
    return envelope


@cache
def _dither() -> Floats:
    return np.random.default_rng(0).standard_normal(1 << 16, dtype=np.float32) * np.float32(DITHER)


def _mel(samples: Floats, filters: Floats) -> Iterator[Floats]:
    """Mel power (up to CHUNK, M) of frames centred every HOP samples, at the level the model heard."""
    window = np.hamming(WINDOW).astype(np.float32)
    peak = max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))
    gain = np.float32(PEAK / peak if peak > 0.0 else 0.0)
    total = len(samples) // HOP + 1
    for first in range(0, total, CHUNK):
        last = min(first + CHUNK, total)
        begin = first * HOP - WINDOW // 2 - 1
        end = begin + 1 + (last - first - 1) * HOP + WINDOW
        part = samples[max(begin, 0) : end] * gain
        part = np.pad(part, (max(-begin, 0), end - max(begin, 0) - len(part)))
        part += _dither().take(np.arange(begin, end), mode="wrap")
        emphasised = part[1:] - np.float32(EMPHASIS) * part[:-1]
        frames = np.lib.stride_tricks.sliding_window_view(emphasised, WINDOW)[::HOP] * window  # (A, WINDOW)
        spectrum = np.fft.rfft(frames, FFT)
        yield np.asarray((spectrum.real**2 + spectrum.imag**2) @ filters, np.float32)


def cepstra(samples: Floats, *, warp: float = 1.0) -> Floats:
    """(S,) at 16 kHz -> (S // 160 + 1, 13) cepstra without their mean; frame i is centred at i * 10 ms.

    The level is put right first, so a gain changes nothing. warp (0.84-1.18) stretches the filters' frequencies: above
    1 the voice seems to come from a longer vocal tract, below 1 from a shorter one.
    """
    found = raw_cepstra(samples, warp=warp)
    return np.asarray(found - mean_cepstra(found), np.float32)


def raw_cepstra(samples: Floats, *, warp: float = 1.0) -> Floats:
    """The same with their mean: for those who take another."""
    tracker = _NoiseTracker()
    parts = [np.log(tracker.clean(mel) + np.float32(1e-4)) @ _cosines() for mel in _mel(samples, _filters(float(warp)))]
    return np.concatenate(parts).astype(np.float32)


def mean_cepstra(found: Floats) -> Floats:
    """(13,) the mean of cepstra (A, 13) that hold sound."""
    sounding = found[found[:, 0] >= SILENT]  # digital silence has no place in the mean
    doubt = max(0, ENOUGH - len(sounding))
    return np.asarray((sounding.sum(axis=0) + doubt * USUAL_MEAN) / (len(sounding) + doubt))
