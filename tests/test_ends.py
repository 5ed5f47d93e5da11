"""Picture and sound of a film end together, whatever the frame rate, the sound's rate and its length."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from talkcli.animate import animate
from talkcli.audio import load_audio
from talkcli.export import ExportOptions, write
from talkcli.windows import frame_count
from tests.export.test_video import ends
from tests.make import make_tone, save_sound
from tests.test_animate import PLAIN, loud

FPS = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60.0)
RATES = (8000, 11025, 16000, 22050, 44100, 48000, 12345)
SECONDS = (0.7321, 0.0001, 0.31, 0.02, 1.0, 0.05, 0.4999)
LOOK = ExportOptions(size=(16, 16), renderer="software")


@pytest.mark.parametrize(
    ("fps", "rate", "seconds", "suffix"),
    [
        (fps, rate, SECONDS[(i + j) % len(SECONDS)], ("mp4", "webm")[(i * len(RATES) + j) % 2])
        for (i, fps), (j, rate) in product(enumerate(FPS), enumerate(RATES))
    ],
)
def test_a_film_of_any_sound_ends_with_it(fps: float, rate: int, seconds: float, suffix: str, tmp_path: Path) -> None:
    samples = make_tone(max(seconds, 1 / rate), rate).samples
    sound = load_audio(save_sound(tmp_path / "sound.wav", samples, rate))
    assert abs(sound.seconds - len(samples) / rate) <= 1 / sound.rate
    path = tmp_path / f"face.{suffix}"
    frames = write(animate(sound, loud(), replace(PLAIN, fps=fps)), path, LOOK)
    assert frames == frame_count(sound, fps)
    picture, tone = ends(path)
    assert picture == pytest.approx(frames / fps, abs=0.001)  # webm counts whole milliseconds
    assert abs(tone - picture) < 0.5 / fps
    assert abs(picture - sound.seconds) <= max(0.5 / fps, 1 / fps - sound.seconds) + 0.001
