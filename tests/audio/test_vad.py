"""The gate opens for speech and for nothing else; long sound is cut where nobody speaks."""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from talkcli.audio import load_audio, vad
from talkcli.audio.vad import pauses, speech_gate, speech_probability, speech_segments
from talkcli.clip import Audio, Floats

SAMPLE = Path(__file__).parents[2] / "assets" / "sample.flac"


def make_speech(*parts: tuple[float, float], gap: float = 0.0) -> Audio:
    """Parts (start, end) of the sample speech, each followed by a gap of digital silence."""
    audio = load_audio(SAMPLE)
    silence = np.zeros(round(gap * 16000), np.float32)
    return Audio(np.concatenate([piece for part in parts for piece in (audio.part(*part).samples, silence)]), 16000)


def make_sound(kind: str) -> Floats:
    time = np.arange(3 * 16000) / 16000
    sounds = {
        "silence": np.zeros(len(time)),
        "white noise": np.random.default_rng(0).normal(0, 0.1, len(time)),
        "hum": np.sign(np.sin(2 * np.pi * 50 * time)) * 0.1,
        "chord": np.sum([np.sin(2 * np.pi * hz * time) for hz in (220, 277, 330)], axis=0) * 0.1,
        "nothing": np.zeros(0),
        "20 ms": np.full(320, 0.1),
    }
    return sounds[kind].astype(np.float32)


@pytest.mark.parametrize("kind", ["silence", "white noise", "hum", "chord", "nothing", "20 ms"])
def test_the_gate_stays_shut_without_speech(kind: str) -> None:
    gate = speech_gate(Audio(make_sound(kind), 16000), 30.0, 60)
    assert gate.shape == (60,)
    assert gate.dtype == np.float32
    assert gate.max(initial=0.0) < 0.05


def test_the_gate_is_open_through_speech_and_shut_around_it() -> None:
    audio = Audio(np.pad(make_speech((2.4, 4.7)).samples, 16000), 16000)
    gate = speech_gate(audio, 100.0, 430)
    assert gate[:85].max() < 0.05
    assert gate[120:318].min() > 0.95  # spoken from 1.13 s to 3.25 s
    assert gate[370:].max() < 0.05


@pytest.mark.parametrize("gain", [0.01, 8.0])
def test_the_gate_does_not_mind_the_level(gain: float) -> None:
    audio = make_speech((0.0, 4.7))
    gate = speech_gate(audio, 100.0, 470)
    other = speech_gate(Audio(audio.samples * np.float32(gain), 16000), 100.0, 470)
    assert np.abs(gate - other).max() < 0.01


def test_the_gate_opens_within_50_ms_and_closes_within_150_ms() -> None:
    audio = Audio(np.pad(make_speech((2.4, 4.7)).samples, 16000), 16000)
    gate = speech_gate(audio, 1000.0, 4300)
    rising, falling = np.flatnonzero(np.diff(gate) > 1e-6), np.flatnonzero(np.diff(gate) < -1e-6)
    assert 45 <= len(rising) <= 51
    assert 145 <= len(falling) <= 151


def test_probability_comes_every_32_ms() -> None:
    audio = make_speech((0.3, 2.2))
    speech = speech_probability(audio)
    assert speech.shape == (-(-len(audio.samples) // 512),)
    assert speech.mean() > 0.8
    with pytest.raises(ValueError, match="16000"):
        speech_probability(Audio(audio.samples, 8000))


def test_pieces_of_a_long_sound_give_the_same_probability(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = make_speech((0.3, 2.2))
    whole = speech_probability(audio)
    monkeypatch.setattr(vad, "CHUNK", 7)
    assert np.abs(speech_probability(audio) - whole).max() < 1e-5


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_our_arithmetic_is_that_of_the_packaged_network() -> None:
    import torch

    package = importlib.util.find_spec("silero_vad")
    assert package is not None
    assert package.origin is not None
    network = torch.jit.load(Path(package.origin).parent / "data" / "silero_vad.jit", map_location="cpu")
    theirs = network.state_dict()
    names = {"stft.forward_basis_buffer": "stft_conv.weight"}
    names |= {f"decoder.rnn.{kind}": f"lstm_cell.{kind}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    for kind in ("weight", "bias"):
        names[f"decoder.decoder.2.{kind}"] = f"final_conv.{kind}"
        names |= {f"encoder.{i}.reparam_conv.{kind}": f"conv{i + 1}.{kind}" for i in range(4)}
    weights = {ours: theirs[f"_model.{name}"].numpy() for name, ours in names.items()}
    samples = make_speech((0.0, 2.5)).samples
    with torch.no_grad():
        expected = network.audio_forward(torch.from_numpy(samples), sr=16000)[0].numpy()
    assert np.abs(vad._silero(samples, weights) - expected).max() < 1e-4


def test_pocketsphinx_stands_in_where_silero_is_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    vad._load_weights.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    audio = make_speech((2.4, 4.7), gap=1.0)
    segments = speech_segments(audio)
    assert "pip install" in caplog.text
    assert sum(end - start for start, end in segments) > 1.5
    assert max(end for _, end in segments) < 2.6
    vad._load_weights.cache_clear()


def test_windows_cover_the_sound_and_are_cut_in_silences() -> None:
    audio = make_speech((0.2, 2.3), (2.5, 4.7), (0.2, 2.3), (2.5, 4.7), gap=0.6)
    windows = pauses(audio, 4.0)
    assert windows[0][0] == 0.0
    assert windows[-1][1] == audio.seconds
    assert all(first[1] == second[0] for first, second in pairwise(windows))
    assert all(0.0 < end - start <= 4.0 for start, end in windows)
    for _, cut in windows[:-1]:
        assert np.abs(audio.part(cut - 0.05, cut + 0.05).samples).max() < 0.01


def test_sound_without_a_silence_is_cut_all_the_same() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 160000).astype(np.float32)
    windows = pauses(Audio(noise, 16000), 3.0)
    assert all(end - start <= 3.0 for start, end in windows)
    assert sum(end - start for start, end in windows) == pytest.approx(10.0)


def test_short_sound_is_one_window() -> None:
    audio = make_speech((0.2, 2.3))
    assert pauses(audio, 20.0) == [(0.0, audio.seconds)]
    assert pauses(Audio(np.zeros(0, np.float32), 16000), 20.0) == [(0.0, 0.0)]
