"""Anyone's recordings: a talk.toml says what they are, and a mistake in it or in the files gets its sentence."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from talkcli import config as configs
from talkcli.datasets.folder import Options
from talkcli.datasets.folder_config import EXAMPLE, FolderConfig, write_example
from talkcli.errors import TalkError
from talkcli.prepared import Corpus
from talkcli.preprocess import preprocess
from tests.files.make_glb import Glb
from tests.make import make_tone, save_sound
from tests.make_datasets import FACES, RECORDED, TOML, make_folder, make_mesh, make_motion, make_template


def prepared(tmp_path: Path) -> Corpus:
    return preprocess("folder", tmp_path / "data", Options(raw=tmp_path / "raw"))


def test_clips_come_with_their_sound_text_phones_and_split(tmp_path: Path) -> None:
    clips = make_folder(tmp_path / "raw")
    corpus = prepared(tmp_path)
    assert [(entry.name, entry.subject, entry.split) for entry in corpus.clips] == [
        ("ann_1", "ann", "train"),
        ("ann_2", "ann", "val"),
        ("ben_1", "ben", "train"),
        ("ben_3", "ben", "test"),
    ]
    for entry in corpus.clips:
        assert np.allclose(corpus.vertices(entry), clips[entry.name], atol=1e-7)
        assert corpus.audio(entry).seconds == pytest.approx(0.48, abs=1e-3)
    first = corpus.clips[0]
    assert first.text == "Bah."
    assert [(p.name, round(p.start, 3), round(p.end, 3)) for p in corpus.phones(first)] == [
        ("SIL", 0.0, 0.1),
        ("B", 0.1, 0.2),
        ("AA", 0.2, 0.4),
        ("SIL", 0.4, 0.48),
    ]
    info = corpus.info
    assert (info.name, info.fps, info.subjects) == ("mine", 25.0, ("ann", "ben"))
    assert info.topology.regions["lips"].tolist() == [2, 4, 5, 7]
    assert dict(info.topology.landmarks) == {"chin": 5}
    assert len(info.topology.faces) == 12


@pytest.mark.parametrize(
    ("keys", "turned"),
    [
        ('unit = "mm"', lambda v: v * 1000),
        ('unit = "cm"', lambda v: v * 100),
        ('up = "+z"\nforward = "-y"', lambda v: np.stack([v[..., 0], -v[..., 2], v[..., 1]], -1)),  # Blender
        ('up = "-y"\nforward = "-z"', lambda v: v * [1, -1, -1]),
        ('up = "+y"\nforward = "-x"', lambda v: np.stack([-v[..., 2], v[..., 1], v[..., 0]], -1)),
    ],
)
def test_units_and_axes_are_put_right(keys: str, turned: Callable[[np.ndarray], np.ndarray], tmp_path: Path) -> None:
    clips = make_folder(tmp_path / "raw", f"{keys}\n{TOML}")
    for name, vertices in clips.items():
        np.save(tmp_path / "raw" / "motion" / f"{name}.npy", turned(vertices.astype(np.float64)))
    for subject in ("ann", "ben"):
        template = turned(make_template(subject).astype(np.float64)).astype(np.float32)
        make_mesh(tmp_path / "raw" / "templates" / f"{subject}.ply", template)
    corpus = prepared(tmp_path)
    for entry in corpus.clips:
        assert np.allclose(corpus.vertices(entry), clips[entry.name], atol=1e-6)
        assert np.allclose(corpus.template(entry.subject), make_template(entry.subject), atol=1e-6)


def test_motion_without_sound_is_kept_with_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips = make_folder(tmp_path / "raw", f'audio = ""\n{TOML}')
    for path in (tmp_path / "raw" / "audio").iterdir():
        path.unlink()
    corpus = prepared(tmp_path)
    assert "the data serve as dual.meshes alone" in capsys.readouterr().err
    for entry in corpus.clips:
        assert np.allclose(corpus.vertices(entry), clips[entry.name], atol=1e-7)
        audio = corpus.audio(entry)
        assert audio.seconds == pytest.approx(0.48, abs=1e-3)
        assert not audio.samples.any()


def test_a_unit_of_its_own_is_kept_and_told(tmp_path: Path) -> None:
    clips = make_folder(tmp_path / "raw", f'unit = "own"\nmetres = 0.18\n{TOML}')
    corpus = prepared(tmp_path)
    assert (corpus.info.unit, corpus.info.metres) == ("own", 0.18)
    assert np.array_equal(corpus.vertices(corpus.clips[0]), clips["ann_1"])


def _as_obj_sequence(folder: Path, name: str, vertices: np.ndarray) -> None:
    (folder / name).mkdir()
    for number, frame in enumerate(vertices):
        lines = [f"v {x:.9f} {y:.9f} {z:.9f}" for x, y, z in frame.tolist()] + ["f 1 2 3"]
        (folder / name / f"{number:06d}.obj").write_text("\n".join(lines), encoding="utf-8")


def _as_pc2(folder: Path, name: str, vertices: np.ndarray) -> None:
    head = struct.pack("<12siiffi", b"POINTCACHE2\0", 1, vertices.shape[1], 0, 1, len(vertices))
    (folder / f"{name}.pc2").write_bytes(head + vertices.astype("<f4").tobytes())


def _as_glb(folder: Path, name: str, vertices: np.ndarray) -> None:
    """Every frame a morph target of its own."""
    glb = Glb()
    part = glb.primitive(vertices[0], FACES, list(vertices - vertices[0]))
    glb.content |= {"meshes": [{"primitives": [part]}], "nodes": [{"mesh": 0}], "scenes": [{"nodes": [0]}], "scene": 0}
    glb.channel(np.arange(len(vertices)) / 25, np.eye(len(vertices)), "weights")
    glb.save(folder / f"{name}.glb")


WRITERS: dict[str, Callable[[Path, str, np.ndarray], object]] = {
    "flat npy": lambda folder, name, v: np.save(folder / f"{name}.npy", v.reshape(len(v), -1)),
    "npz": lambda folder, name, v: np.savez_compressed(folder / f"{name}.npz", vertices=v, fps=25.0),
    "obj sequence": _as_obj_sequence,
    "pc2": _as_pc2,
    "glb": _as_glb,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_of_motion_gives_the_same(kind: str, tmp_path: Path) -> None:
    clips = make_folder(tmp_path / "raw")
    for name in RECORDED:
        (tmp_path / "raw" / "motion" / f"{name}.npy").unlink()
        WRITERS[kind](tmp_path / "raw" / "motion", name, clips[name])
    corpus = prepared(tmp_path)
    assert all(np.allclose(corpus.vertices(entry), clips[entry.name], atol=1e-6) for entry in corpus.clips)


def test_the_example_is_written_once_and_says_what_it_means(tmp_path: Path) -> None:
    path = write_example(tmp_path / "new")
    config = configs.from_dict(FolderConfig, configs.read_toml(path))
    assert (config.fps, config.unit, config.subjects[0].name) == (30.0, "m", "ann")
    with pytest.raises(TalkError, match="exists already"):
        write_example(tmp_path / "new")
    commented = EXAMPLE.read_text(encoding="utf-8").replace("# [[", "[[").replace("# name =", "name =")
    for key in ("metres", "template", "vertex"):
        commented = commented.replace(f"# {key} =", f"{key} =")
    path.write_text(commented, encoding="utf-8")
    config = configs.from_dict(FolderConfig, configs.read_toml(path))
    assert [landmark.name for landmark in config.landmarks] == ["lip_inner_upper", "lip_inner_lower"]


def edited(old: str, new: str) -> Callable[[Path], object]:
    return lambda raw: (raw / "talk.toml").write_text(TOML.replace(old, new), encoding="utf-8")


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "no toml": (lambda raw: (raw / "talk.toml").unlink(), "does not hold a talk.toml .*--init"),
    "not toml": (edited('name = "mine"', "name is mine"), "is not valid TOML"),
    "unknown key": (edited("fps", "frames_per_second"), "unknown key 'frames_per_second'"),
    "no rate": (edited("fps = 25", ""), r"'fps' \(.*\) is missing"),
    "no subjects": (edited("[[subjects]]", "[[landmarks]]"), "landmarks"),
    "rate of zero": (edited("fps = 25", "fps = 0"), "fps is 0"),
    "same axes": (edited("fps = 25", 'fps = 25\nup = "+z"'), "they must be different axes"),
    "axis of no name": (edited("fps = 25", 'fps = 25\nup = "north"'), "choose from"),
    "no template": (edited("ann.ply", "nobody.ply"), "the template of ann should be .*does not exist"),
    "a way out": (edited("templates/ann.ply", "../../ann.ply"), "leads out of"),
    "landmark beyond": (edited("vertex = 5", "vertex = 12"), "landmark chin is vertex 12, and there are 12"),
    "no sound": (edited('name = "mine"', 'name = "mine"\naudio = "sounds"'), "no files of audio in 'sounds'"),
    "other names": (
        lambda raw: [path.rename(path.with_stem(f"take-{path.stem}")) for path in sorted((raw / "audio").iterdir())],
        "no sound and motion have the same name",
    ),
    "two topologies": (
        lambda raw: make_mesh(raw / "templates" / "ben.ply", make_template("ben", vertices=15)),
        "must share one topology",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_mistake_is_told_in_one_sentence(kind: str, tmp_path: Path) -> None:
    make_folder(tmp_path / "raw")
    spoil, sentence = WRONG[kind]
    spoil(tmp_path / "raw")
    with pytest.raises(TalkError, match=sentence) as told:
        prepared(tmp_path)
    assert "\n" not in str(told.value)


def test_clips_of_nobody_and_without_a_partner_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_folder(tmp_path / "raw")
    np.save(tmp_path / "raw" / "motion" / "ann_7.npy", make_motion(make_template("ann"), 12))
    save_sound(tmp_path / "raw" / "audio" / "ben_8.wav", make_tone(0.48).samples)
    edited('name = "ben"', 'name = "zoe"')(tmp_path / "raw")
    assert [entry.name for entry in prepared(tmp_path).clips] == ["ann_1", "ann_2"]
    said = capsys.readouterr().err
    assert "motion and no sound: ann_7" in said
    assert "sound and no motion: ben_8" in said
    assert "no subject whose name they begin with: ben_1, ben_3" in said


def test_a_clip_that_does_not_fit_is_named_and_the_others_are_prepared(tmp_path: Path) -> None:
    make_folder(tmp_path / "raw")
    motion = tmp_path / "raw" / "motion"
    np.save(motion / "ann_1.npy", make_motion(make_template("ben"), 12))
    np.save(motion / "ben_1.npy", np.zeros((12, 15), np.float32))
    (motion / "ben_3.npy").unlink()
    np.savez(motion / "ben_3.npz", vertices=make_motion(make_template("ben"), 12), fps=60)
    with pytest.raises(TalkError, match="3 of 4 clips failed"):
        prepared(tmp_path)
    told = Corpus.open(tmp_path / "data").provenance["failed"]
    assert "fits the template of ben and not that of ann" in told["ann_1"]
    assert "the template has 12 vertices" in told["ben_1"]
    assert "60 frames a second and talk.toml says 25" in told["ben_3"]


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    make_folder(tmp_path / "raw")
    (tmp_path / "secret.npy").write_bytes(b"secret")
    (tmp_path / "raw" / "motion" / "ann_1.npy").unlink()
    (tmp_path / "raw" / "motion" / "ann_1.npy").symlink_to(tmp_path / "secret.npy")
    with pytest.raises(TalkError, match="leads out of"):
        prepared(tmp_path)


def test_clips_that_no_pattern_matches_and_patterns_that_match_nothing_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder(tmp_path / "raw", TOML.replace('val = ["*_2"]', 'val = ["vall*"]\ntrain = ["ann_*"]'))
    assert [entry.name for entry in prepared(tmp_path).clips] == ["ann_1", "ann_2", "ben_3"]
    said = capsys.readouterr().err
    assert "no clip matches vall*" in said
    assert "1 clip matching nothing in [split], left out: ben_1" in said


def test_a_bad_transcript_fails_its_own_clip_alone(tmp_path: Path) -> None:
    make_folder(tmp_path / "raw")
    (tmp_path / "raw" / "text" / "ann_1.txt").write_bytes(b"\x00\x01\x02")
    with pytest.raises(TalkError, match=r"1 of 4 clips failed, the first \('ann_1'\) with: .*ann_1\.txt"):
        prepared(tmp_path)


def test_two_files_of_one_clip_are_told(tmp_path: Path) -> None:
    make_folder(tmp_path / "raw")
    np.savez(tmp_path / "raw" / "motion" / "ann_1.npz", vertices=make_motion(make_template("ann"), 12))
    with pytest.raises(TalkError, match=r"two files of the clip ann_1, ann_1\.npy and ann_1\.npz: keep one"):
        prepared(tmp_path)


def test_phones_may_be_edited(tmp_path: Path) -> None:
    make_folder(tmp_path / "raw")
    prepared(tmp_path)
    path = tmp_path / "raw" / "phones" / "ann_1.tsv"
    path.write_text(path.read_text(encoding="utf-8").replace("B", "M"), encoding="utf-8")
    corpus = prepared(tmp_path)
    assert [phone.name for phone in corpus.phones(corpus.clips[0])] == ["SIL", "M", "AA", "SIL"]


def test_a_toml_file_elsewhere_tells_of_the_folder_that_is_named(tmp_path: Path) -> None:
    make_folder(tmp_path / "raw")
    (tmp_path / "raw" / "talk.toml").rename(tmp_path / "mine.toml")
    options = Options(raw=tmp_path / "raw", config=tmp_path / "mine.toml")
    assert len(preprocess("folder", tmp_path / "data", options).clips) == 4
    (tmp_path / "mine.toml").rename(tmp_path / "raw" / "mine.toml")
    assert len(preprocess("folder", tmp_path / "again", Options(config=tmp_path / "raw" / "mine.toml")).clips) == 4


def test_a_head_of_an_unlikely_size_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_folder(tmp_path / "raw", f'unit = "mm"\n{TOML}')
    prepared(tmp_path)
    assert "the head of ann is 0.00025 m high: is `unit` right?" in capsys.readouterr().err
