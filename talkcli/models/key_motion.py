"""Motion at key frames, and from there to all frames: KMTalk's two modules and what they share.

Shape letters: B clips, T frames, N keys, K basis coefficients, D width, H heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from talkcli.models.batch import Keys
from talkcli.models.layers import fading, length_mask, periodic_code

NO_KEY = -1


def padded(rows: Sequence[NDArray[np.int64]]) -> Tensor:
    """Key frames of clips as one tensor (B, N)."""
    tensors = [torch.from_numpy(row) for row in rows]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=NO_KEY)


def key_mask(keys: Tensor) -> Tensor:
    """(B, N) bool, true where there is a key."""
    return keys != NO_KEY


def at_keys(values: Tensor, keys: Tensor) -> Tensor:
    """(B, T, ...) at key frames (B, N): (B, N, ...); the first frame's where there is no key."""
    rows = torch.arange(len(keys), device=keys.device)[:, None]
    return values[rows, keys.clamp(0, values.shape[1] - 1)]


def chosen(keys: Keys, own: Tensor) -> Tensor:
    """The motion of keys (B, N, K): what is known of it, and the model's own for the rest."""
    if keys.motion is None or keys.known is None:
        return own
    return torch.where(keys.known[..., None], keys.motion.to(own.dtype), own)


class Gaps:
    """Between which keys each frame lies: left and right (B, T) places among keys (B, N), how far from the left one
    (B, T) in [0, 1], whether it is a key (B, T), and the gap's length (B, T) in frames."""

    def __init__(self, keys: Tensor, frames: int) -> None:
        count = key_mask(keys).sum(1, keepdim=True)  # (B, 1)
        rising = keys.masked_fill(~key_mask(keys), torch.iinfo(keys.dtype).max)
        now = torch.arange(frames, device=keys.device).expand(len(keys), -1).contiguous()  # (B, T)
        self.left = (torch.searchsorted(rising, now, right=True) - 1).clamp(min=0)
        self.right = torch.minimum(self.left + 1, count - 1)
        before, after = keys.gather(1, self.left), keys.gather(1, self.right)
        self.length = (after - before).clamp(min=1)
        self.share = ((now - before) / self.length).clamp(0, 1)
        self.is_key = (now == before) & (before != NO_KEY)

    def interpolate(self, motion: Tensor) -> Tensor:
        """Key motion (B, N, K) -> (B, T, K) in straight lines."""
        share = self.share[..., None].to(motion.dtype)
        rows = torch.arange(len(motion), device=motion.device)[:, None]
        left, right = motion[rows, self.left], motion[rows, self.right]
        # the key itself, bit for bit, where the frame is one
        return torch.where(self.is_key[..., None], left, left * (1 - share) + right * share)

    def to_keys(self, flags: Tensor) -> Tensor:
        """Flags of keys (B, N) -> (B, T), false between keys."""
        return self.is_key & flags.gather(1, self.left)


def interpolated(motion: Tensor, keys: Tensor, frames: int) -> Tensor:
    """Key motion (B, N, K) at keys (B, N) in straight lines to (B, T, K)."""
    return Gaps(keys, frames).interpolate(motion)


def _no(blocked: Tensor, heads: int) -> Tensor:
    """(B, Q, T) bool, true where nothing may be seen -> a float mask (B * H, Q, T) for torch's attention."""
    mask = torch.zeros(blocked.shape, device=blocked.device).masked_fill(blocked, float("-inf"))
    return mask.repeat_interleave(heads, 0)


def near(queries: Tensor, frames: Tensor, longest: int, window: int, heads: int) -> Tensor:
    """(B * H, Q, T) the mask by which the query at frame queries (B, Q) sees frames of the clip no further than
    window; what lies past a clip's end sees its last frame, and is thrown away."""
    now = torch.arange(longest, device=frames.device)
    query = torch.minimum(queries, frames[:, None] - 1)
    distance = (query[:, :, None] - now).abs()  # (B, Q, T)
    return _no((distance > window) | (now >= frames[:, None])[:, None], heads)


class KeyDecoder(nn.Module):
    """Key motion acquisition: each key from the sound around it, and from the other keys."""

    def __init__(self, config: Any, motion: int) -> None:
        super().__init__()
        width = config.width
        self.heads, self.window, self.period = config.heads, config.window, config.period
        self.layers = nn.ModuleList(_layer(config) for _ in range(config.key_layers))
        self.to_motion = zeroed(width, motion)

    def forward(self, keys: Tensor, features: Tensor, frames: Tensor, style: Tensor) -> Tensor:
        """keys (B, N), features (B, T, D) of which frames (B,) count, style (B, 1, D) -> motion (B, N, K)."""
        longest, width = features.shape[1:]
        code = periodic_code(longest, width, self.period).to(features)  # (T, D), of the frame's own number
        numbers = keys.clamp(0, longest - 1)
        hidden = at_keys(features, numbers) + code[numbers] + style  # (B, N, D)
        lacking = ~key_mask(keys)
        others = _no(lacking[:, None].expand(-1, keys.shape[1], -1), self.heads)
        sound = near(numbers, frames, longest, self.window, self.heads)
        for layer in self.layers:
            hidden = layer(hidden, features, tgt_mask=others, memory_mask=sound)
        return exactly(self.to_motion, hidden)


class Completion(nn.Module):
    """Cross-modal motion completion: straight lines between keys, and what the sound says of the way."""

    def __init__(self, config: Any, motion: int, to_motion: nn.Linear | None = None) -> None:
        """to_motion is a last layer that belongs to somebody else; None: one of its own."""
        super().__init__()
        width = config.width
        self.heads, self.window, self.period = config.heads, config.window, config.period
        self.audio, self.from_mask = config.completion_audio, config.start == "mask"
        self.from_motion = nn.Linear(motion, width)
        self.kind = nn.Embedding(2, width)  # a key, or between keys
        self.place = nn.Linear(2, width)
        kind = _layer if config.completion_audio else _deaf_layer
        self.layers = nn.ModuleList(kind(config) for _ in range(config.completion_layers))
        self.to_motion = None if to_motion is not None else zeroed(width, motion)
        self._borrowed = (to_motion,)  # in a tuple, so that its weights are not counted, or saved, twice

    def forward(
        self, motion: Tensor, keys: Tensor, features: Tensor, frames: Tensor, style: Tensor, hard: Tensor | None
    ) -> Tensor:
        """Key motion (B, N, K) at keys (B, N), features (B, T, D) of which frames (B,) count -> motion (B, T, K); hard
        (B, N) are keys that stay as they are."""
        longest, width = features.shape[1:]
        gaps = Gaps(keys, longest)
        lines = gaps.interpolate(motion.float())  # (B, T, K)
        between = ~gaps.is_key
        if self.from_mask:
            lines = lines * gaps.is_key[..., None]  # the embedding of the kind stands for what is not known
        code = periodic_code(longest, width, self.period).to(features)
        place = torch.stack([gaps.share, gaps.length.log()], -1).to(features) * between[..., None]
        hidden = self.from_motion(lines.to(features)) + self.kind(between.long()) + self.place(place) + code + style
        now = torch.arange(longest, device=frames.device).expand(len(frames), -1)
        own = self._fading(frames, longest)
        sound = near(now, frames, longest, self.window, self.heads) if self.audio else None
        for layer in self.layers:
            hidden = layer(hidden, features, tgt_mask=own, memory_mask=sound) if self.audio else layer(hidden, own)
        rest = exactly(self.last, hidden)
        if hard is not None:
            rest = rest.masked_fill(gaps.to_keys(hard)[..., None], 0)
        return lines + rest

    @property
    def last(self) -> nn.Linear:
        """The layer from hidden to motion."""
        found = self.to_motion or self._borrowed[0]
        assert found is not None
        return found

    def _fading(self, frames: Tensor, longest: int) -> Tensor:
        """(B * H, T, T): frames see each other the less the further apart, and nothing past the clip's end."""
        now = torch.arange(longest, device=frames.device)
        bias = fading(self.heads, longest, self.period).to(frames.device)[:, (now[:, None] - now).abs()]  # (H, T, T)
        past = ~length_mask(frames, longest)  # (B, T)
        return (bias + _no(past[:, None, :], 1)[:, None]).flatten(0, 1)


def zeroed(width: int, motion: int) -> nn.Linear:
    """A layer that says nothing until it is trained, as FaceFormer's and SelfTalk's last ones."""
    layer = nn.Linear(width, motion)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def exactly(layer: nn.Module, hidden: Tensor) -> Tensor:
    """The layer in float32: motion has no digits to lose."""
    with torch.autocast(hidden.device.type, enabled=False):
        found: Tensor = layer(hidden.float())
        return found


def _layer(config: Any) -> nn.TransformerDecoderLayer:
    return nn.TransformerDecoderLayer(config.width, config.heads, 2 * config.width, config.dropout, batch_first=True)


def _deaf_layer(config: Any) -> nn.TransformerEncoderLayer:
    # torch.relu, not functional.relu, for which torch in use takes a short cut that reads numbers in a mask as bools
    return nn.TransformerEncoderLayer(
        config.width, config.heads, 2 * config.width, config.dropout, torch.relu, batch_first=True
    )
