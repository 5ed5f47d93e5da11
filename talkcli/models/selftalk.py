"""SelfTalk (Peng et al., ACM MM 2023): a facial animator whose lips a lip-reading interpreter must be able to read.

Shape letters: B clips, T frames, V vertices, K basis coefficients, L lip vertices, A recogniser steps, D width.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkcli.clip import CorpusInfo
from talkcli.errors import TalkError
from talkcli.models.base import Batch, Learner, Prediction, Pretrain, Speech, TalkModel
from talkcli.models.basis import BASES, BasisName
from talkcli.models.encoders import Heard, HubConfig, TinyConfig, build_encoder
from talkcli.models.layers import TimeMap, length_mask, match_frames
from talkcli.models.losses import contact_error, masked_mean, phone_error, position, velocity
from talkcli.models.recognizer import RecognizerConfig, build_recognizer, collapse, ctc, recognizer_class


@dataclass(frozen=True, kw_only=True)
class SelfTalkConfig:
    """Defaults are the paper's VOCASET model (released code where the paper is silent)."""

    encoder: str = "wav2vec2"
    hub: HubConfig = field(default_factory=HubConfig)
    tiny: TinyConfig = field(default_factory=TinyConfig)
    time_map: TimeMap = "ends"
    basis: BasisName = "none"
    width: int = 512  # 1024 for BIWI
    heads: int = 4
    dropout: float = 0.1
    position_weight: float = 1000.0  # section 3.4
    velocity_weight: float = 1000.0
    latent_weight: float = 0.001
    ctc_weight: float = 0.0001
    lip_weight: float = 0.0  # ours: the same two terms once more over the lips alone
    phone_weight: float = 0.0  # ours: the tiny encoder's phone head
    contact_weight: float = 0.0  # ours: the tiny encoder's contact head
    recognizer: RecognizerConfig = field(default_factory=RecognizerConfig)
    interpreter_width: int = 1024
    interpreter_heads: int = 8
    interpreter_layers: int = 6
    interpreter_feed_forward: int = 2048
    interpreter_dropout: float = 0.1

    def __post_init__(self) -> None:
        for part in ("", "interpreter_"):
            width, heads = getattr(self, f"{part}width"), getattr(self, f"{part}heads")
            if heads < 1 or width < 1 or width % heads:
                raise TalkError(f"{part}width {width} is no multiple of {part}heads {heads}: change one of them")


class SelfTalk(TalkModel):
    """The animator alone until begin_training() adds the recogniser and the interpreter. Module names are those of the
    authors' state dict."""

    Config: ClassVar[type] = SelfTalkConfig
    takes_style: ClassVar[bool] = False
    training_only: ClassVar[tuple[str, ...]] = ("text_encoder.", "lip_map.", "transformer.", "lm_head.")

    def __init__(self, config: SelfTalkConfig, corpus: CorpusInfo) -> None:
        super().__init__()
        self.corpus = corpus
        self.basis = BASES[config.basis](corpus)
        self.audio_encoder = build_encoder(config.encoder, config.tiny, config.hub)
        built = self.audio_encoder.config
        self.config = replace(config, hub=built) if isinstance(built, HubConfig) else config
        listener = recognizer_class(config.recognizer)
        self.wants_posteriors = self.audio_encoder.wants_posteriors or listener.wants_posteriors
        self.label_rate = self.audio_encoder.rate
        self.audio_feature_map = nn.Linear(self.audio_encoder.width, config.width)
        layer = nn.TransformerDecoderLayer(
            config.width, config.heads, 2 * config.width, dropout=config.dropout, batch_first=True
        )
        self.transformer_decoder = nn.TransformerDecoder(layer, num_layers=1)
        self.vertice_map_r = nn.Linear(config.width, self.basis.coefficients)
        nn.init.zeros_(self.vertice_map_r.weight)
        nn.init.zeros_(self.vertice_map_r.bias)

    def begin_training(self, pretrain: Pretrain) -> None:
        """Add the speech recogniser, trained first where it is the tiny one and frozen, and the interpreter."""
        config = self.config
        self.text_encoder = build_recognizer(config.recognizer)
        if self.text_encoder.trained_first:
            learner: Learner = self.text_encoder
            pretrain("recognizer", learner)
        self.text_encoder.requires_grad_(False)
        width = config.interpreter_width
        self.lip_map = nn.Linear(3 * len(self.basis.indices("lips")), width)
        self.transformer = nn.Transformer(
            width,
            config.interpreter_heads,
            config.interpreter_layers,
            config.interpreter_layers,
            config.interpreter_feed_forward,
            config.interpreter_dropout,
            batch_first=True,
        )
        self.lm_head = nn.Linear(width, self.text_encoder.symbols)
        if width != self.text_encoder.width:
            raise TalkError(
                f"model.interpreter_width is {width}; it must be the recogniser's, {self.text_encoder.width}"
            )

    def motion(self, speech: Speech, frames: int, counts: Tensor | None = None) -> tuple[Tensor, Heard]:
        """Basis coefficients (B, T, K) and what the encoder heard; counts (B,) frames where clips are padded."""
        heard: Heard = self.audio_encoder(speech)
        features = match_frames(
            heard.features, self.audio_encoder.rate, frames, self.corpus.fps, self.config.time_map
        )  # (B, T, D)
        padding = None if counts is None else ~length_mask(counts, frames)
        hidden = self.audio_feature_map(features)
        hidden = self.transformer_decoder(
            hidden, hidden, tgt_key_padding_mask=padding, memory_key_padding_mask=padding
        )  # (B, T, D): no causal mask and no position code, as released
        with torch.autocast(hidden.device.type, enabled=False):
            return self.vertice_map_r(hidden.float()), heard

    def predict(self, speech: Speech, template: Tensor, style: Tensor, frames: int) -> Prediction:
        """Style is not used: SelfTalk knows a speaker by the template alone."""
        motion, heard = self.motion(speech, frames)
        vertices = self.basis.decode(motion) + template[:, None]  # (B, T, V, 3)
        return Prediction(vertices, heard.phone_logits, heard.contact_logits, self.audio_encoder.rate)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        config = self.config
        motion, heard = self.motion(batch.speech, batch.motion.shape[1], batch.frames)
        error = motion - batch.motion  # (B, T, K)
        terms = {
            "position": config.position_weight * position(self.basis, error, batch),
            "velocity": config.velocity_weight * velocity(self.basis, error, batch),
        }
        if config.lip_weight:
            lips = position(self.basis, error, batch, "lips"), velocity(self.basis, error, batch, "lips")
            terms["lips"] = config.lip_weight * (config.position_weight * lips[0] + config.velocity_weight * lips[1])
        if heard.phone_logits is not None and heard.contact_logits is not None:
            terms["phones"] = config.phone_weight * phone_error(heard.phone_logits, batch.phones)
            terms["contacts"] = config.contact_weight * contact_error(
                heard.contact_logits, batch.contacts, batch.phones
            )
        if self.training:
            terms.update(self.reading(motion, batch))
        return terms

    def reading(self, motion: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The interpreter's two terms: its features against the recogniser's, its symbols against the transcript."""
        with torch.no_grad():
            self.text_encoder.eval()  # the released code leaves it in training mode: its targets are then noisy
            hidden, logits = self.text_encoder(batch.speech)  # (B, A, D), (B, A, C)
            steps = self.text_encoder.steps(batch.speech).clamp(max=hidden.shape[1])  # (B,)
            inside = length_mask(steps, hidden.shape[1])  # (B, A)
            targets, lengths = collapse(logits.argmax(-1) * inside)
        features, read = self.interpret(motion, hidden.shape[1], inside)
        latent = masked_mean((features.float() - hidden.float()).square().mean(-1), inside)
        return {
            "latent": self.config.latent_weight * latent,
            "ctc": self.config.ctc_weight * ctc(read, steps, targets, lengths),
        }

    def interpret(self, motion: Tensor, steps: int, inside: Tensor) -> tuple[Tensor, Tensor]:
        """Lip reading: coefficients (B, T, K) to features (B, A, D) and symbol logits (B, A, C)."""
        lips = self.lip_map(self.basis.decode_at(motion, "lips").flatten(-2))  # (B, T, D)
        lips = F.interpolate(lips.transpose(1, 2).float(), size=steps, mode="linear", align_corners=True).transpose(
            1, 2
        )
        padding = None if bool(inside.all()) else ~inside
        features = self.transformer(
            lips,
            lips,
            src_key_padding_mask=padding,
            tgt_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        return features, self.lm_head(features)
