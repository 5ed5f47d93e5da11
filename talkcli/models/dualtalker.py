"""DualTalker (Su et al. 2023): animation and lip reading learned as a pair, with shared encoders.

The paper's abstract says that much; what stands here beyond it is ours (docs/dualtalker.md). The pair itself is
talkcli/models/dual.py, around any method; this is the animation branch, FaceFormer's encoders with one of two decoders.
Shape letters: B clips, T frames, k encoder steps of a frame, K basis coefficients, D width, N training subjects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkcli.clip import CorpusInfo
from talkcli.errors import TalkError
from talkcli.models.batch import Batch, Framed, Told
from talkcli.models.faceformer import FaceFormer, FaceFormerConfig
from talkcli.models.key_motion import exactly, near
from talkcli.models.layers import length_mask, periodic_code


@dataclass(frozen=True, kw_only=True)
class DualTalkerConfig(FaceFormerConfig):
    """Sized as SelfTalk's VOCASET model; the paper's own sizes are not known here."""

    width: int = 512  # 1024 for BIWI; 64 and 128, FaceFormer's, for decoder = "ar"
    decoder: Literal["parallel", "ar"] = "parallel"  # all frames at once, or each from those before it
    window: int = 5  # parallel: frames of sound on either side that a frame looks at
    feeding: Literal["predicted", "recorded"] = "recorded"
    noise: float = 0.05  # ar: of the recorded frames that it is fed with, in deviations of the motion
    own_frames: float = 0.1  # ar: share of the training, at its end, in which it is fed with its own
    tie_motion: bool = False  # the last layer is the motion encoder's, the other way round, times one learned number
    position_weight: float = 1000.0  # SelfTalk's
    velocity_weight: float = 1000.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("window", "noise", "own_frames"):
            if not getattr(self, name) >= 0:
                raise TalkError(f"{name} is {getattr(self, name)}: give 0 or more")


class Back(nn.Module):
    """The way back through a layer from K to D: its transpose, times a number that begins at 0, and a bias.

    The layer stays its owner's, so that its weights are saved once.
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.of = (layer,)
        self.in_features = layer.out_features
        self.factor = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(layer.in_features))

    @property
    def weight(self) -> Tensor:
        """(K, D), as that of a layer from D to K."""
        return self.factor * self.of[0].weight.t()

    def forward(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.weight, self.bias)


class DualTalker(FaceFormer):
    """The animation branch, which is all that predict() needs."""

    Config: ClassVar[type] = DualTalkerConfig
    learns_dual: ClassVar[bool] = True
    config: DualTalkerConfig

    def __init__(self, config: DualTalkerConfig, corpus: CorpusInfo) -> None:
        super().__init__(config, corpus)
        self.progress = 0.0
        self.looks = config.decoder == "ar" or config.tie_motion
        if config.tie_motion:
            self.vertice_map_r = Back(self.vertice_map)  # type: ignore[assignment]  # weight and bias are a Linear's
        if not self.looks:
            del self.vertice_map
        if config.decoder == "parallel":
            del self.transformer_decoder
            self.parallel_decoder = nn.TransformerDecoderLayer(
                config.width, config.heads, 2 * config.width, config.dropout, batch_first=True
            )

    @classmethod
    def published(cls, weights: Mapping[str, Tensor]) -> Any:
        return super(FaceFormer, cls).published(weights)  # there are none

    @property
    def motion_encoder(self) -> nn.Linear | None:
        return self.vertice_map if self.looks else None

    @property
    def cross_decoder(self) -> nn.TransformerDecoderLayer | None:
        return self.parallel_decoder if self.config.decoder == "parallel" else None

    def at(self, progress: float) -> float:
        self.progress = progress
        return 1.0

    def decode(self, framed: Framed, style: Tensor) -> Tensor:
        if self.config.decoder == "ar":
            return super().decode(framed, style)
        features, frames = framed.features, framed.frames  # (B, T, k, D)
        longest, steps, width = features.shape[1:]
        now = torch.arange(longest, device=features.device).expand(len(features), -1)
        sound = near(now, frames, longest, self.config.window, self.config.heads).repeat_interleave(steps, 2)
        code = periodic_code(longest, width, self.config.period).to(features)
        query = features.mean(2) + code + self.obj_vector(style)[:, None]
        whole = bool((frames == longest).all())
        padding = (
            None
            if whole
            else torch.zeros(now.shape, device=now.device).masked_fill(~length_mask(frames, longest), float("-inf"))
        )
        hidden = self.parallel_decoder(query, features.flatten(1, 2), memory_mask=sound, tgt_key_padding_mask=padding)
        return exactly(self.vertice_map_r, hidden)

    def learn(self, batch: Batch) -> Told:
        """ar: fed with recorded frames that tremble a little, and with its own in the last part of the training and in
        validation."""
        own = self.config.feeding == "predicted" or self.progress >= 1 - self.config.own_frames
        if self.config.decoder == "parallel" or own or not self.training:
            return self.tell(batch.speech, batch.style, batch.frames)
        framed = self.listen(batch.speech, batch.frames)
        recorded = batch.cut(framed.frames).motion
        if self.config.noise:
            spread = recorded[length_mask(framed.frames, recorded.shape[1])].std(0, correction=0)
            recorded = recorded + self.config.noise * spread * torch.randn_like(recorded)
        return Told(self.told_by_recording(framed.features, batch.style, recorded), framed.frames, framed.heard)
