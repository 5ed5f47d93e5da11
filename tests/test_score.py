"""Readability: lips that say what is heard score high, others do not, and what cannot be read is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from talkcli import resources
from talkcli.animate import AnimateOptions, animate_file
from talkcli.audio.vad import speech_gate
from talkcli.cli import main
from talkcli.clip import MotionClip
from talkcli.errors import TalkError
from talkcli.export import ExportOptions, write
from talkcli.head import load_head
from talkcli.models.checkpoint import load_reader, save_checkpoint
from talkcli.models.lipreader import LipReader
from talkcli.models.places import READER
from talkcli.reading import BLOCK, reading_errors
from talkcli.score import ScoreOptions, score, summary
from tests.make import make_tone, save_sound
from tests.make_models import PLATE, make_corpus, make_dual, make_info, make_template

Judge = Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def rows(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((frames, 20)).astype(np.float32)


ALL = np.ones(90, bool)

# -- the numbers ----------------------------------------------------------------------------------------------------


def test_what_is_read_right_scores_one_and_other_sound_nothing() -> None:
    found = summary(rows(90), rows(90), ALL, 30.0, "r")
    assert found.overall == pytest.approx(1)
    assert found.seconds == pytest.approx((1.0, 1.0, 1.0))
    assert found.chance is not None
    assert abs(found.chance) < 0.1
    assert found.late_ms == 0
    assert abs(summary(rows(90), rows(90, 1), ALL, 30.0, "r").overall) < 0.1


@pytest.mark.parametrize("late", [-4, 3])
def test_lips_that_come_late_are_known_by_how_much(late: int) -> None:
    heard = rows(90)
    found = summary(np.roll(heard, late, 0), heard, ALL, 30.0, "r")
    assert found.late_ms == pytest.approx(late * 1000 / 30)


@pytest.mark.parametrize("frames", [*range(1, 17), 31])
def test_any_length_has_a_score(frames: int) -> None:
    told = rows(frames)
    found = summary(told, told, np.ones(frames, bool), 30.0, "r")
    assert found.overall == pytest.approx(1)
    assert found.late_ms in (None, 0.0)
    assert (found.chance is None) == (frames == 1)


def test_who_knows_only_that_there_is_speech_reads_no_more_than_chance() -> None:
    heard, spoken = rows(90) + 1, ALL.copy()
    heard[30:60], spoken[30:60] = -3, False  # a pause sounds alike everywhere, and unlike speech
    found = summary(np.ones((90, 20), np.float32), heard, spoken, 30.0, "r")
    assert found.chance == pytest.approx(found.overall, abs=1e-6)
    assert found.late_ms is None


def test_silence_does_not_count() -> None:
    told, spoken = rows(90), ALL.copy()
    told[30:75] *= -1
    spoken[30:75] = False
    found = summary(told, rows(90), spoken, 30.0, "r")
    assert found.overall == pytest.approx(1)
    assert found.seconds == (pytest.approx(1), None, pytest.approx(1))
    with pytest.raises(TalkError, match="nobody speaks in this sound"):
        summary(told, told, ~ALL, 30.0, "r")


def test_seconds_follow_the_clock_where_frames_do_not_divide_them() -> None:
    frames = 75
    told = rows(frames)
    told[25:50] *= -1  # at 25 fps the second second
    found = summary(told, rows(frames), np.ones(frames, bool), 25.0, "r")
    assert found.seconds == pytest.approx((1, -1, 1))


# -- files ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader of six vertices, as a run leaves it."""
    folder = tmp_path_factory.mktemp("run")
    dual = make_dual("dualtalker", model=["basis=none"], info=make_info(PLATE))
    templates = {"ada": make_template(PLATE)}
    save_checkpoint(folder / f"{READER}.safetensors", dual.reader, READER, templates, {})
    return folder


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return save_sound(tmp_path / "speech.wav", make_tone(1.0).samples)


@pytest.fixture(autouse=True)
def speaking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tone is no speech to the detector."""
    monkeypatch.setattr("talkcli.score.speech_gate", lambda audio, fps, frames: np.ones(frames, np.float32))


def motion_of(frames: int = 30) -> np.ndarray:
    return make_template(PLATE) + 0.1 * np.random.default_rng(1).standard_normal((frames, 6, 3)).astype(np.float32)


def options(run: Path, **more: object) -> ScoreOptions:
    return ScoreOptions(**{"reader": str(run), "template": "ada", "fps": 30.0, "device": "cpu", **more})  # type: ignore[arg-type]


def test_another_tools_motion_is_read_with_a_template(run: Path, sound: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", motion_of().reshape(30, -1).astype(np.float64))
    np.save(tmp_path / "rest.npy", make_template(PLATE))
    one = score(str(sound), tmp_path / "flat.npy", options(run))
    other = score(str(sound), tmp_path / "flat.npy", options(run, template=str(tmp_path / "rest.npy")))
    assert one.agreement.shape == (30,)
    assert np.array_equal(one.agreement, other.agreement)
    assert one.reader == run.name


def test_displacements_from_the_template_are_what_is_read(run: Path, sound: Path, tmp_path: Path) -> None:
    """Another head that moves alike is read alike."""
    shift = np.float32(0.05)
    np.save(tmp_path / "a.npy", motion_of())
    np.save(tmp_path / "b.npy", motion_of() * 1 + shift)
    np.save(tmp_path / "rest.npy", make_template(PLATE) + shift)
    one = score(str(sound), tmp_path / "a.npy", options(run))
    other = score(str(sound), tmp_path / "b.npy", options(run, template=str(tmp_path / "rest.npy")))
    assert np.allclose(one.agreement, other.agreement, atol=1e-4)


def test_another_frame_rate_is_brought_to_the_readers(run: Path, sound: Path, tmp_path: Path) -> None:
    motion = np.repeat(motion_of(1), 60, 0)
    motion[:, 1] += np.linspace(0, 0.1, 60, dtype=np.float32)[:, None]
    np.save(tmp_path / "fast.npy", motion)
    np.save(tmp_path / "slow.npy", motion[::2])
    fast = score(str(sound), tmp_path / "fast.npy", options(run, fps=60.0))
    slow = score(str(sound), tmp_path / "slow.npy", options(run))
    assert np.allclose(fast.agreement, slow.agreement, atol=1e-4)


def test_a_long_clip_is_read_block_by_block_as_in_one(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 4
    sound = save_sound(tmp_path / "long.wav", make_tone(float(seconds)).samples)
    np.save(tmp_path / "long.npy", motion_of(30 * seconds))
    told: dict[int, list[np.ndarray]] = {}
    real = LipReader.judge

    def listening(self: LipReader, moved: np.ndarray, samples: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
        found = real(self, moved, samples, first)
        told.setdefault(block, []).append(found[0])
        return found

    monkeypatch.setattr(LipReader, "judge", listening)
    results = []
    for block in (BLOCK, 50):
        monkeypatch.setattr("talkcli.reading.BLOCK", block)
        results.append(score(str(sound), tmp_path / "long.npy", options(run)))
    assert len(told[BLOCK]) == 1
    assert len(told[50]) == 3
    (whole,) = told[BLOCK]
    middle = load_reader(str(run)).reader.margin
    assert np.allclose(told[50][0][: 50 + middle][:50], whole[:50], atol=1e-4)
    assert np.allclose(results[0].agreement, results[1].agreement, atol=0.2)


def test_motion_in_metres_is_brought_to_the_unit_of_the_data(tmp_path: Path, sound: Path) -> None:
    from dataclasses import replace

    dual = make_dual("dualtalker", model=["basis=none"], info=replace(make_info(PLATE), unit="BIWI", metres=0.18))
    save_checkpoint(tmp_path / f"{READER}.safetensors", dual.reader, READER, {"ada": make_template(PLATE)}, {})
    np.save(tmp_path / "unit.npy", motion_of())
    np.save(tmp_path / "metres.npy", motion_of() * np.float32(0.18))
    np.save(tmp_path / "rest.npy", make_template(PLATE) * np.float32(0.18))
    one = score(str(sound), tmp_path / "unit.npy", options(tmp_path))
    other = score(str(sound), tmp_path / "metres.npy", options(tmp_path, template=str(tmp_path / "rest.npy")))
    assert np.allclose(one.agreement, other.agreement, atol=1e-4)


def test_the_command_tells_seconds_and_draws_them(
    run: Path, sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "a.npy", motion_of())
    words = ["score", sound, tmp_path / "a.npy", "--reader", run, "--template", "ada", "--fps", "30"]
    plot = tmp_path / "a.png"
    assert main([str(word) for word in [*words, "--plot", plot]]) == 0
    said = capsys.readouterr().out
    assert "overall" in said
    assert "0 s" in said
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert main([str(word) for word in [*words, "--json"]]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"readability", "chance", "late_ms", "seconds", "reader"}
    assert main([str(word) for word in [*words, "--plot", plot]]) == 2  # it is there
    assert "exists already; use --force" in capsys.readouterr().err


def test_motion_of_our_own_needs_nothing_more(tmp_path: Path, sound: Path) -> None:
    dual = make_dual("dualtalker")
    save_checkpoint(tmp_path / f"{READER}.safetensors", dual.reader, READER, {}, {})
    head = load_head()
    clip = MotionClip(np.repeat(head.template[None], 30, 0), head.template, head.topology, 30.0, make_tone(1.0))
    write(iter([clip]), tmp_path / "a.npz", ExportOptions(), 30)
    found = score(str(sound), tmp_path / "a.npz", ScoreOptions(reader=str(tmp_path), device="cpu"))
    assert found.agreement.shape == (30,)


def test_readers_are_judged_on_recorded_motion_and_on_the_same_in_any_order(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = make_corpus(tmp_path / "plate", ("train", "test"), seconds=1.0, topology=PLATE)

    def seeing(self: LipReader, moved: np.ndarray, samples: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
        told = np.repeat(moved[:, 1:2, 1], 5, 1) * 100  # the wave is what is heard
        clip = corpus.part("test")[0]
        heard = (corpus.vertices(clip) - corpus.template(clip.subject))[: len(moved), 1:2, 1]
        return told, np.repeat(heard, 5, 1) * 100

    monkeypatch.setattr(LipReader, "judge", seeing)
    errors = reading_errors(str(run), corpus, "test", "cpu")
    ((value, frames),) = errors["reading"].values()
    assert value < 0.05  # the first frame has nothing to read
    assert frames >= 30
    ((shuffled, _),) = errors["shuffled"].values()
    ((mean, _),) = errors["mean"].values()
    assert shuffled > mean > 1


def test_the_shipped_reader_tells_lips_that_fit_from_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkcli.score.speech_gate", speech_gate)
    speech, motion = str(resources.SPEECH), tmp_path / "a.npz"
    how = AnimateOptions(phones="head")
    animate_file(speech, [motion], model="selftalk-tiny", options=how, export_options=ExportOptions(), device="cpu")
    found = score(speech, motion, ScoreOptions(device="cpu"))
    assert found.reader == "lips-tiny"
    assert found.chance is not None
    assert found.late_ms is not None
    assert found.overall > found.chance + 0.2
    assert abs(found.late_ms) < 70


# -- what cannot be read --------------------------------------------------------------------------------------------


def test_what_is_wrong_is_told(run: Path, sound: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", motion_of())
    np.save(tmp_path / "large.npy", motion_of() * 5)
    np.save(tmp_path / "broken.npy", np.where(motion_of() > 1, np.nan, motion_of()))
    np.save(tmp_path / "seven.npy", np.zeros((7, 3), np.float32))
    (tmp_path / "plate.obj").write_text("v 0 0 0\n" * 6 + "f 1 2 3\nf 4 6 5\n")
    file = tmp_path / "a.npy"
    for motion, changes, told in (
        (file, {"reader": "nowhere"}, "no lip reader 'nowhere': give the folder of a run"),
        (file, {"fps": 0.0}, "does not tell its frame rate: give --fps"),
        (file, {"template": ""}, r"does not tell its head at rest: give --template, .*\(ada\)"),
        (file, {"template": str(tmp_path / "seven.npy")}, r"is \(7, 3\), where \(6, 3\) is read"),
        (file, {"topology": tmp_path / "plate.obj"}, "are not those of 'plate'"),
        (tmp_path / "large.npy", {}, "times as large as its template"),
        (tmp_path / "broken.npy", {}, "numbers that are none"),
    ):
        with pytest.raises(TalkError, match=told):
            score(str(sound), motion, options(run, **changes))


def test_a_reader_of_text_is_told(tmp_path: Path, sound: Path) -> None:
    dual = make_dual(
        "dualtalker",
        "reader.target=text",
        "reader.recognizer.name=tiny",
        "reader.recognizer.tiny.width=16",
        model=["basis=none"],
        info=make_info(PLATE),
    )
    save_checkpoint(tmp_path / f"{READER}.safetensors", dual.reader, READER, {"ada": make_template(PLATE)}, {})
    np.save(tmp_path / "a.npy", motion_of())
    with pytest.raises(TalkError, match="reads text, not frames"):
        score(str(sound), tmp_path / "a.npy", options(tmp_path))


def test_a_reader_survives_on_the_device_it_is_put_on(run: Path) -> None:
    found = load_reader(str(run), torch.device("cpu"))
    assert not found.reader.training
    assert not any(p.requires_grad for p in found.reader.parameters())
