"""The acoustic model, read from the wheel's files, hears what PocketSphinx's own code hears."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pocketsphinx import Decoder

from talkcli.audio import cepstra as front_end
from talkcli.audio import posteriors
from talkcli.audio.cepstra import cepstra
from talkcli.audio.posteriors import PHONES, phone_posteriors
from talkcli.clip import Floats
from talkcli.errors import TalkError


def make_voice(seconds: float = 3.0, seed: int = 0) -> Floats:
    """Not speech, but with its pitch, formants and pauses: a pulse train through moving resonances, in noise."""
    rng = np.random.default_rng(seed)
    count = round(seconds * 16000)
    time = np.arange(count) / 16000
    phase = np.cumsum(110 + 30 * np.sin(2 * np.pi * 0.7 * time)) / 16000
    tones = [
        np.sin(2 * np.pi * k * phase) / (1 + abs(k - 6 - 4 * np.sin(2 * np.pi * 1.5 * time))) for k in range(1, 40)
    ]
    loudness = np.clip(np.sin(2 * np.pi * 1.3 * time), 0.0, 1.0) + 0.01
    voice = np.sum(tones, axis=0) * loudness + rng.normal(0, 0.02, count)
    return np.asarray(0.4 * voice / np.abs(voice).max(), np.float32)


def test_cepstra_are_those_of_pocketsphinx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_end, "_dither", lambda: np.zeros(1, np.float32))
    samples = make_voice()
    decoder = Decoder(lm=None, loglevel="FATAL", mfclogdir=str(tmp_path))
    decoder.set_align_text("the")
    decoder.start_utt()
    scaled = samples / np.abs(samples).max() * 0.5
    decoder.process_raw((scaled * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    (path,) = tmp_path.iterdir()
    theirs = np.fromfile(path, ">f4")[1:].reshape(-1, 13)
    ours = cepstra(samples[205:])  # their first frame begins where sound does, ours is centred there
    count = min(len(theirs), len(ours)) - 3
    for theirs_one, ours_one in zip(theirs[2:count].T, ours[2:count].T, strict=True):
        assert np.corrcoef(theirs_one, ours_one)[0, 1] > 0.997


def test_there_is_a_row_every_ten_milliseconds() -> None:
    for count in (0, 1, 159, 160, 16000, 16159):
        rows = phone_posteriors(make_voice(2.0)[:count])
        assert rows.shape == (count // 160 + 1, 42)
        assert rows.dtype == np.float32
        assert np.allclose(np.exp(rows).sum(axis=1), 1.0, atol=1e-4)


def test_a_row_is_centred_on_its_time() -> None:
    samples = np.zeros(16000, np.float32)
    samples[8000:8016] = 1.0  # a click at 0.5 s
    assert cepstra(samples)[:, 0].argmax() == 50


def test_level_changes_nothing() -> None:
    samples = make_voice()
    assert np.abs(phone_posteriors(samples) - phone_posteriors(samples * np.float32(0.003))).max() < 1e-2


def test_digital_silence_is_silence() -> None:
    for samples in (np.zeros(32000, np.float32), np.concatenate([make_voice(2.0), np.zeros(16000, np.float32)])):
        assert PHONES[int(phone_posteriors(samples)[-80:-10].mean(axis=0).argmax())] == "SIL"


def test_pieces_of_a_long_sound_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = make_voice(2.0)
    whole = phone_posteriors(samples)
    monkeypatch.setattr(front_end, "CHUNK", 37)
    monkeypatch.setattr(posteriors, "_CHUNK", 23)
    assert np.abs(phone_posteriors(samples) - whole).max() < 1e-2


def test_warp_moves_formants() -> None:
    samples = make_voice()
    assert np.array_equal(cepstra(samples, warp=1.0), cepstra(samples))
    for warp in (0.84, 1.18):
        moved = cepstra(samples, warp=warp)
        assert np.isfinite(moved).all()
        assert np.abs(moved - cepstra(samples)).mean() > 1.0


def test_mixtures_add_up_to_one() -> None:
    model = posteriors._load_model()
    assert model.gaussians.shape == (3, 27, 42 * 128)
    assert np.allclose(model.mixtures.sum(axis=2), 1.0, atol=1e-5)


@pytest.mark.parametrize("name", ["means", "sendump", "mdef"])
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_damaged_wheel_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: str) -> None:
    import pocketsphinx

    real = Path(pocketsphinx.get_model_path()) / "en-us" / "en-us"
    folder = tmp_path / "en-us" / "en-us"
    folder.mkdir(parents=True)
    for file in real.iterdir():
        (folder / file.name).symlink_to(file)
    (folder / name).unlink()
    if damage == "cut":
        (folder / name).write_bytes((real / name).read_bytes()[:1000])
    monkeypatch.setattr(pocketsphinx, "get_model_path", lambda: str(tmp_path))
    posteriors._load_model.cache_clear()
    with pytest.raises(TalkError, match=f"{name}.*pip install"):
        phone_posteriors(make_voice(0.1))
    posteriors._load_model.cache_clear()
