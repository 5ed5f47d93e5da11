"""Speech to a file of keys, and edited keys to motion that keeps them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from talkcli import windows
from talkcli.align import Request
from talkcli.animate import AnimateOptions, animate
from talkcli.audio import load_audio
from talkcli.cli import main
from talkcli.clip import Floats, Phone
from talkcli.errors import TalkError
from talkcli.head import CONTROLS, load_head
from talkcli.keyfile import Key, KeyFile, read_keys
from talkcli.keymaker import make_keys
from talkcli.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from talkcli.phones.writing import Listed, written_phones
from tests.make import sample_speech
from tests.make_models import make_keyed, make_model

SECONDS = 3.0


@pytest.fixture(autouse=True)
def short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of 2 s, so that the sound has two."""
    monkeypatch.setattr(windows, "WINDOW", 2.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random KMTalk, km.safetensors, and speech.wav."""
    folder = tmp_path_factory.mktemp("keys")
    model = make_keyed()
    for last in (model.key_decoder, model.completion):
        torch.nn.init.normal_(last.to_motion.weight, std=0.05)  # type: ignore[union-attr]
    save_checkpoint(folder / "km.safetensors", model, "kmtalk", {}, {})
    save_checkpoint(folder / "st.safetensors", make_model(), "selftalk", {}, {})
    sound = load_audio(sample_speech()).part(0.0, SECONDS)
    soundfile.write(folder / "speech.wav", sound.samples, sound.rate)
    return folder


def listed(folder: Path, request: Request | None = None, **more: Path | bool) -> KeyFile:
    return make_keys(
        str(folder / "speech.wav"),
        model=str(folder / "km.safetensors"),
        request=request,
        out=more.pop("out", None),  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )


def checkpoint(folder: Path) -> Checkpoint:
    return load_checkpoint(str(folder / "km.safetensors"))


def moved(folder: Path, keys: KeyFile | None, **more: float) -> Floats:
    options = AnimateOptions(phones="head", keys=keys, **more)  # type: ignore[arg-type]
    chunks = animate(load_audio(folder / "speech.wav"), checkpoint(folder), options)
    return np.concatenate([chunk.vertices for chunk in chunks])


def test_the_models_own_head_tells_the_keys(folder: Path, tmp_path: Path) -> None:
    found = listed(folder, out=tmp_path / "keys.json")
    assert (found.source, found.fps, found.frames, found.audio) == ("head", 30.0, 90, "speech.wav")
    assert found.phones[0].start == 0
    assert found.phones[-1].end == pytest.approx(SECONDS)
    assert replace(read_keys(tmp_path / "keys.json"), folder=Path()).keys == found.keys


def test_phones_of_a_file_tell_the_keys(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "said.tsv"
    table.write_text("start\tend\tphone\n0.5\t0.8\tM\n0.8\t1.2\tAA\n")
    found = listed(folder, Request(file=table))
    assert found.source == "file"
    assert [key.frame for key in found.keys if key.phone in ("M", "AA")] == [15, 24]


def test_the_command_prints_the_keys_and_writes_meshes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["keys", str(folder / "speech.wav"), "--model", str(folder / "km.safetensors")]
    out, meshes = tmp_path / "keys.json", tmp_path / "poses"
    assert main([*words, "--out", str(out), "--meshes", str(meshes)]) == 0
    printed = capsys.readouterr()
    keys = read_keys(out).keys
    assert f"{len(keys)} keys of" in printed.err
    assert {path.name for path in meshes.iterdir()} == {f"{key.frame:06d}.obj" for key in keys}
    assert keys[1].mesh == f"poses/{keys[1].frame:06d}.obj"
    assert main([*words, "--out", str(out)]) == 2
    assert main([*words, "--out", str(tmp_path / "b.json"), "--meshes", str(meshes)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert not (tmp_path / "b.json").exists()


def test_locked_meshes_come_back_where_they_were(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "keys.json"
    listed(folder, out=out, meshes=tmp_path / "poses")
    told = json.loads(out.read_text())
    for key in told["keys"]:
        key["locked"] = True
    out.write_text(json.dumps(told))
    keys = read_keys(out)
    found = moved(folder, keys, life=0.0)
    free = moved(folder, replace(keys, keys=tuple(Key(key.frame) for key in keys.keys)), life=0.0, contact=False)
    for key in keys.keys:
        assert np.abs(found[key.frame] - free[key.frame]).max() < 1e-5 or key.frame in (0, 89)


@pytest.mark.parametrize("life", [0.0, 1.0])
def test_an_edited_pose_comes_out_exactly_and_its_neighbours_follow(folder: Path, tmp_path: Path, life: float) -> None:
    head = load_head()
    keys = listed(folder)
    key = keys.keys[len(keys.keys) // 2]
    template = head.subject_template(head.subjects[0])
    pose = template + np.float32(0.3) * head.blendshapes[CONTROLS.index("jawOpen")]
    pose[:, 0] += 0.003  # which the rig cannot make
    np.save(tmp_path / "pose.npy", pose)
    edited = [replace(k, locked=True, mesh="pose.npy") if k is key else k for k in keys.keys]
    keys = replace(keys, folder=tmp_path)
    before, after = (moved(folder, replace(keys, keys=tuple(k)), life=life) for k in (keys.keys, edited))
    assert np.array_equal(after[key.frame], pose)
    most = [np.abs(np.diff(motion, axis=0)).max() for motion in (before, after)]
    assert most[1] < most[0] + 0.008  # no jump: it takes three frames to get there
    far = np.abs(np.arange(90) - key.frame) > 60
    assert np.abs(after - before)[far].max(initial=0) < 1e-3


def test_a_key_between_frames_of_another_rate_is_followed(folder: Path) -> None:
    keys = listed(folder)
    locked = replace(keys, keys=tuple(replace(k, locked=True) for k in keys.keys))
    assert moved(folder, locked, fps=25.0).shape[0] == 75


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fps": 25.0}, "25 frames a second and the model at 30"),
        ({"frames": 50}, "50 frames and the sound has 90"),
        ({"keys": (Key(3, locked=True, mesh="none.npy"),)}, "none.npy"),
    ],
)
def test_keys_of_something_else_are_refused(folder: Path, change: dict[str, object], told: str) -> None:
    with pytest.raises(TalkError, match=told):
        moved(folder, replace(listed(folder), **change))  # type: ignore[arg-type]


def test_a_model_without_keys_says_so(folder: Path) -> None:
    with pytest.raises(TalkError, match="no key frames"):
        make_keys(str(folder / "speech.wav"), model=str(folder / "st.safetensors"), request=None, out=None)
    other = load_checkpoint(str(folder / "st.safetensors"))
    with pytest.raises(TalkError, match="no key frames"):
        animate(load_audio(folder / "speech.wav"), other, AnimateOptions(keys=KeyFile(30.0, 90, "", (), (Key(0),))))


def test_known_phones_are_the_keys_of_an_animation(folder: Path, tmp_path: Path) -> None:
    """Other phones, other motion; the same phones, the same."""
    head = moved(folder, None, life=0.0, contact=False)
    table = tmp_path / "said.tsv"
    table.write_text("start\tend\tphone\n0.5\t0.8\tM\n0.8\t1.2\tAA\n")
    options = AnimateOptions(phone_file=table, life=0.0, contact=False)
    chunks = animate(load_audio(folder / "speech.wav"), checkpoint(folder), options)
    found = np.concatenate([chunk.vertices for chunk in chunks])
    assert found.shape == head.shape
    assert not np.array_equal(found, head)


@pytest.mark.parametrize("suffix", [".TextGrid", ".csv", ".json", ".ctm"])
def test_every_form_of_an_alignment_gives_the_same_keys(folder: Path, tmp_path: Path, suffix: str) -> None:
    said = (Phone("SIL", 0.0, 0.5), Phone("M", 0.5, 0.81), Phone("AA", 0.81, 1.2), Phone("SIL", 1.2, SECONDS))
    path = tmp_path / f"said{suffix}"
    path.write_text(written_phones(suffix, Listed(said, (1.0,) * 4, "text", "speech")))
    assert [key.frame for key in listed(folder, Request(file=path)).keys if key.phone in ("M", "AA")] == [15, 24]


@pytest.mark.parametrize(
    "sound", [np.zeros(16000), np.zeros(1600), 0.1 * np.random.default_rng(0).standard_normal(1600)]
)
def test_silence_and_a_tenth_of_a_second_have_keys_and_move(folder: Path, tmp_path: Path, sound: Floats) -> None:
    soundfile.write(tmp_path / "speech.wav", sound, 16000)
    keys = make_keys(str(tmp_path / "speech.wav"), model=str(folder / "km.safetensors"), request=None, out=None)
    assert keys.keys[0].frame == 0
    options = AnimateOptions(phones="head", life=0.0)
    chunks = animate(load_audio(tmp_path / "speech.wav"), checkpoint(folder), options)
    motion = np.concatenate([chunk.vertices for chunk in chunks])
    assert len(motion) == keys.frames
    assert np.isfinite(motion).all()
