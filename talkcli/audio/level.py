"""The level rule: speech at one loudness whatever the recording's, and silence left as silent as it is."""

from __future__ import annotations

import numpy as np

from talkcli.clip import Audio, Floats

SPEECH_DB = -23.0  # where the loud frames' average goes
LOUD_DB = 30.0  # frames this close to the loudest count
SILENT_DB = -60.0  # sound whose loudest frame is below is left alone: noise made loud opens mouths
FRAME = 0.025  # seconds


def level(audio: Audio) -> Audio:
    """The sound scaled so that its frames of 25 ms within 30 dB of the loudest average -23 dBFS."""
    power = _frame_power(audio)
    loudest = float(power.max(initial=0.0))
    if loudest <= 10.0 ** (SILENT_DB / 10.0):
        return audio
    average = float(power[power >= loudest * 10.0 ** (-LOUD_DB / 10.0)].mean())
    gain = np.float32(10.0 ** (SPEECH_DB / 20.0) / average**0.5)
    return Audio(audio.samples * gain, audio.rate)


def _frame_power(audio: Audio) -> Floats:
    """Mean square of each 25 ms; what is left over at the end, or shorter sound, is averaged over a whole frame."""
    size = max(1, round(FRAME * audio.rate))
    starts = np.arange(0, len(audio.samples), size)
    if not len(starts):
        return np.zeros(0, np.float32)
    sums = np.add.reduceat(audio.samples.astype(np.float32) ** 2, starts)
    return np.asarray(sums / size, np.float32)
