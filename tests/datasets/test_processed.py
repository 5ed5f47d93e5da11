"""The community's layout, of either data set, flat or not, float32 or float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from talkcli.datasets import biwi, vocaset
from talkcli.errors import TalkError
from talkcli.prepared import Corpus
from talkcli.preprocess import preprocess
from tests.make import make_tone, save_sound
from tests.make_datasets import SUBJECTS, make_mesh, make_motion, make_processed, make_template

CLIPS = {
    f"{subject}_{sentence}": make_motion(make_template(subject), 30, number)
    for number, (subject, sentence) in enumerate(
        [
            (SUBJECTS[0], "sentence01"),
            (SUBJECTS[0], "sentence02"),
            (SUBJECTS[2], "sentence21"),
            (SUBJECTS[3], "sentence40"),
        ]
    )
}


def prepared(tmp_path: Path, file_fps: float | None = None) -> Corpus:
    return preprocess("vocaset", tmp_path / "data", vocaset.Options(raw=tmp_path / "raw", file_fps=file_fps))


@pytest.mark.parametrize("flat", [True, False])
def test_vocaset_is_halved_as_it_is_loaded(flat: bool, tmp_path: Path) -> None:
    make_processed(tmp_path / "raw", CLIPS, flat=flat)
    corpus = prepared(tmp_path)
    assert [entry.split for entry in corpus.clips] == ["train", "train", "val", "test"]
    for entry in corpus.clips:
        assert np.array_equal(corpus.vertices(entry), CLIPS[entry.name][::2])
    assert corpus.provenance["layout"] == "processed"
    assert {"lips", "upper_face", "lip_reading"} <= set(corpus.info.topology.regions)


def test_files_at_thirty_frames_a_second_are_told_and_taken_when_asked(tmp_path: Path) -> None:
    make_processed(tmp_path / "raw", CLIPS, rate=30)
    with pytest.raises(TalkError, match=r"4 of 4 clips failed.*sound lasts 1\.00 s and its motion 0\.50 s.*frame rate"):
        prepared(tmp_path)
    corpus = prepared(tmp_path, file_fps=30)
    assert [entry.frames for entry in corpus.clips] == [30] * 4
    with pytest.raises(TalkError, match="is no multiple of 30"):
        prepared(tmp_path, file_fps=45)


def test_biwi_keeps_every_frame_and_finds_a_mesh_beside_it(tmp_path: Path) -> None:
    clips = {f"F2_e{n:02d}": make_motion(make_template("F2"), 25, n) for n in (1, 33, 37)}
    make_processed(tmp_path / "raw", clips, rate=25)
    make_mesh(tmp_path / "raw" / "templates" / "BIWI.ply", make_template("F2"))
    corpus = preprocess("biwi", tmp_path / "data", biwi.Options(raw=tmp_path / "raw"))
    assert [entry.split for entry in corpus.clips] == ["train", "val", "test-a"]
    assert all(np.array_equal(corpus.vertices(entry), clips[entry.name]) for entry in corpus.clips)
    assert len(corpus.info.topology.faces) == 12


def test_a_clip_without_its_partner_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_processed(tmp_path / "raw", CLIPS)
    first, second = list(CLIPS)[:2]
    (tmp_path / "raw" / "wav" / f"{first}.wav").unlink()
    (tmp_path / "raw" / "vertices_npy" / f"{second}.npy").unlink()
    assert len(prepared(tmp_path).clips) == 2
    said = capsys.readouterr().err
    assert f"motion and no sound: {first}" in said
    assert f"sound and no motion: {second}" in said


def test_names_that_differ_between_sound_and_motion_are_told(tmp_path: Path) -> None:
    make_processed(tmp_path / "raw", CLIPS)
    for path in (tmp_path / "raw" / "wav").iterdir():
        path.rename(path.with_name(path.name.replace("sentence", "s")))
    with pytest.raises(TalkError, match=r"no clip is called|same name"):
        prepared(tmp_path)


def test_clips_that_are_named_otherwise_are_told(tmp_path: Path) -> None:
    make_processed(tmp_path / "raw", {"bob_hello": CLIPS[next(iter(CLIPS))]})
    with pytest.raises(TalkError, match=r"there is 'bob_hello'.*`talk preprocess folder`"):
        prepared(tmp_path)


@pytest.mark.parametrize("name", ["wav", "vertices_npy", "templates.pkl"])
def test_a_layout_that_lacks_a_part_is_told(name: str, tmp_path: Path) -> None:
    make_processed(tmp_path / "raw", CLIPS)
    (tmp_path / "raw" / name).rename(tmp_path / "elsewhere")
    with pytest.raises(TalkError, match=f"has no {name}"):
        prepared(tmp_path)


def test_motion_of_another_topology_or_that_is_no_number_is_named(tmp_path: Path) -> None:
    make_processed(tmp_path / "raw", CLIPS)
    first, second, third, _ = CLIPS
    folder = tmp_path / "raw" / "vertices_npy"
    np.save(folder / f"{first}.npy", np.zeros((30, 15), np.float32))
    np.save(folder / f"{second}.npy", np.full((30, 36), np.nan))
    np.save(folder / f"{third}.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(TalkError, match="3 of 4 clips failed"):
        prepared(tmp_path)
    told = Corpus.open(tmp_path / "data").provenance["failed"]
    assert "12 vertices" in told[first]
    assert "15 of its 15 frames hold numbers that are none" in told[second]
    assert "object" in told[third] or "pickle" in told[third]


def test_sound_of_any_rate_becomes_sixteen_kilohertz(tmp_path: Path) -> None:
    make_processed(tmp_path / "raw", CLIPS)
    name = next(iter(CLIPS))
    save_sound(tmp_path / "raw" / "wav" / f"{name}.wav", make_tone(0.5, 48000).samples, 48000)
    corpus = prepared(tmp_path)
    entry = next(entry for entry in corpus.clips if entry.name == name)
    expected = make_tone(0.5).samples
    assert np.abs(corpus.audio(entry).samples - expected)[200:-200].max() < 1e-3


def test_a_file_that_changed_and_kept_its_size_is_prepared_anew(tmp_path: Path) -> None:
    make_processed(tmp_path / "raw", CLIPS)
    prepared(tmp_path)
    name = next(iter(CLIPS))
    path = tmp_path / "raw" / "vertices_npy" / f"{name}.npy"
    np.save(path, np.load(path) + np.float32(0.001))
    corpus = prepared(tmp_path)
    entry = next(entry for entry in corpus.clips if entry.name == name)
    assert np.allclose(corpus.vertices(entry), CLIPS[name][::2] + np.float32(0.001), atol=1e-6)


def test_sound_in_capitals_is_sound_and_motion_of_another_format_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_processed(tmp_path / "raw", CLIPS)
    first, second = list(CLIPS)[:2]
    (tmp_path / "raw" / "wav" / f"{first}.wav").rename(tmp_path / "raw" / "wav" / f"{first}.WAV")
    (tmp_path / "raw" / "vertices_npy" / f"{second}.npy").rename(tmp_path / "raw" / "vertices_npy" / f"{second}.npz")
    assert second not in [entry.name for entry in prepared(tmp_path).clips]
    assert f"sound and no motion: {second}" in capsys.readouterr().err


def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    make_processed(tmp_path / "raw", CLIPS)
    (tmp_path / "raw" / "wav").rename(tmp_path / "elsewhere")
    (tmp_path / "raw" / "wav").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TalkError, match="leads out of"):
        prepared(tmp_path)
