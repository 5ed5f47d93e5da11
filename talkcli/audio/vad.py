"""Where someone speaks, because a mouth that follows noise is worse than one that rests.

The detector is Silero's, whose weights come inside the `silero-vad` wheel (MIT); it is small enough for numpy, so
nothing here loads torch. Where the wheel lacks them, PocketSphinx's detector stands in. Letters: S samples, N steps,
T frames.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkcli.audio.level import level_gain
from talkcli.clip import Audio, Floats
from talkcli.stages import stage

log = logging.getLogger(__name__)

RATE = 16000
STEP = 512  # samples a probability stands for
CONTEXT = 64  # samples of the step before
STRIDE, WINDOW = 128, 256  # of the detector's own spectrum
CHUNK = 1000  # steps worked on at a time: bounds the memory, not the length

SURE, DOUBTFUL = 0.5, 0.3  # speech begins above the one and ends below the other
GAP = 0.1  # seconds: a shorter hole in speech is none
CLICK = 0.06  # seconds: shorter speech is none
TAIL = 0.1  # seconds of fading that the end of speech may lose
LEAD = 0.1  # seconds kept before speech: in noise the detector needs a moment to be sure
PAD = 0.07  # seconds kept after it: a last phone is quieter than the rest
ATTACK, RELEASE = 0.05, 0.15  # seconds from closed to open, and back


def speech_probability(audio: Audio) -> Floats:
    """(N,) in [0, 1]: whether someone speaks in each step of 32 ms; the level rule comes first. At 16 kHz."""
    if audio.rate != RATE:
        raise ValueError(f"speech must come at {RATE} Hz, got {audio.rate}")
    weights, gain = _load_weights(), level_gain(audio)
    return _silero(audio.samples, weights, gain) if weights else _sphinx(audio.samples, gain)


def speech_segments(audio: Audio) -> list[tuple[float, float]]:
    """Start and end, in seconds, of what is spoken without a pause; no padding."""
    joined: list[tuple[float, float]] = []
    for start, end in _certain(speech_probability(audio)):
        if joined and start - joined[-1][1] < GAP:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    faint = _faint(audio)
    found = [(start, _without_tail(start, min(end, audio.seconds), faint)) for start, end in joined]
    return [(start, end) for start, end in found if end - start > CLICK]


def _certain(speech: Floats) -> Iterator[tuple[float, float]]:
    """Where the probability rose above SURE until it falls below DOUBTFUL."""
    start: float | None = None
    for i, probability in enumerate([*speech.tolist(), 0.0]):
        if start is None and probability >= SURE:
            start = i * STEP / RATE
        elif start is not None and probability < DOUBTFUL:
            yield start, i * STEP / RATE
            start = None


def _faint(audio: Audio) -> NDArray[np.bool_]:
    """Which 10 ms are no louder than what lies under the speech, or 32 dB below it."""
    loudness = _loudness(audio.samples, RATE // 100) + 20.0 * np.log10(level_gain(audio))
    if not len(loudness):
        return np.zeros(0, np.bool_)
    return np.asarray(loudness < max(-55.0, float(np.percentile(loudness, 10)) + 3.0))


def _loudness(samples: Floats, size: int) -> Floats:
    """Level in dB of each whole `size` samples."""
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    return np.asarray(10.0 * np.log10(np.einsum("ns,ns->n", frames, frames) / size + 1e-12), np.float32)


def _without_tail(start: float, end: float, faint: NDArray[np.bool_]) -> float:
    """The end of a segment less what is faint at it: the detector is slow to let go."""
    last = round(end * 100)
    first = max(round((end - TAIL) * 100), round(start * 100))
    loud = np.flatnonzero(~faint[first:last])
    return (first + int(loud[-1]) + 1) / 100 if len(loud) else first / 100


@stage("hear")
def speech_gate(audio: Audio, fps: float, frames: int, start: float = 0.0) -> Floats:
    """(T,) in [0, 1] at times start + i / fps: 1 where someone speaks, 0 at rest, opening in 50 ms, closing in 150."""
    times = start + np.arange(frames) / fps
    gate = np.zeros(frames)
    for start, end in speech_segments(audio):
        opening = (times - (start - LEAD - ATTACK)) / ATTACK
        closing = ((end + PAD + RELEASE) - times) / RELEASE
        gate = np.maximum(gate, np.clip(np.minimum(opening, closing), 0.0, 1.0))
    return gate.astype(np.float32)


@stage("hear")
def pauses(audio: Audio, longest: float) -> list[tuple[float, float]]:
    """Windows (start, end) in seconds that cover the sound without gaps, each at most `longest` seconds.

    Cuts lie where silence is deepest, in the later half of what a window may hold; sound that fits is one window.
    """
    if longest <= 0.0:
        raise ValueError(f"longest must be above 0 s, got {longest}")
    windows, start = [], 0.0
    silence = _stillness(audio) if audio.seconds > longest else np.zeros(0, np.float32)
    seconds = STEP / RATE
    while audio.seconds - start > longest:
        first = int(np.ceil((start + longest / 2) / seconds))
        last = min(int((start + longest) / seconds), len(silence))
        end = start + longest
        if last > first:
            end = (first + int(silence[first:last].argmax()) + 0.5) * seconds
        windows.append((start, end))
        start = end
    return [*windows, (start, audio.seconds)]


def _stillness(audio: Audio) -> Floats:
    """(N,) how good a place to cut each step is: no speech for long around it, and quiet."""
    speech = speech_probability(audio)
    around = np.convolve(speech, np.hanning(33) / np.hanning(33).sum(), "same")  # about half a second on either side
    loudness = 10.0 ** (_loudness(audio.samples, STEP) / 20.0)
    loudness = np.pad(loudness, (0, len(speech) - len(loudness)))  # the last step may not be whole
    return np.asarray(-around - 0.2 * speech - loudness / max(float(loudness.max()), 1e-9) * 0.1, np.float32)


def has_silero() -> bool:
    """Whether Silero tells speech from noise here; PocketSphinx's detector stands in elsewhere."""
    return _load_weights() is not None


@cache
def _load_weights() -> dict[str, Floats] | None:
    """Silero's arrays by name, None where the wheel is not there or is an older one."""
    spec = importlib.util.find_spec("silero_vad")
    path = Path(spec.origin).parent / "data" / "silero_vad_16k.safetensors" if spec and spec.origin else None
    if path is None or not path.is_file():
        log.warning(
            "no weights of silero-vad found, PocketSphinx's detector stands in: pip install 'silero-vad>=6.2.3'"
        )
        return None
    from safetensors.numpy import load_file

    return load_file(path)


def _silero(samples: Floats, weights: Mapping[str, Floats], gain: float = 1.0) -> Floats:
    """Silero VAD 6 at 16 kHz: spectrum, four convolutions, one recurrent cell; (S,) -> (N,)."""
    steps = -(-len(samples) // STEP)
    hidden, cell = np.zeros(128, np.float32), np.zeros(128, np.float32)
    found = np.empty(steps, np.float32)
    inner, bias = weights["lstm_cell.weight_hh"].T.copy(), weights["lstm_cell.bias_hh"] + weights["lstm_cell.bias_ih"]
    for first in range(0, steps, CHUNK):
        begin, end = first * STEP - CONTEXT, min(first + CHUNK, steps) * STEP
        part = samples[max(begin, 0) : end] * np.float32(gain)
        part = np.pad(part, (max(-begin, 0), end - max(begin, 0) - len(part)))
        gates = _encoded(part, weights) @ weights["lstm_cell.weight_ih"].T + bias  # (N, 4 * 128)
        for i, gate in enumerate(gates, first):
            gate = gate + hidden @ inner
            opened = _logistic(gate)  # of the third quarter only tanh is used
            cell = opened[128:256] * cell + opened[:128] * np.tanh(gate[256:384])
            hidden = opened[384:] * np.tanh(cell)
            found[i] = np.maximum(hidden, 0.0) @ weights["final_conv.weight"][0, :, 0] + weights["final_conv.bias"][0]
    return _logistic(found)


def _logistic(values: Floats) -> Floats:
    """1 / (1 + exp(-x)); scipy's would cost every start a quarter of a second."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * values), np.float32)


def _encoded(samples: Floats, weights: Mapping[str, Floats]) -> Floats:
    """Steps with their context, one after another -> (N, 128)."""
    steps = np.lib.stride_tricks.sliding_window_view(samples, STEP + CONTEXT)[::STEP]
    steps = np.pad(steps, ((0, 0), (0, CONTEXT)), mode="reflect")  # (N, 640)
    frames = np.lib.stride_tricks.sliding_window_view(steps, WINDOW, axis=1)[:, ::STRIDE]  # (N, 4, 256)
    waves = frames @ weights["stft_conv.weight"][:, 0].T  # (N, 4, 2 * 129)
    values = np.sqrt(waves[..., :129] ** 2 + waves[..., 129:] ** 2)
    for name, stride in (("conv1", 1), ("conv2", 2), ("conv3", 2), ("conv4", 1)):
        kernel = weights[f"{name}.weight"]  # (out, in, 3)
        around = np.lib.stride_tricks.sliding_window_view(np.pad(values, ((0, 0), (1, 1), (0, 0))), 3, axis=1)[
            :, ::stride
        ]
        values = around.reshape(*around.shape[:2], -1) @ kernel.reshape(len(kernel), -1).T + weights[f"{name}.bias"]
        values = np.maximum(values, 0.0)
    return np.asarray(values[:, 0])


def _sphinx(samples: Floats, gain: float = 1.0) -> Floats:
    """PocketSphinx's detector, 1 or 0 a step: hears speech in steady noise too."""
    from pocketsphinx import Vad

    vad = Vad(Vad.STRICT, RATE, 0.03)
    steps = -(-len(samples) // STEP)
    padded = np.pad(samples * np.float32(gain), (0, steps * STEP + vad.frame_bytes // 2 - len(samples)))
    pcm = (np.clip(padded, -1.0, 1.0) * 32767).astype("<i2")
    found = [vad.is_speech(pcm[i * STEP : i * STEP + vad.frame_bytes // 2].tobytes()) for i in range(steps)]
    return np.asarray(found, np.float32)
