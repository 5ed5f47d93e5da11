"""Motion from any tool's file goes into every format without a model, and what is missing is asked for."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from talkcli.cli import main
from talkcli.clip import Floats
from talkcli.export import npz, write
from talkcli.files.motion import open_motion
from talkcli.head import load_head
from tests.export.make_clips import make_chunks, make_head_chunks
from tests.make import make_tone, save_sound
from tests.render.make_heads import ball

LOOK = ["--size", "32", "--renderer", "software"]


@pytest.fixture
def head_npz(tmp_path: Path) -> Path:
    write(make_head_chunks([12]), tmp_path / "motion.npz")
    return tmp_path / "motion.npz"


def convert(*arguments: object) -> int:
    return main(["convert", *map(str, arguments)])


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert convert(*arguments) == 2
    return " ".join(capsys.readouterr().err.split())


def save_ball(folder: Path, factor: float = 1.0) -> tuple[Path, Floats]:
    """Frames of a ball, flat, as evaluation scripts keep them."""
    frames = np.concatenate([chunk.vertices for chunk in make_chunks([6])])
    np.save(folder / "ball.npy", (frames * np.float32(factor)).reshape(len(frames), -1))
    return folder / "ball.npy", frames


def test_our_own_motion_needs_nothing_beside_it(
    head_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outs = [tmp_path / name for name in ("face.glb", "face.npy", "face.arkit.json", "face.usda")]
    assert convert(head_npz, *(word for out in outs for word in ("--out", out))) == 0
    assert capsys.readouterr().out.split() == [str(out) for out in outs]
    assert np.array_equal(np.load(outs[1]), npz.read(head_npz).vertices)
    assert json.loads(outs[2].read_text())["numFrames"] == 12
    assert open_motion(outs[0]).fps == 30.0
    assert not (tmp_path / "face.wav").exists()


def test_npz_comes_back_whole(head_npz: Path, tmp_path: Path) -> None:
    assert convert(head_npz, "--out", tmp_path / "again.npz") == 0
    first, again = npz.read(head_npz), npz.read(tmp_path / "again.npz")
    assert np.array_equal(first.vertices, again.vertices)
    assert np.array_equal(first.template, again.template)
    assert first.topology.landmarks == again.topology.landmarks
    assert set(first.topology.regions) == set(again.topology.regions)


def test_sound_and_phones_go_along_cut_to_the_motion(
    head_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = save_sound(tmp_path / "hello.wav", make_tone(1.0).samples)
    (tmp_path / "hello.lab").write_text("0.0 0.1 M\n0.1 0.4 AA\n")
    options = ["--audio", sound, "--phones", tmp_path / "hello.lab"]
    outs = [tmp_path / "face.glb", tmp_path / "face.cues.json", tmp_path / "face.visemes.json"]
    assert convert(head_npz, *options, *(word for out in outs for word in ("--out", out))) == 0
    assert "hello.wav lasts 1.00 s, and the motion 0.40 s" in " ".join(capsys.readouterr().err.split())
    with wave.open(str(tmp_path / "face.wav")) as file:
        assert file.getnframes() == round(0.4 * 16000)
    cues = json.loads(outs[1].read_text())
    assert cues["metadata"]["soundFile"] == "hello.wav"
    assert [(cue["value"], cue["start"]) for cue in cues["mouthCues"]] == [("A", 0.0), ("D", 0.1)]


def test_another_tools_npy_takes_template_triangles_rate_and_unit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, frames = save_ball(tmp_path, 1000.0)
    vertices, faces = ball()
    write(make_chunks([1]), tmp_path / "mesh" / "%d.obj")
    mesh = tmp_path / "mesh" / "0.obj"
    np.save(tmp_path / "rest.npy", vertices * 1000)
    assert "tells no frame rate: give --fps" in fails(capsys, path, "--out", tmp_path / "a.glb")
    assert "give --scale" in fails(capsys, path, "--fps", 25, "--out", tmp_path / "a.glb")
    known = [path, "--fps", 25, "--scale", 0.001, "--template", tmp_path / "rest.npy"]
    assert "needs triangles" in fails(capsys, *known, "--out", tmp_path / "a.glb")
    assert not list(tmp_path.glob("a.*"))
    assert convert(*known, "--topology", mesh, "--out", tmp_path / "a.glb", "--out", tmp_path / "a.mp4", *LOOK) == 0
    again = open_motion(tmp_path / "a.glb")
    assert again.fps == 25.0
    assert np.array_equal(again.faces, faces)
    assert np.abs(again.vertices - frames).max() < 1e-5
    assert "no named blendshapes" in fails(capsys, *known, "--out", tmp_path / "a.arkit.csv")


def test_without_a_template_the_first_frame_is_the_head_at_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, frames = save_ball(tmp_path)
    assert convert(path, "--fps", "30", "--out", tmp_path / "a.npz") == 0
    assert "first frame is taken for the head at rest" in " ".join(capsys.readouterr().err.split())
    assert np.array_equal(npz.read(tmp_path / "a.npz").template, frames[0])


def test_the_packaged_heads_bare_vertices_are_known_by_subject(head_npz: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "bare.npy", npz.read(head_npz).vertices)
    assert convert(tmp_path / "bare.npy", "--fps", 30, "--out", tmp_path / "a.npz") == 0
    assert np.array_equal(npz.read(tmp_path / "a.npz").template, load_head().subject_template("ada"))


@pytest.mark.parametrize(("fps", "frames"), [("60", 24), ("15", 6), ("24000/1001", 10)])
def test_a_rate_of_its_own_is_brought_to_another(head_npz: Path, tmp_path: Path, fps: str, frames: int) -> None:
    assert convert(head_npz, "--fps", fps, "--out", tmp_path / "a.npz") == 0
    first, again = npz.read(head_npz), npz.read(tmp_path / "a.npz")
    assert again.frames == frames
    places = np.clip(np.arange(frames) * 30 / again.fps, 0, 11)
    tip = first.topology.landmarks["chin"]
    expected = np.interp(places, np.arange(12), first.vertices[:, tip, 1])
    assert again.vertices[:, tip, 1] == pytest.approx(expected, abs=1e-6)


def test_what_cannot_be_is_one_sentence(head_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", tmp_path / "a.npz"]
    assert "does not exist" in fails(capsys, tmp_path / "none.npz", *out)
    assert "--scale 0" in fails(capsys, head_npz, "--scale", 0, *out)
    assert "write frames a second" in fails(capsys, head_npz, "--fps", "fast", *out)
    assert "--csv-fps 'fast'" in fails(capsys, head_npz, "--csv-fps", "fast", *out)
    np.save(tmp_path / "other.npy", np.zeros((5, 3), np.float32))
    assert "another topology" in fails(capsys, head_npz, "--template", tmp_path / "other.npy", *out)
    np.save(tmp_path / "flat.npy", np.zeros(15, np.float32))
    assert "where a head at rest is (V, 3)" in fails(capsys, head_npz, "--template", tmp_path / "flat.npy", *out)
    motion = np.concatenate([chunk.vertices for chunk in make_chunks([6])])
    motion[3, 2, 1] = np.nan
    np.save(tmp_path / "nan.npy", motion)
    assert "at frame 3" in fails(capsys, tmp_path / "nan.npy", "--fps", 30, *out)
    assert not (tmp_path / "a.npz").exists()
