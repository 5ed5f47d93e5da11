"""SelfTalk and FaceFormer as their papers and public descriptions tell them, said as plainly as can be, at full size.

What `benchmarks/methods.py` measures ours against: transformers' backbones with plain attention, everything built that
the originals build, every past frame computed again. Written from the descriptions; no one's code is in it.
Shape letters: B clips, T frames, A encoder steps, D width.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import talkcli  # noqa: F401  # whose guard lets transformers import beside a CPU torch

LARGE: dict[str, Any] = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "conv_bias": True,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "hidden_dropout": 0.05,
    "activation_dropout": 0.05,
    "feat_proj_dropout": 0.05,
    "layerdrop": 0.05,
    "vocab_size": 33,
}
BASE: dict[str, Any] = {"feat_proj_dropout": 0.1}


def backbone(kind: str, sizes: dict[str, Any]) -> Any:
    import transformers

    config = transformers.Wav2Vec2Config(**sizes, attn_implementation="eager")
    return getattr(transformers, kind)(config)


def hidden_states(model: Any, samples: Tensor, frames: int | None, cut: int | None = None) -> Tensor:
    """wav2vec2 in two halves, with the features in between brought to frames, or cut off."""
    features = model.feature_extractor(samples).transpose(1, 2)  # (1, A, 512)
    if frames is not None:
        features = F.interpolate(features.transpose(1, 2), size=frames, mode="linear", align_corners=True)
        features = features.transpose(1, 2)
    elif cut is not None:
        features = features[:, :cut]
    projected = model._mask_hidden_states(model.feature_projection(features)[0])
    states: Tensor = model.encoder(projected).last_hidden_state
    return states


class SelfTalk(nn.Module):
    """One clip at a time, BIWI where stacked."""

    def __init__(self, vertices: int, width: int, lips: Tensor, stacked: bool) -> None:
        super().__init__()
        self.stacked, self.lips = stacked, lips
        self.audio_encoder = backbone("Wav2Vec2Model", LARGE)
        self.text_encoder = backbone("Wav2Vec2ForCTC", LARGE)
        self.audio_encoder.feature_extractor._freeze_parameters()
        self.text_encoder.requires_grad_(False)
        self.lip_map = nn.Linear(3 * len(lips), 1024)
        self.audio_feature_map = nn.Linear(2048 if stacked else 1024, width)
        layer = nn.TransformerDecoderLayer(width, 4, 2 * width, batch_first=True)
        self.transformer_decoder = nn.TransformerDecoder(layer, 1)
        self.transformer = nn.Transformer(1024, batch_first=True)
        self.vertice_map_r = nn.Linear(width, 3 * vertices)
        self.lm_head = nn.Linear(1024, 33)
        nn.init.normal_(self.vertice_map_r.weight, std=1e-4)

    def motion(self, samples: Tensor, frames: int) -> Tensor:
        if self.stacked:
            states = hidden_states(self.audio_encoder, samples, None)
            states = states[:, : 2 * min(frames, states.shape[1] // 2)].reshape(1, -1, 2048)
        else:
            states = hidden_states(self.audio_encoder, samples, frames)
        hidden = self.audio_feature_map(states)
        motion: Tensor = self.vertice_map_r(self.transformer_decoder(hidden, hidden))
        return motion

    def read(self, motion: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        lips = motion.unflatten(2, (-1, 3))[:, :, self.lips].flatten(2)
        lips = F.interpolate(self.lip_map(lips).transpose(1, 2), size=steps, mode="linear", align_corners=True)
        features = self.transformer(lips.transpose(1, 2), lips.transpose(1, 2))
        return features, self.lm_head(features)

    def predict(self, samples: Tensor, template: Tensor, frames: int) -> Tensor:
        motion = self.motion(samples, frames)
        self.read(motion, int(frames / (25.0 if self.stacked else 30.0) * 50))
        return motion + template

    def loss(self, samples: Tensor, template: Tensor, target: Tensor) -> Tensor:
        motion = self.motion(samples, target.shape[1])
        with torch.no_grad():
            told = self.text_encoder(samples, output_hidden_states=True)
        features, logits = self.read(motion, told.logits.shape[1])
        spelled = torch.unique_consecutive(told.logits[0].argmax(-1))
        spelled = spelled[spelled != 0][None]
        error = motion + template - target
        ctc = F.ctc_loss(
            logits.log_softmax(-1).transpose(0, 1),
            spelled,
            torch.tensor([logits.shape[1]]),
            torch.tensor([spelled.shape[1]]),
            zero_infinity=True,
        )
        return (
            1000 * error.square().mean()
            + 1000 * error.diff(dim=1).square().mean()
            + 0.001 * F.mse_loss(features, told.hidden_states[-1])
            + 0.0001 * ctc
        )


class FaceFormer(nn.Module):
    """One clip at a time, BIWI where stacked; every frame so far is computed again for the next."""

    def __init__(self, vertices: int, width: int, subjects: int, period: int, stacked: bool) -> None:
        super().__init__()
        self.steps = 2 if stacked else 1
        self.audio_encoder = backbone("Wav2Vec2Model", BASE)
        self.audio_encoder.feature_extractor._freeze_parameters()
        self.audio_feature_map = nn.Linear(768, width)
        self.vertice_map = nn.Linear(3 * vertices, width)
        layer = nn.TransformerDecoderLayer(width, 4, 2 * width, batch_first=True)
        self.transformer_decoder = nn.TransformerDecoder(layer, 1)
        self.vertice_map_r = nn.Linear(width, 3 * vertices)
        self.obj_vector = nn.Linear(subjects, width, bias=False)
        self.dropout = nn.Dropout(0.1)
        nn.init.normal_(self.vertice_map_r.weight, std=1e-4)
        place = torch.arange(600)
        speed = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        angles = (place % period)[:, None] * speed
        self.code = torch.stack([angles.sin(), angles.cos()], 2).flatten(1)  # (600, D)
        back = (place[:, None] - place[None]).clamp(min=0) // period
        bias = -torch.tensor([1 / 4, 1 / 16, 1 / 64, 1 / 256])[:, None, None] * back
        self.bias = bias.masked_fill(place[None] > place[:, None], -math.inf)  # (4, 600, 600)

    def listen(self, samples: Tensor, frames: int) -> Tensor:
        if self.steps == 1:
            states = hidden_states(self.audio_encoder, samples, frames)
        else:
            states = hidden_states(self.audio_encoder, samples, None, 2 * frames)
        memory: Tensor = self.audio_feature_map(states)
        return memory

    def predict(self, samples: Tensor, template: Tensor, style: Tensor, frames: int) -> Tensor:
        memory = self.listen(samples, frames)
        styled = self.obj_vector(style)[:, None]
        tokens = styled
        for count in range(1, frames + 1):
            looks = torch.arange(memory.shape[1])[None] // self.steps != torch.arange(count)[:, None]
            coded = self.dropout(tokens + self.code[:count])
            hidden = self.transformer_decoder(coded, memory, tgt_mask=self.bias[:, :count, :count], memory_mask=looks)
            motion = self.vertice_map_r(hidden)
            tokens = torch.cat([tokens, self.vertice_map(motion[:, -1:]) + styled], 1)
        return motion + template

    def loss(self, samples: Tensor, template: Tensor, style: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(self.predict(samples, template, style, target.shape[1]), target)
