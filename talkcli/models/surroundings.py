"""A part of a long sound, heard as in the whole.

An encoder takes off what is usual for a sound: the mean of its spectrum, and of its cepstra. Of a part alone that would
be another, and each cut could be seen. So parts are told what is usual round them: over SPAN seconds to either side,
taken anew every EVERY seconds, and passing straight from one to the next.
Shape letters: A frames (100 a second), C cepstra, M mel bands, N means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from talkcli.audio.cepstra import mean_cepstra, raw_cepstra
from talkcli.audio.posteriors import posteriors_of
from talkcli.clip import Audio, Floats
from talkcli.stages import stage

HOP = 160  # samples from one frame to the next, at 16 kHz
EVERY, SPAN = 10.0, 20.0  # seconds; the one is a multiple of the other
BLOCK, NEAR = round(EVERY * 100), round(SPAN / EVERY)  # frames, and blocks of so many to either side
EDGE = 2  # frames at the ends of a stretch of which a spectrum is not whole


@dataclass(frozen=True, eq=False)
class PartOfSound:
    """Of one part of a sound: phone log-posteriors (A, 42) and the usual log-mel (A, M)."""

    posteriors: Floats
    usual: Floats


@dataclass(frozen=True, eq=False)
class Surroundings:
    """cepstra (A, C) of the whole sound, and the usual ones (N, C) and log-mel (N, M), every EVERY seconds."""

    cepstra: Floats
    usual_cepstra: Floats
    usual_mel: Floats

    @stage("hear")
    def of(self, start: float, samples: int) -> PartOfSound:
        """Of the part of so many samples from start on, a multiple of 10 ms."""
        first = round(start * 100)
        last = first + samples // HOP + 1
        low, high = max(first - 3, 0), min(last + 3, len(self.cepstra))  # posteriors hear three frames round each
        near = self.cepstra[low:high] - passing(self.usual_cepstra, low, high)
        return PartOfSound(posteriors_of(near, first - low, last - low), passing(self.usual_mel, first, last))


def passing(rows: Floats, first: int, last: int) -> Floats:
    """(A, ...) for the frames from first to last, straight between rows (N, ...) that stand BLOCK frames apart."""
    place = np.arange(first, last) / BLOCK
    left = np.minimum(place.astype(np.int64), len(rows) - 2)
    share = np.clip(place - left, 0, 1).astype(np.float32)[:, None]
    return np.asarray(rows[left] + share * (rows[left + 1] - rows[left]), np.float32)


@stage("hear")
def look_round(
    audio: Audio, gain: float, log_mel: Callable[[Tensor], Tensor], usual: Callable[[Tensor], Tensor]
) -> Surroundings:
    """What a 16 kHz sound, times gain, is usually like.

    log_mel makes (1, M, A) of samples (1, S), frame i centred at i * HOP; usual gives (1, M, 1) of such.
    """
    cepstra = raw_cepstra(audio.samples)
    count = -(-len(cepstra) // BLOCK) + 1  # the last mean stands at the end, or behind it
    around = (slice(max(0, (n - NEAR) * BLOCK), (n + NEAR) * BLOCK) for n in range(count))
    usual_cepstra = np.stack([mean_cepstra(cepstra[near]) for near in around])
    return Surroundings(cepstra, usual_cepstra, np.stack(list(_usual_mel(audio, gain, count, log_mel, usual))))


def _usual_mel(
    audio: Audio, gain: float, count: int, log_mel: Callable[[Tensor], Tensor], usual: Callable[[Tensor], Tensor]
) -> Iterator[Floats]:
    """Row after row; no more blocks are kept than a row needs."""
    blocks: dict[int, Tensor] = {}
    for n in range(count):
        blocks.pop(n - NEAR - 1, None)
        for block in range(max(0, n - NEAR), min(n + NEAR, count - 1)):
            if block not in blocks:
                blocks[block] = _block(audio, gain, block, log_mel)
        yield usual(torch.cat([blocks[block] for block in sorted(blocks)], 2))[0, :, 0].cpu().numpy()


def _block(audio: Audio, gain: float, block: int, log_mel: Callable[[Tensor], Tensor]) -> Tensor:
    """(1, M, A) of the frames of one block."""
    first, last = block * BLOCK, min((block + 1) * BLOCK, len(audio.samples) // HOP + 1)
    begin = max(0, first - EDGE)
    samples = audio.samples[begin * HOP : (last + EDGE) * HOP] * np.float32(gain)
    return log_mel(torch.from_numpy(samples)[None])[:, :, first - begin : last - begin]
