"""A whole training: a config to a checkpoint, in a folder that belongs to one run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from talkcli.clip import Phone
from talkcli.errors import TalkError
from talkcli.models.checkpoint import load_checkpoint
from talkcli.prepared import Corpus
from talkcli.train import TrainOptions, loop, train
from talkcli.train.config import preset_path, run_config
from tests.make_models import SMALL, make_corpus

SHORT = (
    "data.batch=2",
    "data.crop_seconds=0.6",
    "data.copies=1",
    "data.workers=0",
    "optim.steps=4",
    "optim.pretrain_steps=4",
    "optim.validate_every=2",
    "optim.ema=0.5",
    "model.tiny.dropout=0.1",  # random numbers that must come again
    "model.tiny.mask_steps=5",
)


def options(data: Path, out: Path, *changes: str) -> TrainOptions:
    overrides = [*(f"model.{text}" for text in SMALL), *SHORT, *changes]
    return TrainOptions(method="selftalk", data=data, out=out, preset="paper", overrides=overrides, device="cpu")


@pytest.fixture(scope="module")
def unbroken(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unbroken") / "run"
    train(options(prepared, out))
    return out


def test_a_run_leaves_a_checkpoint_that_says_how_it_was_made(prepared: Path, unbroken: Path) -> None:
    checkpoint = load_checkpoint(str(unbroken))
    assert checkpoint.name == "run"
    assert checkpoint.provenance["command"].startswith("talk train --method selftalk --preset paper --data")
    assert "'model.tiny.dilations=[1, 2]'" in checkpoint.provenance["command"]  # to be typed as it stands
    assert checkpoint.provenance["step"] in (2, 4)
    assert np.isfinite(checkpoint.provenance["validation"])
    assert {path.name for path in unbroken.iterdir()} >= {
        "best.safetensors",
        "last.safetensors",
        "run.json",
        "model.csv",
    }


@pytest.mark.parametrize("validation", range(1, 5))
def test_a_killed_run_resumes_as_if_unbroken(
    prepared: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validation: int
) -> None:
    """Killed at any validation: two belong to the recogniser, two to the model."""
    calls = 0
    real = loop.validate

    def killed(*arguments: object) -> float:
        nonlocal calls
        calls += 1
        if calls == validation:
            raise KeyboardInterrupt
        return real(*arguments)

    run = options(prepared, tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "validate", killed)
        with pytest.raises(KeyboardInterrupt):
            train(run)
    torch.rand(5)
    train(run)
    for name in ("best", "last"):
        expected, found = (load_file(folder / f"{name}.safetensors") for folder in (unbroken, tmp_path / "run"))
        assert all(torch.equal(found[key], tensor) for key, tensor in expected.items())
    for name in ("recognizer.csv", "model.csv"):
        assert (tmp_path / "run" / name).read_text() == (unbroken / name).read_text()


# -- folders that are not this run's --------------------------------------------------------------------------------


def test_a_finished_run_is_left_alone(prepared: Path, unbroken: Path) -> None:
    before = (unbroken / "best.safetensors").stat().st_mtime_ns
    with pytest.raises(TalkError, match="is finished; give a new folder, or --force"):
        train(options(prepared, unbroken))
    assert (unbroken / "best.safetensors").stat().st_mtime_ns == before


def test_a_run_with_other_settings_is_left_alone(prepared: Path, unbroken: Path) -> None:
    with pytest.raises(TalkError, match="holds a run with other settings"):
        train(options(prepared, unbroken, "optim.lr=0.5"))


def test_force_replaces_a_run(prepared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "run.json").write_text(json.dumps({"method": "other"}))
    (out / "old.csv").touch()
    train(replace(options(prepared, out, "optim.steps=1", "optim.pretrain_steps=1"), force=True))
    assert not (out / "old.csv").exists()
    assert (out / "done").exists()


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_with_other_files_is_left_alone(prepared: Path, tmp_path: Path, force: bool) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(TalkError, match="holds other files; give a new folder"):
        train(replace(options(prepared, tmp_path), force=force))
    assert (tmp_path / "thesis.txt").exists()


def test_a_broken_record_is_told(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(TalkError, match="other settings"):
        train(options(prepared, tmp_path))


def test_a_file_is_no_folder(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(TalkError, match="is a file; give a folder"):
        train(options(prepared, tmp_path / "run"))


@pytest.mark.parametrize("change", ["model.recognizer.name=ear", "model.encoder=ear"])
def test_a_model_that_cannot_be_built_leaves_no_run(prepared: Path, tmp_path: Path, change: str) -> None:
    with pytest.raises(TalkError, match=r"unknown .* 'ear'"):
        train(options(prepared, tmp_path / "run", change))
    assert not (tmp_path / "run").exists()


def test_a_device_that_is_not_here_leaves_no_run(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(TalkError, match="the device 'abacus' is not here"):
        train(replace(options(prepared, tmp_path / "run"), device="abacus"))
    assert not (tmp_path / "run").exists()


def test_a_run_where_no_folder_can_be_is_told(prepared: Path) -> None:
    with pytest.raises(TalkError, match="cannot write to /proc/run"):
        train(options(prepared, Path("/proc/run")))


def test_a_recogniser_is_not_trained_without_phones(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Corpus, "phones", lambda corpus, entry: [Phone("SIL", 0.0, 1.0)])
    with pytest.raises(TalkError, match="no phones to train the recognizer on"):
        train(options(prepared, tmp_path / "run"))


# -- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("splits", "missing"), [(("train",), "val"), (("val",), "train")])
def test_data_without_a_split_is_told(tmp_path: Path, splits: tuple[str, ...], missing: str) -> None:
    make_corpus(tmp_path / "data", splits, seconds=0.3)
    with pytest.raises(TalkError, match=f"no clips in the split '{missing}'"):
        train(options(tmp_path / "data", tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_unknown_settings_are_told_before_anything_is_made(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"unknown key 'optim\.speed'"):
        train(options(prepared, tmp_path / "run", "optim.speed=2"))
    with pytest.raises(TalkError, match=r"unknown method 'newtalk'; choose from: .*selftalk"):
        train(replace(options(prepared, tmp_path / "run"), method="newtalk", preset="tiny"))
    with pytest.raises(TalkError, match="unknown preset 'huge' for selftalk; choose from: tiny, paper"):
        train(replace(options(prepared, tmp_path / "run"), preset="huge"))
    assert not (tmp_path / "run").exists()


def test_the_papers_training_is_the_default() -> None:
    config = run_config("selftalk")()
    assert (config.optim.lr, config.optim.epochs, config.data.batch) == (1e-4, 100, 1)
    assert (config.optim.schedule, config.optim.weight_decay, config.optim.clip) == ("constant", 0.0, 0.0)
    assert (config.data.crop_seconds, config.data.copies, config.optim.ema) == (0.0, 0, 0.0)
    assert preset_path("selftalk", "paper") is None
