"""The one training loop: whatever names its losses is trained here, resumes here, and is saved here."""

from __future__ import annotations

import math
import os
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from talkcli.console import note, progress
from talkcli.errors import TalkError
from talkcli.models.base import Learner
from talkcli.models.batch import Batch
from talkcli.models.checkpoint import knows_bfloat16
from talkcli.train.batches import Order, loader
from talkcli.train.config import DataConfig, OptimConfig
from talkcli.train.data import Clips
from talkcli.train.group import Group
from talkcli.train.log import Log

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
    group: Group = Group()  # noqa: RUF009  # frozen

    @property
    def state_file(self) -> Path:
        return self.folder / f"{self.name}.state.pt"


Keep = Callable[[str, Mapping[str, Tensor], int, float], None]  # "best" or "last", weights, step, validation loss


def fit(stage: Stage, train: Clips, valid: Clips, keep: Keep) -> None:
    """Train a stage to its last step, from where a killed run stopped.

    keep("best", ...) is called whenever the validation loss is the lowest so far, keep("last", ...) at each validation.
    """
    learner, optim, group = stage.learner, stage.optim, stage.group
    learner.to(stage.device)
    parameters = [p for p in learner.parameters() if p.requires_grad]
    adam = torch.optim.AdamW if optim.weight_decay else torch.optim.Adam
    optimizer = adam(parameters, lr=optim.lr, weight_decay=optim.weight_decay, fused=True)
    average = Average(learner, optim.ema)
    step, best = _resume(stage, optimizer, average)
    if step >= stage.steps:
        _seed(stage, step)  # as at the end of the run that was unbroken
        return
    order = Order(len(train), stage.data.batch, stage.seed, step, stage.steps, group.rank, group.size)
    log = Log(stage.folder, stage.name, step) if group.first else None
    batches = iter(loader(train, order, stage.data.workers))
    joined = group.joined(learner, stage.device)
    hooks = step_in_backward(optimizer, parameters) if group.size == 1 and not optim.clip else []
    _seed(stage, step)  # after the loader has drawn: a resumed run draws as an unbroken one
    started = time.monotonic()
    with progress(stage.name, stage.steps) as advance, closing(log) if log else nullcontext():
        advance(step)
        for batch in batches:
            telling = not (step + 1) % optim.validate_every or step + 1 == stage.steps
            terms, pulls = _update(stage, joined, batch, parameters, optimizer, step, telling and optim.gradients)
            average.update()
            step += 1
            advance()
            if not telling:
                continue
            terms, pulls = group.mean(terms), group.mean(pulls)
            with average:
                loss = validate(stage, valid)
                weights = {name: tensor.detach().clone() for name, tensor in learner.state_dict().items()}
            if not math.isfinite(loss):
                raise TalkError(f"the validation loss is no number at step {step}: lower optim.lr or set optim.clip=1")
            better, best = loss < best, min(loss, best)
            if log is not None:
                log.write(step, terms, loss, optimizer.param_groups[0]["lr"], pulls)
                pace = (time.monotonic() - started) / max(1, step - order.first)
                told = f"loss {_told(terms)}, validation {loss:.5f}, {pace:.2f} s a step"
                note(f"{stage.name} {step}/{stage.steps}: {told}")
                keep("last", weights, step, loss)
                if better:
                    keep("best", weights, step, loss)
                _save_state(stage, step, best, optimizer, average)
            _seed(stage, step)
    for hook in hooks:
        hook.remove()
    group.wait()


def _seed(stage: Stage, step: int) -> None:
    """Random numbers from here on: those of each step and process are their own."""
    torch.manual_seed(stage.seed + step + 1_000_003 * stage.group.rank)


def _update(
    stage: Stage,
    joined: nn.Module,
    batch: Batch,
    parameters: list[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    step: int,
    gradients: bool,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """One step of the optimiser; the loss terms, and the norms of their gradients where these are asked for."""
    stage.learner.train()
    optim = stage.optim
    lr = optim.lr * rate(step, stage.steps, optim) * stage.learner.at(step / stage.steps)
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad(set_to_none=True)  # before the forward pass, whose own memory then takes their place
    with autocast(stage.device, optim.precision):
        terms: dict[str, Tensor] = joined(batch.to(stage.device))
    total = torch.stack(list(terms.values())).sum()
    if not bool(torch.isfinite(total)):
        raise TalkError(f"the loss is no number at step {step} ({_told(terms)}): lower optim.lr or set optim.clip=1")
    pulls = gradient_norms(terms, parameters) if gradients else {}
    total.backward()  # type: ignore[no-untyped-call]
    if optim.clip:
        nn.utils.clip_grad_norm_(parameters, optim.clip)
    optimizer.step()  # of what has not made its step in backward()
    return {name: term.detach() for name, term in terms.items()}, pulls


def gradient_norms(terms: Mapping[str, Tensor], parameters: Sequence[nn.Parameter]) -> dict[str, Tensor]:
    """The norm of each loss term's own gradient, before any clipping; the graph stays for backward()."""

    def norm(term: Tensor) -> Tensor:
        if not term.requires_grad:  # as long as its weight is 0
            return torch.zeros((), device=term.device)
        found = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
        return nn.utils.get_total_norm([gradient for gradient in found if gradient is not None])

    return {name: norm(term) for name, term in terms.items()}


def step_in_backward(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter]) -> list[RemovableHandle]:
    """Until the handles are removed, each parameter makes its step as soon as its gradient is whole, which then goes.

    The steps are the same, and the gradients are never all there at once; what looks at all of them (clipping), or
    shares them (several processes), cannot have it.
    """

    def step(parameter: Tensor) -> None:
        optimizer.step()  # passes over parameters without a gradient: all others
        parameter.grad = None

    return [parameter.register_post_accumulate_grad_hook(step) for parameter in parameters]  # type: ignore[no-untyped-call]


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """A processor that does not know bfloat16 imitates it, several times more slowly than it computes in float32."""
    low = precision == "bf16" or (precision == "auto" and knows_bfloat16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=low)


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
    batches = batches[stage.group.rank :: stage.group.size]
    total, count = 0.0, 0
    for batch in loader(valid, batches, 0):
        assert isinstance(batch, Batch)
        with autocast(stage.device, stage.optim.precision):
            terms = stage.learner.losses(batch.to(stage.device))
        clips = len(batch.frames)
        total += float(torch.stack([term.float() for term in terms.values()]).sum()) * clips
        count += clips
    everybodys = stage.group.summed(torch.tensor([total, count], dtype=torch.float64, device=stage.device))
    return float(everybodys[0] / everybodys[1].clamp(min=1))


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
    if stage.group.first:
        note(f"{stage.name}: going on at step {state['step']}")
    return int(state["step"]), float(state["best"])


def _told(terms: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {float(term.detach()):.4g}" for name, term in terms.items())
