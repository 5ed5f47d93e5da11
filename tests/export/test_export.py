"""Targets are checked before work begins, and appear only when whole."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from talkcli.clip import MotionClip
from talkcli.errors import TalkError
from talkcli.export import EXPORTERS, ExportOptions, check_target, write
from tests.export.make_clips import make_chunks

LOOK = ExportOptions(size=(32, 32), renderer="software")


@pytest.mark.parametrize("name", ["face.avi", "face", "face."])
def test_an_unknown_suffix_lists_the_known(tmp_path: Path, name: str) -> None:
    with pytest.raises(TalkError, match=re.escape(", ".join(EXPORTERS))):
        write(make_chunks([1]), tmp_path / name)


@pytest.mark.parametrize("suffix", EXPORTERS)
def test_an_existing_file_is_kept_without_force(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"face{suffix}"
    path.write_text("mine")
    with pytest.raises(TalkError, match="exists already; use --force"):
        write(make_chunks([1]), path, LOOK)
    assert path.read_text() == "mine"
    write(make_chunks([1]), path, replace(LOOK, force=True))
    assert path.read_bytes()[:4] != b"mine"


@pytest.mark.parametrize("suffix", EXPORTERS)
def test_an_error_midway_keeps_the_old_file(tmp_path: Path, suffix: str) -> None:
    def chunks() -> Iterator[MotionClip]:
        yield from make_chunks([2])
        raise TalkError("the model fell over")

    path = tmp_path / f"face{suffix}"
    path.write_text("mine")
    with pytest.raises(TalkError, match="fell over"):
        write(chunks(), path, replace(LOOK, force=True))
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", EXPORTERS)
def test_a_clip_without_frames_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(TalkError, match="no frames"):
        write(make_chunks([0, 0]), tmp_path / f"face{suffix}", LOOK)
    assert not list(tmp_path.iterdir())


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
