"""Evaluation from end to end: files and models against prepared data, by each protocol, and every mistake by name."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talkcli.cli import main
from talkcli.clip import CorpusInfo, Floats, Topology
from talkcli.errors import TalkError
from talkcli.evaluate import EvaluateOptions, evaluate
from talkcli.evaluate.predictions import ModelPredictions
from talkcli.evaluate.protocols import PROTOCOLS
from talkcli.evaluate.results import Evaluation
from talkcli.evaluate.tables import as_dict, clip_table, difference_table, score_table
from talkcli.metrics import METRICS
from talkcli.models.checkpoint import save_checkpoint
from talkcli.models.places import READER
from talkcli.models.selftalk import SelfTalk
from talkcli.prepared import ClipEntry, Corpus
from talkcli.preparing import Writer, save_clip
from tests.make import make_checkpoint, make_tone
from tests.make_models import make_corpus, make_dual

FACE = Topology(
    "face",
    6,
    np.array([[0, 1, 2]], np.int32),
    {"lips": np.array([1, 2, 3], np.int32), "upper_face": np.array([0, 5], np.int32)},
    {"lip_inner_upper": 1, "lip_inner_lower": 2},
)
NAMES = ("ann_1", "ann_2", "zoe_1", "zoe_2")
FRAMES = {"ann_1": 20, "ann_2": 25, "zoe_1": 30, "zoe_2": 22}


def make_target(name: str) -> Floats:
    rng = np.random.default_rng([ord(letter) for letter in name])
    return np.asarray(0.1 * rng.standard_normal((FRAMES[name], 6, 3)), np.float32)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four test clips of a seen and an unseen subject at 25 fps, and one train clip."""
    folder = tmp_path / "data"
    info = CorpusInfo("faces", FACE, 25.0, ("ann", "ben"), "unit", 0.2)
    writer = Writer(folder, info, {s: np.zeros((6, 3), np.float32) for s in ("ann", "ben", "zoe")})
    entries = []
    for name in NAMES:
        audio = make_tone(FRAMES[name] / 25)
        save_clip(folder, name, audio, [], make_target(name), {})
        entries.append(ClipEntry(name, name[:3], "test", name, FRAMES[name], len(audio.samples)))
    writer.finish(entries, {})
    return folder


def save_predictions(folder: Path, names: tuple[str, ...] = NAMES, off: float = 0.01, extra: int = 0) -> Path:
    """Each target moved off along x, and longer by some frames."""
    folder.mkdir(exist_ok=True)
    for name in names:
        vertices = make_target(name) + np.array([off, 0, 0], np.float32)
        longer = np.concatenate([vertices, np.zeros((extra, 6, 3), np.float32)])
        np.save(folder / f"{name}.npy", longer.reshape(len(longer), -1))
    return folder


def judged(data: Path, *sources: Path, **options: Any) -> Evaluation:
    return evaluate(EvaluateOptions(sources=[str(source) for source in sources], data=data, **options))


def score(evaluation: Evaluation, metric: str, model: str = "theirs") -> float:
    return evaluation.scores[model][metric].value


@pytest.fixture
def reader(tmp_path: Path) -> str:
    """A lip reader of these faces, as a run leaves it."""
    info = CorpusInfo("faces", FACE, 25.0, ("ann", "ben"), "unit", 0.2)
    dual = make_dual("dualtalker", model=["basis=none"], info=info)
    save_checkpoint(tmp_path / "judge" / f"{READER}.safetensors", dual.reader, READER, {}, {})
    return str(tmp_path / "judge")


def test_a_lip_reader_judges_where_one_is_given(
    data: Path, tmp_path: Path, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkcli.reading.speech_gate", lambda audio, fps, frames: np.ones(frames, np.float32))
    same = save_predictions(tmp_path / "same", off=0.0)
    theirs = save_predictions(tmp_path / "theirs", off=0.5)
    found = judged(data, theirs, same, reader=reader, device="cpu", protocol="codetalker")
    assert found.metrics == ("lve", "fdd", "readability", "readability_gap")
    assert score(found, "readability_gap", "same") == 0.0
    gap = score(found, "readability", "theirs") - score(found, "readability", "same")
    assert gap == pytest.approx(score(found, "readability_gap", "theirs"))
    assert gap != 0
    assert found.provenance["reader"] == reader
    (weight,) = {clip.values["readability"].weight for clip in found.models[0].clips if clip.clip == "ann_1"}
    assert weight == FRAMES["ann_1"]
    assert "readability" not in judged(data, theirs).metrics


def test_a_lip_reader_of_another_topology_judges_nothing(data: Path, tmp_path: Path) -> None:
    dual = make_dual("dualtalker")
    save_checkpoint(tmp_path / f"{READER}.safetensors", dual.reader, READER, {}, {})
    with pytest.raises(TalkError, match="the data are of 'face': give one that was trained on them"):
        judged(data, save_predictions(tmp_path / "theirs"), reader=str(tmp_path))


def test_the_command_that_repeats_an_evaluation_is_told_with_it(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = str(save_predictions(tmp_path / "theirs"))
    words = ["evaluate", theirs, "--data", str(data), "--split", "test", "--protocol", "talk"]
    more = ["--lrp-mm", "3", "--phones", "head", "--styles", "2"]
    assert main([*words, *more, "--json", "--jobs", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["provenance"]["command"] == shlex.join(["talk", *words, *more])


def test_files_of_another_tool_get_every_number_that_the_data_can_tell(data: Path, tmp_path: Path) -> None:
    found = judged(data, save_predictions(tmp_path / "theirs"), heat=True)
    assert score(found, "lve") == pytest.approx(1e-4, rel=1e-4)
    assert score(found, "lip_distance_mm") == pytest.approx(0.01 * 0.2 * 1000, rel=1e-4)
    assert score(found, "mve") == pytest.approx(0.01, rel=1e-4)
    assert score(found, "mod_mm") == pytest.approx(0, abs=1e-6)
    lve = found.scores["theirs"]["lve"]
    assert (lve.clips, lve.frames, lve.vertices) == (4, 97, 3)
    assert found.models[0].heat == pytest.approx(np.full(6, 0.01), rel=1e-4)
    assert "closure_recall" not in found.scores["theirs"]  # the data has no phones
    text = score_table(found)
    assert "no number for closure_recall" in text
    assert "unit²" in text


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_protocol_prints_its_own_numbers(protocol: str, data: Path, tmp_path: Path) -> None:
    found = judged(data, save_predictions(tmp_path / "theirs", extra=3), protocol=protocol)
    assert set(found.scores["theirs"]) <= set(PROTOCOLS[protocol].metrics)
    assert sum(clip.frames for clip in found.models[0].clips) == 97
    if protocol != "talk":
        assert len(found.scores["theirs"]) == len(PROTOCOLS[protocol].metrics)


def test_a_prediction_that_is_too_short_for_the_protocol_is_named_and_does_not_count(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_predictions(tmp_path / "theirs")
    np.save(folder / "ann_1.npy", make_target("ann_1")[:12])
    found = judged(data, folder, protocol="codetalker")
    assert list(found.models[0].short) == ["ann_1"]
    assert found.scores["theirs"]["lve"].clips == 3
    assert "ann_1: 12 frames predicted, 20 recorded" in capsys.readouterr().err
    assert judged(data, folder, protocol="facediffuser").models[0].clips[0].frames == 12


def test_twenty_seconds_are_the_most_for_unitalker() -> None:
    assert PROTOCOLS["unitalker"].frames(900, 800, 30.0) == 600
    assert PROTOCOLS["facediffuser"].frames(900, 800, 30.0) == 800


def test_a_missing_clip_is_named_and_counted(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = judged(data, save_predictions(tmp_path / "theirs", NAMES[:3]))
    assert found.models[0].missing == ["zoe_2"]
    assert "1 clip without prediction: zoe_2" in capsys.readouterr().err
    assert "1 clip missing: zoe_2" in score_table(found)


def test_an_unseen_subject_speaks_in_every_style_and_a_seen_one_in_its_own(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    for name in NAMES:
        for style, off in (("ann", 0.01), ("ben", 0.03)):
            np.save(folder / f"{name}_condition_{style}.npy", make_target(name) + np.float32(off))
    found = judged(data, folder, protocol="facediffuser")
    by_name = {clip.clip: clip for clip in found.models[0].clips}
    assert by_name["ann_1"].styles == ("ann",)
    assert by_name["zoe_1"].styles == ("ann", "ben")
    root3 = 3**0.5
    assert by_name["ann_1"].values["mve"].value == pytest.approx(0.01 * root3, rel=1e-4)
    assert by_name["zoe_1"].values["mve"].value == pytest.approx(0.02 * root3, rel=1e-4)
    assert found.models[0].diversity == pytest.approx(0.02 * root3, rel=1e-3)
    assert "diversity over styles, theirs" in score_table(found)


def test_models_side_by_side_are_compared_clip_by_clip(data: Path, tmp_path: Path) -> None:
    near, far = save_predictions(tmp_path / "near"), save_predictions(tmp_path / "far", off=0.02)
    found = judged(data, near, far)
    lve = next(d for d in found.differences if d.metric == "lve")
    assert (lve.first, lve.second, lve.clips) == ("near", "far", 4)
    assert lve.value == pytest.approx(1e-4 - 4e-4, rel=1e-3)
    assert lve.interval.high < 0
    assert "near - far" in difference_table(found)
    assert difference_table(judged(data, near)) == ""


def test_two_folders_of_one_name_stay_apart(data: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    found = judged(data, save_predictions(tmp_path / "a" / "x"), save_predictions(tmp_path / "b" / "x", off=0.5))
    assert [model.name for model in found.models] == ["x", "x-2"]


def test_several_threads_give_the_same_numbers(data: Path, tmp_path: Path) -> None:
    folder = save_predictions(tmp_path / "theirs")
    assert as_dict(judged(data, folder, jobs=2)) == as_dict(judged(data, folder, jobs=1))


def test_a_model_is_judged_on_its_own_and_with_what_the_product_adds(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "data", ("train", "train", "val", "test"), seconds=1.2)
    model = make_checkpoint(tmp_path / "small.safetensors")
    found = judged(corpus.folder, model)
    assert set(found.scores["small"]) >= {"lve", "fdd", "mve", "mod_mm", "articulation"}
    assert all(METRICS[name].stage in ("model", "product") for name in found.scores["small"])
    assert clip_table(found, found.models[0]).count("\n") == 3


Spoil = Callable[[Path], object]
MISTAKES: dict[str, tuple[Spoil, str]] = {
    "another topology": (
        lambda folder: np.save(folder / "ann_1.npy", np.zeros((20, 21), np.float32)),
        r"ann_1\.npy' holds \(20, 21\) and the template has 6 vertices",
    ),
    "no number": (
        lambda folder: np.save(folder / "ann_1.npy", np.full((20, 18), np.nan, np.float32)),
        "ann_1: 20 of 20 predicted frames hold NaN or Inf",
    ),
    "another rate": (
        lambda folder: [
            (folder / "ann_1.npy").unlink(),
            np.savez(folder / "ann_1.npz", vertices=make_target("ann_1"), fps=60),
        ],
        "60 frames a second and the data 25",
    ),
    "no array": (lambda folder: (folder / "ann_1.npy").write_bytes(b"hello"), "no numpy array"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_prediction_that_cannot_be_compared_is_told_and_the_others_count_when_asked(
    kind: str, data: Path, tmp_path: Path
) -> None:
    folder = save_predictions(tmp_path / "theirs")
    spoil, sentence = MISTAKES[kind]
    spoil(folder)
    with pytest.raises(TalkError, match=sentence):
        judged(data, folder)
    found = judged(data, folder, keep_going=True)
    assert list(found.models[0].failed) == ["ann_1"]
    assert found.scores["theirs"]["lve"].clips == 3
    assert "1 clip failed: ann_1" in score_table(found)


def test_an_empty_folder_other_names_and_an_unknown_split_or_protocol_are_told(data: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(TalkError, match="holds no predictions"):
        judged(data, empty)
    np.save(empty / "hello.npy", np.zeros((3, 18)))
    with pytest.raises(TalkError, match=r"there is 'hello' where 'ann_1' or 'ann_1_condition_STYLE' is meant"):
        judged(data, empty)
    good = save_predictions(tmp_path / "theirs")
    with pytest.raises(TalkError, match=r"no clips in the split 'dev'; it has: test"):
        judged(data, good, split="dev")
    with pytest.raises(TalkError, match="unknown protocol 'ours'; choose from: talk, faceformer"):
        judged(data, good, protocol="ours")
    with pytest.raises(TalkError, match="no model 'nobody'"):
        judged(data, Path("nobody"))


def test_a_model_of_another_topology_is_told(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"has 8494 vertices and .*6: it was trained on another topology"):
        judged(data, make_checkpoint(tmp_path / "small.safetensors"))


def test_the_data_is_not_changed(data: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    judged(data, save_predictions(tmp_path / "theirs"))
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before
    assert len(Corpus.open(data).clips) == 4


def test_fewer_styles_are_others_for_each_clip_and_a_seen_subjects_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SelfTalk, "takes_style", True)
    corpus = make_corpus(tmp_path / "data", ("train", "train", "val", "test"))
    model = str(make_checkpoint(tmp_path / "small.safetensors"))
    known = corpus.info.subjects
    strangers = [ClipEntry(str(i), "nobody", "test", "", 1, 1) for i in range(20)]
    every, one = ModelPredictions(model, corpus), ModelPredictions(model, corpus, styles=1)
    assert {every.styles(entry) for entry in strangers} == {known}
    assert {one.styles(entry) for entry in strangers} == {(name,) for name in known}
    assert one.styles(corpus.clips[0]) == (corpus.clips[0].subject,)
