"""Examples to batches: padded to the longest, in an order that depends on seed and epoch alone.

Shape letters: B clips, T frames, A encoder steps, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from talkcli.errors import TalkError
from talkcli.models.batch import Batch, Keys, Reading, Speech
from talkcli.models.key_motion import padded
from talkcli.train.data import Clips, Example


def collate(examples: Sequence[Example], styles: int) -> Batch:
    """Pad to the longest."""
    posteriors = None
    if examples[0].posteriors is not None:
        posteriors = _pad([e.posteriors for e in examples if e.posteriors is not None])
    style = torch.zeros(len(examples), styles)
    for row, example in enumerate(examples):
        if example.style >= 0:
            style[row, example.style] = 1
    return Batch(
        speech=Speech(
            samples=_pad([e.samples for e in examples]),
            lengths=torch.tensor([len(e.samples) for e in examples]),
            posteriors=posteriors,
            keys=None if examples[0].keys is None else Keys(padded([e.keys for e in examples if e.keys is not None])),
        ),
        motion=_pad([e.motion for e in examples]),
        frames=torch.tensor([len(e.motion) for e in examples]),
        outside=torch.tensor([e.outside for e in examples], dtype=torch.float32),
        template=torch.from_numpy(np.stack([e.template for e in examples])),
        style=style,
        phones=_pad([e.phones for e in examples], -1),
        contacts=_pad([e.contacts for e in examples]),
        reading=_reading([e.reading for e in examples if e.reading is not None]),
        sounds=_beside([e.sound for e in examples if e.sound is not None], styles),
        meshes=_beside([e.mesh for e in examples if e.mesh is not None], styles),
    )


def _beside(examples: Sequence[Example], styles: int) -> Batch | None:
    return collate(examples, styles) if examples else None


def _reading(told: Sequence[tuple[NDArray[np.float32], NDArray[np.int64]]]) -> Reading | None:
    if not told:
        return None
    hidden, symbols = zip(*told, strict=True)
    return Reading(_pad(hidden), _pad(symbols), torch.tensor([len(row) for row in symbols]))


def _pad(arrays: Sequence[NDArray[np.generic]], value: float = 0) -> Tensor:
    """Arrays (T_i, ...) -> (B, longest T, ...)."""
    tensors = [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value)


@dataclass(frozen=True)
class Order:
    """Which clips make which batch: all of them once an epoch, shuffled by seed and epoch.

    Of processes that train together, each takes its share of every batch.
    """

    clips: int
    batch: int
    seed: int
    first: int
    last: int
    rank: int = 0
    size: int = 1

    def __post_init__(self) -> None:
        if min(self.batch, self.clips) % self.size:
            raise TalkError(
                f"{self.size} processes cannot share batches of {min(self.batch, self.clips)} clips alike: set "
                "data.batch to a multiple of their number"
            )

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        per_epoch = self.per_epoch(self.clips, self.batch)
        for step in range(self.first, self.last):
            epoch, place = divmod(step, per_epoch)
            order = np.random.default_rng([self.seed, epoch, 7]).permutation(self.clips)
            batch = order[place * self.batch : (place + 1) * self.batch]
            yield [(int(i), epoch) for i in batch[self.rank :: self.size]]

    def __len__(self) -> int:
        return self.last - self.first

    @staticmethod
    def per_epoch(clips: int, batch: int) -> int:
        """Steps in an epoch; a last, smaller batch is left to the next shuffle."""
        return max(1, clips // batch)


def loader(clips: Clips, order: Order | list[list[tuple[int, int]]], workers: int) -> DataLoader[Example]:
    """Batches in this order."""
    styles = len(clips.corpus.info.subjects)
    return DataLoader(
        clips,
        batch_sampler=order,
        num_workers=workers,
        collate_fn=_Collate(styles),
        multiprocessing_context="spawn" if workers else None,
        prefetch_factor=4 if workers else None,
    )


def sample(clips: Clips, most: int = 256) -> Iterator[Batch]:
    """Every clip by itself, as the first epoch has it; of more than most, some from everywhere."""
    styles, step = len(clips.corpus.info.subjects), -(-len(clips) // most)
    return (collate([clips[index]], styles) for index in range(0, len(clips), step))


@dataclass(frozen=True)
class _Collate:
    styles: int

    def __call__(self, examples: Sequence[Example]) -> Batch:
        return collate(examples, self.styles)
