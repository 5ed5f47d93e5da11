"""Small parts that more than one method or encoder uses.

Shape letters: B clips, T frames, A encoder steps, D width.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TimeMap = Literal["ends", "time"]


def match_frames(features: Tensor, rate: float, frames: int, fps: float, time_map: TimeMap) -> Tensor:
    """Features (B, A, D) brought to (B, frames, D) by linear interpolation.

    "ends" puts the first step on the first frame and the last on the last (FaceFormer and SelfTalk on VOCASET);
    "time" takes each frame's own time, step j lying at j / rate and frame i at i / fps.
    """
    steps = features.shape[1]
    if time_map == "ends":
        stretched = F.interpolate(features.transpose(1, 2), size=frames, mode="linear", align_corners=True)
        return stretched.transpose(1, 2)  # (B, T, D)
    position = torch.arange(frames, device=features.device, dtype=torch.float32) * (rate / fps)  # (T,)
    position = position.clamp(max=steps - 1)
    left = position.floor().long()
    right = (left + 1).clamp(max=steps - 1)
    share = (position - left).to(features.dtype)[:, None]  # (T, 1)
    return features[:, left] * (1 - share) + features[:, right] * share  # (B, T, D)


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
