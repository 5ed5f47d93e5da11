"""Prepared data that is what it says passes, and each thing that is wrong with it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from talkcli.check import check
from talkcli.clip import CorpusInfo, Floats, Phone, Topology
from talkcli.errors import TalkError
from talkcli.prepared import MANIFEST, ClipEntry, clip_path
from talkcli.preparing import Writer, save_clip
from tests.make import make_phones, make_tone

FACE = Topology("face", 4, np.array([[0, 1, 2]], np.int32), {"lips": np.array([1, 3], np.int32)})
TEMPLATE = np.array([[0, 0, 0], [0, 0.25, 0], [0.1, 0, 0], [0, 0, 0.1]], np.float32)
INFO = CorpusInfo("made", FACE, 25.0, ("ann",))


def motion(frames: int = 10) -> Floats:
    return np.repeat(TEMPLATE[None], frames, 0)


def make(
    folder: Path,
    vertices: Floats | None = None,
    phones: list[Phone] | None = None,
    entry: dict[str, object] | None = None,
    info: CorpusInfo = INFO,
    template: Floats = TEMPLATE,
) -> Path:
    """A train and a val clip of 0.4 s, of which the first is as given."""
    writer = Writer(folder, info, {"ann": template})
    entries = []
    for name, split, hertz in (("a", "train", 220.0), ("b", "val", 330.0)):
        given = vertices if name == "a" and vertices is not None else motion()
        save_clip(folder, name, make_tone(0.4, hertz=hertz), (phones or []) if name == "a" else [], given, {})
        entries.append(ClipEntry(name, "ann", split, "ann", len(given), 6400))
    writer.finish([replace(entries[0], **(entry or {})), entries[1]], {})  # type: ignore[arg-type]
    return folder


def test_good_data_has_no_problem_and_a_table(tmp_path: Path) -> None:
    report = check(make(tmp_path, phones=make_phones(("B", 0.1), ("AA", 0.3))))
    assert report.problems == ()
    lines = report.table.splitlines()
    assert "made: 25 fps, unit m, topology face (4 vertices, 1 triangles), regions lips" in lines[0]
    assert lines[3].split() == ["train", "1", "1", "10", "0.0", "0", "2", "0"]
    assert lines[-1] == "no problem found"


def broken(frame: int) -> Floats:
    vertices = motion()
    vertices[frame, 2, 1] = np.nan
    return vertices


PROBLEMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no number": (lambda folder: make(folder, broken(3)), "a: 1 of 10 frames hold numbers that are none"),
    "another shape": (
        lambda folder: make(folder, np.zeros((10, 5, 3), np.float32)),
        r"a: its vertices are \(10, 5, 3\)",
    ),
    "longer motion": (lambda folder: make(folder, motion(12)), r"a: its motion is 0\.080 s longer than its sound"),
    "shorter motion": (lambda folder: make(folder, motion(8)), r"a: its sound is 0\.080 s longer than its motion"),
    "no frames": (lambda folder: make(folder, motion(0)), "a: it has no frames"),
    "another count": (
        lambda folder: make(folder, entry={"frames": 11}),
        "a: it has 10 frames and the manifest says 11",
    ),
    "no file": (lambda folder: clip_path(make(folder), "a").unlink(), r"a: .*a\.safetensors' is missing"),
    "half a file": (
        lambda folder: clip_path(make(folder), "a").write_bytes(clip_path(folder, "a").read_bytes()[:300]),
        r"a: .*a\.safetensors' cannot be read",
    ),
    "late phones": (lambda folder: make(folder, phones=make_phones(("AA", 0.6))), r"a: its phones end at 0\.60 s"),
    "a stranger": (lambda folder: make(folder, entry={"subject": "zoe"}), "no template of zoe"),
    "no style": (lambda folder: make(folder, info=replace(INFO, subjects=())), "ann has training clips and no place"),
    "no learner": (lambda folder: make(folder, info=replace(INFO, subjects=("ann", "ben"))), "ben has a place in the"),
    "no val": (lambda folder: make(folder, entry={"split": "test"}), "the split 'train' has no clips"),
    "twice": (lambda folder: make(folder, entry={"name": "b"}), "b stands in the manifest more than once"),
    "millimetres": (lambda folder: make(folder, template=TEMPLATE * 1000), "the head of ann is 250 m high"),
    "a region beyond": (
        lambda folder: make(
            folder, info=replace(INFO, topology=replace(FACE, regions={"lips": np.array([4], np.int32)}))
        ),
        "the topology's lips reach beyond its 4 vertices",
    ),
}


@pytest.mark.parametrize("kind", PROBLEMS)
def test_a_problem_is_told(kind: str, tmp_path: Path) -> None:
    spoil, sentence = PROBLEMS[kind]
    spoil(tmp_path)
    report = check(tmp_path)
    assert report.problems
    with pytest.raises(TalkError, match=sentence):
        raise TalkError("; ".join(report.problems))
    assert report.problems[0] in report.table
    assert report.problems[0] in report.summary


def test_a_frame_more_or_less_is_no_problem(tmp_path: Path) -> None:
    assert check(make(tmp_path / "a", motion(11))).problems == ()
    assert check(make(tmp_path / "b", motion(9))).problems == ()


def test_the_same_sound_in_two_splits_is_noted(tmp_path: Path) -> None:
    make(tmp_path)
    save_clip(tmp_path, "b", make_tone(0.4), [], motion(), {})
    report = check(tmp_path)
    assert report.problems == ()
    assert "1 clip with the sound of one in another split: a (train) and b (val)" in report.table


def test_files_of_no_clip_are_noted(tmp_path: Path) -> None:
    make(tmp_path)
    clip_path(tmp_path, "left").write_bytes(clip_path(tmp_path, "a").read_bytes())
    report = check(tmp_path)
    assert report.problems == ()
    assert "1 file in clips/ of no clip" in report.table


def test_a_manifest_with_a_way_out_is_told(tmp_path: Path) -> None:
    make(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    manifest["clips"][0]["name"] = "../../secret"
    (tmp_path / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(TalkError, match="cannot be the name of a clip"):
        check(tmp_path)


def test_what_could_not_be_prepared_is_a_problem(tmp_path: Path) -> None:
    make(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    manifest["provenance"] = {"failed": {"c": "its sound has no samples"}}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    assert check(tmp_path).problems == ("c could not be prepared: its sound has no samples",)


@pytest.mark.parametrize("change", [{"fps": 0}, {"fps": float("nan")}, {"metres": -1}])
def test_a_corpus_that_cannot_be_is_told(tmp_path: Path, change: dict[str, float]) -> None:
    make(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    manifest["corpus"] |= change
    (tmp_path / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(TalkError, match="is broken"):
        check(tmp_path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"phone_ids": np.array([200], np.uint8), "phone_times": np.array([[0, 0.1]], np.float32)},
        {"phone_ids": np.array([1, 2], np.uint8)},
        {"audio": np.zeros((10, 2), np.int16)},
        {"vertices": np.float32(3)},
    ],
)
def test_arrays_of_other_kinds_are_told_and_crash_nothing(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    from safetensors.numpy import load_file, save_file

    path = clip_path(make(tmp_path), "a")
    save_file(load_file(path) | {name: np.asarray(array) for name, array in arrays.items()}, path, {"talk": "{}"})
    assert any(problem.startswith("a: ") for problem in check(tmp_path).problems)
