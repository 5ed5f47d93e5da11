"""Speech and a model to motion: every frame once, at rest in silence, the same each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkcli import animate as room
from talkcli import windows as cuts
from talkcli.align import align
from talkcli.animate import AnimateOptions, animate
from talkcli.audio import level, load_audio
from talkcli.clip import Audio, Floats, MotionClip, Phone
from talkcli.errors import TalkError
from talkcli.head import load_head
from talkcli.metrics.lips import lip_gap
from talkcli.models.batch import Guide
from talkcli.models.checkpoint import Checkpoint
from talkcli.models.motion import Motion
from talkcli.phones import BILABIAL
from talkcli.phones.writing import Listed, written_phones
from talkcli.pieces import said
from talkcli.windows import frame_count, windows
from tests.make import RATE, make_silence, make_tone, sample_speech
from tests.make_models import PLATE, make_info, make_model, make_template

PLAIN = AnimateOptions(phones="head", life=0.0)


@pytest.fixture(autouse=True)
def short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of 2 s, so that short sounds have several."""
    monkeypatch.setattr(cuts, "WINDOW", 2.0)


@cache
def speech(seconds: float = 3.0) -> Audio:
    return load_audio(sample_speech()).part(0.0, seconds)


@cache
def head_model() -> Checkpoint:
    """A random model on the packaged head."""
    head = load_head()
    return Checkpoint(make_model().eval(), "small", "selftalk", {n: head.subject_template(n) for n in head.subjects})


class Loud:
    """In place of a model: each vertex rises with the loudness of the sound at that very frame, and hears no more."""

    fps = 30.0
    corpus = make_info(PLATE)
    key_rule = None
    context, step = 1.0, 0.1

    def surroundings(self, audio: Audio, gain: float) -> None:
        """None: it takes nothing off."""

    def animate(self, audio: Audio, template: Floats, style: Floats, guide: Guide | None, told: None) -> Motion:
        frames = max(1, round(audio.seconds * self.fps))
        times = (np.arange(frames) / self.fps * RATE).round().astype(int)
        near = np.clip(times[:, None] + np.arange(-300, 300), 0, len(audio.samples) - 1)
        loudness = np.sqrt(np.square(audio.samples[near]).mean(1))  # (T,)
        rise = loudness[:, None, None] * np.array([0, 1, 0], np.float32) + style.argmax()
        return Motion((template + rise).astype(np.float32), None, None, 50.0)


def loud() -> Checkpoint:
    templates = {"sam": make_template(PLATE), "zoe": make_template(PLATE, 1)}
    return Checkpoint(Loud(), "loud", "selftalk", templates)  # type: ignore[arg-type]  # what animate needs of one


def joined(chunks: list[MotionClip]) -> Floats:
    return np.concatenate([chunk.vertices for chunk in chunks])


def test_a_unit_of_its_own_becomes_metres_of_a_nominal_length() -> None:
    plain, scaled = loud(), loud()
    scaled.model.corpus = replace(Loud.corpus, unit="head", metres=0.18)
    one, other = (next(animate(make_tone(0.5), checkpoint, PLAIN)) for checkpoint in (plain, scaled))
    assert np.allclose(other.vertices, 0.18 * one.vertices, atol=1e-6)
    assert np.allclose(other.template, 0.18 * one.template, atol=1e-6)


# -- frames ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fps", [23.976, 24.0, 25.0, 30.0, 60.0])
@pytest.mark.parametrize("seconds", [0.01, 0.7321, 5.0, 6.4999])
def test_chunks_follow_without_a_gap_and_hold_every_frame_once(fps: float, seconds: float) -> None:
    sound = make_tone(seconds)
    chunks = list(animate(sound, loud(), replace(PLAIN, fps=fps)))
    assert sum(chunk.frames for chunk in chunks) == max(1, round(sound.seconds * fps)) == frame_count(sound, fps)
    first = 0
    for chunk in chunks:
        assert chunk.fps == fps
        assert chunk.start == pytest.approx(first / fps, abs=1e-9)
        first += chunk.frames
    heard = np.concatenate([chunk.audio.samples for chunk in chunks if chunk.audio])
    assert np.array_equal(heard, sound.samples)  # as it was given, not levelled
    assert len(chunks) >= seconds / 2


@settings(max_examples=25)
@given(fps=st.floats(1, 120), seconds=st.floats(0.001, 9))
def test_windows_hold_every_frame_once_and_the_frames_times(fps: float, seconds: float) -> None:
    sound = make_tone(seconds)
    first = 0
    for window in windows(sound, fps):
        assert window.first == first < window.last
        assert window.start - 1e-6 <= window.first / fps
        first = window.last
    assert first == frame_count(sound, fps)


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0])
def test_windows_of_a_long_sound_move_as_one_whole(fps: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "speech_gate", lambda audio, fps, frames, start: np.ones(frames, np.float32))
    sound, options = make_tone(6.3), replace(PLAIN, fps=fps)
    parts = list(animate(sound, loud(), options))
    assert len(parts) > 2
    monkeypatch.setattr(cuts, "WINDOW", 60.0)
    whole = joined(list(animate(sound, loud(), options)))
    assert np.ptp(whole[:, 0, 1]) > 0.02
    assert np.abs(joined(parts) - whole).max() < 5e-4  # a window starts up to half a sample off


@pytest.mark.parametrize("fps", [23.976, 25.0, 30.0, 60.0])
def test_other_frame_rates_show_the_same_motion(fps: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "speech_gate", lambda audio, fps, frames, start: np.ones(frames, np.float32))
    sound = make_tone(1.9)
    native = joined(list(animate(sound, loud(), PLAIN)))
    other = joined(list(animate(sound, loud(), replace(PLAIN, fps=fps))))
    times = np.arange(len(other)) / fps
    inside = times <= (len(native) - 1) / 30
    expected = np.interp(times, np.arange(len(native)) / 30, native[:, 0, 1])
    assert np.allclose(other[inside, 0, 1], expected[inside], atol=1e-5)


# -- rest, and the same again ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sound", [make_silence(2.5), make_silence(0.001)], ids=["seconds", "a moment"])
def test_digital_silence_stays_at_rest(sound: Audio) -> None:
    checkpoint = head_model()
    for chunk in animate(sound, checkpoint, PLAIN):
        assert np.abs(chunk.vertices - chunk.template).max() < 5e-4


def test_speech_moves_the_mouth() -> None:
    chunks = list(animate(speech(), head_model(), PLAIN))
    lips = load_head().topology.regions["lips"]
    assert np.abs((joined(chunks) - chunks[0].template)[:, lips]).max() > 1e-3


def test_the_same_speech_moves_the_same() -> None:
    options = AnimateOptions(phones="head", seed=3)
    once, again = (joined(list(animate(speech(), head_model(), options))) for _ in range(2))
    assert np.array_equal(once, again)


def test_the_seed_moves_eyes_and_brows_and_never_the_mouth() -> None:
    moving = AnimateOptions(phones="head", life=1.0)
    still, one, two = (
        joined(list(animate(speech(), head_model(), options)))
        for options in (PLAIN, replace(moving, seed=1), replace(moving, seed=2))
    )
    assert np.abs(one - two).max() > 1e-4
    lips = load_head().topology.regions["lips"]
    assert np.abs(one - still)[:, lips].max() < 5e-5  # the brows pull at the whole skin, a little


def test_without_contact_the_motion_is_the_networks() -> None:
    sound, checkpoint = speech(1.9), head_model()
    (clip,) = animate(sound, checkpoint, replace(PLAIN, contact=False))
    levelled = level(sound)
    motion = checkpoint.model.animate(levelled, clip.template, np.array([1, 0], np.float32))
    gate = room.speech_gate(levelled, 30.0, clip.frames)[:, None, None]
    assert np.allclose(clip.vertices, clip.template + gate * (motion.vertices[:] - clip.template), atol=1e-6)
    (touched,) = animate(sound, checkpoint, PLAIN)
    assert not np.array_equal(touched.vertices, clip.vertices)  # a random contact head finds some


# -- who ------------------------------------------------------------------------------------------------------------


def test_clips_say_who_and_what_made_them() -> None:
    (clip,) = animate(speech(1.0), head_model(), replace(PLAIN, subject="ben"))
    assert (clip.subject, clip.model) == ("ben", "small")
    assert np.array_equal(clip.template, load_head().subject_template("ben"))
    assert clip.colors is not None
    assert np.array_equal(clip.colors, load_head().subject_colors("ben"))


def test_another_topology_is_animated_without_contact_or_idle_motion() -> None:
    (clip,) = animate(speech(1.5), loud(), AnimateOptions(phones="head", subject="zoe"))
    assert clip.topology is PLATE
    assert clip.colors is None
    assert np.array_equal(clip.template, make_template(PLATE, 1))
    assert clip.turn is None


def test_life_that_is_asked_of_another_topology_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for life, told in ((None, False), (0.0, False), (0.5, True)):
        list(animate(make_tone(0.2), loud(), replace(PLAIN, life=life)))
        assert ("the head 'plate' cannot blink or turn" in " ".join(capsys.readouterr().err.split())) is told


def test_life_is_in_proportion() -> None:
    full, half = (next(animate(speech(1.5), head_model(), replace(PLAIN, life=life))) for life in (None, 0.5))
    assert full.turn is not None
    assert half.turn is not None
    assert np.allclose(half.turn, 0.5 * full.turn, atol=1e-7)
    assert next(animate(speech(1.5), head_model(), PLAIN)).turn is None


def test_a_style_is_that_of_a_training_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "speech_gate", lambda audio, fps, frames, start: np.ones(frames, np.float32))
    people = Loud.corpus.subjects

    def style_of(**who: str) -> float:
        (clip,) = animate(make_silence(0.2), loud(), replace(PLAIN, **who))
        return round(float((clip.vertices - clip.template).mean()))

    assert style_of() == 0  # the first
    assert style_of(style=people[1]) == 1
    assert style_of(subject="zoe") == 0  # she was not trained on


def test_unknown_people_are_told() -> None:
    with pytest.raises(TalkError, match="unknown subject 'nobody'; choose from: sam, zoe"):
        animate(make_tone(0.2), loud(), replace(PLAIN, subject="nobody"))
    with pytest.raises(TalkError, match="unknown style 'zoe'; choose from: "):
        animate(make_tone(0.2), loud(), replace(PLAIN, style="zoe"))


def test_a_sound_without_samples_is_told() -> None:
    with pytest.raises(TalkError, match="no samples"):
        animate(Audio(np.zeros(0, np.float32), RATE), loud(), PLAIN)


# -- phones ----------------------------------------------------------------------------------------------------------


def mouths(options: AnimateOptions, seconds: float = 2.45) -> Floats:
    """(T,) the gap between the lips as a random model leaves it, metres."""
    return np.concatenate([lip_gap(chunk) for chunk in animate(speech(seconds), head_model(), options)])


def closed(gap: Floats, phones: Sequence[Phone]) -> list[bool]:
    """Whether the mouth shuts in each p, b and m."""
    shut = [gap[int(p.start * 30) : int(np.ceil(p.end * 30)) + 1].min() < 1e-3 for p in phones if p.name in BILABIAL]
    assert len(shut) > 2
    return shut


WORDS = "Hello, I am a head made of numbers."


def test_a_text_closes_the_lips_where_it_says_so_in_every_window() -> None:
    options = replace(PLAIN, phones="auto", text=WORDS)
    assert all(closed(mouths(options), align(speech(2.45), WORDS).phones))


def test_phones_of_a_file_are_followed(tmp_path: Path) -> None:
    spoken = [Phone("AA", 0.2, 0.5), Phone("M", 0.5, 0.6), Phone("AA", 0.6, 1.0), Phone("P", 1.0, 1.1)]
    spoken += [Phone("AA", 1.1, 1.5), Phone("B", 1.5, 1.6), Phone("AA", 1.6, 2.0)]
    path = tmp_path / "some.json"
    path.write_text(written_phones(".json", Listed(spoken, [1.0] * len(spoken), "file", "some")))
    gap = mouths(replace(PLAIN, phones="auto", phone_file=path))
    assert all(closed(gap, spoken))
    assert min(gap[int((p.start + p.end) * 15)] for p in spoken if p.name == "AA") > 3e-3


def test_a_text_that_is_not_spoken_and_silence_that_should_speak_are_told() -> None:
    with pytest.raises(TalkError, match="does not fit the sound"):
        mouths(replace(PLAIN, phones="auto", text="The quick brown fox jumps over the lazy dog and sleeps."))
    with pytest.raises(TalkError, match=r"nobody is heard to speak: .*; --strict-keys forbids that"):
        list(animate(make_silence(0.5), head_model(), replace(PLAIN, phones="asr", strict=True)))


def test_what_was_found_otherwise_than_asked_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    list(animate(make_silence(4.5), head_model(), replace(PLAIN, phones="asr")))
    assert capsys.readouterr().err.count("note: nobody is heard to speak") == 1
    list(animate(make_silence(0.5), head_model(), replace(PLAIN, phones="auto")))
    assert capsys.readouterr().err == ""


def test_without_contact_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkcli.align.worker.find_phones", None)
    monkeypatch.setattr("talkcli.align.worker.Worker.find", None)
    mouths(replace(PLAIN, phones="auto", contact=False))
    mouths(replace(PLAIN, phones="head"))


def test_phones_are_told_in_the_time_of_their_chunk(tmp_path: Path) -> None:
    heard = [Phone("M", 1.9, 2.1), Phone("AA", 2.1, 2.4), Phone("SIL", 2.9, 3.4)]
    assert [(phone.name, round(phone.start, 6), round(phone.end, 6)) for phone in said(heard, 2.0, 1.0)] == [
        ("M", 0.0, 0.1),
        ("AA", 0.1, 0.4),
        ("SIL", 0.9, 1.0),
    ]


@pytest.mark.parametrize("contact", [True, False])
def test_phones_of_a_file_go_along_with_the_motion(tmp_path: Path, contact: bool) -> None:
    path = tmp_path / "some.lab"
    path.write_text("0.1 0.3 M\n0.3 0.45 AA\n")
    options = replace(PLAIN, phones="auto", phone_file=path, contact=contact)
    (clip,) = animate(make_tone(0.5), head_model(), options)
    assert [phone.name for phone in clip.phones if phone.name != "SIL"] == ["M", "AA"]
