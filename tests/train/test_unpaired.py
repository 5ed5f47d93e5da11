"""Sound without meshes and meshes without sound: what of them a batch holds, and that a run takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from talkcli.errors import TalkError
from talkcli.prepared import Corpus
from talkcli.train import train
from talkcli.train.batches import collate
from talkcli.train.data import Clips
from talkcli.train.features import Store
from talkcli.train.unpaired import Sounds, check_unpaired
from tests.make import make_tone, save_sound
from tests.make_models import PLATE, make_corpus
from tests.train.test_run import options


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds" / "deep"
    folder.mkdir(parents=True)
    for name, seconds in (("a.wav", 0.5), ("b.flac", 1.2)):
        save_sound(folder / name, make_tone(seconds).samples)
    (folder / "notes.txt").write_text("no sound")
    return folder.parent


def clips_of(prepared: Path, store: Store) -> Clips:
    return Clips(prepared, store, "train", 50.0, crop_seconds=0.6, copies=0, seed=0)


def test_a_sound_that_was_replaced_is_heard_anew(sounds: Path, tmp_path: Path) -> None:
    before = Sounds(sounds, tmp_path, posteriors=False)
    assert Sounds(sounds, tmp_path, posteriors=False).folder == before.folder
    save_sound(sounds / "deep" / "a.wav", make_tone(0.7).samples)
    assert Sounds(sounds, tmp_path, posteriors=False).folder != before.folder


def test_of_a_long_sound_half_a_minute_is_heard_at_once(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    save_sound(tmp_path / "sounds" / "long.wav", make_tone(33.0).samples)
    sounds = Sounds(tmp_path / "sounds", tmp_path, posteriors=False)
    sounds.make()
    samples, _ = sounds.load(0, 0.0, np.random.default_rng(0))
    assert len(samples) == 30 * 16000


def test_a_folder_of_sounds_is_heard_once(sounds: Path, tmp_path: Path) -> None:
    heard = Sounds(sounds, tmp_path, posteriors=True)
    heard.make()
    assert len(heard) == 2
    before = [heard.file(place).stat().st_mtime_ns for place in range(2)]
    heard.make()
    assert [heard.file(place).stat().st_mtime_ns for place in range(2)] == before
    samples, posteriors = heard.load(1, 0.6, np.random.default_rng(0))
    assert len(samples) == 9600
    assert posteriors is not None
    assert posteriors.shape == (61, 42)
    assert len(heard.load(0, 0.6, np.random.default_rng(0))[0]) == 8000  # it is shorter
    assert heard.load(1, 0.0, np.random.default_rng(0))[0].size == 19200
    plain = Sounds(sounds, tmp_path, posteriors=False)
    assert plain.folder != heard.folder


def test_prepared_data_gives_its_training_sounds(prepared: Path, tmp_path: Path) -> None:
    assert len(Sounds(prepared, tmp_path, posteriors=True)) == len(Corpus.open(prepared).part("train"))


def test_a_batch_has_them_beside_its_pairs_which_stay_the_same(
    prepared: Path, store: Store, sounds: Path, tmp_path: Path
) -> None:
    alone, clips = clips_of(prepared, store), clips_of(prepared, store)
    clips.sounds = Sounds(sounds, tmp_path, posteriors=True)
    clips.sounds.make()
    clips.meshes = clips_of(prepared, store)
    one, other = (collate([each[0, 3], each[1, 3]], 2) for each in (alone, clips))
    assert one.sounds is None
    assert one.meshes is None
    assert np.array_equal(one.motion.numpy(), other.motion.numpy())
    assert np.array_equal(one.speech.samples.numpy(), other.speech.samples.numpy())
    assert other.sounds is not None
    assert other.meshes is not None
    assert len(other.sounds.frames) == len(other.meshes.frames) == 2
    assert other.sounds.speech.samples.shape[1] <= 9600
    assert np.array_equal(other.sounds.style.numpy(), other.style.numpy())
    assert not other.sounds.motion.any()
    again = clips[0, 3]
    assert again.sound is not None
    assert np.array_equal(again.sound.samples, clips[0, 3].sound.samples)  # type: ignore[union-attr]


def test_a_run_takes_unpaired_data(prepared: Path, sounds: Path, tmp_path: Path) -> None:
    settings = (f"dual.sounds={sounds}", f"dual.meshes={prepared}", "optim.steps=2", "dual.ramp=[0.0, 0.0]")
    train(options(prepared, tmp_path / "run", *settings, method="dualtalker"))
    head = (tmp_path / "run" / "model.csv").read_text("utf-8").splitlines()[0].split(",")
    assert {"reading", "cycle", "sounds", "meshes"} <= set(head)


def test_what_is_not_there_is_told_before_anything_is_made(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for setting, told in (
        (f"dual.sounds={tmp_path / 'empty'}", r"dual\.sounds: .* has no sound"),
        (f"dual.meshes={tmp_path / 'empty'}", "is not prepared data"),
    ):
        with pytest.raises(TalkError, match=told):
            train(options(prepared, tmp_path / "run", setting, method="dualtalker"))
    assert not (tmp_path / "run").exists()


def test_meshes_of_another_topology_are_told(prepared: Path, tmp_path: Path) -> None:
    make_corpus(tmp_path / "plate", ("train", "val"), seconds=0.5, topology=PLATE)
    with pytest.raises(TalkError, match="has the topology 'plate' and the data"):
        check_unpaired("", str(tmp_path / "plate"), Corpus.open(prepared))


def test_a_sound_too_short_is_told(tmp_path: Path) -> None:
    save_sound(tmp_path / "click.wav", make_tone(0.05).samples)
    with pytest.raises(TalkError, match=r"'click\.wav' lasts 0\.05 s"):
        Sounds(tmp_path, tmp_path, posteriors=False).make()
