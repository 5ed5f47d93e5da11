"""Where a download lies: in the folder, in archives in it, or near it."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from talkcli.datasets.biwi import Options
from talkcli.datasets.places import archives, locate, plain_name
from talkcli.errors import TalkError
from talkcli.preprocess import preprocess
from tests.make_datasets import make_biwi


def holds(folder: Path) -> bool:
    return (folder / "treasure").is_file()


def make_zip(path: Path, name: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "gold")
    return path


def test_the_named_folder_comes_first(tmp_path: Path) -> None:
    (tmp_path / "treasure").touch()
    make_zip(tmp_path / "other.zip", "treasure")
    assert locate(tmp_path, tmp_path / "scratch", holds, holds, "treasure").root == tmp_path


@pytest.mark.parametrize("name", ["treasure", "inner/treasure"])
def test_an_archive_is_looked_into_and_one_in_the_folder_too(name: str, tmp_path: Path) -> None:
    raw, scratch = tmp_path / "raw", tmp_path / "scratch"
    raw.mkdir()
    packed = make_zip(raw / "data.zip", name)
    for named in (packed, raw):
        found = locate(named, scratch, holds, holds, "treasure").root
        assert found.is_relative_to(scratch)
        assert (found / "treasure").read_text() == "gold"


def test_archives_that_are_unpacked_already_are_left(tmp_path: Path) -> None:
    make_zip(tmp_path / "a.zip", "x")
    make_zip(tmp_path / "b.zip", "x")
    (tmp_path / "b").mkdir()
    assert [path.name for path in archives(tmp_path)] == ["a.zip"]
    assert plain_name(Path("F1.tar.gz")) == plain_name(Path("F1.tgz")) == "F1"


def make_inner(raw: Path) -> None:
    (raw / "in").mkdir(parents=True)
    (raw / "in" / "treasure").touch()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda raw: None, "does not exist"),
        (lambda raw: raw.mkdir(), "does not hold treasure"),
        (lambda raw: raw.write_text("x"), "neither a folder nor a zip or tar archive"),
        (lambda raw: [raw.mkdir(), make_zip(raw / "a.zip", "stones")], "none of them treasure"),
        (make_inner, r"wrong folder level.*raw/in"),
    ],
)
def test_a_place_that_holds_nothing_is_told(make: Callable[[Path], object], sentence: str, tmp_path: Path) -> None:
    make(tmp_path / "raw")
    with pytest.raises(TalkError, match=sentence):
        locate(tmp_path / "raw", tmp_path / "scratch", holds, holds, "treasure")


@pytest.mark.parametrize("inner", ["{subject}/{sentence}", "{sentence}"])
def test_frames_in_archives_are_found(inner: str, tmp_path: Path) -> None:
    """The archives of a release hold the subject's folder, or what is in it."""
    raw = tmp_path / "raw"
    make_biwi(raw)
    for subject in (raw / "faces").iterdir():
        with tarfile.open(raw / "faces" / f"{subject.name}.tgz", "w:gz") as archive:
            for sentence in subject.iterdir():
                archive.add(sentence, inner.format(subject=subject.name, sentence=sentence.name))
        subject.rename(tmp_path / subject.name)
    assert len(preprocess("biwi", tmp_path / "data", Options(raw=raw)).clips) == 5


def test_parts_in_archives_of_their_own_come_together(tmp_path: Path) -> None:
    """faces.tgz, rigid_scans.tgz and rest.tgz side by side, as they are sent."""
    raw = tmp_path / "raw"
    make_biwi(tmp_path / "whole")
    raw.mkdir()
    for name, inner in (("faces", "faces"), ("rigid_scans", "."), ("rest", "rest/audio")):
        with tarfile.open(raw / f"{name}.tgz", "w:gz") as archive:
            archive.add(tmp_path / "whole" / ("audio" if name == "rest" else name), inner)
    corpus = preprocess("biwi", tmp_path / "data", Options(raw=raw))
    assert len(corpus.clips) == 5
    assert {"faces.tgz", "rigid_scans.tgz", "rest.tgz"} <= set(corpus.provenance["files"])
    assert corpus.provenance["raw"] == str(raw)
    (raw / "rest.tgz").rename(tmp_path / "rest.tgz")
    (tmp_path / "whole" / "audio").rename(raw / "audio")
    assert len(preprocess("biwi", tmp_path / "again", Options(raw=raw)).clips) == 5
