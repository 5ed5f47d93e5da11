"""Every kind of sound file comes out as the same mono sound, or as one clear line."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from talkcli.audio import level, load_audio
from talkcli.clip import Audio, Floats
from talkcli.errors import TalkError


def make_tone(seconds: float = 0.5, rate: int = 16000, hz: float = 440.0) -> Floats:
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def run_ffmpeg(*arguments: str | Path) -> None:
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", *map(str, arguments)], check=True)


def lag(first: Floats, second: Floats) -> int:
    count = min(len(first), len(second))
    middle = slice(count // 2 - 512, count // 2 + 512)
    return max(range(-8, 9), key=lambda d: float(np.dot(first[middle], np.roll(second, d)[middle])))


@pytest.mark.parametrize(
    ("suffix", "subtype", "rate"),
    [
        ("wav", "PCM_U8", 16000),
        ("wav", "PCM_16", 8000),
        ("wav", "PCM_24", 44100),
        ("wav", "PCM_32", 192000),
        ("wav", "FLOAT", 48000),
        ("wav", "DOUBLE", 22050),
        ("wav", "ULAW", 8000),
        ("flac", "PCM_16", 16000),
        ("ogg", "VORBIS", 44100),
        ("mp3", "MPEG_LAYER_III", 44100),
    ],
)
def test_a_tone_is_the_same_from_every_format(tmp_path: Path, suffix: str, subtype: str, rate: int) -> None:
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, make_tone(rate=rate, hz=230.0), rate, subtype=subtype)
    audio = load_audio(path)
    expected = make_tone(hz=230.0)
    assert audio.rate == 16000
    assert audio.samples.dtype == np.float32
    assert abs(audio.seconds - 0.5) < (0.08 if suffix == "mp3" else 0.001)
    assert lag(audio.samples, expected) == 0
    middle = slice(2000, 6000)
    assert np.abs(audio.samples[middle] - expected[middle]).max() < 0.03


@pytest.mark.parametrize("suffix", ["m4a", "webm", "mp4", "mkv"])
def test_ffmpeg_reads_what_soundfile_cannot(tmp_path: Path, suffix: str) -> None:
    wav = tmp_path / "tone.wav"
    soundfile.write(wav, np.stack([make_tone(1.0, 48000, 230.0)] * 2, axis=1), 48000)
    path = tmp_path / f"it is, 100% -fine.{suffix}"
    run_ffmpeg("-i", wav, path)
    samples = load_audio(path).samples
    middle = slice(4000, 12000)
    assert np.abs(samples[middle] - make_tone(1.0, hz=230.0)[middle]).max() < 0.05


def test_seven_channels_become_their_mean(tmp_path: Path) -> None:
    path = tmp_path / "seven.wav"
    channels = np.random.default_rng(0).uniform(-0.5, 0.5, (4000, 7)).astype(np.float32)
    soundfile.write(path, channels, 16000, subtype="FLOAT")
    assert np.allclose(load_audio(path).samples, channels.mean(axis=1), atol=1e-6)


def test_twenty_milliseconds_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, make_tone(0.02, 44100), 44100)
    assert len(load_audio(path).samples) == 320


def test_a_file_of_no_samples_is_an_audio_of_none(tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    soundfile.write(path, np.zeros(0, np.float32), 44100)
    assert load_audio(path).samples.shape == (0,)


def test_sound_on_another_scale_is_brought_to_full_scale(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "int16.wav"
    soundfile.write(path, make_tone() * 32768, 16000, subtype="FLOAT")
    assert np.allclose(load_audio(path).samples, make_tone() / make_tone().max(), atol=1e-5)
    assert "another scale" in caplog.text


def test_long_sound_comes_in_blocks_without_seams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, make_tone(2.0, 44100), 44100, subtype="FLOAT")
    whole = load_audio(path).samples
    monkeypatch.setattr("talkcli.audio.BLOCK", 1000)
    assert np.abs(load_audio(path).samples - whole).max() < 1e-6


@pytest.mark.parametrize("suffix", ["wav", "mp4"])
def test_dash_is_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(tmp_path / "tone.wav", make_tone(), 16000)
    if suffix != "wav":
        run_ffmpeg("-i", tmp_path / "tone.wav", path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert np.abs(load_audio("-").samples[2000:6000] - make_tone()[2000:6000]).max() < 0.05


@pytest.mark.parametrize("stdin", [io.TextIOWrapper(io.BytesIO(b"")), None])
def test_an_empty_or_closed_standard_input_is_said(
    stdin: io.TextIOWrapper | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(TalkError, match="standard input is empty"):
        load_audio("-")


@pytest.mark.parametrize("suffix", ["wav", "caf"])
def test_samples_that_are_no_numbers_are_counted(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"broken.{suffix}"
    samples = make_tone()
    samples[[3, 5, 7]] = np.nan, np.inf, -np.inf
    soundfile.write(path, samples, 16000, subtype="FLOAT")
    with pytest.raises(TalkError, match=rf"broken.{suffix} holds 3 samples"):
        load_audio(path)


def test_what_is_no_sound_file_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is not a sound\n" * 50)
    (tmp_path / "noise.raw").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "folder.wav").mkdir()
    reasons = {
        "missing.wav": "does not exist",
        "empty.wav": "is empty",
        "text.wav": "is not sound",
        "noise.raw": "is not sound|no sound track",
        "folder.wav": "is a folder",
        "empty.wav/below.wav": "does not exist",
        "x" * 300: "cannot be read",
    }
    for name, reason in reasons.items():
        with pytest.raises(TalkError, match=reason) as caught:
            load_audio(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)


def test_a_file_that_may_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.wav"
    soundfile.write(path, make_tone(), 16000)

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything, so the mode alone would prove nothing
    with pytest.raises(TalkError, match=r"secret\.wav cannot be read"):
        load_audio(path)


def test_a_video_without_sound_is_said(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "color=black:s=64x64:d=0.2", path)
    with pytest.raises(TalkError, match="no sound track"):
        load_audio(path)


@pytest.mark.parametrize("program", ["/nowhere/ffmpeg", ""])
def test_ffmpeg_is_missed_only_where_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    def missing() -> str:
        if not program:
            raise RuntimeError("No ffmpeg exe could be found.\nInstall ffmpeg")
        return program

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)
    soundfile.write(tmp_path / "tone.wav", make_tone(), 16000)
    assert len(load_audio(tmp_path / "tone.wav").samples) == 8000
    (tmp_path / "tone.m4a").write_bytes(b"whatever")
    with pytest.raises(TalkError, match="needs ffmpeg"):
        load_audio(tmp_path / "tone.m4a")


def test_a_file_cut_short_gives_what_is_left(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.flac", np.random.default_rng(0).uniform(-0.3, 0.3, 32000), 16000)
    path = tmp_path / "cut.flac"
    whole = (tmp_path / "tone.flac").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert 8000 < len(load_audio(path).samples) < 24000


@pytest.mark.parametrize("gain", [1e-2, 1.0, 30.0])
def test_level_brings_speech_to_one_loudness(gain: float) -> None:
    samples = np.concatenate([make_tone(), np.zeros(8000, np.float32)]) * np.float32(gain)
    loud = level(Audio(samples, 16000)).samples[:8000]
    assert 10 * np.log10(np.mean(loud**2)) == pytest.approx(-23.0, abs=0.1)


def test_level_leaves_near_silence_alone() -> None:
    hiss = np.random.default_rng(0).normal(0, 0.0005, 16000).astype(np.float32)
    for samples in (hiss, np.zeros(100, np.float32), np.zeros(0, np.float32)):
        assert np.array_equal(level(Audio(samples, 16000)).samples, samples)
