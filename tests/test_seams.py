"""Where a long sound is cut cannot be seen: its windows move as the whole does."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from talkcli import windows as cuts
from talkcli.align import Found
from talkcli.animate import AnimateOptions, animate
from talkcli.audio import level, load_audio
from talkcli.audio.level import level_gain
from talkcli.audio.posteriors import phone_posteriors
from talkcli.clip import Audio, Floats, MotionClip, Phone
from talkcli.models.checkpoint import Checkpoint, load_checkpoint
from talkcli.models.encoders import Tiny, TinyConfig
from talkcli.models.motion import Motion
from talkcli.models.surroundings import BLOCK, passing
from talkcli.phones.writing import Listed, written_phones
from talkcli.pieces import BLOCK as FRAMES
from talkcli.pieces import Piece, spans
from talkcli.windows import Window
from tests.make import RATE, make_silence, sample_speech
from tests.make_models import PLATE, make_template


@cache
def shipped(name: str = "selftalk-tiny") -> Checkpoint:
    return load_checkpoint(name)


@cache
def long_speech() -> Audio:
    """24 s in which nobody pauses for breath."""
    return Audio(np.tile(load_audio(sample_speech()).samples, 3), RATE)


def moved(window: float, options: AnimateOptions, checkpoint: Checkpoint | None = None) -> Floats:
    """(T, V, 3) of the long speech, cut into windows of at most so many seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuts, "WINDOW", window)
        chunks = list(animate(long_speech(), checkpoint or shipped(), options))
    assert sum(chunk.audio is not None and len(chunk.audio.samples) for chunk in chunks) == len(long_speech().samples)
    return np.concatenate([chunk.vertices for chunk in chunks])


def apart_mm(one: Floats, other: Floats) -> Floats:
    """(T,) how far any vertex is from where it is in the other."""
    return np.asarray(1000 * np.linalg.norm(one - other, axis=2).max(1))


@pytest.mark.parametrize(("fps", "window"), [(30.0, 6.0), (25.0, 4.0)])
def test_windows_of_the_shipped_model_equal_the_whole_to_a_micrometre(fps: float, window: float) -> None:
    options = AnimateOptions(phones="head", fps=fps)
    whole, cut = (moved(longest, options) for longest in (1000.0, window))
    assert np.ptp(whole, axis=0).max() > 0.01
    assert apart_mm(cut, whole).max() < 1e-3


def test_known_phones_are_followed_across_cuts_as_in_the_whole(tmp_path: Path) -> None:
    names = ("M", "AA", "T", "IY", "F", "AW", "B", "EH")
    spoken = [Phone(names[n % len(names)], 0.13 * n, 0.13 * (n + 1)) for n in range(180)]
    path = tmp_path / "said.json"
    path.write_text(written_phones(".json", Listed(spoken, [1.0] * len(spoken), "file", "said")))
    options = AnimateOptions(phone_file=path, life=0.0)
    assert apart_mm(*(moved(window, options) for window in (1000.0, 5.0))).max() < 1e-3


def test_a_method_that_looks_at_all_it_is_given_passes_over_without_a_jump() -> None:
    """KMTalk's keys see each other, however far: its windows differ, by less than can be seen."""
    options = AnimateOptions(phones="head", life=0.0)
    whole, cut = (moved(window, options, shipped("kmtalk-tiny")) for window in (1000.0, 5.0))
    assert apart_mm(cut, whole).max() < 1.5
    step = apart_mm(cut[1:], cut[:-1]) - apart_mm(whole[1:], whole[:-1])
    assert step.max() < 0.5


# -- frames of two windows -------------------------------------------------------------------------------------------


def piece(height: float, frames: int = 400) -> Piece:
    """A piece whose vertices stand so high above the template, all the time."""
    template = make_template(PLATE)
    still = MotionClip(np.zeros((0, PLATE.vertices, 3), np.float32), template, PLATE, 30.0)
    motion = Motion(np.repeat((template + np.float32(height))[None], frames, 0), None, None, 50.0)
    return Piece(still, motion, 30.0, 0.0, Found((), (), "head"), np.ones(frames, np.float32))


def test_frames_pass_over_from_one_window_to_the_next() -> None:
    def pieces() -> Iterator[tuple[Window, Piece]]:
        yield Window(0.0, 10.0, 0, 300), piece(0.0)
        yield Window(10.0, 400 / 30, 300, 400), piece(1.0)

    found = list(spans(pieces(), 30.0))
    assert [span.first for span in found[1:]] == [span.last for span in found[:-1]]
    assert (found[0].first, found[-1].last) == (0, 400)
    assert max(span.last - span.first for span in found) <= FRAMES
    height = np.concatenate([span.clip().vertices[:, 0, 0] for span in found]) - make_template(PLATE)[0, 0]
    assert np.allclose(height[:297], 0)
    assert np.allclose(height[303:], 1, atol=1e-6)
    assert np.allclose(np.diff(height[296:304]), [1 / 12, *[1 / 6] * 5, 1 / 12], atol=1e-6)


# -- what is usual around a part ---------------------------------------------------------------------------------------


def test_a_part_of_a_short_sound_is_heard_as_in_the_whole() -> None:
    audio = load_audio(sample_speech())
    whole = level(audio).samples
    encoder = Tiny(TinyConfig(width=8, dilations=(1,), recurrent=False))
    around = encoder.surroundings(audio, level_gain(audio))
    assert around is not None
    told = around.of(2.5, 3 * RATE)
    assert np.abs(told.posteriors - phone_posteriors(whole)[250:551]).max() < 1e-3
    log = encoder.mel.log(torch.from_numpy(whole)[None])
    assert np.abs(told.usual - encoder.mel.usual(log)[0, :, 0].numpy()).max() < 1e-4


def test_a_bang_far_away_changes_nothing() -> None:
    """What is usual is taken from the sound around, not from all of an hour."""
    encoder = Tiny(TinyConfig(width=8, dilations=(1,), recurrent=False))
    plain = Audio(np.tile(load_audio(sample_speech()).samples, 6), RATE)  # 48 s
    banged = Audio(plain.samples.copy(), RATE)
    banged.samples[-RATE:] = np.sign(banged.samples[-RATE:])
    one, other = (encoder.surroundings(audio, 1.0) for audio in (plain, banged))
    assert one is not None
    assert other is not None
    assert np.array_equal(one.of(5.0, RATE).usual, other.of(5.0, RATE).usual)
    assert not np.allclose(one.of(40.0, RATE).usual, other.of(40.0, RATE).usual, atol=0.1)


@pytest.mark.parametrize("seconds", [0.001, 0.5, 10.0, 10.005, 30.0])
def test_sound_of_any_length_has_surroundings(seconds: float) -> None:
    encoder = Tiny(TinyConfig(width=8, dilations=(1,), recurrent=False))
    audio = make_silence(seconds)
    around = encoder.surroundings(audio, 1.0)
    assert around is not None
    told = around.of(0.0, len(audio.samples))
    assert len(told.posteriors) == len(told.usual) == len(audio.samples) // 160 + 1
    assert np.isfinite(told.usual).all()


def test_means_pass_straight_from_one_to_the_next() -> None:
    rows = np.array([[0.0], [1.0], [4.0]], np.float32)
    assert np.allclose(passing(rows, 0, 2 * BLOCK + 1)[:: BLOCK // 2, 0], [0, 0.5, 1, 2.5, 4])
    assert np.array_equal(passing(rows, 2 * BLOCK, 2 * BLOCK + 3)[:, 0], [4, 4, 4])
