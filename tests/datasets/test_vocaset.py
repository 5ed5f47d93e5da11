"""VOCASET from the files of its download page, and what is said where they are not what they should be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talkcli.datasets.vocaset import FACTS, Options
from talkcli.errors import TalkError
from talkcli.prepared import Corpus
from talkcli.preparing import SCRATCH
from talkcli.preprocess import preprocess
from tests.make_datasets import SENTENCES, SUBJECTS, VERTICES, make_mesh, make_template, make_vocaset
from tests.make_pickles import save_python2


def prepared(tmp_path: Path, **options: Any) -> Corpus:
    return preprocess("vocaset", tmp_path / "data", Options(raw=tmp_path / "raw", **options))


def test_every_second_frame_of_each_sequence_is_kept_in_order(tmp_path: Path) -> None:
    clips = make_vocaset(tmp_path / "raw")
    corpus = prepared(tmp_path)
    assert {entry.name for entry in corpus.clips} == set(clips)
    for entry in corpus.clips:
        assert np.array_equal(corpus.vertices(entry), clips[entry.name][::2])
        assert entry.frames == 15
        assert corpus.audio(entry).seconds == pytest.approx(0.5, abs=1e-3)
        assert np.abs(corpus.audio(entry).samples).max() > 0.2
        assert np.allclose(corpus.template(entry.subject), make_template(entry.subject))
    assert (corpus.info.fps, corpus.info.unit, corpus.info.metres) == (30.0, "m", 1.0)
    assert not (tmp_path / "data" / SCRATCH).exists()


def test_splits_and_the_order_of_styles_are_the_official_ones(tmp_path: Path) -> None:
    more = {SUBJECTS[1]: (1,), SUBJECTS[0]: (40,), SUBJECTS[2]: (20, 21, 40), SUBJECTS[3]: (1, 21)}
    make_vocaset(tmp_path / "raw", more)
    corpus = prepared(tmp_path)
    assert corpus.info.subjects == SUBJECTS[:2]
    splits = {entry.name.rpartition("_")[0][9:15] + entry.name[-2:]: entry.split for entry in corpus.clips}
    assert splits == {
        "17072840": "train",
        "17090401": "train",
        "17081121": "val",
        "17081140": "val",
        "17080921": "test",
    }


def test_the_official_splits_count_as_published() -> None:
    sequences = FACTS.sequences
    assert [sum(s.split == split for s in sequences) for split in ("train", "val", "test")] == [320, 40, 40]
    assert set(FACTS.absent) < {s.name for s in sequences}


def test_masks_give_regions_and_the_list_that_selftalk_reads(tmp_path: Path) -> None:
    make_vocaset(tmp_path / "raw")
    regions = prepared(tmp_path).info.topology.regions
    assert regions["lips"].tolist() == [2, 4, 5, 7]
    assert regions["lip_reading"].tolist() == [2, 4, 5, 7, 4, 2]
    assert regions["upper_face"].tolist() == [8, 9, 10, 11]
    assert regions["face"].tolist() == [0, 1, 2, 3, 4, 5]


def test_triangles_come_from_a_mesh_that_the_user_has(tmp_path: Path) -> None:
    make_vocaset(tmp_path / "raw")
    mesh = make_mesh(tmp_path / "FLAME_sample.ply", make_template("anyone"))
    assert prepared(tmp_path, faces=mesh).info.topology.faces.shape == (VERTICES, 3)


def test_without_a_mesh_it_says_so_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_vocaset(tmp_path / "raw")
    assert prepared(tmp_path).info.topology.faces.shape == (0, 3)
    assert "--faces" in capsys.readouterr().err


def test_what_the_release_lacks_and_what_is_missing_here_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_vocaset(tmp_path / "raw", {**SENTENCES, SUBJECTS[0]: (1, 2, 3)})
    index = {SUBJECTS[0]: {"sentence01": {0: 3, 1: 4, 2: 5, 3: 6}}}
    save_python2(tmp_path / "raw" / "subj_seq_to_idx.pkl", index)
    with pytest.raises(TalkError, match=r"1 of 1 clips failed.*sound lasts 0\.50 s and its motion 0\.07 s"):
        prepared(tmp_path)
    said = capsys.readouterr().err
    assert "the release itself lacks FaceTalk_170811_03274_TA_sentence24, FaceTalk_170809_00138_TA_sentence32" in said
    assert "sound and no motion: FaceTalk_170728_03272_TA_sentence02, FaceTalk_170728_03272_TA_sentence03" in said


def test_the_manifest_tells_files_sizes_and_what_is_missing(tmp_path: Path) -> None:
    make_vocaset(tmp_path / "raw")
    told = prepared(tmp_path).provenance
    assert told["files"]["data_verts.npy"] == (tmp_path / "raw" / "data_verts.npy").stat().st_size
    pickles = {"raw_audio_fixed.pkl", "templates.pkl", "subj_seq_to_idx.pkl", "FLAME_masks.pkl"}
    assert set(told["files"]) == {"data_verts.npy", *pickles}
    assert len(told["missing"]) == 400 - 6
    assert told["layout"] == "raw"


Spoil = Callable[[Path], object]
MISTAKES: dict[str, tuple[Spoil, str]] = {
    "nothing there": (lambda raw: [path.unlink() for path in raw.iterdir()], "does not hold data_verts.npy"),
    "half of it": (lambda raw: (raw / "templates.pkl").unlink(), "lacks templates.pkl: it is part of the download"),
    "cut off": (lambda raw: _cut(raw / "data_verts.npy"), "data_verts.npy' is cut off"),
    "an index of another": (
        lambda raw: save_python2(raw / "subj_seq_to_idx.pkl", {SUBJECTS[0]: {"sentence01": {0: 10**6}}}),
        "points to row 1000000",
    ),
    "an index of nothing": (lambda raw: save_python2(raw / "subj_seq_to_idx.pkl", [1, 2]), "no dict of subjects"),
    "a path for a name": (
        lambda raw: save_python2(raw / "subj_seq_to_idx.pkl", {"../../etc": {"passwd": {0: 3}}}),
        "cannot be the name of a clip",
    ),
    "templates of others": (
        lambda raw: save_python2(raw / "templates.pkl", {SUBJECTS[0]: np.zeros((9, 3))}),
        "different downloads",
    ),
    "templates of two sizes": (
        lambda raw: save_python2(raw / "templates.pkl", {"a": np.zeros((9, 3)), "b": np.zeros((8, 3))}),
        "different topologies",
    ),
    "masks of others": (
        lambda raw: save_python2(raw / "FLAME_masks.pkl", {"lips": np.array([5022])}),
        "names vertex 5022 and the data has 12",
    ),
    "sound of no kind": (
        lambda raw: save_python2(raw / "raw_audio_fixed.pkl", {SUBJECTS[0]: {"sentence01": {"audio": 3}}}),
        "no int16 'audio'",
    ),
}


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_download_that_is_not_whole_gets_its_sentence(kind: str, tmp_path: Path) -> None:
    make_vocaset(tmp_path / "raw")
    spoil, sentence = MISTAKES[kind]
    spoil(tmp_path / "raw")
    with pytest.raises(TalkError, match=sentence) as told:
        prepared(tmp_path)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "data").exists()


def test_a_mesh_of_another_topology_is_told(tmp_path: Path) -> None:
    make_vocaset(tmp_path / "raw")
    other = make_mesh(tmp_path / "head.ply", make_template("x", vertices=20))
    with pytest.raises(TalkError, match="20 vertices"):
        prepared(tmp_path, faces=other)


def test_a_wrong_folder_level_is_told_with_the_right_one(tmp_path: Path) -> None:
    make_vocaset(tmp_path / "raw" / "trainingdata")
    with pytest.raises(TalkError, match=r"wrong folder level.*--raw .*raw/trainingdata"):
        prepared(tmp_path)
    (tmp_path / "raw" / "trainingdata" / "sub").mkdir()
    with pytest.raises(TalkError, match=r"wrong folder level.*--raw .*trainingdata$"):
        preprocess("vocaset", tmp_path / "d", Options(raw=tmp_path / "raw" / "trainingdata" / "sub"))


def test_frames_of_another_subject_are_left_out_and_named(tmp_path: Path) -> None:
    make_vocaset(tmp_path / "raw")
    motion = np.load(tmp_path / "raw" / "data_verts.npy")
    motion[3:33] += make_template(SUBJECTS[1]) - make_template(SUBJECTS[0])
    np.save(tmp_path / "raw" / "data_verts.npy", motion)
    with pytest.raises(TalkError, match=rf"1 of 6 clips failed.*fits the template of {SUBJECTS[1]}.*the others are in"):
        prepared(tmp_path)
    corpus = Corpus.open(tmp_path / "data")
    assert len(corpus.clips) == 5
    assert list(corpus.provenance["failed"]) == [f"{SUBJECTS[0]}_sentence01"]


def test_another_download_in_the_same_place_is_made_anew(tmp_path: Path) -> None:
    make_vocaset(tmp_path / "raw")
    prepared(tmp_path)
    clips = make_vocaset(tmp_path / "raw", {**SENTENCES, SUBJECTS[1]: (1, 2)})
    corpus = prepared(tmp_path)
    assert all(np.array_equal(corpus.vertices(entry), clips[entry.name][::2]) for entry in corpus.clips)


def test_the_masks_may_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    make_vocaset(tmp_path / "raw")
    (tmp_path / "raw" / "FLAME_masks.pkl").rename(tmp_path / "FLAME_masks.pkl")
    assert "lips" in prepared(tmp_path, regions=tmp_path).info.topology.regions
