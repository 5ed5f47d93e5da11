"""A whole training: a config to a checkpoint, in a folder that belongs to one run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from talkcli import config as configs
from talkcli.clip import Phone
from talkcli.errors import TalkError
from talkcli.models import METHODS
from talkcli.models.checkpoint import load_checkpoint, load_reader
from talkcli.prepared import Corpus
from talkcli.train import TrainOptions, loop, read_config, train
from talkcli.train.config import DataConfig, preset_path, run_config
from talkcli.train.data import shared_out
from talkcli.train.log import GRADIENT, OUTSIDE
from tests.make_models import make_corpus, small_settings
from tests.models.test_encoders import save_hub
from tests.train.test_group import table

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


DUAL = ("dual.reader.heads=2", "dual.reader.recognizer.name=posteriors", "dual.duality=cycle")


def options(data: Path, out: Path, *changes: str, method: str = "selftalk") -> TrainOptions:
    overrides = [*(f"model.{text}" for text in small_settings(method)), *SHORT, *DUAL, *changes]
    return TrainOptions(method=method, data=data, out=out, preset="paper", overrides=overrides, device="cpu")


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
        "events",
        "curves.png",
    }


@pytest.mark.parametrize("validation", range(1, 5))
def test_a_killed_run_resumes_as_if_unbroken(
    prepared: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validation: int
) -> None:
    """Killed at any validation: two belong to the recogniser, two to the model."""
    killed_and_resumed(options(prepared, tmp_path / "run"), validation, monkeypatch)
    assert_same_run(tmp_path / "run", unbroken)


@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"selftalk"}))
def test_a_killed_run_of_any_method_resumes_as_if_unbroken(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    settings = options(prepared, tmp_path / "run", "model.dropout=0.1", method=method)
    killed_and_resumed(settings, 2, monkeypatch)
    train(replace(settings, out=tmp_path / "unbroken"))
    assert_same_run(tmp_path / "run", tmp_path / "unbroken")


def killed_and_resumed(run: TrainOptions, validation: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    real = loop.validate

    def killed(*arguments: object) -> float:
        nonlocal calls
        calls += 1
        if calls == validation:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "validate", killed)
        with pytest.raises(KeyboardInterrupt):
            train(run)
    torch.rand(5)
    train(run)


KILLED = """
import os, signal, torch
from pathlib import Path
from talkcli.train import TrainOptions, loop, train

calls, real = 0, loop.validate

def killed(*arguments):
    global calls
    calls += 1
    if calls == {validation}:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)

loop.validate = killed
torch.set_num_threads({threads})  # sums depend on it
train({options!r})
"""


def test_kill_9_costs_nothing_but_time(prepared: Path, unbroken: Path, tmp_path: Path) -> None:
    """Killed while the model is validated for the second time; in another process, as it happens."""
    settings = options(prepared, tmp_path / "run")
    script = KILLED.format(validation=4, threads=torch.get_num_threads(), options=settings)
    script = script.replace("PosixPath", "Path")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "run" / "done").exists()
    train(settings)
    assert_same_run(tmp_path / "run", unbroken)


def assert_same_run(run: Path, unbroken: Path) -> None:
    """Bit for bit."""
    for name in ("best", "last"):
        expected, found = (load_file(folder / f"{name}.safetensors") for folder in (unbroken, run))
        assert all(torch.equal(found[key], tensor) for key, tensor in expected.items())
    for losses in unbroken.glob("*.csv"):
        assert (run / losses.name).read_text() == losses.read_text()


@pytest.mark.parametrize("method", METHODS)
def test_without_weights_a_pair_learns_as_the_method_alone(prepared: Path, tmp_path: Path, method: str) -> None:
    """Bit for bit, whatever looks at all gradients or draws random numbers."""
    nothing = [f"dual.{name}_weight=0" for name in ("reading", "duality", "consistency")]
    more = ("optim.clip=0.1", "optim.weight_decay=0.01", "model.dropout=0.1")
    train(options(prepared, tmp_path / "pair", "dual.on=true", *nothing, *more, method=method))
    train(options(prepared, tmp_path / "alone", "dual.on=false", *more, method=method))
    assert_same_run(tmp_path / "pair", tmp_path / "alone")
    assert set(load_file(tmp_path / "pair" / "best.safetensors")) == set(
        load_file(tmp_path / "alone" / "best.safetensors")
    )
    assert (tmp_path / "pair" / "reader.safetensors").is_file()
    assert not (tmp_path / "alone" / "reader.safetensors").exists()


@pytest.mark.parametrize("method", ["selftalk", "dualtalker"])
def test_how_strongly_the_terms_pull_is_told_and_changes_nothing(prepared: Path, tmp_path: Path, method: str) -> None:
    for name, gradients in (("telling", "true"), ("silent", "false")):
        more = (f"optim.gradients={gradients}", "model.dropout=0.1")
        train(options(prepared, tmp_path / name, *more, method=method))
    for name in ("best", "last"):
        told, silent = (load_file(tmp_path / run / f"{name}.safetensors") for run in ("telling", "silent"))
        assert all(torch.equal(told[key], tensor) for key, tensor in silent.items())
    lines, before = (table(tmp_path / run / "model.csv") for run in ("telling", "silent"))
    terms = [name for name in before[0] if name not in OUTSIDE]
    assert len(terms) > 2
    for line, same in zip(lines, before, strict=True):
        assert {name: line[name] for name in same} == same
        assert line.keys() - same.keys() == {GRADIENT + name for name in terms}
        assert all((line[GRADIENT + name] > 0) == (line[name] != 0) for name in terms)


def test_a_pair_begins_with_a_reader_that_was_trained_elsewhere(prepared: Path, tmp_path: Path) -> None:
    train(options(prepared, tmp_path / "first", method="dualtalker"))
    before = load_reader(str(tmp_path / "first")).reader.state_dict()
    still = ("optim.lr=0.0", "optim.ema=0.0", f"dual.init={tmp_path / 'first'}")
    train(options(prepared, tmp_path / "second", *still, "seed=1", method="dualtalker"))
    after = load_reader(str(tmp_path / "second")).reader.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items() if "weight" in name)
    wide = options(prepared, tmp_path / "third", *still, "dual.init=nowhere", method="dualtalker")
    with pytest.raises(TalkError, match="no lip reader 'nowhere'"):
        train(wide)
    assert not (tmp_path / "third").exists()


def test_a_share_of_the_clips_trains(prepared: Path) -> None:
    corpus = Corpus.open(prepared)
    clips = corpus.part("train")
    assert list(shared_out(clips, 1.0)) == list(clips)
    (one,) = shared_out(clips, 0.5)
    assert one in clips
    assert list(shared_out(clips, 0.01)) == [one]
    with pytest.raises(TalkError, match=r"data\.share is 0"):
        DataConfig(share=0.0)


@pytest.mark.parametrize("method", METHODS)
def test_layers_are_compiled_where_the_config_says(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **_: compiled.append(type(self).__name__))
    hub = save_hub(tmp_path / "hub", "wav2vec2")
    settings = (f"model.hub.source={hub}", "model.encoder=wav2vec2", "model.time_map=front", "optim.steps=1")
    run = options(prepared, tmp_path / "run", *settings, "data.crop_seconds=0.0", "optim.compile=true", method=method)
    train(run)
    assert compiled.count("EncoderLayer") == 2
    assert ("TransformerDecoderLayer" in compiled) == (method != "faceformer")


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
    with pytest.raises(TalkError, match=r"unknown preset 'huge' for selftalk; .*paper-biwi, paper-vocaset, tiny"):
        train(replace(options(prepared, tmp_path / "run"), preset="huge"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_the_three_presets(method: str, prepared: Path, tmp_path: Path) -> None:
    plain = run_config(method)()
    told = {
        preset: read_config(TrainOptions(method=method, data=prepared, out=tmp_path, preset=preset))
        for preset in ("paper-vocaset", "paper-biwi", "tiny")
    }
    released = {"faceformer": 101, "selftalk": 101}  # their loops go from 0 to 100
    clip = 1.0 if method == "dualtalker" else 0.0
    ours = told["paper-vocaset"].dual  # of which no paper of the other methods speaks
    expected = replace(plain, optim=replace(plain.optim, epochs=released.get(method, 100), clip=clip), dual=ours)
    assert configs.to_dict(told["paper-vocaset"]) == configs.to_dict(expected)
    biwi = told["paper-biwi"].model
    assert (biwi.time_map, biwi.width) == ("stack", 2 * plain.model.width)
    assert (told["tiny"].model.encoder, told["tiny"].model.time_map) == ("tiny", "time")
    asked = getattr(told["paper-vocaset"].model, "recognizer", None)
    assert asked is None or ours.reader.recognizer.hub.source == asked.hub.source  # or --dual could not be


def test_the_papers_training_is_the_default() -> None:
    config = run_config("selftalk")()
    assert (config.optim.lr, config.optim.epochs, config.data.batch) == (1e-4, 100, 1)
    assert (config.optim.schedule, config.optim.weight_decay, config.optim.clip) == ("constant", 0.0, 0.0)
    assert (config.data.crop_seconds, config.data.copies, config.optim.ema) == (0.0, 0, 0.0)
    assert preset_path("selftalk", "paper") is None
