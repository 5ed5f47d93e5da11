"""The settings of a training run; the method's own are the `model` table beside these."""

from __future__ import annotations

from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Any, Literal

from talkcli import resources
from talkcli.errors import TalkError
from talkcli.models import method_class
from talkcli.models.dual import DualConfig


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """How clips become batches. Defaults are SelfTalk's and FaceFormer's: whole clips, one by one, as they are."""

    batch: int = 1
    crop_seconds: float = 0.0  # 0: whole clips
    share: float = 1.0  # of the training clips; those of a smaller share are among those of a larger one
    copies: int = 0  # augmented copies of each training clip, made once and kept beside the data
    workers: int = 1  # processes that make batches

    def __post_init__(self) -> None:
        _at_least(1, "data.batch", self.batch)
        for name in ("crop_seconds", "copies", "workers"):
            _at_least(0, f"data.{name}", getattr(self, name))
        if not 0 < self.share <= 1:
            raise TalkError(f"data.share is {self.share}: give more than 0, up to 1")


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """Defaults are SelfTalk's (released code): Adam, a constant rate, 100 epochs."""

    lr: float = 1e-4
    epochs: int = 100
    steps: int = 0  # instead of epochs, where not 0
    start: str = ""  # a checkpoint or a shipped model: weights of the same name and shape begin as its
    warmup: int = 0
    schedule: Literal["constant", "cosine"] = "constant"
    weight_decay: float = 0.0
    clip: float = 0.0  # largest gradient norm; 0: none
    ema: float = 0.0  # decay of the averaged weights that are validated and kept; 0: none
    precision: Literal["fp32", "bf16", "auto"] = "fp32"  # auto: bf16 where the device computes in it, fp32 elsewhere
    compile: bool = False  # have torch compile the transformers' layers: minutes first, faster steps on a GPU
    pretrain_steps: int = 2000  # for a part that is trained before the method
    validate_every: int = 500  # steps
    gradients: bool = False  # tell at each validation how strongly each loss term pulls: the norm of its gradient

    def __post_init__(self) -> None:
        for name in ("epochs", "pretrain_steps", "validate_every"):
            _at_least(1, f"optim.{name}", getattr(self, name))
        for name in ("lr", "steps", "warmup", "weight_decay", "clip", "ema"):
            _at_least(0, f"optim.{name}", getattr(self, name))


def _at_least(least: int, key: str, value: float) -> None:
    if not value >= least:
        raise TalkError(f"{key} is {value}: give {least} or more")


def run_config(method: str) -> type[Any]:
    """The config class of a run of this method: seed, data, optim, model, and dual, which no method knows of."""
    made = method_class(method)
    model = made.Config
    return make_dataclass(
        "RunConfig",
        [
            ("seed", int, 0),
            ("data", DataConfig, field(default_factory=DataConfig)),
            ("optim", OptimConfig, field(default_factory=OptimConfig)),
            ("model", model, field(default_factory=model)),
            ("dual", DualConfig, field(default_factory=lambda: DualConfig(on=made.learns_dual))),
        ],
        frozen=True,
        kw_only=True,
    )


def preset_path(method: str, preset: str) -> Path | None:
    """The file of a preset; None for 'paper', which is the defaults: VOCASET's."""
    if preset == "paper":
        return None
    path = resources.PRESETS / f"{method}-{preset}.toml"
    if not path.is_file():
        raise TalkError(f"unknown preset '{preset}' for {method}; choose from: {', '.join(resources.presets(method))}")
    return path
