"""Small parts that more than one method or encoder uses.

Shape letters: B clips, T frames, A encoder steps, D width, H heads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

# How encoder steps come to frames. "front": the convolutional features are stretched, first on first and last on last,
# before the transformer hears them (FaceFormer and SelfTalk on VOCASET); "stack": each frame has two steps of its own
# (both on BIWI); "ends": as front, but of what the encoder gives; "time": each frame at its own time.
TimeMap = Literal["front", "stack", "ends", "time"]


def mesh_frames(steps: int, rate: float, fps: float, time_map: Literal["front", "stack"]) -> int:
    """How many frames so many encoder steps become, cut off as the released code does: 205 steps make 122 frames."""
    return int(steps / rate * fps) if time_map == "front" else steps // 2


def reading_steps(frames: int, fps: float, rate: float) -> int:
    """How many encoder steps a lip reader makes of frames alone, cut off as SelfTalk's released code does."""
    return int(frames / fps * rate)


def stretch(features: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
    """Features (B, A, D), of which lengths (B,) count, brought to targets (B,) steps, first on first and last on last;
    zeros after a clip's end."""
    if bool((lengths == lengths[0]).all()) and bool((targets == targets[0]).all()):
        return _stretched(features[:, : int(lengths[0])], int(targets[0]))
    rows = [
        _stretched(row[None, :length], target)[0]
        for row, length, target in zip(features, lengths.tolist(), targets.tolist(), strict=True)
    ]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)


def _stretched(features: Tensor, steps: int) -> Tensor:
    stretched = F.interpolate(features.transpose(1, 2).float(), size=steps, mode="linear", align_corners=True)
    return stretched.transpose(1, 2)


def match_frames(features: Tensor, rate: float, frames: int, fps: float, time_map: TimeMap) -> Tensor:
    """Features (B, A, D) brought to (B, frames, D) by linear interpolation.

    "ends" puts the first step on the first frame and the last on the last; "time" takes each frame's own time, step j
    lying at j / rate and frame i at i / fps.
    """
    steps = features.shape[1]
    if time_map == "ends":
        return _stretched(features, frames)
    position = torch.arange(frames, device=features.device, dtype=torch.float32) * (rate / fps)  # (T,)
    position = position.clamp(max=steps - 1)
    left = position.floor().long()
    right = (left + 1).clamp(max=steps - 1)
    share = (position - left).to(features.dtype)[:, None]  # (T, 1)
    return features[:, left] * (1 - share) + features[:, right] * share  # (B, T, D)


def temporal_bias(heads: int, frames: int, period: int) -> Tensor:
    """(H, T, T) causal bias that fades by whole periods (FaceFormer, biased causal attention); 0 is the present."""
    query, key = torch.arange(frames)[:, None], torch.arange(frames)[None, :]
    bias = fading(heads, frames, period)[:, (query - key).clamp(min=0)]
    return bias.masked_fill(key > query, float("-inf"))


def fading(heads: int, frames: int, period: int) -> Tensor:
    """(H, T) the bias of what lies so many frames back."""
    slopes = 2.0 ** (-8.0 * torch.arange(1, heads + 1) / heads)  # ALiBi; heads is a power of two
    back = torch.div(torch.arange(frames), period, rounding_mode="floor")  # (T,) periods
    return -slopes[:, None] * back


def periodic_code(frames: int, width: int, period: int) -> Tensor:
    """(T, D) sines and cosines of the place in the period (FaceFormer, periodic positional encoding)."""
    place = torch.arange(frames)[:, None] % period  # (T, 1)
    speed = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))  # (D / 2,)
    return torch.stack([torch.sin(place * speed), torch.cos(place * speed)], 2).flatten(1)


class WithoutRandomWeights(TorchFunctionMode):
    """Inside, modules are made as fast as memory is handed out: their weights hold anything till some are loaded."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in (Tensor.uniform_, Tensor.normal_) or func in _DRAWING:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


_DRAWING = (nn.init.uniform_, nn.init.normal_, nn.init.kaiming_uniform_)  # what asks the mode before it draws


def length_mask(lengths: Tensor, longest: int) -> Tensor:
    """(B,) lengths to (B, longest) bool, true inside."""
    return torch.arange(longest, device=lengths.device)[None] < lengths[:, None]


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of (B, D, A)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return normed


class DilatedBlock(nn.Module):
    """A residual block of one dilated convolution: (B, D, A) -> (B, D, A)."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ChannelNorm(width),
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation),
            nn.GELU(),
            nn.Dropout1d(dropout),
            nn.Conv1d(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out
