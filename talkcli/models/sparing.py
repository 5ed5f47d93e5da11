"""Training in less memory: parts that keep less for their gradients than torch's own, and give the same.

Shape letters: B clips, A steps, D width, H heads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from talkcli.models.layers import WithoutRandomWeights

Module = TypeVar("Module", bound=nn.Module)


def made_again(part: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """What a part makes of its inputs, which alone are kept for the gradient: all in between is made again when that
    is due, with the same random numbers. A product of matrices at the part's end is not, since no gradient needs it.
    """
    if not torch.is_grad_enabled():
        return part(*inputs)
    made: Tensor = checkpoint(part, *inputs, use_reentrant=False)
    return made


def spared(shape: Sequence[int], drop: float, device: torch.device) -> Tensor:
    """What dropout leaves: 1, or 0 with a chance of drop (to 1 / 65536), a byte each.

    Sixteen bits decide, four times an integer; torch's own draws a float each, which takes four times as long and is
    kept.
    """
    count = math.prod(shape)
    drawn = torch.empty((count + 3) // 4, dtype=torch.int64, device=device).random_(-(2**63), None)
    least = min(round(drop * 2**16) - 2**15, 2**15 - 1)
    return (drawn.view(torch.int16)[:count] >= least).view(torch.uint8).view(shape)


def kept_mean(drop: float) -> float:
    """By what dropout multiplies the rest, so that the mean stays."""
    return 1 / (1 - drop) if drop < 1 else 0.0


class Dropout(nn.Dropout):
    """torch's, drawn and kept in a fourth of the time and memory on a CPU."""

    def forward(self, values: Tensor) -> Tensor:
        if not (self.training and self.p):
            return values
        left: Tensor = (values * spared(values.shape, self.p, values.device)).mul_(kept_mean(self.p))
        return left


def attention(query: Tensor, key: Tensor, value: Tensor, keys: Tensor | None, drop: float) -> Tensor:
    """Scaled dot-product attention (B, H, A, D / H) with dropout; keys (B, 1, 1, A) is false where nobody may look.

    With dropout on a CPU, torch's own keeps three times for the gradient who looks at whom (B, H, A, A); ours a byte.
    """
    if not drop or not query.is_cpu:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=keys, dropout_p=drop)
    left = spared((*query.shape[:3], key.shape[2]), drop, query.device)
    return made_again(_attention, query, key, value, keys, left, drop)


def _attention(query: Tensor, key: Tensor, value: Tensor, keys: Tensor | None, left: Tensor, drop: float) -> Tensor:
    with torch.autocast(query.device.type, enabled=False):  # in single precision, as torch's own
        score = (query.float() * query.shape[3] ** -0.5) @ key.float().transpose(2, 3)  # (B, H, A, A')
        if keys is not None:
            score = score.masked_fill(~keys, float("-inf"))
        mixed: Tensor = (score.softmax(3) * left) @ (value.float() * kept_mean(drop))
    return mixed.to(query.dtype)


class Attention(nn.MultiheadAttention):
    """torch's, batch first, with the attention above in training."""

    @classmethod
    def of(cls, known: nn.MultiheadAttention) -> Attention:
        with WithoutRandomWeights():
            made = cls(known.embed_dim, known.num_heads, known.dropout, batch_first=True)
        made.load_state_dict(known.state_dict())
        return made

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        if not self.training or need_weights or attn_mask is not None:
            weighed: tuple[Tensor, Tensor | None] = super().forward(
                query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal
            )
            return weighed
        asked, looked, told = (
            torch.unflatten(F.linear(part, weight, bias), 2, (self.num_heads, -1)).transpose(1, 2)  # (B, H, A, D / H)
            for part, weight, bias in zip(
                (query, key, value), self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3), strict=True
            )
        )
        keys = None if key_padding_mask is None else (key_padding_mask == 0)[:, None, None]
        mixed = attention(asked, looked, told, keys, self.dropout)
        return self.out_proj(mixed.transpose(1, 2).flatten(2)), None


def sparing(module: Module) -> Module:
    """A module of torch's transformers, batch first, with the parts above in place of torch's own."""
    for part in list(module.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.MultiheadAttention):
                setattr(part, name, Attention.of(child))
            elif isinstance(child, nn.Dropout):
                setattr(part, name, Dropout(child.p))
    return module
