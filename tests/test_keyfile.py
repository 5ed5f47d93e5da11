"""Key frames as people see and edit them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talkcli.align import Found
from talkcli.clip import Phone
from talkcli.errors import TalkError
from talkcli.head import load_head
from talkcli.keyfile import Key, KeyFile, keys_of, poses, read_keys
from talkcli.phones.keys import KeyRule
from tests.make_models import PLATE

SAID = (Phone("SIL", 0.0, 0.4), Phone("M", 0.4, 0.5), Phone("AA", 0.5, 0.7), Phone("SIL", 0.7, 1.0))
FOUND = Found(SAID, (1.0,) * 4, "text")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_text(keys_of(FOUND, 30.0, 31, KeyRule(), "hello.wav").text(), encoding="utf-8")
    return path


def edit(path: Path, **changes: Any) -> None:
    """Changes the file, and of its keys the second where a change is called key."""
    told = json.loads(path.read_text())
    told["keys"][1] |= changes.pop("key", {})
    path.write_text(json.dumps(told | changes))


def test_a_key_knows_the_phone_that_begins_there() -> None:
    found = keys_of(FOUND, 30.0, 31, KeyRule())
    assert [(key.frame, key.phone) for key in found.keys] == [(0, "SIL"), (12, "M"), (15, "AA"), (21, "SIL"), (30, "")]
    assert found.source == "text"
    assert found.density == pytest.approx(5 / 31 * 30)


def test_a_file_of_keys_comes_back_as_it_was(file: Path) -> None:
    found = read_keys(file)
    assert found == KeyFile(30.0, 31, "text", SAID, keys_of(FOUND, 30.0, 31, KeyRule()).keys, folder=file.parent)
    assert [line.count("{") for line in file.read_text().splitlines()].count(
        1
    ) == 1 + 4 + 5  # a line each, to be edited


def test_a_pose_is_made_of_a_mesh_or_of_controls(file: Path) -> None:
    head = load_head()
    mesh = head.template + 0.01
    np.save(file.parent / "pose.npy", mesh.astype(np.float32))
    edit(file, key={"locked": True, "mesh": "pose.npy"})
    found = poses(read_keys(file), head.topology, head.template)
    assert np.allclose(found[12], mesh)  # type: ignore[arg-type]
    assert found[15] is None
    edit(file, key={"mesh": "", "controls": {"jawOpen": 0.5}})
    opened = poses(read_keys(file), head.topology, head.template)[12]
    assert opened is not None
    assert np.abs(opened - head.template).max() > 0.003


def test_a_locked_key_without_a_pose_keeps_the_models_own(file: Path) -> None:
    edit(file, key={"locked": True})
    assert read_keys(file).keys[1] == Key(12, "M", locked=True)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"key": {"frame": 31}}, "frame 31 is outside the 31 frames"),
        ({"key": {"frame": -1}}, "frame -1 is outside"),
        ({"key": {"frame": 15}}, "frame 15 comes twice"),
        ({"key": {"frame": 1.5}}, "no whole number"),
        ({"key": {"lock": True}}, "no 'lock'"),
        ({"key": {"controls": {"jawOpen": 1}}}, "not locked"),
        ({"key": {"locked": True, "mesh": "a.obj", "controls": {"jawOpen": 1}}}, "a mesh and controls"),
        ({"key": {"locked": True, "controls": {"jaw": 1}}}, "control 'jaw'"),
        ({"key": {"locked": True, "controls": {"jawOpen": float("nan")}}}, "no number"),
        ({"format": 2}, "no file of keys"),
        ({"keys": []}, "0 keys"),
        ({"fps": 0}, "frames at 0"),
        ({"frames": "x"}, "lacks or misspells"),
        ({"keys": [{}]}, "lacks or misspells"),
        ({"keys": [7]}, "lacks or misspells"),
    ],
)
def test_a_file_that_is_wrong_is_one_line(file: Path, changes: dict[str, Any], told: str) -> None:
    edit(file, **changes)
    with pytest.raises(TalkError, match=told) as caught:
        read_keys(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 1}'])
def test_other_files_are_refused(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(TalkError, match=r"keys\.json"):
        read_keys(file)
    with pytest.raises(TalkError, match="cannot be read"):
        read_keys(file.parent / "none.json")


@pytest.mark.parametrize("vertices", [5, 7])
def test_a_mesh_of_another_topology_is_refused(file: Path, vertices: int) -> None:
    np.save(file.parent / "pose.npy", np.zeros((vertices, 3), np.float32))
    edit(file, key={"locked": True, "mesh": "pose.npy"})
    with pytest.raises(TalkError, match=f"\\({vertices}, 3\\), and the head has 6"):
        poses(read_keys(file), PLATE, np.zeros((6, 3), np.float32))
    edit(file, key={"mesh": "", "controls": {"jawOpen": 0.5}})
    with pytest.raises(TalkError, match="give a mesh"):
        poses(read_keys(file), PLATE, np.zeros((6, 3), np.float32))
