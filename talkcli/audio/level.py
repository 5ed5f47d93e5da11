"""The level rule: speech at one loudness whatever the recording's, and silence left as silent as it is."""

from __future__ import annotations

import numpy as np

from talkcli.clip import Audio, Floats
from talkcli.stages import stage

SPEECH_DB = -23.0  # where the loud frames' average goes
LOUD_DB = 30.0  # frames this close to the loudest count
SILENT_DB = -60.0  # sound whose loudest frame is below is left alone: noise made loud opens mouths
FRAME = 0.025  # seconds
CHUNK = 1000  # frames worked on at a time: bounds the memory, not the length


@stage("hear")
def level(audio: Audio) -> Audio:
    """The sound scaled so that its frames of 25 ms within 30 dB of the loudest average -23 dBFS."""
    gain = level_gain(audio)
    return audio if gain == 1.0 else Audio(audio.samples * np.float32(gain), audio.rate)


@stage("hear")
def level_gain(audio: Audio) -> float:
    """What `level` multiplies samples by: for those who work on a long sound in pieces."""
    power = _frame_power(audio)
    loudest = float(power.max(initial=0.0))
    if loudest <= 10.0 ** (SILENT_DB / 10.0):
        return 1.0
    average = float(power[power >= loudest * 10.0 ** (-LOUD_DB / 10.0)].mean())
    return float(10.0 ** (SPEECH_DB / 20.0) / average**0.5)


def _frame_power(audio: Audio) -> Floats:
    """Mean square of each 25 ms; what is left over at the end, or shorter sound, is averaged over a whole frame."""
    size = max(1, round(FRAME * audio.rate))
    sums = [np.zeros(0, np.float32)]
    for first in range(0, len(audio.samples), CHUNK * size):
        part = audio.samples[first : first + CHUNK * size]
        sums.append(np.add.reduceat(part**2, np.arange(0, len(part), size)))
    return np.concatenate(sums) / np.float32(size)
