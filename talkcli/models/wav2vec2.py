"""wav2vec2 (Baevski et al., NeurIPS 2020) as a plain module with Hugging Face's names for its weights.

Ours, so that animating imports no transformers, and so that a method can work between the convolutional front and the
transformer. Both kinds are here: group norm in the front with norms after each part (base), and layer norm with norms
before each part (large, "stable").
Shape letters: B clips, S samples, A encoder steps, C channels of the front, D width, H heads, K kernel taps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkcli.errors import TalkError
from talkcli.models.sparing import Dropout, attention, kept_mean, made_again, spared

_PARAMETRIZED = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}


@dataclass(frozen=True, kw_only=True)
class Wav2Vec2Config:
    """The keys of a config.json that matter here; the defaults are transformers', which leaves them out of the file."""

    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    conv_dim: tuple[int, ...] = (512,) * 7
    conv_kernel: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    conv_stride: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_bias: bool = False
    feat_extract_norm: Literal["group", "layer"] = "group"
    do_stable_layer_norm: bool = False
    num_conv_pos_embeddings: int = 128
    num_conv_pos_embedding_groups: int = 16
    layer_norm_eps: float = 1e-5
    hidden_dropout: float = 0.1
    attention_dropout: float = 0.1
    activation_dropout: float = 0.1
    feat_proj_dropout: float = 0.0
    layerdrop: float = 0.1
    apply_spec_augment: bool = True
    mask_time_prob: float = 0.05
    mask_time_length: int = 10
    mask_time_min_masks: int = 2
    mask_feature_prob: float = 0.0
    mask_feature_length: int = 10
    mask_feature_min_masks: int = 0
    vocab_size: int = 32

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Wav2Vec2Config:
        """The config of a config.json.

        Raises:
            TalkError: it is no wav2vec2, or one with other activations than GELU, or a value is none.
        """
        if told.get("model_type", "wav2vec2") != "wav2vec2":
            raise TalkError(f"it holds a {told['model_type']} model, not a wav2vec2: choose the encoder of that name")
        for key in ("hidden_act", "feat_extract_activation"):
            if told.get(key, "gelu") != "gelu":
                raise TalkError(f"its {key} is '{told[key]}': only gelu is known here")
        known: dict[str, Any] = {f.name: told[f.name] for f in dataclasses.fields(cls) if f.name in told}
        known |= {key: tuple(value) for key, value in known.items() if isinstance(value, list)}
        return cls(**known)

    def plain(self) -> dict[str, Any]:
        """As a config.json has it."""
        return {"model_type": "wav2vec2", **dataclasses.asdict(self)}

    @classmethod
    def of(cls, weights: Mapping[str, Tensor]) -> Wav2Vec2Config:
        """What weights with Hugging Face's names belong to, as far as their shapes tell.

        The two kinds that are published have 64 channels a head, layer norm in the front together with norms before
        each part, and the training settings of wav2vec2-large-xlsr-53-english and of wav2vec2-base-960h.

        Raises:
            KeyError: they are none of a wav2vec2.
        """
        convolutions = [weights[f"feature_extractor.conv_layers.{i}.conv.weight"] for i in range(7)]
        width, _ = weights["feature_projection.projection.weight"].shape
        taps = next(t for name, t in weights.items() if "pos_conv_embed.conv." in name and t.ndim == 3 and len(t) > 1)
        large = "feature_extractor.conv_layers.1.layer_norm.weight" in weights
        drop = 0.05 if large else 0.1
        return cls(
            hidden_size=width,
            num_hidden_layers=1 + max(int(n.split(".")[2]) for n in weights if n.startswith("encoder.layers.")),
            num_attention_heads=max(4, width // 64),
            intermediate_size=len(weights["encoder.layers.0.feed_forward.intermediate_dense.bias"]),
            conv_dim=tuple(len(weight) for weight in convolutions),
            conv_kernel=tuple(weight.shape[2] for weight in convolutions),
            conv_bias="feature_extractor.conv_layers.0.conv.bias" in weights,
            feat_extract_norm="layer" if large else "group",
            do_stable_layer_norm=large,
            num_conv_pos_embeddings=taps.shape[2],
            num_conv_pos_embedding_groups=width // taps.shape[1],
            hidden_dropout=drop,
            activation_dropout=drop,
            feat_proj_dropout=drop,
            layerdrop=drop,
        )


class Wav2Vec2(nn.Module):
    """Sound of mean 0 and variance 1 at 16 kHz to hidden states at 50 Hz, in two halves: front() and body()."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.architecture = config
        self.masked_spec_embed = nn.Parameter(torch.empty(config.hidden_size).uniform_())
        self.feature_extractor = FeatureExtractor(config)
        self.feature_projection = FeatureProjection(config)
        self.encoder = Encoder(config)

    def front(self, samples: Tensor) -> Tensor:
        """Samples (B, S) to convolutional features (B, A, C)."""
        features: Tensor = self.feature_extractor(samples.to(self.masked_spec_embed.dtype))
        return features

    def body(self, features: Tensor, inside: Tensor | None = None) -> Tensor:
        """Convolutional features (B, A, C) to hidden states (B, A, D); inside (B, A) is false in padding."""
        hidden = self.feature_projection(features.to(self.masked_spec_embed.dtype))
        if self.training:
            hidden = self._augmented(hidden, inside)
        states: Tensor = self.encoder(hidden, inside)
        return states

    def _augmented(self, hidden: Tensor, inside: Tensor | None) -> Tensor:
        """SpecAugment (Park et al. 2019) on the projected features (B, A, D), as in wav2vec2's own training."""
        config = self.architecture
        if not config.apply_spec_augment:
            return hidden
        clips, steps, width = hidden.shape
        lengths = [steps] * clips if inside is None else inside.sum(1).tolist()
        if config.mask_time_prob > 0:
            masked = _spans(
                lengths, steps, config.mask_time_prob, config.mask_time_length, config.mask_time_min_masks
            ).to(hidden.device)
            hidden = torch.where(masked[..., None], self.masked_spec_embed.to(hidden.dtype), hidden)
        if config.mask_feature_prob > 0:
            masked = _spans(
                [width] * clips,
                width,
                config.mask_feature_prob,
                config.mask_feature_length,
                config.mask_feature_min_masks,
            )
            hidden = hidden.masked_fill(masked.to(hidden.device)[:, None], 0)
        return hidden

    @overload
    def steps(self, samples: int) -> int: ...
    @overload
    def steps(self, samples: Tensor) -> Tensor: ...
    def steps(self, samples: int | Tensor) -> int | Tensor:
        """How many encoder steps so many samples give."""
        return conv_steps(samples, self.architecture.conv_kernel, self.architecture.conv_stride)


@overload
def conv_steps(samples: int, kernels: tuple[int, ...] = ..., strides: tuple[int, ...] = ...) -> int: ...
@overload
def conv_steps(samples: Tensor, kernels: tuple[int, ...] = ..., strides: tuple[int, ...] = ...) -> Tensor: ...
def conv_steps(
    samples: int | Tensor,
    kernels: tuple[int, ...] = Wav2Vec2Config.conv_kernel,
    strides: tuple[int, ...] = Wav2Vec2Config.conv_stride,
) -> int | Tensor:
    """How many steps convolutions without padding give: 16000 samples make 49."""
    for kernel, stride in zip(kernels, strides, strict=True):
        samples = (samples - kernel) // stride + 1
    return max(0, samples) if isinstance(samples, int) else samples.clamp(min=0)


def _spans(lengths: list[int], longest: int, share: float, span: int, least: int) -> Tensor:
    """(B, longest) bool, true in random spans that start at different places of the first lengths[i] entries.

    As many that they would cover the share if none overlapped, at least `least`, and no more than fit.
    """
    masked = torch.zeros(len(lengths), longest, dtype=torch.bool)
    for row, length in zip(masked, lengths, strict=True):
        count = max(int(share * length / span + float(torch.rand(()))), least)
        count = min(count, length // span)
        starts = torch.randperm(max(1, length - span + 1))[:count]
        row[(starts[:, None] + torch.arange(span)).flatten()] = True
    return masked


class FeatureExtractor(nn.Module):
    """Seven convolutions without padding: (B, S) to (B, A, C), about 50 steps a second."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.conv_layers = nn.ModuleList([ConvLayer(config, index) for index in range(len(config.conv_dim))])

    def forward(self, samples: Tensor) -> Tensor:
        hidden = samples[:, :, None]  # (B, S, 1)
        for layer in self.conv_layers:
            hidden = layer(hidden)
        return hidden


class ConvLayer(nn.Module):
    """A convolution, its norm where it has one, and GELU: (B, A, C) to (B, A', C').

    Channels last, the convolution is a few products of matrices that lie in memory as they are needed, and the norm
    needs no copy.
    """

    def __init__(self, config: Wav2Vec2Config, index: int) -> None:
        super().__init__()
        width = config.conv_dim[index]
        before = config.conv_dim[index - 1] if index else 1
        self.conv = nn.Conv1d(
            before, width, config.conv_kernel[index], config.conv_stride[index], bias=config.conv_bias
        )
        self.layer_norm: nn.Module | None = None  # the name of the group norm as well
        if config.feat_extract_norm == "layer":
            self.layer_norm = nn.LayerNorm(width)
        elif index == 0:
            self.layer_norm = nn.GroupNorm(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.convolved(hidden)
        if isinstance(self.layer_norm, nn.LayerNorm):
            hidden = self.layer_norm(hidden)
        elif self.layer_norm is not None:
            hidden = self.layer_norm(hidden.transpose(1, 2)).transpose(1, 2)
        return F.gelu(hidden)

    def convolved(self, hidden: Tensor) -> Tensor:
        """As many taps at a time as the convolution moves on, which lie side by side; then the taps left over."""
        (taps,), (stride,) = self.conv.kernel_size, self.conv.stride
        count = (hidden.shape[1] - taps) // stride + 1
        weight = self.conv.weight.transpose(1, 2)  # (C', K, C)
        out = None
        for tap in range(0, taps - taps % stride, stride):
            rows = hidden[:, tap : tap + count * stride].reshape(len(hidden), count, -1)
            part = F.linear(rows, weight[:, tap : tap + stride].flatten(1), self.conv.bias if out is None else None)
            out = part if out is None else out + part
        for tap in range(taps - taps % stride, taps):
            part = F.linear(hidden[:, tap::stride][:, :count], weight[:, tap], self.conv.bias if out is None else None)
            out = part if out is None else out + part
        assert out is not None
        return out


class FeatureProjection(nn.Module):
    """(B, A, C) to (B, A, D)."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(config.conv_dim[-1], config.layer_norm_eps)
        self.projection = nn.Linear(config.conv_dim[-1], config.hidden_size)
        self.dropout = Dropout(config.feat_proj_dropout)

    def forward(self, features: Tensor) -> Tensor:
        projected: Tensor = self.dropout(self.projection(self.layer_norm(features)))
        return projected


class Encoder(nn.Module):
    """A convolution that tells the place, then transformer layers: (B, A, D) to the same."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.stable, self.layerdrop = config.do_stable_layer_norm, config.layerdrop
        self.pos_conv_embed = PositionalConvolution(config)
        self.layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout)
        self.layers = nn.ModuleList([EncoderLayer(config) for _ in range(config.num_hidden_layers)])
        self.checkpointing = False  # forget what a layer made until its gradient is due, and make it again

    def forward(self, hidden: Tensor, inside: Tensor | None) -> Tensor:
        if inside is not None:
            hidden = hidden * inside[..., None]
        hidden = hidden + self.pos_conv_embed(hidden)
        hidden = self.dropout(hidden if self.stable else self.layer_norm(hidden))
        keys = None if inside is None else inside[:, None, None]  # (B, 1, 1, A)
        for layer in self.layers:
            if self.training and self.layerdrop and float(torch.rand(())) < self.layerdrop:
                continue
            again = self.checkpointing and self.training
            hidden = made_again(layer, hidden, keys) if again else layer(hidden, keys)
        return self.layer_norm(hidden) if self.stable else hidden


class PositionalConvolution(nn.Module):
    """What a long convolution tells of each step's place, (B, A, D) to the same."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.conv = NormedConvolution(
            config.hidden_size, config.num_conv_pos_embeddings, config.num_conv_pos_embedding_groups
        )

    def forward(self, hidden: Tensor) -> Tensor:
        placed = self.conv(hidden.transpose(1, 2))[:, :, : hidden.shape[1]]  # an even kernel gives one step too many
        return F.gelu(placed).transpose(1, 2)


class NormedConvolution(nn.Module):
    """A grouped convolution whose weight is a direction and a gain for each tap (weight norm over dimension 2).

    The weights are read under both names that transformers has had for them.
    """

    def __init__(self, width: int, taps: int, groups: int) -> None:
        super().__init__()
        self.groups, self.padding = groups, taps // 2
        self.weight_v = nn.Parameter(torch.empty(width, width // groups, taps))  # (D, D / groups, K)
        nn.init.normal_(self.weight_v, std=2 * (1 / (taps * width)) ** 0.5)
        self.weight_g = nn.Parameter(self.weight_v.detach().norm(dim=(0, 1), keepdim=True))  # (1, 1, K)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, hidden: Tensor) -> Tensor:
        direction = self.weight_v.float()
        norm = direction.square().sum((0, 1), keepdim=True).sqrt()
        weight = (direction * (self.weight_g.float() / norm)).to(self.weight_v.dtype)
        return F.conv1d(hidden, weight, self.bias, padding=self.padding, groups=self.groups)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for theirs, ours in _PARAMETRIZED.items():
            if f"{prefix}{theirs}" in state_dict:
                state_dict[f"{prefix}{ours}"] = state_dict.pop(f"{prefix}{theirs}")
        super()._load_from_state_dict(state_dict, prefix, *rest)


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward part, with the norms before (stable) or after them."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.stable = config.do_stable_layer_norm
        self.attention = Attention(config)
        self.dropout = Dropout(config.hidden_dropout)
        self.layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.feed_forward = FeedForward(config)
        self.final_layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, hidden: Tensor, keys: Tensor | None) -> Tensor:
        if self.stable:
            hidden = hidden + self.dropout(self.attention(self.layer_norm(hidden), keys))
            stable: Tensor = hidden + self.feed_forward(self.final_layer_norm(hidden))
            return stable
        hidden = self.layer_norm(hidden + self.dropout(self.attention(hidden, keys)))
        normed: Tensor = self.final_layer_norm(hidden + self.feed_forward(hidden))
        return normed


class Attention(nn.Module):
    """Every step to every other; keys (B, 1, 1, A) is false where nobody may look."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        width = config.hidden_size
        self.heads, self.drop = config.num_attention_heads, config.attention_dropout
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, hidden: Tensor, keys: Tensor | None) -> Tensor:
        query, key, value = (
            part(hidden).unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, H, A, D / H)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = attention(query, key, value, keys, self.drop if self.training else 0.0)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return out


class FeedForward(nn.Module):
    """Each step by itself, through a wider layer."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.drop = config.activation_dropout
        self.intermediate_dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.output_dense = nn.Linear(config.intermediate_size, config.hidden_size)
        self.output_dropout = Dropout(config.hidden_dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        wide = self.intermediate_dense(hidden)
        left = spared(wide.shape, self.drop, wide.device) if self.training and self.drop else None
        out: Tensor = self.output_dropout(made_again(self.narrowed, wide, left))
        return out

    def narrowed(self, wide: Tensor, left: Tensor | None) -> Tensor:
        wide = F.gelu(wide)
        if left is not None:
            wide = wide.mul_(left).mul_(kept_mean(self.drop))
        narrow: Tensor = self.output_dense(wide)
        return narrow
