"""Processes that train one model together, as torchrun starts them; one process alone is a group of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from talkcli.models.base import Learner
from talkcli.models.batch import Batch

PATIENCE = timedelta(days=1)  # that the others have while the first prepares features


@dataclass(frozen=True)
class Group:
    """rank of size: the first writes, all learn."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def wait(self) -> None:
        """Till all have come here."""
        if self.size > 1:
            dist.barrier()

    def summed(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def mean(self, terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The mean of named losses over all processes, which is the loss of their clips in one batch."""
        if self.size == 1 or not terms:
            return dict(terms)
        values = self.summed(torch.stack([term.detach().float() for term in terms.values()])) / self.size
        return dict(zip(terms, values, strict=True))

    def joined(self, learner: Learner, device: torch.device) -> nn.Module:
        """A module from a batch to the learner's losses whose gradients are the mean over all processes."""
        losses = _Losses(learner)
        if self.size == 1:
            return losses
        places = [device] if device.type == "cuda" else None
        # LayerDrop leaves out other layers in each process
        return DistributedDataParallel(losses, device_ids=places, find_unused_parameters=True)


class _Losses(nn.Module):
    def __init__(self, learner: Learner) -> None:
        super().__init__()
        self.learner = learner

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return self.learner.losses(batch)


@contextmanager
def together(device: torch.device) -> Iterator[Group]:
    """The group that torchrun started this process in, if any."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Group()
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Group(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()


def own_device(device: torch.device) -> torch.device:
    """Of several GPUs that a machine has, the one of this process."""
    if device.type == "cuda" and "LOCAL_RANK" in os.environ:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    return device
