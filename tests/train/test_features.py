"""What training reads again and again is made once, and made anew only where something it depends on has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from talkcli.audio import level
from talkcli.errors import TalkError
from talkcli.head import load_head
from talkcli.models.basis import BASES
from talkcli.prepared import Corpus
from talkcli.train import features
from talkcli.train.features import Recipe, Store
from tests.make_models import PLATE, make_corpus


def files(store: Store) -> dict[str, int]:
    """Name -> time of its making."""
    found = [path for folder in (store.speech, store.targets) for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): path.stat().st_mtime_ns for path in found}


def test_training_clips_have_copies_and_test_clips_nothing(store: Store) -> None:
    names = {Path(name).parent.name + "/" + Path(name).stem for name in files(store) if store.speech.name in name}
    assert names == {"0/train-0", "1/train-0", "0/train-1", "1/train-1", "0/val-2"}
    assert {p.stem for p in store.targets.iterdir()} == {"train-0", "train-1", "val-2"}


def test_copy_0_is_the_clip_at_the_level_that_models_hear(store: Store, prepared: Path) -> None:
    corpus = Corpus.open(prepared)
    entry = corpus.part("train")[0]
    found = store.features(entry.name, 0)
    assert found.speed == 1.0
    assert np.abs(found.samples - np.clip(level(corpus.audio(entry)).samples, -1, 1)).max() < 1e-4
    assert found.posteriors is not None
    assert found.posteriors.shape == (len(found.samples) // 160 + 1, 42)
    assert found.posteriors.dtype == found.samples.dtype == np.float32


def test_other_copies_are_augmented_and_say_their_speed(store: Store, prepared: Path) -> None:
    corpus = Corpus.open(prepared)
    for entry in corpus.part("train"):
        found = store.features(entry.name, 1)
        assert found.speed != 1.0
        assert len(found.samples) == round(entry.samples / found.speed)
        assert found.posteriors is not None
        assert len(found.posteriors) == len(found.samples) // 160 + 1


def test_targets_are_the_motion_in_the_basis_and_what_it_leaves_out(store: Store, prepared: Path) -> None:
    corpus = Corpus.open(prepared)
    entry = corpus.part("val")[0]
    motion, outside = store.target(entry.name)
    displacements = corpus.vertices(entry) - corpus.template(entry.subject)
    again = BASES["rig"](corpus.info).decode(torch.from_numpy(motion)).numpy()
    lips = load_head().topology.regions["lips"]
    assert np.linalg.norm((again - displacements)[:, lips], axis=-1).max() < 5e-4
    assert outside == pytest.approx(np.square(again - displacements).mean(), rel=0.05, abs=1e-12)


@pytest.mark.usefixtures("one_process")
def test_only_what_is_missing_is_made(tmp_path: Path) -> None:
    make_corpus(tmp_path, ("train", "val"), seconds=0.5)
    store = Store(features.Recipe(tmp_path, "rig", 1, 0, True))
    store.make(1)
    before = files(store)
    assert len(before) == 5
    lost = store.speech_file("train-0", 1)
    old = lost.read_bytes()
    lost.unlink()
    store.make(1)
    after = files(store)
    assert lost.read_bytes() == old  # the same seed, the same copy
    assert {name for name in after if after[name] != before[name]} == {str(lost)}


@pytest.mark.usefixtures("one_process")
def test_without_a_basis_the_targets_are_the_displacements(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, ("train", "val"), seconds=0.5, topology=PLATE)
    store = Store(features.Recipe(tmp_path, "none", 0, 0, False))
    store.make(1)
    entry = corpus.part("train")[0]
    motion, outside = store.target(entry.name)
    expected = corpus.vertices(entry) - corpus.template(entry.subject)
    assert np.array_equal(motion, expected.reshape(entry.frames, -1))
    assert outside == 0.0
    assert store.features(entry.name, 0).posteriors is None


def test_what_the_files_depend_on_names_their_folder(prepared: Path, store: Store) -> None:
    def other(**changes: object) -> Store:
        return Store(replace(store.recipe, **changes))

    assert other(copies=3).speech == store.speech  # more copies are added to those there are
    for changed in (other(seed=1), other(posteriors=False)):
        assert changed.speech != store.speech
    assert other(basis="none").targets != store.targets
    assert other(basis="none").speech == store.speech


def test_other_data_has_other_files(tmp_path: Path, store: Store) -> None:
    make_corpus(tmp_path, ("train", "val"), seconds=0.7)
    elsewhere = Store(replace(store.recipe, data=tmp_path))
    assert elsewhere.speech.name != store.speech.name
    assert elsewhere.targets.name != store.targets.name


def test_features_that_cannot_be_written_are_told(tmp_path: Path, one_process: None) -> None:
    corpus = tmp_path / "data"
    make_corpus(corpus, ("train", "val"), seconds=0.3)
    (corpus / "cache").touch()  # a file where the folder should be
    with pytest.raises(TalkError, match="cannot write features to"):
        Store(Recipe(corpus, "rig", 0, 0, True)).make(jobs=1)
