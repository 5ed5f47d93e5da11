"""Motion made calmer, larger, earlier or later: exactly as asked, without seams, and closed lips stay closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkcli import pieces
from talkcli import windows as cuts
from talkcli.animate import AnimateOptions, animate
from talkcli.audio import load_audio
from talkcli.cli import main
from talkcli.clip import Audio, Floats, MotionClip, Phone, Topology
from talkcli.export import npz, write
from talkcli.finish import PLAIN, Finish, finished, gained, kernel, mouth_part, smoothed
from talkcli.head import CONTROLS, load_head
from talkcli.metrics.lips import lip_gap
from talkcli.models.checkpoint import Checkpoint, load_checkpoint
from talkcli.phones.writing import Listed, written_phones
from tests.make import MOUTH, sample_speech
from tests.make_models import PLATE

FPS = 30.0
BARE = Topology("bare", 2, np.zeros((0, 3), np.int32))
ALL = Finish(gain=1.3, smooth=0.08, late=-0.05)


@cache
def shipped() -> Checkpoint:
    return load_checkpoint("selftalk-tiny")


@cache
def speech() -> Audio:
    return load_audio(sample_speech()).part(0.0, 4.0)


def spoken(finish: Finish = PLAIN, **more: object) -> list[MotionClip]:
    options = AnimateOptions(phones="head", finish=finish, **more)  # type: ignore[arg-type]
    return list(animate(speech(), shipped(), options))


def joined(chunks: Sequence[MotionClip]) -> Floats:
    return np.concatenate([chunk.vertices for chunk in chunks])


def turns(chunks: Sequence[MotionClip]) -> Floats:
    return np.concatenate([chunk.turn for chunk in chunks if chunk.turn is not None])


def lips(gaps: Sequence[float]) -> Floats:
    """(T, V, 3) of two lips that are so far apart, in millimetres, on a mouth 50 mm wide."""
    vertices = np.zeros((len(gaps), 4, 3), np.float32)
    vertices[:, 0, 1] = np.asarray(gaps) / 1000
    vertices[:, 2:, 0] = 0.025, -0.025
    return vertices


LIPS = replace(MOUTH, vertices=4, regions={"lips": np.arange(4, dtype=np.int32)})
REST = lips([0])[0]


def calmed(gaps: Sequence[float], seconds: float, topology: Topology = LIPS) -> Floats:
    """(T,) the gaps in millimetres after smoothing, the ends held."""
    around = Finish(smooth=seconds).context(FPS)
    vertices = lips(np.pad(np.asarray(gaps, float), around, mode="edge"))
    found = smoothed(vertices, REST, topology, FPS, seconds)
    return np.asarray(1000 * (found[:, 0, 1] - found[:, 1, 1]))


# -- nothing asked, nothing done ---------------------------------------------------------------------------------------


def test_gain_one_no_smoothing_and_no_offset_change_no_bit() -> None:
    plain = spoken()
    same = spoken(Finish(gain=1.0, smooth=0.0, late=0.0))
    assert np.array_equal(joined(plain), joined(same))
    vertices = lips([1, 2, 3])
    assert finished(vertices, REST, LIPS, FPS, PLAIN) is vertices
    assert PLAIN.context(FPS) == 0


# -- earlier and later -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frames", [1, 5, -4])
def test_an_offset_of_whole_frames_moves_exactly_those(frames: int) -> None:
    before, after = spoken(), spoken(Finish(late=frames / FPS))
    places = np.clip(np.arange(120) - frames, 0, 119)
    assert np.array_equal(joined(after), joined(before)[places])
    assert np.array_equal(turns(after), turns(before)[places])
    heard = [np.concatenate([c.audio.samples for c in chunks if c.audio]) for chunks in (before, after)]
    assert np.array_equal(*heard)  # the sound stays where it is
    for one, other in pairwise(after):
        assert other.start == pytest.approx(one.start + one.seconds)


@pytest.mark.parametrize("seconds", [9.0, -9.0])
def test_an_offset_beyond_the_clip_holds_its_first_or_its_last_frame(seconds: float) -> None:
    before, after = joined(spoken()), joined(spoken(Finish(late=seconds)))
    assert after.shape == before.shape
    assert np.array_equal(after, np.repeat(before[[0 if seconds > 0 else -1]], len(before), 0))


def test_parts_of_a_frame_lie_between() -> None:
    """The motion is made at those times, not moved by whole frames."""
    before, after = joined(spoken(life=0.0)), joined(spoken(Finish(late=0.5 / FPS), life=0.0))
    off = [np.abs(after[5:-1] - before[5 - by : len(before) - 1 - by]).mean() for by in (-1, 0, 1, 2)]
    between = np.abs(after[5:-1] - (before[5:-1] + before[4:-2]) / 2).mean()
    assert between < 0.5 * min(off[1:3])
    assert max(off[1:3]) < min(off[0], off[3])


def test_phones_come_as_late_as_the_motion(tmp_path: Path) -> None:
    said = [Phone("M", 0.5, 0.7), Phone("AA", 0.7, 1.2), Phone("P", 1.2, 1.4)]
    path = tmp_path / "said.json"
    path.write_text(written_phones(".json", Listed(said, [1.0] * 3, "file", "said")))
    options = AnimateOptions(phone_file=path, life=0.0, finish=Finish(late=0.2))
    chunks = list(animate(speech(), shipped(), options))
    found = [replace(p, start=p.start + c.start, end=p.end + c.start) for c in chunks for p in c.phones]
    starts = {phone.name: phone.start for phone in reversed(found) if phone.name != "SIL"}
    assert starts == pytest.approx({"M": 0.7, "AA": 0.9, "P": 1.4}, abs=1e-6)
    gap = np.concatenate([lip_gap(chunk) for chunk in chunks])
    assert gap[round(0.8 * FPS)] < 1e-3
    assert gap[round(1.5 * FPS)] < 1e-3
    assert gap[round(1.15 * FPS)] > 3e-3


@given(st.integers(1, 40), st.integers(-50, 50), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_shifted_chunks_are_the_shifted_whole(total: int, by: int, size: int) -> None:
    whole = lips(np.arange(total))
    clip = MotionClip(whole, REST, LIPS, FPS)
    parts = [
        pieces.shifted(clip.with_vertices(whole[first : first + size]), first, by, total)
        for first in range(0, total, size)
    ]
    places = np.clip(np.arange(total) - by, 0, total - 1)
    assert np.array_equal(joined(parts), whole[places])
    starts = [round(part.start * FPS) for part in parts if part.frames]
    assert starts == [0, *np.cumsum([part.frames for part in parts if part.frames])[:-1].tolist()]


# -- without seams -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [5, 128])
def test_motion_in_pieces_is_that_of_the_whole(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = joined(spoken(ALL))
    monkeypatch.setattr(cuts, "WINDOW", 2.0)
    monkeypatch.setattr(pieces, "BLOCK", block)
    cut = spoken(ALL)
    assert len(cut) >= 2
    assert 1000 * np.linalg.norm(joined(cut) - whole, axis=2).max() < 1e-3


@given(st.lists(st.floats(-1, 20, width=32), min_size=1, max_size=40), st.floats(0.01, 0.3), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_smoothing_in_chunks_is_smoothing_the_whole(gaps: list[float], seconds: float, size: int) -> None:
    finish = Finish(smooth=seconds)
    around = finish.context(FPS)
    vertices = lips(np.pad(gaps, around, mode="edge"))
    whole = finished(vertices, REST, LIPS, FPS, finish)
    parts = [
        finished(vertices[first : min(first + size, len(gaps)) + 2 * around], REST, LIPS, FPS, finish)
        for first in range(0, len(gaps), size)
    ]
    assert np.array_equal(np.concatenate(parts), whole)


# -- calmer ------------------------------------------------------------------------------------------------------------


def test_smoothing_neither_delays_nor_moves_what_is_even() -> None:
    weights = kernel(0.1, FPS)
    assert len(weights) % 2
    assert np.allclose(weights, weights[::-1])
    assert weights.sum() == pytest.approx(1)
    half = np.interp(0.5 * weights.max(), weights[: len(weights) // 2 + 1], np.arange(len(weights) // 2 + 1))
    assert 2 * (len(weights) // 2 - half) / FPS == pytest.approx(0.1, abs=0.01)  # as wide as it says
    line = np.linspace(5, 10, 60)
    assert np.abs(calmed(line, 0.1) - line)[8:-8].max() < 1e-3
    bump = 5 + 10 * np.exp(-0.5 * ((np.arange(61) - 30) / 4.0) ** 2)
    found = calmed(bump, 0.1)
    assert np.argmax(found) == 30
    assert np.allclose(found, found[::-1], atol=1e-3)
    assert found.max() < bump.max()


def test_smoothing_takes_the_tremble_out() -> None:
    rng = np.random.default_rng(0)
    slow = 8 + 4 * np.sin(np.arange(200) / 10)
    found = calmed(slow + rng.standard_normal(200), 0.15)
    assert (found - slow)[10:-10].std() < 0.6


def test_lips_that_were_closed_stay_closed() -> None:
    gaps = np.full(60, 12.0)
    gaps[[20, 40, 41]] = 0.0, 0.1, 0.0
    found = calmed(gaps, 0.1)
    assert (found[[20, 40, 41]] < 0.25).all()
    assert calmed(gaps, 0.1, replace(LIPS, landmarks={}))[20] > 3  # where nobody knows the lips
    assert (np.abs(np.diff(found)) <= np.abs(np.diff(gaps)).max()).all()
    assert np.abs(found - 12)[[5, 30, 55]].max() < 0.1
    silent = np.r_[np.full(20, 10.0), np.zeros(40), np.full(20, 10.0)]
    assert (calmed(silent, 0.1)[20:60] < 0.25).all()


@pytest.mark.parametrize("contact", [True, False])
@pytest.mark.parametrize("finish", [Finish(smooth=0.15), Finish(gain=0.5), Finish(gain=1.7), ALL])
def test_the_shipped_models_closures_stay(finish: Finish, contact: bool) -> None:
    before, after = (
        np.concatenate([lip_gap(chunk) for chunk in spoken(replace(each, late=0.0), contact=contact)])
        for each in (PLAIN, finish)
    )
    closed = before < 6e-4
    assert closed.sum() > 15
    assert after[closed].max() < 1.0e-3
    assert after.min() > -2e-4  # and never go through each other


def test_smoothing_calms_the_shipped_model() -> None:
    before, after = (joined(spoken(each, life=0.0)) for each in (PLAIN, Finish(smooth=0.15)))
    jerk = [np.abs(np.diff(motion, 3, axis=0)).mean() for motion in (before, after)]
    assert jerk[1] < 0.6 * jerk[0]


# -- larger and smaller ------------------------------------------------------------------------------------------------


def test_gain_scales_the_mouth_and_leaves_the_eyes() -> None:
    head = load_head()
    values = np.zeros((1, len(CONTROLS)), np.float32)
    for name in ("jawOpen", "mouthSmileLeft", "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp"):
        values[:, CONTROLS.index(name)] = 0.3
    posed = head.pose(values)
    moved = (gained(posed, head.template, head.topology, 1.5) - head.template) / np.float32(1.5)
    eyes = np.concatenate([head.topology.regions[name] for name in ("eye_left", "eye_right", "forehead")])
    assert np.abs(1.5 * moved - (posed - head.template))[:, eyes].max() < 5e-5
    chin = head.topology.landmarks["chin"]
    assert np.allclose(moved[:, chin], (posed - head.template)[:, chin], atol=1e-6)
    part = mouth_part(head.template, head.topology)
    assert (part[head.topology.regions["lower_face"]] > 0.9).mean() > 0.8
    edges = head.topology.faces
    edges = edges[np.linalg.norm(head.template[edges[:, 0]] - head.template[edges[:, 1]], axis=1) < 0.005]
    assert np.abs(part[edges[:, 0]] - part[edges[:, 1]]).max() < 0.5  # it fades, and does not tear


def test_gain_zero_is_rest() -> None:
    rest, still = joined(spoken(Finish(gain=0.0), contact=False, life=0.0)), shipped().templates
    mouth = load_head().topology.regions["mouth_area"]
    assert np.abs(rest - next(iter(still.values())))[:, mouth].max() < 1e-6


def test_heads_without_known_lips_are_scaled_all_over_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    from talkcli.finish import tell_unknown

    assert (mouth_part(REST, BARE) == 1).all()
    tell_unknown(BARE, PLAIN)
    tell_unknown(load_head().topology, ALL)
    assert capsys.readouterr().err == ""
    tell_unknown(BARE, ALL)
    told = " ".join(capsys.readouterr().err.split())
    assert "'bare' meet is not known, and --smooth may open them" in told
    assert "--gain scales all that moves" in told
    tell_unknown(PLATE, Finish(gain=0.5))
    assert capsys.readouterr().err == ""


# -- files of others ---------------------------------------------------------------------------------------------------


def convert(source: Path, out: Path, *words: object) -> MotionClip:
    assert main(["convert", str(source), "--out", str(out), *map(str, words)]) == 0
    return npz.read(out)


def test_files_are_finished_alike(tmp_path: Path) -> None:
    clips = spoken(life=1.0)
    source, motion = tmp_path / "face.npz", joined(spoken(life=1.0))
    write(clips, source)
    same = convert(source, tmp_path / "same.npz", "--gain", 1, "--smooth", 0, "--offset-ms", 0)
    assert np.array_equal(same.vertices, motion)
    late = convert(source, tmp_path / "late.npz", "--offset-ms", 100)
    places = np.clip(np.arange(120) - 3, 0, 119)
    assert np.array_equal(late.vertices, motion[places])
    assert late.turn is not None
    assert np.array_equal(late.turn, turns(clips)[places])
    early = convert(source, tmp_path / "early.npz", "--offset-ms=-100")
    assert np.array_equal(early.vertices, motion[np.clip(np.arange(120) + 3, 0, 119)])
    calm = convert(source, tmp_path / "calm.npz", "--smooth", 100, "--gain", 0.8)
    gap, before = (np.asarray(lip_gap(replace(clip, topology=load_head().topology))) for clip in (calm, same))
    assert (gap[before < 6e-4] < 1e-3).all()
    assert gap.max() < before.max()


def test_chunks_of_a_file_leave_no_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(spoken(), tmp_path / "face.npz")
    words = ("--smooth", 120, "--gain", 1.4, "--offset-ms", 50)
    whole = convert(tmp_path / "face.npz", tmp_path / "a.npz", *words)
    monkeypatch.setattr("talkcli.convert.BLOCK", 7)
    cut = convert(tmp_path / "face.npz", tmp_path / "b.npz", *words)
    assert np.array_equal(cut.vertices, whole.vertices)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--smooth", "-1"], "--smooth '-1': give a number from 0 to 500 milliseconds"),
        (["--smooth", "much"], "--smooth 'much': give a number"),
        (["--gain", "2.5"], "--gain '2.5': give a number from 0 to 2"),
        (["--gain", "nan"], "--gain 'nan': give a number"),
        (["--offset-ms", "3000"], "--offset-ms '3000': give a number from -2000 to 2000 milliseconds"),
    ],
)
@pytest.mark.parametrize("command", ["animate", "convert"])
def test_wrong_numbers_are_told(
    command: str, words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = sample_speech() if command == "animate" else tmp_path / "face.npz"
    assert main([command, str(source), "--out", str(tmp_path / "out.npz"), *words]) == 2
    assert told in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out.npz").exists()
