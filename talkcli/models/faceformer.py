"""FaceFormer (Fan et al., CVPR 2022): frame by frame, each from the speech at its time and the motion so far.

Shape letters: B clips, T frames, k encoder steps of a frame, V vertices, K basis coefficients, D width, H heads,
N training subjects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkcli.clip import CorpusInfo
from talkcli.errors import TalkError
from talkcli.models.base import MethodConfig, TalkModel
from talkcli.models.batch import Batch, Framed, Speech, Told
from talkcli.models.encoders import listen
from talkcli.models.layers import fading, periodic_code, temporal_bias
from talkcli.models.losses import usual
from talkcli.models.pretrained import HubConfig, architecture_of


@dataclass(frozen=True, kw_only=True)
class FaceFormerConfig(MethodConfig):
    """Defaults are the paper's VOCASET model (released code where the paper is silent)."""

    hub: HubConfig = field(default_factory=lambda: HubConfig(source="facebook/wav2vec2-base-960h"))
    width: int = 64  # 128 for BIWI
    period: int = 30  # frames, section 3.2; 25 for BIWI
    # what the decoder is fed in training: its own frames so far, as in the released code, or the recorded ones
    feeding: Literal["predicted", "recorded"] = "predicted"
    position_weight: float = 1.0
    velocity_weight: float = 0.0  # ours: the same of first differences in time

    def __post_init__(self) -> None:
        if self.heads < 1 or self.width < 2 or self.width % self.heads or self.width % 2:
            raise TalkError(f"width {self.width} is no even multiple of heads {self.heads}: change one of them")
        if self.period < 1:
            raise TalkError(f"period is {self.period}: give 1 frame or more")


class FaceFormer(TalkModel):
    """Module names are those of the authors' state dict."""

    Config: ClassVar[type] = FaceFormerConfig
    computed: ClassVar[tuple[str, ...]] = ("PPE.",)

    def __init__(self, config: FaceFormerConfig, corpus: CorpusInfo) -> None:
        super().__init__(config, corpus)
        self.period = config.period
        width = config.width
        self.audio_feature_map = nn.Linear(self.audio_encoder.width, width)
        self.vertice_map = nn.Linear(self.basis.coefficients, width)
        self.transformer_decoder = Decoder(width, config.heads, config.dropout, config.period)
        self.vertice_map_r = nn.Linear(width, self.basis.coefficients)
        self.obj_vector = nn.Linear(len(corpus.subjects), width, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        nn.init.zeros_(self.vertice_map_r.weight)
        nn.init.zeros_(self.vertice_map_r.bias)

    @classmethod
    def published(cls, weights: Mapping[str, Tensor]) -> FaceFormerConfig:
        """BIWI's is known by its period, 25, in the table of periodic codes."""
        table = weights["PPE.pe"][0]  # (600 and some, D)
        period = next(p for p in range(1, len(table)) if torch.equal(table[p], table[0]))
        return FaceFormerConfig(
            hub=HubConfig(architecture=architecture_of(weights, "audio_encoder.")),
            time_map="stack" if period == 25 else "front",
            width=len(weights["audio_feature_map.bias"]),
            period=period,
        )

    def ends(self) -> tuple[nn.Module, nn.Module]:
        return self.audio_feature_map, self.vertice_map_r

    @property
    def motion_encoder(self) -> nn.Linear | None:
        return self.vertice_map

    def listen(self, speech: Speech, frames: Tensor) -> Framed:
        framed = listen(self.audio_encoder, speech, frames, self.corpus.fps, self.config.time_map, cut_first=True)
        return framed._replace(features=self.audio_feature_map(framed.features))

    def decode(self, framed: Framed, style: Tensor) -> Tensor:
        return self.told_by_itself(framed.features, style)

    def learn(self, batch: Batch) -> Told:
        """Fed with its own frames in training, unless the config says else, and with recorded ones in validation, as
        released."""
        if self.training and self.config.feeding == "predicted":
            return super().learn(batch)
        framed = self.listen(batch.speech, batch.frames)
        recorded = batch.cut(framed.frames).motion
        return Told(self.told_by_recording(framed.features, batch.style, recorded), framed.frames, framed.heard)

    def terms(self, told: Told, batch: Batch) -> dict[str, Tensor]:
        return usual(self, told, batch)

    def told_by_recording(self, memory: Tensor, style: Tensor, motion: Tensor) -> Tensor:
        """Teacher forcing: coefficients (B, T, K), each frame from the recorded ones before it.

        The first token is the motion of no frame through `vertice_map`, so that layer's bias is in it, as released.
        """
        with torch.autocast(memory.device.type, enabled=False):
            before = F.pad(motion[:, :-1].float(), (0, 0, 1, 0))  # (B, T, K)
            tokens = self.vertice_map(before) + self.obj_vector(style)[:, None]  # (B, T, D)
            tokens = tokens + periodic_code(tokens.shape[1], tokens.shape[2], self.config.period).to(tokens)
            hidden = self.transformer_decoder(self.dropout(tokens), memory.float())
            return self._motion(hidden)

    def told_by_itself(self, memory: Tensor, style: Tensor) -> Tensor:
        """Autoregression: coefficients (B, T, K), each frame from the predicted ones before it.

        What was said of earlier frames is kept, not computed again: attention is causal, so it stays the same. A frame
        reaches the next token through two linear layers in a row, which are one small matrix. The first token is the
        style alone.
        """
        with torch.autocast(memory.device.type, enabled=False):
            memory = memory.float()
            frames, width = memory.shape[1], memory.shape[3]
            code = periodic_code(frames, width, self.config.period).to(memory)  # (T, D)
            style = self.obj_vector(style)[:, None]  # (B, 1, D)
            again = self.vertice_map.weight @ self.vertice_map_r.weight  # (D, D)
            shift = self.vertice_map(self.vertice_map_r.bias)  # (D,)
            state = self.transformer_decoder.begin(memory)
            token, told = style, []
            for frame in range(frames):
                hidden = self.transformer_decoder.step(self.dropout(token + code[frame]), state)  # (B, 1, D)
                told.append(hidden)
                token = F.linear(hidden, again, shift) + style
            return self._motion(torch.cat(told, 1))

    def _motion(self, hidden: Tensor) -> Tensor:
        motion: Tensor = self.vertice_map_r(hidden)
        return motion


@dataclass(eq=False)
class State:
    """What the decoder keeps from frame to frame: keys and values of past tokens (B, H, T', D / H), keys and values of
    the memory (B, T, k, H, D / H), and the bias of each distance (H, T), the furthest first."""

    keys: Tensor | None
    values: Tensor | None
    memory_keys: Tensor
    memory_values: Tensor
    bias: Tensor
    frame: int = 0


class Decoder(nn.Module):
    """A transformer decoder of one layer with the temporal bias on itself and the alignment mask on the speech."""

    def __init__(self, width: int, heads: int, dropout: float, period: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([DecoderLayer(width, heads, dropout)])
        self.heads, self.period = heads, period

    @property
    def layer(self) -> DecoderLayer:
        (layer,) = self.layers
        assert isinstance(layer, DecoderLayer)
        return layer

    def forward(self, tokens: Tensor, memory: Tensor) -> Tensor:
        """All frames at once: tokens (B, T, D), memory (B, T, k, D)."""
        layer = self.layer
        bias = temporal_bias(self.heads, tokens.shape[1], self.period).to(tokens)
        query, keys, values = layer.own(tokens)
        hidden = layer.after_itself(tokens, query, keys, values, bias)
        return layer.after_speech(hidden, *layer.speech(memory))

    def begin(self, memory: Tensor) -> State:
        layer = self.layer
        bias = fading(self.heads, memory.shape[1], self.period).flip(1).to(memory)
        keys, values = layer.speech(memory)
        return State(None, None, keys, values, bias)

    def step(self, token: Tensor, state: State) -> Tensor:
        """The next frame: token (B, 1, D) to hidden (B, 1, D)."""
        layer = self.layer
        query, key, value = layer.own(token)
        state.keys = key if state.keys is None else torch.cat([state.keys, key], 2)
        state.values = value if state.values is None else torch.cat([state.values, value], 2)
        now, state.frame = state.frame, state.frame + 1
        bias = state.bias[:, None, state.bias.shape[1] - 1 - now :]  # (H, 1, T')
        hidden = layer.after_itself(token, query, state.keys, state.values, bias)
        keys, values = state.memory_keys[:, now : now + 1], state.memory_values[:, now : now + 1]
        return layer.after_speech(hidden, keys, values)


class DecoderLayer(nn.Module):
    """PyTorch's post-norm decoder layer in pieces, with its names for the weights."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.drop = heads, dropout
        self.self_attn = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.linear1 = nn.Linear(width, 2 * width)
        self.linear2 = nn.Linear(2 * width, width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def own(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, keys and values (B, H, T, D / H) of tokens (B, T, D)."""
        part = self.self_attn
        mixed = F.linear(tokens, part.in_proj_weight, part.in_proj_bias)
        query, keys, values = torch.unflatten(mixed, 2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return query, keys, values

    def speech(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (B, T, k, H, D / H) of memory (B, T, k, D)."""
        part, width = self.multihead_attn, memory.shape[3]
        mixed = F.linear(memory, part.in_proj_weight[width:], part.in_proj_bias[width:])
        keys, values = torch.unflatten(mixed, 3, (2, self.heads, -1)).unbind(3)
        return keys, values

    def after_itself(self, tokens: Tensor, query: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        drop = self.drop if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, keys, values, attn_mask=bias, dropout_p=drop)
        heard = self.self_attn.out_proj(mixed.transpose(1, 2).flatten(2))
        normed: Tensor = self.norm1(tokens + self.dropout(heard))
        return normed

    def after_speech(self, hidden: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Each frame looks at its own k steps alone (FaceFormer, alignment mask)."""
        part, width = self.multihead_attn, hidden.shape[2]
        query = F.linear(hidden, part.in_proj_weight[:width], part.in_proj_bias[:width])
        query = torch.unflatten(query, 2, (self.heads, -1))  # (B, T, H, D / H)
        if keys.shape[2] == 1 and not self.training:
            mixed = values[:, :, 0]  # (B, T, H, D / H)
        else:
            scores = (query[:, :, None] * keys).sum(-1) * query.shape[-1] ** -0.5  # (B, T, k, H)
            shares = F.dropout(scores.softmax(2), self.drop, self.training)
            mixed = (shares[..., None] * values).sum(2)
        hidden = self.norm2(hidden + self.dropout(part.out_proj(mixed.flatten(2))))
        wide = self.linear2(self.dropout(F.relu(self.linear1(hidden))))
        normed: Tensor = self.norm3(hidden + self.dropout(wide))
        return normed
