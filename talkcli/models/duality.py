"""What ties animation and lip reading to each other: the terms of dual learning, each on hidden values alone.

All are means over frames that count, and of clips of any length. Shape letters: B clips, T frames, D width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkcli.models.layers import length_mask
from talkcli.models.losses import masked_mean, shared

REACH = 12  # frames that the consistency of two sequences is compared over
TEMPERATURE = 0.1
SOFT = 1e-6  # added to square lengths: what stands still has no direction, and must not have a steep gradient either


def nearness(told: Tensor, meant: Tensor, frames: Tensor) -> Tensor:
    """Smooth L1 of told (B, T, D) against meant, which it does not train (after iQAN, CVPR 2018)."""
    each = F.smooth_l1_loss(told.float(), meant.detach().float(), reduction="none").mean(-1)  # (B, T)
    return masked_mean(each, length_mask(frames, told.shape[1]))


def relational(moved: Tensor, heard: Tensor, frames: Tensor) -> Tensor:
    """Cross-modal consistency: two frames' motion latents (B, T, D) must be as much alike as what is heard in them.

    heard is not trained. Latents that stand still while the sound changes cost much: that is over-smoothing.
    """
    near = _near(frames, moved.shape[1], REACH)  # (B, T, T)
    away = likeness(moved, frames) - likeness(heard.detach(), frames)
    return (away.square() * near).sum() / shared(near.sum())


def likeness(latent: Tensor, frames: Tensor) -> Tensor:
    """(B, T, D) -> (B, T, T) cosine of every two frames' distances from the clip's mean."""
    inside = length_mask(frames, latent.shape[1])[..., None]
    own = latent.float() * inside
    own = (own - own.sum(1, keepdim=True) / frames.clamp(min=1)[:, None, None]) * inside
    own = own * (own.square().sum(-1, keepdim=True) + SOFT).rsqrt()
    return own @ own.transpose(1, 2)


def contrast(moved: Tensor, heard: Tensor, frames: Tensor) -> Tensor:
    """Cross-modal consistency as symmetric InfoNCE: a frame's motion latent (B, T, D) is told from the clip's other
    frames by what is heard in it, and the other way round; its two neighbours are no negatives."""
    own, other = (F.normalize(latent.float(), dim=-1, eps=1e-3) for latent in (moved, heard))
    scores = own @ other.transpose(1, 2) / TEMPERATURE  # (B, T, T)
    count = moved.shape[1]
    inside = length_mask(frames, count)
    now = torch.arange(count, device=scores.device)
    left_out = ((now[:, None] - now).abs() == 1) | ~inside[:, None, :]
    left_out = left_out & (now[:, None] != now)  # a frame itself is always there, so that no row is empty
    log = [
        s.masked_fill(left_out, float("-inf")).log_softmax(-1).diagonal(dim1=1, dim2=2)
        for s in (scores, scores.transpose(1, 2))
    ]
    return masked_mean(-(log[0] + log[1]) / 2, inside)


def _near(frames: Tensor, count: int, reach: int) -> Tensor:
    now = torch.arange(count, device=frames.device)
    inside = length_mask(frames, count)
    return ((now[:, None] - now).abs() <= reach) & inside[:, None, :] & inside[:, :, None]


@contextmanager
def held(*parts: nn.Module) -> Iterator[None]:
    """Inside, these parts do not learn, though what goes through them does."""
    free = [p for part in parts for p in part.parameters() if p.requires_grad]
    for parameter in free:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in free:
            parameter.requires_grad_(True)


@contextmanager
def quiet(part: nn.Module) -> Iterator[None]:
    """Inside, the part is in evaluation mode: dropout would read the same lips differently."""
    before = part.training
    part.train(False)
    try:
        yield
    finally:
        part.train(before)
