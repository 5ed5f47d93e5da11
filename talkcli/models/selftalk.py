"""SelfTalk (Peng et al., ACM MM 2023): a facial animator whose lips a lip-reading interpreter must be able to read.

Shape letters: B clips, T frames, V vertices, K basis coefficients, L lip vertices, A recogniser steps, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from talkcli.clip import CorpusInfo
from talkcli.errors import TalkError
from talkcli.models.base import Learner, MethodConfig, Pretrain, TalkModel
from talkcli.models.batch import Batch, Framed, Speech, Told
from talkcli.models.encoders import listen
from talkcli.models.layers import length_mask, stretch
from talkcli.models.losses import masked_mean, usual
from talkcli.models.pretrained import HubConfig, architecture_of
from talkcli.models.recognizer import (
    RecognizerConfig,
    about,
    build_recognizer,
    ctc,
    listener,
    read,
    recognizer_class,
    spelling,
)
from talkcli.models.sparing import sparing


@dataclass(frozen=True, kw_only=True)
class SelfTalkConfig(MethodConfig):
    """Defaults are the paper's VOCASET model (released code where the paper is silent)."""

    width: int = 512  # 1024 for BIWI
    position_weight: float = 1000.0  # section 3.4
    velocity_weight: float = 1000.0
    latent_weight: float = 0.001
    ctc_weight: float = 0.0001
    # ours: seconds to either side that a frame attends to, 0 for all; so a part of a long sound moves as in the whole
    reach: float = 0.0
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
        if not self.reach >= 0:
            raise TalkError(f"reach is {self.reach}: give 0 or more seconds")


class SelfTalk(TalkModel):
    """The animator alone until begin_training() adds the recogniser and the interpreter. Module names are those of the
    authors' state dict."""

    Config: ClassVar[type] = SelfTalkConfig
    takes_style = False
    training_only: ClassVar[tuple[str, ...]] = ("text_encoder.", "lip_map.", "transformer.", "lm_head.")

    def __init__(self, config: SelfTalkConfig, corpus: CorpusInfo) -> None:
        super().__init__(config, corpus)
        made = recognizer_class(config.recognizer)
        self.wants_posteriors = self.wants_posteriors or made.wants_posteriors
        self.asks_once = config.recognizer.targets == "cached" and made.asked_once
        self.asks = config.recognizer if self.asks_once else None
        self.whole_clips = self.asks_once or self.whole_clips
        self.lips = "lip_reading" if "lip_reading" in corpus.topology.regions else "lips"  # what the interpreter sees
        steps = 2 if config.time_map == "stack" else 1
        self.audio_feature_map = nn.Linear(steps * self.audio_encoder.width, config.width)
        layer = nn.TransformerDecoderLayer(
            config.width, config.heads, 2 * config.width, dropout=config.dropout, batch_first=True
        )
        self.transformer_decoder = nn.TransformerDecoder(layer, num_layers=1)
        self.vertice_map_r = nn.Linear(config.width, self.basis.coefficients)
        nn.init.zeros_(self.vertice_map_r.weight)
        nn.init.zeros_(self.vertice_map_r.bias)

    @classmethod
    def published(cls, weights: Mapping[str, Tensor]) -> SelfTalkConfig:
        width, heard = weights["audio_feature_map.weight"].shape
        hub = HubConfig(architecture=architecture_of(weights, "audio_encoder."))
        steps = heard // len(weights["audio_encoder.feature_projection.projection.bias"])
        interpreter: dict[str, Any] = {}
        if "lip_map.weight" in weights:
            layers = {name.split(".")[3] for name in weights if name.startswith("transformer.encoder.layers.")}
            interpreter = {
                "interpreter_width": len(weights["lip_map.bias"]),
                "interpreter_layers": len(layers),
                "interpreter_feed_forward": len(weights["transformer.encoder.layers.0.linear1.bias"]),
            }
        return SelfTalkConfig(
            hub=hub,
            time_map="stack" if steps == 2 else "front",
            width=width,
            **interpreter,
        )

    def begin_training(self, pretrain: Pretrain) -> None:
        """Add the interpreter, and the speech recogniser: trained first where it is the tiny one, and frozen, or, where
        it is asked once for each clip, as a listener."""
        config = self.config
        if self.asks_once:
            known = about(config.recognizer.hub)
            heard, symbols = known.hidden_size, known.vocab_size
            self.spelling = spelling(config.recognizer.hub, symbols)
            self.listener = listener(config.recognizer)
        else:
            self.text_encoder = build_recognizer(config.recognizer)
            if self.text_encoder.trained_first:
                learner: Learner = self.text_encoder
                pretrain("recognizer", learner)
            self.text_encoder.requires_grad_(False)
            heard, symbols = self.text_encoder.width, self.text_encoder.symbols
            self.spelling = self.text_encoder.spelling
        self.add_interpreter(heard, symbols)

    def add_interpreter(self, heard: int, symbols: int) -> None:
        """For a recogniser whose hidden states are so wide and that knows so many symbols."""
        config = self.config
        width = config.interpreter_width
        if not symbols:
            raise TalkError(f"the recogniser '{config.recognizer.name}' spells nothing: choose tiny or wav2vec2")
        if width != heard:
            raise TalkError(f"model.interpreter_width is {width}; it must be the recogniser's, {heard}")
        self.lip_map = nn.Linear(3 * len(self.basis.indices(self.lips)), width)
        self.transformer = sparing(
            nn.Transformer(
                width,
                config.interpreter_heads,
                config.interpreter_layers,
                config.interpreter_layers,
                config.interpreter_feed_forward,
                config.interpreter_dropout,
                batch_first=True,
            )
        )
        self.lm_head = nn.Linear(width, symbols)

    def ends(self) -> tuple[nn.Module, nn.Module]:
        return self.audio_feature_map, self.vertice_map_r

    def listen(self, speech: Speech, frames: Tensor) -> Framed:
        framed = listen(self.audio_encoder, speech, frames, self.corpus.fps, self.config.time_map)
        mapped = self.audio_feature_map(framed.features.flatten(2))  # (B, T, D)
        return framed._replace(features=mapped[:, :, None])

    def decode(self, framed: Framed, style: Tensor) -> Tensor:
        """Style is not used: SelfTalk knows a speaker by the template alone."""
        hidden = framed.features.flatten(2)  # (B, T, D)
        same = bool((framed.frames == framed.frames[0]).all())
        padding = None if same else ~length_mask(framed.frames, hidden.shape[1])
        far = self._far(hidden)
        hidden = self.transformer_decoder(
            hidden,
            hidden,
            tgt_mask=far,
            memory_mask=far,
            tgt_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )  # no causal mask and no position code, as released
        with torch.autocast(hidden.device.type, enabled=False):
            motion: Tensor = self.vertice_map_r(hidden.float())
            return motion

    def _far(self, hidden: Tensor) -> Tensor | None:
        """(T, T) true where frames of (B, T, D) are out of each other's reach; None where none are."""
        frames, most = hidden.shape[1], int(self.config.reach * self.fps)
        if not most or frames <= most + 1:
            return None
        now = torch.arange(frames, device=hidden.device)
        far: Tensor = (now[:, None] - now).abs() > most
        return far

    @property
    def context(self) -> float:
        return super().context + float(self.config.reach)

    def terms(self, told: Told, batch: Batch) -> dict[str, Tensor]:
        reading = self.reading(told.motion, batch) if self.training else {}
        return {**usual(self, told, batch), **reading}

    def reading(self, motion: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The interpreter's two terms: its features against the recogniser's, its symbols against the transcript."""
        told = batch.reading if self.asks_once else None  # else it is somebody else's
        if told is None:
            with torch.no_grad():
                self.text_encoder.train(self.config.recognizer.targets == "live")
                told = read(self.text_encoder, batch.speech)
        steps = told.steps
        if self.config.time_map == "stack":
            steps = torch.minimum(steps, 2 * batch.frames)  # no more than there are frames for, as released
        hidden = told.hidden[:, : int(steps.max())]
        inside = length_mask(steps, hidden.shape[1])  # (B, A)
        targets, lengths = self.spelling.transcripts(told.symbols[:, : hidden.shape[1]] * inside)
        features, symbols = self.interpret(motion, batch.frames, steps)
        latent = masked_mean((features.float() - hidden.float()).square().mean(-1), inside)
        return {
            "latent": self.config.latent_weight * latent,
            "ctc": self.config.ctc_weight * ctc(symbols, steps, targets, lengths),
        }

    def interpret(self, motion: Tensor, frames: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Lip reading: coefficients (B, T, K), of which frames (B,) count, to features (B, A, D) and symbol logits
        (B, A, C) of steps (B,)."""
        lips = self.lip_map(self.basis.decode_at(motion, self.lips).flatten(-2))  # (B, T, D)
        lips = stretch(lips, frames, steps)  # (B, A, D)
        padding = None if bool((steps == steps[0]).all()) else ~length_mask(steps, lips.shape[1])
        features = self.transformer(
            lips,
            lips,
            src_key_padding_mask=padding,
            tgt_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        return features, self.lm_head(features)
