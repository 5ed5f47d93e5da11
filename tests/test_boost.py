"""Other motion, completed from its key frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from talkcli import config as configs
from talkcli.boost import BoostOptions, boost
from talkcli.clip import Floats
from talkcli.errors import TalkError
from talkcli.models.checkpoint import save_checkpoint
from talkcli.models.kmtalk import KMTalk, KMTalkConfig
from talkcli.phones.keys import KeyRule, key_frames
from talkcli.prepared import Corpus
from tests.make_models import make_corpus, make_info, make_model, small_settings


@pytest.fixture
def options(tmp_path: Path) -> BoostOptions:
    """Predictions for the one test clip, and a completion that has learned nothing: straight lines between keys."""
    corpus = make_corpus(tmp_path / "data")
    torch.manual_seed(0)
    model = KMTalk(configs.load(KMTalkConfig, overrides=small_settings("kmtalk")), make_info())
    save_checkpoint(tmp_path / "km.safetensors", model, "kmtalk", {}, {})
    (entry,) = corpus.part("test")
    (tmp_path / "host").mkdir()
    np.save(tmp_path / "host" / f"{entry.name}.npy", motion(corpus))
    return BoostOptions(
        host=str(tmp_path / "host"),
        model=str(tmp_path / "km.safetensors"),
        data=tmp_path / "data",
        out=tmp_path / "out",
    )


def motion(corpus: Corpus) -> Floats:
    """The recorded one, trembling."""
    (entry,) = corpus.part("test")
    template, vertices = corpus.template(entry.subject), corpus.vertices(entry)
    tremble = 1 + 0.3 * np.sin(2.5 * np.arange(len(vertices)))[:, None, None]
    moved: Floats = (template + tremble * (vertices - template)).astype(np.float32)
    return moved


def test_key_frames_stay_and_the_rest_is_completed(options: BoostOptions) -> None:
    assert boost(options) == 1
    corpus = Corpus.open(options.data)
    (entry,) = corpus.part("test")
    found, host = np.load(options.out / f"{entry.name}.npy"), motion(corpus)
    assert found.shape == host.shape
    keys = key_frames(corpus.phones(entry), 30, len(host), KeyRule())
    lips = corpus.info.topology.regions["lips"]
    away = np.abs(found - host)[:, lips].max((1, 2))
    between = np.setdiff1d(np.arange(len(host)), keys)
    assert away[keys].max() < 0.0002  # what the rig's basis leaves out
    assert away[between].max() > 0.001


def test_a_model_can_be_the_host(options: BoostOptions, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "host.safetensors", make_model(), "selftalk", {}, {})
    assert boost(replace(options, host=str(tmp_path / "host.safetensors"))) == 1


def test_files_that_are_there_stay(options: BoostOptions) -> None:
    boost(options)
    assert boost(options) == 0
    assert boost(replace(options, force=True)) == 1


def test_a_model_without_keys_cannot_complete(options: BoostOptions, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "other.safetensors", make_model(), "selftalk", {}, {})
    with pytest.raises(TalkError, match="no key frames"):
        boost(replace(options, model=str(tmp_path / "other.safetensors")))
    assert not options.out.exists()


def test_a_split_without_clips_is_told(options: BoostOptions) -> None:
    with pytest.raises(TalkError, match="'dev'"):
        boost(replace(options, split="dev"))
