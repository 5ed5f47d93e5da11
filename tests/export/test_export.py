"""Targets are checked before work begins, and appear only when whole."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from talkcli.clip import MotionClip
from talkcli.errors import TalkError
from talkcli.export import EXPORTERS, ExportOptions, check_target, npz, places, sweep, write
from tests.export.make_clips import make_chunks, make_head_chunks, target, written

LOOK = ExportOptions(size=(32, 32), renderer="software")


@pytest.mark.parametrize("name", ["face.avi", "face", "face."])
def test_an_unknown_suffix_lists_the_known(tmp_path: Path, name: str) -> None:
    with pytest.raises(TalkError, match=re.escape(", ".join(EXPORTERS))):
        write(make_chunks([1]), tmp_path / name)


@pytest.mark.parametrize("suffix", EXPORTERS)
def test_an_existing_output_is_kept_without_force(tmp_path: Path, suffix: str) -> None:
    path = target(tmp_path, suffix)
    old = write_old(path)
    with pytest.raises(TalkError, match="exists already; use --force"):
        write(make_head_chunks([1]), path, LOOK)
    assert old.read_text() == "mine"
    write(make_head_chunks([2]), path, replace(LOOK, force=True))
    assert not old.exists() or old.read_bytes()[:4] != b"mine"


def write_old(path: Path) -> Path:
    """What a user wrote earlier: a file, or the 77th frame of a sequence."""
    written(path).parent.mkdir(exist_ok=True)
    if written(path) != path:
        path.parent.mkdir()
        path = Path(str(path).replace("%05d", "00077"))
    path.write_text("mine")
    return path


@pytest.mark.parametrize("suffix", EXPORTERS)
def test_an_error_midway_keeps_the_old_output(tmp_path: Path, suffix: str) -> None:
    def chunks() -> Iterator[MotionClip]:
        yield from make_head_chunks([2])
        raise TalkError("the model fell over")

    path = target(tmp_path, suffix)
    old = write_old(path)
    with pytest.raises(TalkError, match="fell over"):
        write(chunks(), path, replace(LOOK, force=True))
    assert old.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [written(path)]


@pytest.mark.parametrize("suffix", EXPORTERS)
def test_a_clip_without_frames_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(TalkError, match="no frames"):
        write(make_chunks([0, 0]), target(tmp_path, suffix), LOOK)
    assert not list(tmp_path.iterdir())


def test_all_formats_are_written_from_one_pass(tmp_path: Path) -> None:
    made = []

    def chunks() -> Iterator[MotionClip]:
        for chunk in make_head_chunks([3, 2, 1]):
            made.append(chunk)
            yield chunk

    outputs = [target(tmp_path / suffix.strip("."), suffix) for suffix in EXPORTERS]
    for path in outputs:
        written(path).parent.mkdir()
    assert write(chunks(), outputs, LOOK) == 6
    assert len(made) == 3
    assert [path for path in outputs if not written(path).exists()] == []
    alone = tmp_path / "alone.npz"
    write(make_head_chunks([6]), alone, LOOK)
    assert np.array_equal(npz.read(alone).vertices, npz.read(tmp_path / "npz" / "face.npz").vertices)


def test_of_several_outputs_none_is_left_where_one_fails(tmp_path: Path) -> None:
    outputs = [tmp_path / "face.npz", tmp_path / "face.mp4", tmp_path / "face" / "%d.png"]
    with pytest.raises(TalkError, match="ffmpeg could not write"):
        write(make_chunks([5] * 9), outputs, replace(LOOK, preset="no such preset"))
    assert not list(tmp_path.iterdir())
    with pytest.raises(TalkError, match="written twice"):
        write(make_chunks([5]), [outputs[0], tmp_path / "." / "face.npz"], LOOK)
    with pytest.raises(TalkError, match="written twice"):
        write(make_chunks([5]), [outputs[2], tmp_path / "face" / "%05d.png"], LOOK)
    (tmp_path / "face.mp4").write_text("mine")
    with pytest.raises(TalkError, match="exists already"):
        write(make_chunks([5]), outputs, LOOK)
    assert [path.name for path in tmp_path.iterdir()] == ["face.mp4"]


def test_a_sequence_needs_a_number_and_a_folder_of_its_own(tmp_path: Path) -> None:
    for name in ("face.png", "face/%05d-%d.png"):
        with pytest.raises(TalkError, match="name a folder of them"):
            write(make_chunks([1]), tmp_path / name, LOOK)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").touch()
    with pytest.raises(TalkError, match=r"mine\.txt, which is no frame"):
        write(make_chunks([1]), tmp_path / "notes" / "%05d.png", replace(LOOK, force=True))
    (tmp_path / "file").touch()
    with pytest.raises(TalkError, match="is no folder"):
        write(make_chunks([1]), tmp_path / "file" / "%05d.png", LOOK)


def test_places_that_cannot_be_written_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TalkError, match="is a directory"):
        check_target(tmp_path)
    with pytest.raises(TalkError, match="does not exist"):
        check_target(tmp_path / "none" / "face.mp4")
    (tmp_path / "file").touch()
    with pytest.raises(TalkError, match="does not exist"):
        check_target(tmp_path / "file" / "face.mp4")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # even for root
    with pytest.raises(TalkError, match="cannot be written to"):
        check_target(tmp_path / "face.mp4")


def test_chunks_of_different_clips_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must share"):
        write([*make_chunks([2]), *make_chunks([2], fps=25)], tmp_path / "face.npz")


def test_names_with_odd_letters_are_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "-f [a*] 日本 %d'.mp4"
    write(make_chunks([2]), path, LOOK)
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_beside_a_target_is_swept_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a[b].mp4"
    for name in (
        ".a[b].mp4.12.part.wav",
        ".a[b].mp4.345.part.old",
        ".a[b].mp4.mp4.12.part",
        ".ab.mp4.12.part",
        "a[b].mp4",
    ):
        (tmp_path / name).touch()
    (tmp_path / ".a[b].mp4.12.part").mkdir()
    sweep(target)
    assert {path.name for path in tmp_path.iterdir()} == {".a[b].mp4.mp4.12.part", ".ab.mp4.12.part", "a[b].mp4"}


def test_places_are_all_files_and_folders_that_come_of_outputs(tmp_path: Path) -> None:
    outputs = [tmp_path / "a.glb", tmp_path / "b" / "%d.png", tmp_path / "c.pc2"]
    found = places(outputs, replace(LOOK, sound=tmp_path / "c.wav"))
    assert list(found.values()) == [
        tmp_path / name for name in ("a.glb", "b", "c.pc2", "a.wav", "c.obj")
    ]  # the speech itself, c.wav, stays
    assert found[outputs[1]] == tmp_path / "b"
