"""What goes into a method and comes out of it, as tensors: speech, keys, targets, and what is made of them.

Shape letters: B clips, T frames, V vertices, S samples, A encoder steps, P posterior steps, M log-mel channels, N keys
or subjects, D width, K basis coefficients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from talkcli.clip import Floats, Phone

RATE = 16000  # samples a second that every encoder hears


class _Tensors:
    """A dataclass of tensors that moves between devices as one."""

    def to(self, device: torch.device) -> Self:
        moved: dict[str, Any] = {}
        for item in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, item.name)
            moved[item.name] = value.to(device) if isinstance(value, Tensor | _Tensors) else value
        return replace(self, **moved)  # type: ignore[type-var]


@dataclass(frozen=True, eq=False)
class Keys(_Tensors):
    """Key frames (B, N), rising, -1 after a clip's last; motion (B, N, K) stands in for the model's own where known
    (B, N), and comes out exactly where hard (B, N)."""

    frames: Tensor  # int64
    motion: Tensor | None = None
    known: Tensor | None = None
    hard: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Speech(_Tensors):
    """What a model hears: samples (B, S) at 16 kHz, the number that count (B,), and, where the encoder asks for them,
    phone log-posteriors (B, P, 42) at 100 Hz, row i centred at i * 10 ms; keys where the method has any and somebody
    says which; usual (B, M, P) is the log-mel that is taken off, where that is not the samples' own mean."""

    samples: Tensor
    lengths: Tensor
    posteriors: Tensor | None = None
    keys: Keys | None = None
    usual: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Guide:
    """What is known of a stretch of speech beside its sound, in its own time: phones; poses, vertices (V, 3) or None
    by key frame, where somebody chose the keys (None: the model's own pose), of which locked ones come out exactly; and
    another model's motion host (T, V, 3), of which only the key frames count."""

    phones: Sequence[Phone] | None = None
    poses: Mapping[int, Floats | None] | None = None
    locked: frozenset[int] = frozenset()
    host: Floats | None = None


@dataclass(frozen=True, eq=False)
class Heard:
    """features (B, A, D); phone logits (B, A, 40) and contact logits (B, A, 2) from encoders that have those heads."""

    features: Tensor
    phone_logits: Tensor | None = None
    contact_logits: Tensor | None = None


class Framed(NamedTuple):
    """What a model heard, in step with frames: features (B, T, k, D), k steps for each frame, of which frames (B,)
    count; heard has the heads' logits; keys, where the method has any, are its key frames, and inner is what a method
    within this one heard."""

    features: Tensor
    frames: Tensor
    heard: Heard
    keys: Keys | None = None
    inner: Framed | None = None


class Told(NamedTuple):
    """What a model makes of speech: motion (B, T, K) in its output basis, of which frames (B,) count, and what its
    encoder heard; beside are losses that a method made on the way."""

    motion: Tensor
    frames: Tensor
    heard: Heard
    beside: Mapping[str, Tensor] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Reading(_Tensors):
    """What a speech recogniser makes of sound: hidden states (B, A, D), the likeliest symbol of each step (B, A), and
    how many steps count (B,)."""

    hidden: Tensor
    symbols: Tensor  # int64, 0 after a clip's end
    steps: Tensor


@dataclass(frozen=True)
class Listener:
    """A recogniser that hears each clip once, before training: key names its answers on disk, make loads it."""

    key: str
    make: Callable[[torch.device], Callable[[Speech], Reading]]


@dataclass(frozen=True, eq=False)
class Batch(_Tensors):
    """Clips to learn from, padded to the longest.

    motion (B, T, K) are target displacements in the model's output basis (for the basis "none" K is 3 V and they are
    the displacements themselves); frames (B,) count; outside (B,) is the mean square, per vertex coordinate and frame,
    of what the basis cannot hold. phones (B, A) are phone numbers at the encoder's rate, -1 where none is known;
    contacts (B, A, 2) say where the lips meet and where the lower lip meets the teeth. reading is what the model's
    listener made of the sound, where it has one. Beside them, sounds are clips of which only the sound may be used, and
    meshes clips of which only the motion may be.
    """

    speech: Speech
    motion: Tensor
    frames: Tensor
    outside: Tensor
    template: Tensor  # (B, V, 3)
    style: Tensor  # (B, N)
    phones: Tensor  # (B, A) int64
    contacts: Tensor  # (B, A, 2)
    reading: Reading | None = None
    sounds: Batch | None = None
    meshes: Batch | None = None

    def cut(self, frames: Tensor) -> Batch:
        """The same with no more than these frames (B,) of motion."""
        return replace(self, motion=self.motion[:, : int(frames.max())], frames=frames)


@dataclass(frozen=True, eq=False)
class Prediction:
    """vertices (B, T, V, 3) and, from encoders that have the heads, phone logits (B, A, 40) and contact logits
    (B, A, 2: lips meet, lower lip meets teeth), rate steps a second."""

    vertices: Tensor
    phone_logits: Tensor | None = None
    contact_logits: Tensor | None = None
    rate: float = 0.0
