"""Several processes that train together make the model that one makes of the same batches."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from talkcli.cli import main
from talkcli.models.losses import shared
from talkcli.train.group import Group
from tests.make_models import small_settings
from tests.models.test_encoders import save_hub

SETTINGS = (
    "data.batch=2",
    "data.workers=0",
    "data.copies=1",
    "optim.steps=3",
    "optim.validate_every=1",
    "optim.clip=1.0",
    "model.encoder=wav2vec2",  # hears a padded clip as it hears it alone
    "model.time_map=front",
    "model.recognizer.name=wav2vec2",
    "model.interpreter_dropout=0.0",  # what is drawn differs between processes
)
NOTHING_DRAWN = ("hidden_dropout", "activation_dropout", "attention_dropout", "layerdrop")


def words(data: Path, out: Path, hub: Path) -> list[str]:
    """The command line of a short training."""
    sources = (f"model.hub.source={hub}", f"model.recognizer.hub.source={hub}")
    settings = [*(f"model.{text}" for text in small_settings("selftalk")), *SETTINGS, *sources]
    told = ["train", "--data", str(data), "--out", str(out), "--preset", "paper", "--device", "cpu", "--jobs", "1"]
    for setting in settings:
        told += ["--set", setting]
    return told


def table(path: Path) -> list[dict[str, float]]:
    with path.open() as file:
        return [{name: float(value) for name, value in line.items()} for line in csv.DictReader(file)]


def test_two_processes_train_as_one_with_the_same_batches(prepared: Path, tmp_path: Path) -> None:
    """Clips are of different lengths, so a mean over each process' own frames would not do."""
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python")
    talk = (sys.executable, "-c", "import sys; from talkcli.cli import main; sys.exit(main())")
    hub = save_hub(tmp_path / "hub", "wav2vec2", **dict.fromkeys(NOTHING_DRAWN, 0.0))
    assert main(words(prepared, tmp_path / "one", hub)) == 0
    two = [*words(prepared, tmp_path / "two", hub), "--set", "optim.gradients=true"]
    done = subprocess.run([*torchrun, *talk, *two], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == [str(tmp_path / "two" / "best.safetensors")]
    alone, shared_out = (table(tmp_path / run / "model.csv") for run in ("one", "two"))
    assert len(alone) == len(shared_out) == 3
    for expected, found in zip(alone, shared_out, strict=True):
        assert {"position", "velocity", "latent", "ctc", "validation"} <= set(found)
        assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4)
        assert found["gradient position"] > 0
    weights, others = (load_file(tmp_path / run / "last.safetensors") for run in ("one", "two"))
    assert all(torch.allclose(others[name], tensor, atol=3e-4) for name, tensor in weights.items())
    assert (tmp_path / "two" / "done").exists()


def test_a_process_alone_is_a_group() -> None:
    group, terms = Group(), {"a": torch.tensor(2.0)}
    assert group.first
    assert group.mean(terms) == terms
    assert group.summed(torch.tensor(3.0)).item() == 3.0
    group.wait()


def test_nothing_is_divided_by_less_than_one() -> None:
    assert shared(torch.tensor(0)).item() == 1
    assert shared(torch.tensor(7)).item() == 7
