"""ARKit's weights stand where Live Link Face and Audio2Face have them, read by readers made from their descriptions."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from talkcli.blendshapes import SHAPES
from talkcli.clip import Floats
from talkcli.errors import TalkError
from talkcli.export import ExportOptions, write
from talkcli.export.arkit import at_rate, timecode
from talkcli.head import ARKIT
from tests.export.make_clips import make_chunks, make_head_chunks
from tests.test_blendshapes import make_clip

# As Live Link Face writes it.
HEADER = """
Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,EyeSquintLeft,EyeWideLeft,
EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,EyeSquintRight,EyeWideRight,JawForward,JawRight,
JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,MouthSmileLeft,MouthSmileRight,MouthFrownLeft,
MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,MouthStretchLeft,MouthStretchRight,MouthRollLower,MouthRollUpper,
MouthShrugLower,MouthShrugUpper,MouthPressLeft,MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,
MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,CheekSquintLeft,
CheekSquintRight,NoseSneerLeft,NoseSneerRight,TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,
RightEyeYaw,RightEyePitch,RightEyeRoll
"""


def make_weights(frames: int) -> Floats:
    """(T, K) the jaw goes to its left while it opens, the lips close a little."""
    weights = np.zeros((frames, len(SHAPES)), np.float32)
    for name, most in (("jawLeft", 0.8), ("jawOpen", 0.5), ("mouthClose", 0.2), ("mouthRight", 0.6), ("tongueUp", 0.4)):
        weights[:, SHAPES.index(name)] = np.linspace(0, most, frames)
    return weights


def rows_of(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(newline="") as file:
        head, *rows = csv.reader(file)
    return head, rows


def test_live_link_has_its_header_and_sixty_rows_a_second(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = make_weights(31)
    path = tmp_path / "face.arkit.csv"
    assert write([make_clip(weights)], path) == 31
    head, rows = rows_of(path)
    assert head == HEADER.replace("\n", "").split(",")
    assert len(rows) == 62
    assert {(len(row), row[1]) for row in rows} == {(63, "61")}
    assert (rows[0][0], rows[61][0]) == ("00:00:00:00.000", "00:00:01:01.000")
    values = np.array([row[2:] for row in rows], float)
    for name in ("jawLeft", "jawOpen", "mouthClose", "mouthRight"):
        column = values[:, head.index(name[0].upper() + name[1:]) - 2]
        assert column[::2] == pytest.approx(weights[:, SHAPES.index(name)], abs=0.05)
        assert column[1:-1:2] == pytest.approx((column[:-2:2] + column[2::2]) / 2, abs=1e-4)
    assert not values[:, 52:].any()
    told = " ".join(capsys.readouterr().err.split())
    assert "60 rows a second" in told
    assert "ARKit has no tongueUp or tongueBack" in told


def test_live_link_at_a_rate_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "face.arkit.csv"
    write(make_head_chunks([13, 12], fps=25), path, ExportOptions(csv_fps=30))
    _, rows = rows_of(path)
    assert len(rows) == 30
    assert rows[29][0] == "00:00:00:29.000"


def test_timecodes_count_frames_of_whole_rates() -> None:
    assert timecode(0, 60) == "00:00:00:00.000"
    assert timecode(60 * 3661 + 59, 60) == "01:01:01:59.000"
    assert timecode(31, 30000 / 1001) == "00:00:01:01.000"


def test_values_keep_their_ends_at_another_rate() -> None:
    ramp = np.arange(10, dtype=np.float32)[:, None]
    assert at_rate(ramp, 30, 30) == pytest.approx(ramp)
    assert at_rate(ramp, 30, 60)[:, 0] == pytest.approx(np.minimum(np.arange(20) / 2, 9))
    assert at_rate(ramp, 60, 30)[:, 0] == pytest.approx(np.arange(0, 10, 2))


def test_audio2face_has_a_row_a_frame_in_apples_order(tmp_path: Path) -> None:
    weights = make_weights(12)
    weights[:, SHAPES.index("mouthClose")] = 0.9  # more than the jaw is open
    path = tmp_path / "face.arkit.json"
    write([make_clip(weights)], path, ExportOptions(sound=Path("hello.wav")))
    content = json.loads(path.read_text())
    assert content["facsNames"] == list(ARKIT)
    assert (content["exportFps"], content["numPoses"], content["numFrames"]) == (30.0, 52, 12)
    assert content["trackPath"] == "hello.wav"
    found = np.array(content["weightMat"])
    assert found.shape == (12, 52)
    assert found[:, ARKIT.index("jawLeft")] == pytest.approx(weights[:, SHAPES.index("jawLeft")], abs=0.05)
    assert (found[:, ARKIT.index("mouthClose")] <= found[:, ARKIT.index("jawOpen")]).all()


@pytest.mark.parametrize("name", ["face.csv", "face.json"])
def test_a_suffix_of_several_formats_asks_which(tmp_path: Path, name: str) -> None:
    with pytest.raises(TalkError, match=re.escape(f"name it face.arkit.{name[5:]}")):
        write(make_head_chunks([1]), tmp_path / name)


@pytest.mark.parametrize("name", ["face.arkit.csv", "face.arkit.json"])
def test_a_mesh_without_blendshapes_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(TalkError, match=r"'ball' \(194 vertices\) has no named blendshapes; write \.glb"):
        write(make_chunks([2]), tmp_path / name)
    assert not list(tmp_path.iterdir())
