"""Prepared data comes back as it was written, or says in one sentence what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from talkcli.clip import CorpusInfo, Floats, Topology, Track
from talkcli.errors import TalkError
from talkcli.head import load_head
from talkcli.prepared import MANIFEST, ClipEntry, Corpus, clip_path
from talkcli.preparing import Writer, save_clip, stored_recipe
from tests.make import make_phones, make_tone

PHONES = make_phones(("SIL", 0.1), ("B", 0.1), ("AA", 0.2))
AUDIO = make_tone(0.4)
TRACK = Track(("jawOpen", "mouthSeal"), np.random.default_rng(0).random((12, 2)).astype(np.float32))
SQUARE = Topology(
    "square", 4, np.array([[0, 1, 2], [0, 2, 3]], np.int32), {"lips": np.array([1, 3], np.int32)}, {"chin": 2}
)


def entry(name: str, subject: str) -> ClipEntry:
    return ClipEntry(name, subject, "train", "flite:rms", 12, len(AUDIO.samples), "Bah.")


def make_corpus(folder: Path) -> Corpus:
    """One clip of controls on the package's own head."""
    head = load_head()
    writer = Writer(folder, CorpusInfo("synthetic", head.topology, 30.0, head.subjects[:3]))
    save_clip(folder, "00000", AUDIO, PHONES, TRACK, {"seed": 1})
    writer.finish([entry("00000", head.subjects[1])], {"command": "talk preprocess synthetic"})
    return Corpus.open(folder)


def make_vertex_corpus(folder: Path, vertices: Floats) -> Corpus:
    """One clip of vertices on a head of another topology."""
    writer = Writer(folder, CorpusInfo("squares", SQUARE, 30.0, ("ann",), "unit"), {"ann": vertices[0]})
    save_clip(folder, "a", AUDIO, [], vertices, {})
    writer.finish([entry("a", "ann")], {})
    return Corpus.open(folder)


def test_a_clip_of_controls_comes_back(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path)
    (clip,) = corpus.clips
    assert (clip.text, clip.frames, clip.seconds, clip.voice) == ("Bah.", 12, pytest.approx(0.4), "flite:rms")
    assert np.abs(corpus.audio(clip).samples - AUDIO.samples).max() < 1 / 32768
    assert [phone.name for phone in corpus.phones(clip)] == ["SIL", "B", "AA"]
    assert [phone.end for phone in corpus.phones(clip)] == pytest.approx([0.1, 0.2, 0.4])
    track = corpus.track(clip)
    assert track is not None
    assert track.names == TRACK.names
    assert np.array_equal(track.values, TRACK.values)
    assert corpus.provenance["command"] == "talk preprocess synthetic"
    assert corpus.part("train") == corpus.clips
    assert corpus.part("val") == ()


def test_vertices_of_controls_come_from_the_rig_on_the_subjects_head(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path)
    head, clip = load_head(), corpus.clip(corpus.clips[0])
    assert clip.vertices.shape == (12, head.topology.vertices, 3)
    assert np.array_equal(clip.template, head.subject_template(head.subjects[1]))
    assert np.array_equal(clip.vertices, head.pose(head.values(TRACK), clip.template))
    assert clip.fps == corpus.info.fps == 30.0


def test_a_clip_of_vertices_comes_back_with_its_own_topology(tmp_path: Path) -> None:
    vertices = np.random.default_rng(1).random((12, 4, 3)).astype(np.float32)
    corpus = make_vertex_corpus(tmp_path, vertices)
    clip = corpus.clip(corpus.clips[0])
    assert np.array_equal(clip.vertices, vertices)
    assert np.array_equal(clip.template, vertices[0])
    assert corpus.track(corpus.clips[0]) is None
    assert corpus.phones(corpus.clips[0]) == []
    topology = corpus.info.topology
    assert np.array_equal(topology.faces, SQUARE.faces)
    assert topology.regions["lips"].tolist() == [1, 3]
    assert dict(topology.landmarks) == {"chin": 2}
    assert (corpus.info.unit, corpus.info.subjects) == ("unit", ("ann",))


def test_writing_leaves_nothing_beside_the_files(tmp_path: Path) -> None:
    make_corpus(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["00000.safetensors", MANIFEST]


def test_the_same_clip_is_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for name in ("a", "b"):
        save_clip(tmp_path, name, AUDIO, PHONES, TRACK, {"seed": 1, "text": "é", "deep": {"x": [1, 2.5]}})
    assert clip_path(tmp_path, "a").read_bytes() == clip_path(tmp_path, "b").read_bytes()


def test_a_finished_clip_tells_how_it_was_made_and_half_of_one_nothing(tmp_path: Path) -> None:
    make_corpus(tmp_path)
    assert stored_recipe(tmp_path, "00000") == {"recipe": {"seed": 1}, "frames": 12, "samples": 6400}
    path = clip_path(tmp_path, "00000")
    path.write_bytes(path.read_bytes()[:-100])
    assert stored_recipe(tmp_path, "00000") is None
    assert stored_recipe(tmp_path, "nothing") is None


def test_a_folder_without_manifest_is_told_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"is not prepared data.*talk preprocess synthetic --out"):
        Corpus.open(tmp_path)
    with pytest.raises(TalkError, match="is not prepared data"):
        Corpus.open(tmp_path / "missing")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": "one"}', '{"format": 1}', '{"format": 1, "corpus": 3}']
)
def test_a_broken_manifest_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(TalkError, match="`talk preprocess` again"):
        Corpus.open(tmp_path)


def test_a_manifest_of_bytes_and_one_that_is_a_folder_are_told(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TalkError, match="cannot read"):
        Corpus.open(tmp_path)
    (tmp_path / MANIFEST).unlink()
    (tmp_path / MANIFEST).mkdir()
    with pytest.raises(TalkError, match="cannot read"):
        Corpus.open(tmp_path)


def test_a_newer_format_asks_for_a_newer_program(tmp_path: Path) -> None:
    make_corpus(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | {"format": 99}), encoding="utf-8")
    with pytest.raises(TalkError, match="format 99, newer than this program's"):
        Corpus.open(tmp_path)


def test_a_missing_and_a_broken_clip_are_told_by_their_paths(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path)
    path = clip_path(tmp_path, "00000")
    path.write_bytes(b"no clip")
    with pytest.raises(TalkError, match=r"00000\.safetensors' cannot be read"):
        corpus.audio(corpus.clips[0])
    path.unlink()
    with pytest.raises(TalkError, match=r"00000\.safetensors' is missing"):
        corpus.track(corpus.clips[0])


def test_a_manifest_of_something_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"name": "a web page"}', encoding="utf-8")
    with pytest.raises(TalkError, match="is not the manifest of prepared data; choose another folder"):
        Writer(tmp_path, CorpusInfo("x", SQUARE, 30.0, ()))


def test_a_corpus_that_changes_is_none_until_it_is_finished(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path)
    Writer(tmp_path, corpus.info).begin()
    with pytest.raises(TalkError, match="is not prepared data"):
        Corpus.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(TalkError, match="cannot write to"):
        Writer(tmp_path / "file" / "data", CorpusInfo("x", SQUARE, 30.0, ()))


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(TalkError, match="holds other files: give a new folder"):
        Writer(tmp_path, CorpusInfo("squares", SQUARE, 30.0, ("ann",), "unit"))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
