"""Configs: what TOML, overrides and checkpoints may say, and how a mistake is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkcli import config
from talkcli.errors import TalkError


@dataclass(frozen=True, kw_only=True)
class Optim:
    lr: float = 1e-4
    schedule: Literal["constant", "cosine"] = "constant"
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass(frozen=True, kw_only=True)
class Run:
    steps: int = 100
    name: str = "first"
    half: bool = False
    clip: float | None = 1.0
    period: Literal[1, 25] = 25
    layers: tuple[int, ...] = (64, 64)
    optim: Optim = Optim(lr=3e-4)
    second: Optim | None = None
    third: Optim = field(default_factory=Optim)


@dataclass(frozen=True, kw_only=True)
class Needs:
    encoder: str


def test_without_file_and_overrides_a_config_is_its_defaults() -> None:
    assert config.load(Run) == Run()


def test_a_file_changes_the_defaults_and_overrides_change_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("steps = 5\nlayers = [8]\n[optim]\nschedule = 'cosine'\nlr = 1\n")
    loaded = config.load(Run, path, ["steps=7", "optim.betas=[0.5, 0.9]"])
    assert loaded == Run(steps=7, layers=(8,), optim=Optim(lr=1.0, schedule="cosine", betas=(0.5, 0.9)))
    assert isinstance(loaded.optim.lr, float)


def test_a_file_changes_a_preset_key_by_key(tmp_path: Path) -> None:
    preset, path = tmp_path / "preset.toml", tmp_path / "run.toml"
    preset.write_text("steps = 5\n[optim]\nschedule = 'cosine'\nlr = 1.0\n")
    path.write_text("[optim]\nlr = 2.0\n")
    assert config.load(Run, path, preset=preset) == Run(steps=5, optim=Optim(lr=2.0, schedule="cosine"))


def test_a_table_keeps_what_its_owner_set_beside_the_keys_it_changes() -> None:
    assert config.load(Run, None, ["optim.schedule=cosine"]).optim == Optim(lr=3e-4, schedule="cosine")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("name=quick one", Run(name="quick one")),
        ("name='3'", Run(name="3")),
        ("name=3", Run(name="3")),
        ("clip=none", Run(clip=None)),
        ("clip=2", Run(clip=2.0)),
        ("half=True", Run(half=True)),
        ("period=1", Run(period=1)),
        ("second.lr=1e-3", Run(second=Optim(lr=1e-3))),
        ("optim.lr = 3e-4", Run()),
    ],
)
def test_an_override_is_read_by_the_type_of_its_key(override: str, expected: Run) -> None:
    assert config.load(Run, None, [override]) == expected


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("stepz=3", "--set: unknown key 'stepz'; did you mean 'steps'?"),
        ("optim.lrr=3", "--set: unknown key 'optim.lrr'; did you mean 'lr'?"),
        ("optim.lr.x=3", "--set: unknown key 'optim.lr.x'"),
        ("optim.lr=fast", "--set: 'optim.lr' must be a number, not 'fast'"),
        ("optim=3", "--set: 'optim' must be a table, not 3"),
        ("steps=1.5", "--set: 'steps' must be a whole number, not 1.5"),
        ("steps=true", "--set: 'steps' must be a whole number, not True"),
        ("clip=yes", "--set: 'clip' must be a number, not 'yes'"),
        ("half=1", "--set: 'half' must be true or false, not 1"),
        ("layers=[1, 'a']", "--set: 'layers[1]' must be a whole number, not 'a'"),
        ("optim.betas=[1]", "--set: 'optim.betas' must be [a number, a number], not [1]"),
        (
            "optim.schedule=cosin",
            "--set: 'optim.schedule' is 'cosin'; choose from: constant, cosine; did you mean 'cosine'?",
        ),
        ("steps", "--set steps: write it as key=value, for example --set optim.lr=3e-4"),
    ],
)
def test_a_wrong_override_is_told_by_its_dotted_key(override: str, sentence: str) -> None:
    with pytest.raises(TalkError) as error:
        config.load(Run, None, [override])
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[optim]\nlearning_rate = 1\n", "unknown key 'optim.learning_rate'; there are: lr, schedule, betas"),
        ("steps = 'many'\n", "'steps' must be a whole number, not 'many'"),
        ("steps = \n", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_told_by_its_name_and_key(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(TalkError) as error:
        config.load(Run, path)
    assert sentence in str(error.value)
    assert "run.toml" in str(error.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"cannot read the config .*No such file"):
        config.load(Run, tmp_path / "none.toml")


def test_a_key_without_default_must_be_given() -> None:
    with pytest.raises(TalkError, match=r"config: 'encoder' \(text\) is missing"):
        config.from_dict(Needs, {})
    assert config.from_dict(Needs, {"encoder": "tiny"}) == Needs(encoder="tiny")


finite = st.floats(allow_nan=False)
optims = st.builds(Optim, lr=finite, schedule=st.sampled_from(["constant", "cosine"]), betas=st.tuples(finite, finite))
runs = st.builds(
    Run,
    steps=st.integers(),
    name=st.text(),
    half=st.booleans(),
    clip=st.none() | finite,
    period=st.sampled_from([1, 25]),
    layers=st.lists(st.integers()).map(tuple),
    optim=optims,
    second=st.none() | optims,
)


@given(runs)
def test_a_config_comes_back_equal_from_its_dict(run: Run) -> None:
    assert config.from_dict(Run, config.to_dict(run)) == run
