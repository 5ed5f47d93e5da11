"""`talk info` tells motion, meshes, data, checkpoints and the rest apart, and says what it does not know."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from talkcli.errors import TalkError
from talkcli.export import ExportOptions, write
from talkcli.head import load_head
from talkcli.info import describe
from talkcli.preprocess import preprocess
from tests.make import make_checkpoint, make_tone, save_sound
from tests.make_datasets import (
    MINIATURES,
    VERTICES,
    make_biwi,
    make_folder,
    make_mesh,
    make_motion,
    make_template,
    make_vocaset,
)

MOTION = make_motion(make_template("ann"), 10)


def test_motion_is_told_whatever_its_format(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", MOTION.reshape(10, -1))
    np.savez(tmp_path / "b.npz", vertices=MOTION, fps=25.0)
    (tmp_path / "c.pc2").write_bytes(
        struct.pack("<12siiffi", b"POINTCACHE2\0", 1, VERTICES, 0, 1, 10) + MOTION.tobytes()
    )
    for name, fps in (("a.npy", None), ("b.npz", 25.0), ("c.pc2", None)):
        told = describe(str(tmp_path / name))
        assert (told["kind"], told["frames"], told["vertices"], told["fps"]) == ("motion", 10, VERTICES, fps)
    assert describe(str(tmp_path / "b.npz"))["seconds"] == 0.4


def test_motion_of_our_head_is_known_by_its_topology(tmp_path: Path) -> None:
    from talkcli.clip import MotionClip

    head = load_head()
    clip = MotionClip(np.repeat(head.template[None], 3, 0), head.template, head.topology, 30.0)
    write([clip], tmp_path / "a.npz", ExportOptions())
    told = describe(str(tmp_path / "a.npz"))
    assert (told["topology"], told["fps"], told["triangles"]) == (head.topology.name, 30.0, len(head.topology.faces))


def test_meshes_and_templates_are_told(tmp_path: Path) -> None:
    make_mesh(tmp_path / "a.ply", make_template("ann"))
    told = describe(str(tmp_path / "a.ply"))
    assert (told["kind"], told["vertices"], told["triangles"]) == ("mesh", VERTICES, 12)
    assert told["size"][1] == pytest.approx(0.25, abs=1e-3)
    np.save(tmp_path / "flame.npy", np.zeros((5023, 3)))
    assert describe(str(tmp_path / "flame.npy"))["topology"] == "FLAME"


def test_sound_and_phones_are_told(tmp_path: Path) -> None:
    save_sound(tmp_path / "a.wav", make_tone(0.5).samples)
    assert describe(str(tmp_path / "a.wav"))["seconds"] == 0.5
    (tmp_path / "a.tsv").write_text("start\tend\tphone\n0.1\t0.2\tB\n0.2\t0.4\tAA1\n", encoding="utf-8")
    assert describe(str(tmp_path / "a.tsv")) == {"kind": "phones", "phones": 2, "seconds": 0.4}


def test_a_checkpoint_a_run_and_a_shipped_model_are_told(tmp_path: Path) -> None:
    path = make_checkpoint(tmp_path / "run" / "best.safetensors")
    told = describe(str(path))
    assert (told["kind"], told["method"], told["fps"], told["data"]) == ("checkpoint", "selftalk", 30.0, "made")
    assert told["weights"] > 1000
    assert describe(str(tmp_path / "run")) == {**told, "kind": "run", "checkpoint": "best.safetensors"}
    assert describe("selftalk-tiny")["method"] == "selftalk"


def test_prepared_data_and_its_clips_are_told(tmp_path: Path) -> None:
    corpus = preprocess("biwi", tmp_path / "data", MINIATURES["biwi"](tmp_path / "raw"))
    told = describe(str(corpus.folder))
    assert (told["kind"], told["name"]) == ("prepared data", "biwi")
    assert told["clips"] == {"train": 2, "val": 1, "test-a": 1, "test-b": 1}
    assert (told["training subjects"], told["other subjects"]) == (["F2", "M3"], ["F1"])
    assert "0.18" in told["unit"]
    clip = describe(str(tmp_path / "data" / "clips" / "F2_e01.safetensors"))
    assert (clip["kind"], clip["vertices"]) == ("clip of prepared data", (12, VERTICES, 3))


def test_raw_data_is_told_with_the_command_that_prepares_it(tmp_path: Path) -> None:
    make_vocaset(tmp_path / "v")
    make_biwi(tmp_path / "b")
    make_folder(tmp_path / "f")
    for name, command in (("v", "vocaset"), ("b", "biwi"), ("f", "folder")):
        assert f"talk preprocess {command} --raw" in describe(str(tmp_path / name))["use"]


def test_what_is_not_known_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Dear diary.", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    for name in ("notes.txt", "empty", "x.safetensors", "missing"):
        with pytest.raises(TalkError, match=name):
            describe(str(tmp_path / name))
