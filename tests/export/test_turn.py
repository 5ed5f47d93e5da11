"""A head that turns turns in every format: in its vertices, or apart from them where there is a place for it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Gf, Usd, UsdSkel

from talkcli.blendshapes import SHAPES
from talkcli.cli import main
from talkcli.clip import Floats, MotionClip
from talkcli.export import EXPORTERS, ExportOptions, npz, write
from talkcli.export.base import turned
from talkcli.files.glb import Document
from talkcli.files.meshes import load_mesh
from talkcli.files.motion import open_motion
from talkcli.head import load_head
from tests.export.browser import found, needs_browser
from tests.export.make_clips import make_chunks, make_head_chunks, target, written
from tests.export.test_usd import opened, points

LOOK = ExportOptions(size=(64, 64), renderer="software")
VERTICES = replace(LOOK, targets="vertices")


def make_turning(frames: list[int], fps: float = 30.0) -> list[MotionClip]:
    """Chunks of the packaged head that speaks, and turns this way and that."""
    chunks, start = [], 0
    for chunk in make_head_chunks(frames, fps):
        places = np.arange(start, start + chunk.frames) / 5
        turn = np.radians(np.stack([4 * np.sin(places), 3 * np.sin(1.4 * places), 2 * np.cos(places)], 1))
        chunks.append(replace(chunk, turn=turn.astype(np.float32)))
        start += chunk.frames
    return chunks


def shown(chunks: list[MotionClip]) -> Floats:
    """(T, V, 3) where the vertices are seen."""
    return np.concatenate([turned(chunk).vertices for chunk in chunks])


def turn_of(chunks: list[MotionClip]) -> Floats:
    return np.concatenate([chunk.turn for chunk in chunks if chunk.turn is not None])


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("suffix", EXPORTERS)
def test_every_format_is_written_and_fits_the_head_as_if_it_were_still(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = target(tmp_path, suffix)
    assert write(make_turning([3, 4]), path, LOOK) == 7
    assert written(path).exists()
    assert "does the head turn" not in said(capsys)


@pytest.mark.parametrize("suffix", [".npy", ".pc2", ".obj"])
def test_formats_of_vertices_alone_have_them_where_they_are_seen(suffix: str, tmp_path: Path) -> None:
    chunks, path = make_turning([3, 2]), target(tmp_path, suffix)
    write(chunks, path)
    expected = shown(chunks)
    again = open_motion(written(path) if suffix == ".obj" else path).vertices
    assert np.abs(again - expected).max() < 1e-6
    if suffix == ".pc2":
        assert np.abs(load_mesh(path.with_suffix(".obj")).vertices - chunks[0].template).max() < 1e-6


def test_npz_tells_the_angles_beside_vertices_that_hold_still(tmp_path: Path) -> None:
    chunks, path = make_turning([3, 2]), tmp_path / "face.npz"
    write(chunks, path)
    clip = npz.read(path)
    assert np.array_equal(clip.vertices, np.concatenate([chunk.vertices for chunk in chunks]))
    assert clip.turn is not None
    assert np.array_equal(clip.turn, turn_of(chunks))
    told = np.load(path)
    about = told["vertices"] - told["turn_pivot"]
    angle = told["turn"].astype(float)
    from scipy.spatial.transform import Rotation

    turns = Rotation.from_euler("YXZ", angle).as_matrix() - np.eye(3)
    again = told["vertices"] + told["turn_weights"][:, None] * (about @ turns.transpose(0, 2, 1))
    assert np.abs(again - shown(chunks)).max() < 1e-6
    write(make_head_chunks([2]), tmp_path / "still.npz")
    assert not {"turn", "turn_pivot", "turn_weights"} & set(np.load(tmp_path / "still.npz").files)


@pytest.mark.parametrize("options", [LOOK, VERTICES])
def test_a_glb_has_a_skull_on_a_neck_that_turns_the_morphed_mesh(tmp_path: Path, options: ExportOptions) -> None:
    chunks, path = make_turning([4, 3]), tmp_path / "face.glb"
    write(chunks, path, options)
    document = Document(path)
    (skin,) = document.json["skins"]
    assert [document.json["nodes"][joint]["name"] for joint in skin["joints"]] == ["neck", "skull"]
    for primitive in document.json["meshes"][0]["primitives"]:
        weights = document.array(primitive["attributes"]["WEIGHTS_0"], "VEC4")
        joints = document.array(primitive["attributes"]["JOINTS_0"], "VEC4")
        assert np.allclose(weights.sum(1), 1, atol=1e-6)
        assert not joints[weights == 0].any() or set(np.unique(joints[weights == 0])) == {0}
    again = open_motion(path)
    assert np.abs(again.vertices - shown(chunks)).max() < 2e-3
    assert np.abs(again.vertices - shown(chunks)).mean() < 5e-5
    still = [replace(chunk, turn=None) for chunk in chunks]
    write(still, tmp_path / "still.glb", options)
    off = np.abs(open_motion(tmp_path / "still.glb").vertices - shown(still))
    assert np.abs(again.vertices - shown(chunks)).max() < off.max() + 1e-5  # no more than a head that holds still
    assert "skins" not in Document(tmp_path / "still.glb").json


@pytest.mark.parametrize("suffix", ["usda", "usdc"])
def test_a_stage_bakes_to_the_turned_motion(suffix: str, tmp_path: Path) -> None:
    chunks, path = make_turning([3, 2]), tmp_path / f"face.{suffix}"
    write(chunks, path)
    stage = opened(path)
    animation = stage.GetPrimAtPath("/Head/Anim")
    stored = np.array([animation.GetAttribute("blendShapeWeights").Get(frame) for frame in range(5)])
    assert stored.shape == (5, len(SHAPES))
    template = chunks[0].template
    plain = template + np.tensordot(stored, load_head().blendshapes[:-1], 1)
    expected = load_head().neck.turned(plain.astype(np.float32), template, turn_of(chunks))
    assert UsdSkel.BakeSkinning(UsdSkel.Root(stage.GetPrimAtPath("/Head")), Gf.Interval(0, 4))
    assert np.abs(points(stage, 5) - expected).max() < 1e-5


def test_points_of_a_stage_turn(tmp_path: Path) -> None:
    chunks, path = make_turning([3]), tmp_path / "face.usda"
    write(chunks, path, VERTICES)
    assert np.abs(points(Usd.Stage.Open(str(path)), 3) - shown(chunks)).max() < 1e-6


def test_live_link_face_has_the_angles_and_audio2face_no_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chunks = make_turning([9, 7])
    write(chunks, tmp_path / "face.arkit.csv")
    assert "no place" not in said(capsys)
    with (tmp_path / "face.arkit.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    first = head.index("HeadYaw")
    assert head[first : first + 3] == ["HeadYaw", "HeadPitch", "HeadRoll"]
    angles = np.array([row[first : first + 9] for row in rows], float)
    assert np.abs(angles[::2, :3] - turn_of(chunks)).max() < 1e-5
    assert not angles[:, 3:].any()
    write(chunks, tmp_path / "face.arkit.json")
    assert "face.arkit.json: the head's turn has no place in it" in said(capsys)
    assert json.loads((tmp_path / "face.arkit.json").read_text())["numFrames"] == 16


def test_pictures_show_the_turn(tmp_path: Path) -> None:
    from PIL import Image

    turning = make_turning([4])
    pictures = []
    for name, chunks in (("a", turning), ("b", [turned(turning[0])]), ("c", [replace(turning[0], turn=None)])):
        (tmp_path / name).mkdir()
        write(chunks, tmp_path / name / "face" / "%d.png", LOOK)
        pictures.append(np.asarray(Image.open(tmp_path / name / "face" / "3.png")))
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


@needs_browser
def test_a_page_turns_the_head_as_the_rest_do(tmp_path: Path) -> None:
    chunks, path = make_turning([6]), tmp_path / "face.html"
    write(chunks, path, LOOK)
    script = "const { head } = await opened; head.pose(4); return Array.from(head.positions.slice(0, 3 * head.own));"
    stored = np.array(found(path, script)).reshape(-1, 3)
    assert np.abs(stored - shown(chunks)[4]).max() < 2e-4


def test_converting_keeps_the_turn_and_the_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chunks = make_turning([20])
    write(chunks, tmp_path / "face.npz")
    outs = [str(tmp_path / name) for name in ("again.npz", "face.npy", "face.arkit.csv")]
    words = [word for out in outs for word in ("--out", out)]
    assert main(["convert", str(tmp_path / "face.npz"), *words]) == 0
    assert "does the head turn" not in said(capsys)
    again = npz.read(Path(outs[0]))
    assert again.turn is not None
    assert np.abs(again.turn - turn_of(chunks)).max() < 1e-6
    assert np.abs(np.load(outs[1]) - shown(chunks)).max() < 1e-6
    half = tmp_path / "half.npz"
    assert main(["convert", str(tmp_path / "face.npz"), "--out", str(half), "--fps", "15"]) == 0
    slower: Any = npz.read(half).turn
    assert np.abs(slower - turn_of(chunks)[::2]).max() < 1e-6


def test_a_file_whose_turn_is_not_its_motions_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(make_turning([4]), tmp_path / "face.npz")
    arrays = dict(np.load(tmp_path / "face.npz"))
    for broken in (arrays["turn"][:3], np.full((4, 3), np.nan, np.float32)):
        np.savez(tmp_path / "broken.npz", **(arrays | {"turn": broken}))
        assert main(["convert", str(tmp_path / "broken.npz"), "--out", str(tmp_path / "face.glb")]) == 2
        assert "holds a head's turn" in said(capsys)


def test_chunks_of_which_some_turn_are_a_bug() -> None:
    first, second = make_turning([2, 2])
    with pytest.raises(ValueError, match="must share"):
        write([first, replace(second, turn=None)], Path("face.npz"))
    with pytest.raises(ValueError, match="turn must be"):
        replace(first, turn=np.zeros((5, 3), np.float32))
    assert turned(next(make_chunks([2]))).turn is None
