"""A USD stage has the motion, the names and the sound that it was given, read back with usd-core."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Gf, Usd, UsdSkel, UsdValidation

from talkcli.blendshapes import SHAPES
from talkcli.errors import TalkError
from talkcli.export import ExportOptions, check_outputs, write
from talkcli.head import load_head
from tests.export.make_clips import make_chunks, make_head_chunks
from tests.render.make_heads import ball
from tests.test_blendshapes import make_clip, make_weights

VERTICES = ExportOptions(targets="vertices")


def opened(path: Path) -> Any:
    """The stage in a file, of which none of usd-core's validators has anything to say."""
    stage = Usd.Stage.Open(str(path))
    every = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert [error.GetMessage() for error in UsdValidation.ValidationContext(every).Validate(stage)] == []
    return stage


def points(stage: Any, frames: int) -> np.ndarray[Any, Any]:
    mesh = stage.GetPrimAtPath("/Head/Mesh").GetAttribute("points")
    return np.array([np.array(mesh.Get(frame)) for frame in range(frames)])


@pytest.mark.parametrize("suffix", ["usda", "usdc"])
def test_blend_shapes_bake_to_the_motion_that_they_made(tmp_path: Path, suffix: str) -> None:
    clip = make_clip(make_weights(5), "ben")
    path = tmp_path / f"face.{suffix}"
    assert write([clip], path) == 5
    stage = opened(path)
    assert (stage.GetTimeCodesPerSecond(), stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (30, 0, 4)
    animation = stage.GetPrimAtPath("/Head/Anim")
    assert tuple(animation.GetAttribute("blendShapes").Get()) == SHAPES
    stored = np.array([animation.GetAttribute("blendShapeWeights").Get(frame) for frame in range(5)])
    assert stored.shape == (5, len(SHAPES))
    head = load_head()
    expected = clip.template + np.tensordot(stored, head.blendshapes[:-1], 1)
    assert UsdSkel.BakeSkinning(UsdSkel.Root(stage.GetPrimAtPath("/Head")), Gf.Interval(0, 4))
    assert np.abs(points(stage, 5) - expected).max() < 1e-5
    assert np.abs(expected - clip.vertices).max() < 1e-4


@pytest.mark.parametrize("suffix", ["usda", "usdc"])
def test_points_come_back_frame_by_frame_with_their_sound(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"face.{suffix}"
    chunks = list(make_chunks([3, 2], fps=25))
    assert write(chunks, path) == 5
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, "face.wav"] or suffix == "usda"
    stage = opened(path)
    assert np.abs(points(stage, 5) - np.concatenate([chunk.vertices for chunk in chunks])).max() < 1e-6
    mesh = stage.GetPrimAtPath("/Head/Mesh")
    faces = np.array(mesh.GetAttribute("faceVertexIndices").Get()).reshape(-1, 3)
    assert np.array_equal(faces, chunks[0].topology.faces)
    box = np.array(mesh.GetAttribute("extent").Get(4))
    assert np.abs(box - [chunks[1].vertices[1].min(0), chunks[1].vertices[1].max(0)]).max() < 1e-6
    sound = stage.GetPrimAtPath("/Head/Speech")
    asset = sound.GetAttribute("filePath").Get()
    assert Path(asset.resolvedPath).resolve() == (tmp_path / "face.wav").resolve()
    assert (sound.GetAttribute("startTime").Get(), sound.GetAttribute("endTime").Get()) == (0, 5)


def test_more_points_than_wait_at_once_are_all_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkcli.export.stage.WAITING", 4 * 12 * len(ball()[0]))
    path = tmp_path / "face.usdc"
    chunks = list(make_chunks([6, 5], audio=False))
    write(chunks, path)
    assert np.abs(points(opened(path), 11) - np.concatenate([chunk.vertices for chunk in chunks])).max() < 1e-6


def test_the_text_is_a_stage_with_a_row_of_weights_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "a@b.usda"
    write(make_head_chunks([2, 1], fps=24000 / 1001), path)
    text = path.read_text()
    assert text.startswith("#usda 1.0\n")
    assert text.count("{") == text.count("}")
    assert float(re.findall(r"timeCodesPerSecond = (\S+)", text)[0]) == 24000 / 1001
    assert "endTimeCode = 2\n" in text
    rows = re.findall(r"^ +(\d+): \[(.*)\],$", text, re.MULTILINE)
    assert [(number, len(row.split(","))) for number, row in rows] == [(str(i), len(SHAPES)) for i in range(3)]
    assert "filePath = @@@./a@b.wav@@@" in text


def test_the_heads_points_can_be_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "face.usda"
    write(make_head_chunks([2]), path, VERTICES)
    assert "point3f[] points.timeSamples" in path.read_text()
    with pytest.raises(TalkError, match="no named blendshapes"):
        write(make_chunks([2]), tmp_path / "ball.usda", ExportOptions(targets="shapes"))


def test_much_text_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("talkcli.export.usd.LARGE", 1000)
    write(make_chunks([2]), tmp_path / "face.usda")
    assert "of text: .usdc holds the same points in a third of it" in " ".join(capsys.readouterr().err.split())


def test_the_binary_form_without_usd_core_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pxr", None)
    for work in (lambda path: check_outputs([path], VERTICES), lambda path: write(make_chunks([2]), path)):
        with pytest.raises(TalkError, match=r"pip install 'talkcli\[usd\]', or write \.usda"):
            work(tmp_path / "face.usdc")
    assert not list(tmp_path.iterdir())
