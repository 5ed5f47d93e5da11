"""The one training loop: whatever names its losses is trained here, resumes here, and is saved here."""

from __future__ import annotations

import csv
import math
import os
import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from talkcli.console import note, progress
from talkcli.errors import TalkError
from talkcli.models.base import Batch, Learner
from talkcli.train.config import DataConfig, OptimConfig
from talkcli.train.data import Clips, Order, loader

STATE = 1  # format of the state file


@dataclass(frozen=True, eq=False)
class Stage:
    """One training: of a method, or of a part that is trained before it."""

    name: str
    learner: Learner
    steps: int
    optim: OptimConfig
    data: DataConfig
    seed: int
    device: torch.device
    folder: Path

    @property
    def state_file(self) -> Path:
        return self.folder / f"{self.name}.state.pt"


Keep = Callable[[str, Mapping[str, Tensor], int, float], None]  # "best" or "last", weights, step, validation loss


def fit(stage: Stage, train: Clips, valid: Clips, keep: Keep) -> None:
    """Train a stage to its last step, from where a killed run stopped.

    keep("best", ...) is called whenever the validation loss is the lowest so far, keep("last", ...) at each validation.
    """
    learner, optim = stage.learner, stage.optim
    learner.to(stage.device)
    parameters = [p for p in learner.parameters() if p.requires_grad]
    adam = torch.optim.AdamW if optim.weight_decay else torch.optim.Adam
    optimizer = adam(parameters, lr=optim.lr, weight_decay=optim.weight_decay)
    average = Average(learner, optim.ema)
    step, best = _resume(stage, optimizer, average)
    if step >= stage.steps:
        torch.manual_seed(stage.seed + step)  # as at the end of the run that was unbroken
        return
    order = Order(len(train), stage.data.batch, stage.seed, step, stage.steps)
    log = _Log(stage.folder / f"{stage.name}.csv", step)
    batches = iter(loader(train, order, stage.data.workers))
    torch.manual_seed(stage.seed + step)  # after the loader has drawn: a resumed run draws as an unbroken one
    started = time.monotonic()
    with progress(stage.name, stage.steps) as advance:
        advance(step)
        for batch in batches:
            terms = _update(stage, batch, parameters, optimizer, step)
            average.update()
            step += 1
            advance()
            if step % optim.validate_every and step != stage.steps:
                continue
            with average:
                loss = validate(stage, valid)
                weights = {name: tensor.detach().clone() for name, tensor in learner.state_dict().items()}
            log.write(step, terms, loss)
            pace = (time.monotonic() - started) / max(1, step - order.first)
            note(f"{stage.name} {step}/{stage.steps}: loss {_told(terms)}, validation {loss:.5f}, {pace:.2f} s a step")
            keep("last", weights, step, loss)
            if loss < best:
                best = loss
                keep("best", weights, step, loss)
            _save_state(stage, step, best, optimizer, average)
            torch.manual_seed(stage.seed + step)


def _update(
    stage: Stage, batch: Batch, parameters: list[nn.Parameter], optimizer: torch.optim.Optimizer, step: int
) -> dict[str, Tensor]:
    """One step of the optimiser; the loss terms."""
    stage.learner.train()
    optim = stage.optim
    for group in optimizer.param_groups:
        group["lr"] = optim.lr * rate(step, stage.steps, optim)
    with autocast(stage.device, optim.precision):
        terms = stage.learner.losses(batch.to(stage.device))
    total = torch.stack(list(terms.values())).sum()
    if not bool(torch.isfinite(total)):
        raise TalkError(f"the loss is no number at step {step} ({_told(terms)}): lower optim.lr or set optim.clip=1")
    optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    if optim.clip:
        nn.utils.clip_grad_norm_(parameters, optim.clip)
    optimizer.step()
    return {name: term.detach() for name, term in terms.items()}


def autocast(device: torch.device, precision: str) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def rate(step: int, steps: int, optim: OptimConfig) -> float:
    """The share of the learning rate at this step."""
    if step < optim.warmup:
        return (step + 1) / optim.warmup
    if optim.schedule == "constant":
        return 1.0
    done = (step - optim.warmup) / max(1, steps - optim.warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))


@torch.inference_mode()
def validate(stage: Stage, valid: Clips) -> float:
    """The mean of the learner's loss over the validation clips."""
    stage.learner.train(False)
    size = stage.data.batch
    batches = [[(i, 0) for i in range(k, min(k + size, len(valid)))] for k in range(0, len(valid), size)]
    total, count = 0.0, 0
    for batch in loader(valid, batches, 0):
        assert isinstance(batch, Batch)
        with autocast(stage.device, stage.optim.precision):
            terms = stage.learner.losses(batch.to(stage.device))
        clips = len(batch.frames)
        total += float(torch.stack([term.float() for term in terms.values()]).sum()) * clips
        count += clips
    return total / max(1, count)


class Average:
    """An exponential mean of the weights; inside `with`, the learner has them. Decay 0 leaves the learner alone."""

    def __init__(self, learner: Learner, decay: float) -> None:
        self.decay = decay
        self.weights = [p for p in learner.parameters() if p.requires_grad]
        self.mean = [p.detach().clone() for p in self.weights] if decay else []
        self.own: list[Tensor] = []
        self.updates = 0

    @torch.no_grad()
    def update(self) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for mean, weight in zip(self.mean, self.weights, strict=False):
            mean.lerp_(weight, 1 - decay)

    @torch.no_grad()
    def __enter__(self) -> None:
        self.own = [weight.detach().clone() for weight in self.weights] if self.mean else []
        for mean, weight in zip(self.mean, self.weights, strict=False):
            weight.copy_(mean)

    @torch.no_grad()
    def __exit__(self, *error: object) -> None:
        for own, weight in zip(self.own, self.weights, strict=False):
            weight.copy_(own)


def _save_state(stage: Stage, step: int, best: float, optimizer: torch.optim.Optimizer, average: Average) -> None:
    """All that a killed run needs to go on, written beside and renamed."""
    state = {
        "format": STATE,
        "step": step,
        "best": best,
        "learner": stage.learner.state_dict(),
        "optimizer": optimizer.state_dict(),
        "average": average.mean,
        "updates": average.updates,
    }
    save_state(stage.state_file, state)


def save_state(path: Path, state: dict[str, Any]) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        torch.save(state, beside)
        beside.replace(path)
    except (OSError, RuntimeError) as error:  # RuntimeError: torch's own word for a full disk
        beside.unlink(missing_ok=True)
        raise TalkError(f"cannot write {path}: {str(error).splitlines()[0]}") from error


def _resume(stage: Stage, optimizer: torch.optim.Optimizer, average: Average) -> tuple[int, float]:
    """Step and best validation loss of a killed run, whose state the arguments take on; 0 and infinity without one."""
    if not stage.state_file.is_file():
        return 0, math.inf
    try:
        state = torch.load(stage.state_file, map_location=stage.device, weights_only=True)
        stage.learner.load_state_dict(state["learner"])
        optimizer.load_state_dict(state["optimizer"])
        for mean, saved in zip(average.mean, state["average"], strict=True):
            mean.copy_(saved)
        average.updates = state["updates"]
    except (OSError, EOFError, KeyError, ValueError, RuntimeError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TalkError(f"cannot resume from {stage.state_file} ({reason}): train into another folder") from error
    note(f"{stage.name}: going on at step {state['step']}")
    return int(state["step"]), float(state["best"])


class _Log:
    """One line a validation: step, each loss term, their sum, validation loss."""

    def __init__(self, path: Path, step: int) -> None:
        """Goes on after step: what a killed run told of later steps is told again."""
        self.path = path
        if step == 0:
            path.unlink(missing_ok=True)
        elif path.is_file():
            head, *lines = path.read_text("utf-8").splitlines(keepends=True)
            path.write_text(head + "".join(line for line in lines if int(line.split(",")[0]) <= step), "utf-8")

    def write(self, step: int, terms: Mapping[str, Tensor], loss: float) -> None:
        values = {name: float(term) for name, term in terms.items()}
        fresh = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            if fresh:
                lines.writerow(["step", *values, "total", "validation"])
            lines.writerow([step, *(f"{v:.6g}" for v in values.values()), f"{sum(values.values()):.6g}", f"{loss:.6g}"])


def _told(terms: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {float(term.detach()):.4g}" for name, term in terms.items())
