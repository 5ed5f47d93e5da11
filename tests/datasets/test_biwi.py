"""BIWI from the frames and scans of its release: normalised as the public scripts do, and told where it is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talkcli.datasets.biwi import FACTS, Options, normalised, read_vl
from talkcli.errors import TalkError
from talkcli.files.meshes import load_mesh
from talkcli.prepared import Corpus
from talkcli.preprocess import preprocess
from tests.make_datasets import FACES, VERTICES, make_biwi, save_frames, save_scan

PARITY = Path(__file__).parents[1] / "parity" / "fixtures" / "biwi_raw.npz"


def prepared(tmp_path: Path, **options: Any) -> Corpus:
    return preprocess("biwi", tmp_path / "data", Options(raw=tmp_path / "raw", **options))


def area(vertices: np.ndarray) -> float:
    """Heron's formula, triangle by triangle."""
    total = 0.0
    for i, j, k in FACES.tolist():
        a, b, c = (float(np.linalg.norm(vertices[p] - vertices[q])) for p, q in ((i, j), (j, k), (k, i)))
        s = (a + b + c) / 2
        total += max(0.0, s * (s - a) * (s - b) * (s - c)) ** 0.5
    return total


def test_normalisation_gives_the_expected_numbers(tmp_path: Path) -> None:
    with np.load(PARITY) as data:
        (tmp_path / "a.obj").write_text(str(data["template_obj_text"]), encoding="utf-8")
        mesh = load_mesh(tmp_path / "a.obj")
        assert np.array_equal(mesh.faces, data["faces0"])
        expected = data["template_expected"]
        assert np.allclose(normalised(mesh.vertices, mesh.faces), expected, rtol=1e-9, atol=1e-12)
        frames = [name for name in data if name.startswith("vl_bytes_")]
        assert frames
        for name in frames:
            (tmp_path / "frame_001.vl").write_bytes(data[name].tobytes())
            frame = read_vl(tmp_path / "frame_001.vl", len(expected))
            wanted = data[name.replace("vl_bytes", "frame_expected")]
            assert np.allclose(normalised(frame, mesh.faces), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("header", ["<I", "<Q"])
def test_every_frame_is_turned_centred_and_scaled_by_itself(header: str, tmp_path: Path) -> None:
    clips = make_biwi(tmp_path / "raw", header=header)
    corpus = prepared(tmp_path)
    assert {entry.name for entry in corpus.clips} == set(clips) - {"F2_01"}
    for entry in corpus.clips:
        vertices, raw = corpus.vertices(entry).astype(np.float64), clips[entry.name].astype(np.float64)
        assert vertices.shape == raw.shape
        assert np.abs(vertices.mean(axis=1)).max() < 1e-6
        for frame, before in zip(vertices, raw, strict=True):
            assert area(frame) == pytest.approx(1, abs=1e-5)
            turned = (before - before.mean(0)) * [1, -1, -1]
            assert np.allclose(frame, turned * (np.ptp(frame[:, 0]) / np.ptp(turned[:, 0])), atol=1e-5)
        assert area(corpus.template(entry.subject)) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(corpus.info.topology.faces, FACES)


def test_the_corpus_says_that_its_unit_is_its_own(tmp_path: Path) -> None:
    make_biwi(tmp_path / "raw")
    info = prepared(tmp_path).info
    assert (info.fps, info.metres) == (25.0, 0.18)
    assert info.unit != "m"


def test_splits_are_the_official_ones_and_test_means_both_parts(tmp_path: Path) -> None:
    make_biwi(tmp_path / "raw")
    corpus = prepared(tmp_path)
    splits = {split: [e.name for e in corpus.part(split)] for split in ("train", "val", "test-a", "test-b", "test")}
    assert splits == {
        "train": ["F2_e01", "M3_e02"],
        "val": ["F2_e33"],
        "test-a": ["F2_e37"],
        "test-b": ["F1_e38"],
        "test": ["F2_e37", "F1_e38"],
    }
    assert corpus.info.subjects == ("F2", "M3")
    counted = [sum(s.split == split for s in FACTS.sequences) for split in ("train", "val", "test-a", "test-b")]
    assert counted == [192, 24, 24, 32]


def test_regions_come_from_the_users_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_biwi(tmp_path / "raw")
    assert prepared(tmp_path).info.topology.regions == {}
    assert "--regions" in capsys.readouterr().err
    (tmp_path / "lve.txt").write_text("1, 2, 3", encoding="utf-8")
    (tmp_path / "fdd.txt").write_text("7,8", encoding="utf-8")
    regions = prepared(tmp_path, regions=tmp_path).info.topology.regions
    lists = {name: indices.tolist() for name, indices in regions.items()}
    assert (lists["lips"], lists["lip_reading"], lists["upper_face"]) == ([1, 2, 3], [1, 2, 3], [7, 8])


Spoil = Callable[[Path], object]
CLIP = "faces/F2/e01"
BROKEN_CLIPS: dict[str, tuple[Spoil, str]] = {
    "a frame is missing": (lambda raw: (raw / CLIP / "frame_004.vl").unlink(), r"frame 4 is missing \(1 of 12\)"),
    "a frame is cut off": (
        lambda raw: (raw / CLIP / "frame_004.vl").write_bytes(b"\x0c\0\0\0"),
        r"frames have different bytes",
    ),
    "a frame is another's": (
        lambda raw: save_frames(raw / CLIP, np.zeros((12, VERTICES + 1, 3), np.float32)),
        "of another topology",
    ),
    "a frame is no head": (lambda raw: save_frames(raw / CLIP, np.zeros((12, VERTICES, 3), np.float32)), "no area"),
    "no sound": (lambda raw: (raw / "audio" / "F2_e01_cut.wav").write_bytes(b""), "is empty"),
}


@pytest.mark.parametrize("kind", BROKEN_CLIPS)
def test_a_broken_clip_is_named_and_the_others_are_prepared(kind: str, tmp_path: Path) -> None:
    make_biwi(tmp_path / "raw")
    spoil, sentence = BROKEN_CLIPS[kind]
    spoil(tmp_path / "raw")
    with pytest.raises(TalkError, match=rf"1 of 5 clips failed, the first \('F2_e01'\) with.*{sentence}"):
        prepared(tmp_path)
    assert len(Corpus.open(tmp_path / "data").clips) == 4


def test_scans_of_two_topologies_are_told(tmp_path: Path) -> None:
    make_biwi(tmp_path / "raw")
    lines = (tmp_path / "raw" / "rigid_scans" / "F1.obj").read_text(encoding="utf-8").splitlines()
    (tmp_path / "raw" / "rigid_scans" / "F1.obj").write_text("\n".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(TalkError, match=r"F2\.obj' has other triangles than F1\.obj"):
        prepared(tmp_path)


def test_a_sequence_without_sound_or_template_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_biwi(tmp_path / "raw")
    (tmp_path / "raw" / "audio" / "F2_e01_cut.wav").unlink()
    (tmp_path / "raw" / "rigid_scans" / "F1.obj").unlink()
    assert [entry.name for entry in prepared(tmp_path).clips] == ["M3_e02", "F2_e33", "F2_e37"]
    said = capsys.readouterr().err
    assert "motion and no sound: F2_e01" in said
    assert "no template of F1" in said
    assert "in no official split, left out: F2_01" in said


def test_half_a_download_is_told(tmp_path: Path) -> None:
    save_scan_only = tmp_path / "raw" / "rigid_scans"
    save_scan_only.mkdir(parents=True)
    save_scan(save_scan_only / "F2.obj", np.eye(3, dtype=np.float32).repeat(4, 0))
    with pytest.raises(TalkError, match="lacks faces/"):
        prepared(tmp_path)


def test_another_frame_rate_of_the_files_makes_clips_anew(tmp_path: Path) -> None:
    make_biwi(tmp_path / "raw")
    assert [entry.frames for entry in prepared(tmp_path).clips] == [12] * 5
    with pytest.raises(TalkError, match=r"5 of 5 clips failed.*its motion 0\.24 s"):
        prepared(tmp_path, file_fps=50)


def test_frames_that_are_missing_at_the_start_are_told(tmp_path: Path) -> None:
    make_biwi(tmp_path / "raw")
    (tmp_path / "raw" / CLIP / "frame_001.vl").unlink()
    with pytest.raises(TalkError, match=r"frame 1 is missing \(1 of 12\)"):
        prepared(tmp_path)


def test_what_is_no_sound_beside_the_sound_is_left_alone(tmp_path: Path) -> None:
    make_biwi(tmp_path / "raw")
    (tmp_path / "raw" / "audio" / "F2_e01.lab").write_text("bah", encoding="utf-8")
    assert len(prepared(tmp_path).clips) == 5
