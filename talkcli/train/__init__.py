"""Prepared data and a config to a checkpoint."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import talkcli
from talkcli import config as configs
from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.models import method_class
from talkcli.models.base import Learner, TalkModel, pick_device
from talkcli.models.checkpoint import load_checkpoint, load_reader, save_checkpoint
from talkcli.models.dual import Dual, DualConfig
from talkcli.models.places import READER
from talkcli.prepared import Corpus
from talkcli.train.batches import Order, sample
from talkcli.train.config import preset_path, run_config
from talkcli.train.data import Clips
from talkcli.train.features import Recipe, Store
from talkcli.train.group import Group, own_device, together
from talkcli.train.log import draw_curves
from talkcli.train.loop import Stage, fit
from talkcli.train.readings import Readings
from talkcli.train.unpaired import Sounds, check_unpaired


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What differs from call to call; all else is config."""

    method: str
    data: Path
    out: Path
    preset: str = "tiny"
    config: Path | None = None
    overrides: Sequence[str] = ()
    device: str = "auto"
    jobs: int = 0  # processes that prepare features; 0: one a core
    force: bool = False


def train(options: TrainOptions) -> Path:
    """Train a method on prepared data; returns the best checkpoint.

    An unfinished run in the same folder with the same settings goes on; a finished one, or one with other settings, is
    left alone unless force is set.
    """
    config = read_config(options)
    corpus = Corpus.open(options.data)
    for split in ("train", "val"):
        if not corpus.part(split):
            raise TalkError(f"{options.data} has no clips in the split '{split}': prepare it anew")
    device = own_device(pick_device(options.device))
    torch.manual_seed(config.seed)
    model = method_class(options.method)(config.model, corpus.info)
    if config.optim.start:
        start_from(model, load_checkpoint(config.optim.start).model, "optim.start", config.optim.start)
    learner = _paired(model, config.dual, corpus) if config.dual.on else model
    if learner.whole_clips and config.data.crop_seconds:
        raise TalkError(
            "this model hears whole clips: set data.crop_seconds=0, or model.time_map=time (and, for SelfTalk, "
            "model.recognizer.targets=fresh; with the dual task, dual.reader.recognizer.name=posteriors or tiny)"
        )
    with together(device) as group:
        if group.first:
            _open_run(options, config)
        store = Store(
            Recipe(options.data, config.model.basis, config.data.copies, config.seed, bool(learner.wants_posteriors))
        )
        if group.first:
            store.make(options.jobs or os.cpu_count() or 1)
        group.wait()
        _Run(options, config, corpus, learner, store, device, group).go()
    return options.out / "best.safetensors"


def _paired(model: TalkModel, config: DualConfig, corpus: Corpus) -> Dual:
    """The model with the dual task.

    Raises:
        TalkError: unpaired data or a first reader are not there, or do not fit.
    """
    check_unpaired(config.sounds, config.meshes, corpus)
    dual = Dual(model, config)
    if config.init:
        dual.start(load_reader(config.init).reader, config.init)
    return dual


def read_config(options: TrainOptions) -> Any:
    """The run's config: preset, then the file, then --set."""
    kind = run_config(options.method)
    preset = preset_path(options.method, options.preset)
    return configs.load(kind, options.config, options.overrides, preset=preset)


def start_from(part: nn.Module, other: nn.Module, key: str, source: str) -> None:
    """Give a part those weights of another that it has under the same names and in the same shapes.

    Raises:
        TalkError: there are none.
    """
    own, found = part.state_dict(), other.state_dict()
    shared = {name: tensor for name, tensor in found.items() if name in own and own[name].shape == tensor.shape}
    if not shared:
        raise TalkError(f"{key}: '{source}' shares no weights with this model: choose a checkpoint of its kind")
    part.load_state_dict({**own, **shared})
    note(f"{len(shared)} of {len(own)} weights begin as those of {source}")


def _open_run(options: TrainOptions, config: Any) -> None:
    """Make the folder, or make sure that what it holds is this very run, unfinished."""
    told = {"method": options.method, "data": str(options.data), **configs.to_dict(config)}
    record = options.out / "run.json"
    if options.out.exists() and not options.out.is_dir():
        raise TalkError(f"{options.out} is a file; give a folder to train into")
    try:
        _make_folder(options, record, told)
    except OSError as error:
        raise TalkError(f"cannot write to {options.out}: {error.strerror or error}") from error


def _make_folder(options: TrainOptions, record: Path, told: dict[str, Any]) -> None:
    if options.force and record.is_file():
        shutil.rmtree(options.out)
    if options.out.is_dir() and any(options.out.iterdir()):
        if not record.is_file():
            raise TalkError(f"{options.out} holds other files; give a new folder")
        if _read(record) != json.loads(json.dumps(told)):
            raise TalkError(
                f"{options.out} holds a run with other settings; give a new folder, or --force to replace it"
            )
        if (options.out / "done").is_file():
            raise TalkError(f"{options.out} is finished; give a new folder, or --force to train anew")
    options.out.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(told, indent=1), "utf-8")


def _read(record: Path) -> Any:
    try:
        return json.loads(record.read_text("utf-8"))
    except ValueError:
        return None  # cut off while it was written


class _Run:
    """One run: its stages, and where their weights go."""

    def __init__(
        self,
        options: TrainOptions,
        config: Any,
        corpus: Corpus,
        learner: TalkModel | Dual,
        store: Store,
        device: torch.device,
        group: Group,
    ) -> None:
        self.options, self.config, self.corpus, self.device, self.group = options, config, corpus, device, group
        self.learner = learner
        self.model = learner.host if isinstance(learner, Dual) else learner
        self.templates = {name: corpus.template(name) for name in sorted({clip.subject for clip in corpus.clips})}
        copies, crop = config.data.copies, config.data.crop_seconds
        make = partial(
            Clips,
            options.data,
            store,
            label_rate=learner.label_rate,
            seed=config.seed,
            whole=learner.whole_clips,
            keys=learner.key_rule,
        )
        self.train = make("train", crop_seconds=crop, copies=copies, vary=True, share=config.data.share)
        self.valid = make("val", crop_seconds=0.0, copies=0)

    def take_unpaired(self, jobs: int) -> None:
        """What the dual task learns from beside the pairs."""
        dual, data = self.config.dual, self.config.data
        if dual.sounds:
            cache = self.options.data / "cache"
            self.train.sounds = Sounds(Path(dual.sounds), cache, posteriors=bool(self.learner.wants_posteriors))
            if self.group.first:
                self.train.sounds.make()
        if dual.meshes:
            source = Path(dual.meshes)
            store = Store(replace(self.train.store.recipe, data=source, copies=0))
            if self.group.first:
                store.make(jobs)
            self.train.meshes = Clips(
                source,
                store,
                "train",
                self.learner.label_rate,
                crop_seconds=data.crop_seconds,
                copies=0,
                seed=self.config.seed,
                whole=self.learner.whole_clips,
                keys=self.learner.key_rule,
            )
        self.group.wait()

    def go(self) -> None:
        optim, data = self.config.optim, self.config.data
        self.learner.begin_training(self.pretrain)
        listener = self.learner.listener
        if listener is not None:
            self.train.readings = Readings(self.train.store.speech, listener.key)
            if self.group.first:
                self.train.readings.make(listener, self.train, self.device)
            self.group.wait()
        if optim.compile:
            self.model.compile_layers()
        if isinstance(self.learner, Dual):
            self.take_unpaired(self.options.jobs or os.cpu_count() or 1)
            self.learner.to(self.device)
            self.learner.measure(batch.to(self.device) for batch in sample(self.train))
        steps = optim.steps or optim.epochs * Order.per_epoch(len(self.train), data.batch)
        fit(self.stage("model", self.learner, steps), self.train, self.valid, self.keep)
        if self.group.first:
            draw_curves(self.options.out)
            (self.options.out / "done").touch()
            note(f"{self.options.method} trained: {self.options.out / 'best.safetensors'}")

    def stage(self, name: str, learner: Learner, steps: int) -> Stage:
        config = self.config
        return Stage(
            name, learner, steps, config.optim, config.data, config.seed, self.device, self.options.out, self.group
        )

    def pretrain(self, name: str, part: Learner) -> None:
        """Train a part that the method needs finished, from phones; its last weights are its result."""
        if not any(phone.name != "SIL" for clip in self.train.entries for phone in self.corpus.phones(clip)):
            raise TalkError(f"{self.options.data} has no phones to train the {name} on: choose one that is pretrained")
        stage = self.stage(name, part, self.config.optim.pretrain_steps)
        stage = replace(stage, optim=replace(stage.optim, ema=0.0))
        fit(stage, self.train, self.valid, lambda *_: None)

    def keep(self, which: str, weights: Mapping[str, Tensor], step: int, loss: float) -> None:
        told = {
            "command": self.command(),
            "step": step,
            "validation": loss,
            "data": self.corpus.info.name,
            "seed": self.config.seed,
            "version": talkcli.__version__,
        }
        out, method = self.options.out, self.options.method
        if not isinstance(self.learner, Dual):
            save_checkpoint(out / f"{which}.safetensors", self.model, method, self.templates, told, weights)
            return
        parts = {name: _under(weights, f"{name}.") for name in ("host", "reader")}
        save_checkpoint(out / f"{which}.safetensors", self.model, method, self.templates, told, parts["host"])
        if which == "last":
            path = out / f"{READER}.safetensors"
            save_checkpoint(path, self.learner.reader, READER, self.templates, told, parts["reader"])

    def command(self) -> str:
        """What to type to make this checkpoint again."""
        options = self.options
        words = ["talk", "train", "--method", options.method, "--preset", options.preset, "--data", str(options.data)]
        words += ["--config", str(options.config)] if options.config else []
        for override in options.overrides:
            words += ["--set", override]
        return shlex.join([*words, "--out", str(options.out)])


def _under(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights of a part, by its own names."""
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}


__all__ = ["TrainOptions", "read_config", "train"]
