"""A lip reader: from the motion of a mouth to what a frozen recogniser hears in the sound that belongs to it.

Shape letters: B clips, T frames, V vertices, K basis coefficients, A recogniser steps, D width, C targets.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from talkcli.audio.posteriors import phone_posteriors
from talkcli.clip import CorpusInfo, Floats, Topology
from talkcli.errors import TalkError
from talkcli.models.base import Pretrain
from talkcli.models.basis import BASES, BasisName
from talkcli.models.batch import Batch, Reading, Speech
from talkcli.models.key_motion import near
from talkcli.models.layers import TimeMap, length_mask, match_frames, periodic_code, stretch
from talkcli.models.losses import masked_mean
from talkcli.models.pretrained import HubConfig
from talkcli.models.recognizer import (
    RecognizerConfig,
    about,
    build_recognizer,
    ctc,
    read,
    recognizer_class,
    spelling,
)


def _frozen_base() -> RecognizerConfig:
    return RecognizerConfig(hub=HubConfig(source="facebook/wav2vec2-base-960h"))


@dataclass(frozen=True, kw_only=True)
class ReaderConfig:
    """None of it is known from the paper."""

    # audio: the recogniser's hidden states; text: its transcript, by CTC, as SelfTalk's interpreter
    target: Literal["audio", "text"] = "audio"
    region: Literal["lips", "face"] = "lips"  # lips: with one ring of vertices around them
    layers: int = 2
    heads: int = 4
    reach: int = 8  # frames on either side that a layer looks at
    dropout: float = 0.1
    # reads through the method's own decoder, in place of layers, heads and dropout of its own
    share_decoder: bool = False
    recognizer: RecognizerConfig = field(default_factory=_frozen_base)

    def __post_init__(self) -> None:
        for name, least in (("layers", 1), ("heads", 1), ("reach", 0), ("dropout", 0)):
            if getattr(self, name) < least:
                raise TalkError(f"{name} of the lip reader is {getattr(self, name)}: give {least} or more")
        if self.dropout >= 1:
            raise TalkError(f"dropout of the lip reader is {self.dropout}: give 0 or more, and less than 1")
        if self.recognizer.targets != "cached":
            raise TalkError("a lip reader's targets never change: leave dual.reader.recognizer.targets=cached")


@dataclass(frozen=True, kw_only=True)
class LipReaderConfig:
    """A reader with what it takes over from the method that it was trained beside."""

    basis: BasisName = "none"
    width: int = 512
    period: int = 30
    time_map: TimeMap = "front"
    reader: ReaderConfig = field(default_factory=ReaderConfig)


class Read(NamedTuple):
    """latent (B, T, D), and what is read from it: target features, or logits of symbols, (B, T, C)."""

    latent: Tensor
    told: Tensor


class LipReader(nn.Module):
    """All frames at once, each from those around it: a reader that saw past sound would copy that and not look."""

    Config: ClassVar[type] = LipReaderConfig
    training_only: ClassVar[tuple[str, ...]] = ()
    only: Tensor | None
    motion_mean: Tensor
    motion_scale: Tensor
    target_mean: Tensor
    target_deviation: Tensor

    def __init__(
        self,
        config: LipReaderConfig,
        corpus: CorpusInfo,
        embed: nn.Linear | None = None,
        decoder: nn.TransformerDecoderLayer | None = None,
    ) -> None:
        """embed, from motion to width, and decoder may belong to a method that learns beside the reader."""
        super().__init__()
        self.config, self.corpus = config, corpus
        self.basis = BASES[config.basis](corpus)
        reader, width = config.reader, config.width
        if width % reader.heads or width % 2:
            raise TalkError(f"width {width} is no even multiple of the lip reader's heads {reader.heads}: change them")
        heard, symbols = self._take_recognizer(reader.recognizer)
        if reader.target == "text" and not symbols:
            raise TalkError(f"the recogniser '{reader.recognizer.name}' spells nothing: choose tiny or wav2vec2")
        self.region = ringed(corpus.topology, self.basis.indices("lips")) if reader.region == "lips" else None
        only = None if self.region is None else self.basis.only(self.region)
        self.register_buffer("only", only, persistent=False)
        self.embed = embed or nn.Linear(self.basis.coefficients, width)
        shape = (width, reader.heads, 2 * width, reader.dropout)
        self.layers = nn.ModuleList()
        if reader.share_decoder:
            self.decoder = decoder or nn.TransformerDecoderLayer(*shape, batch_first=True)
            self.modality = nn.Parameter(0.02 * torch.randn(width))  # tells the decoder that it is lips it looks at
        else:
            self.layers.extend(nn.TransformerEncoderLayer(*shape, batch_first=True) for _ in range(reader.layers))
        self.to_target = nn.Linear(width, heard if reader.target == "audio" else symbols)
        for name, start in (
            ("motion_mean", torch.zeros(self.basis.coefficients)),
            ("motion_scale", torch.ones(())),
            ("target_mean", torch.zeros(heard)),
            ("target_deviation", torch.ones(heard)),
        ):
            self.register_buffer(name, start)

    def _take_recognizer(self, config: RecognizerConfig) -> tuple[int, int]:
        """How wide its hidden states are, and how many symbols it knows; one that is asked once is not loaded."""
        made = recognizer_class(config)
        self.wants_posteriors: bool = made.wants_posteriors
        self.asked_once: bool = made.asked_once
        self.recognizer = None if self.asked_once else build_recognizer(config).requires_grad_(False)
        if self.recognizer is None:
            known = about(config.hub)
            self.rate, self.spelling = 50.0, spelling(config.hub, known.vocab_size)
            return known.hidden_size, known.vocab_size
        self.rate, self.spelling = self.recognizer.rate, self.recognizer.spelling
        return self.recognizer.width, self.recognizer.symbols

    def begin_training(self, pretrain: Pretrain) -> None:
        """Train the recogniser first where it is the tiny one."""
        if self.recognizer is not None and self.recognizer.trained_first:
            self.recognizer.requires_grad_(True)
            pretrain("listener", self.recognizer)
            self.recognizer.requires_grad_(False)

    # -- reading --

    def encode(self, motion: Tensor, *, masked: bool = False, first: int = 0) -> Tensor:
        """Encoded motion (B, T, D) of (B, T, K), of the reader's region alone where masked; the clip's first frame has
        the number first."""
        own = (motion.float() - self.motion_mean) / self.motion_scale
        if masked and self.only is not None:
            own = self.basis.restrict(own, self.only)
        return self._embedded(own, first)

    def _seen(self, displacements: Floats) -> Tensor:
        """Any motion (T, V, 3) as `encode` has it before it is embedded, (1, T, K): of the region alone, whatever the
        basis makes of the others."""
        inside, mean = displacements, self.motion_mean
        if self.region is not None and self.only is not None:
            inside = np.zeros_like(displacements)
            inside[:, self.region.numpy()] = displacements[:, self.region.numpy()]
            mean = self.basis.restrict(mean, self.only)
        own = torch.from_numpy(self.basis.encode(inside)).to(mean.device)
        return ((own - mean) / self.motion_scale)[None]

    def _embedded(self, own: Tensor, first: int) -> Tensor:
        hidden: Tensor = self.embed(own)
        code = periodic_code(first % self.config.period + hidden.shape[1], hidden.shape[2], self.config.period)
        return hidden + code[-hidden.shape[1] :].to(hidden)

    def forward(self, motion: Tensor, frames: Tensor, first: int = 0) -> Read:
        """Motion (B, T, K), of which frames (B,) count."""
        return self._read(self.encode(motion, masked=True, first=first), frames)

    def _read(self, hidden: Tensor, frames: Tensor) -> Read:
        """Encoded motion (B, T, D)."""
        reader = self.config.reader
        longest = hidden.shape[1]
        now = torch.arange(longest, device=frames.device)
        if bool((frames == longest).all()):  # one mask for all
            mask = near(now[None], frames[:1], longest, reader.reach, 1)[0]
        else:
            mask = near(now.expand(len(frames), -1), frames, longest, reader.reach, reader.heads)
        # the fused kernel's backward pass takes twice as long on a processor, for clips as short as these
        plain = hidden.device.type == "cpu" and hidden.requires_grad
        with sdpa_kernel(SDPBackend.MATH) if plain else nullcontext():
            for layer in self.layers:
                hidden = layer(hidden, src_mask=mask)
            if reader.share_decoder:
                hidden = self.decoder(hidden + self.modality, hidden, tgt_mask=mask, memory_mask=mask)
        return Read(hidden, self.to_target(hidden))

    # -- what is to be read --

    @torch.no_grad()
    def heard(self, speech: Speech, reading: Reading | None = None) -> Reading:
        """What the recogniser makes of speech, or has made of it."""
        if reading is not None:
            return reading
        if self.recognizer is None:
            self.recognizer = build_recognizer(self.config.reader.recognizer).to(speech.samples.device)
        self.recognizer.eval()
        return read(self.recognizer, speech)

    @torch.no_grad()
    def target(self, reading: Reading, frames: Tensor) -> Tensor:
        """Its hidden states as the reader should give them: (B, T, C), each dimension with a mean of 0 and a deviation
        of 1 over the training clips."""
        return (self._matched(reading, frames) - self.target_mean) / self.target_deviation

    def _matched(self, reading: Reading, frames: Tensor) -> Tensor:
        hidden = reading.hidden.float()
        if self.config.time_map == "time":
            last = (reading.steps - 1).clamp(min=0)  # a clip's, whatever it is padded with
            now = torch.arange(hidden.shape[1], device=hidden.device)
            held = torch.minimum(now[None], last[:, None])[..., None].expand_as(hidden)
            return match_frames(hidden.gather(1, held), self.rate, int(frames.max()), self.corpus.fps, "time")
        return stretch(hidden, reading.steps, frames)

    def error(self, told: Tensor, reading: Reading, frames: Tensor) -> Tensor:
        """How wrong it is, one number: 1.5 for a reader that always says the mean, and CTC's for text."""
        if self.config.reader.target == "text":
            inside = length_mask(reading.steps, reading.symbols.shape[1])
            return ctc(told, frames, *self.spelling.transcripts(reading.symbols * inside))
        target, told = self.target(reading, frames), told.float()
        each = 1 - agreement(told, target) + 0.5 * (told - target).square().mean(-1)
        return masked_mean(each, length_mask(frames, told.shape[1]))

    @property
    def margin(self) -> int:
        """Frames on either side that have a say in what is read from one."""
        return max(1, len(self.layers)) * self.config.reader.reach

    def check_frames(self) -> None:
        """Raises TalkError unless it reads frames: text has none."""
        if self.config.reader.target != "audio":
            raise TalkError("this lip reader reads text, not frames: give one that was trained with target=audio")

    @torch.inference_mode()
    def judge(self, displacements: Floats, samples: Floats, first: int) -> tuple[Floats, Floats]:
        """What is read from a stretch of motion (T, V, 3), whose first frame has the number first, and what is heard in
        its sound (S,) at 16 kHz: (T, C) each, the latter with a mean of 0 and a deviation of 1.

        Raises:
            TalkError: the reader reads text, which has no single frames.
        """
        self.check_frames()
        self.eval()
        device = self.motion_mean.device
        frames = torch.tensor([len(displacements)], device=device)
        posteriors = torch.from_numpy(phone_posteriors(samples))[None] if self.wants_posteriors else None
        speech = Speech(torch.from_numpy(samples)[None], torch.tensor([len(samples)]), posteriors).to(device)
        told = self._read(self._embedded(self._seen(displacements), first), frames).told
        target = self.target(self.heard(speech), frames)
        return told[0].float().cpu().numpy(), target[0].float().cpu().numpy()

    @torch.no_grad()
    def measure(self, batches: Iterable[Batch]) -> None:
        """Learn means and deviations from the training clips."""
        motion, target = Moments(), Moments()
        for batch in batches:
            inside = length_mask(batch.frames, batch.motion.shape[1])
            own = batch.motion.float()
            motion.add(own[inside])
            target.add(self._matched(self.heard(batch.speech, batch.reading), batch.frames)[inside])
        self.motion_mean.copy_(motion.mean)
        variance = motion.variance
        self.motion_scale.copy_(variance.mean().sqrt().clamp(min=1e-8))
        self.target_mean.copy_(target.mean)
        self.target_deviation.copy_(target.variance.sqrt().clamp(min=1e-3))


class Moments:
    """Mean and variance of rows that come in parts."""

    def __init__(self) -> None:
        self.count: int = 0
        self.sum: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0

    def add(self, rows: Tensor) -> None:
        """(N, C)."""
        self.count += len(rows)
        self.sum = self.sum + rows.double().sum(0)
        self.squares = self.squares + rows.double().square().sum(0)

    @property
    def mean(self) -> Tensor:
        return torch.as_tensor(self.sum) / max(1, self.count)

    @property
    def variance(self) -> Tensor:
        return (torch.as_tensor(self.squares) / max(1, self.count) - self.mean.square()).clamp(min=0)


def agreement(told: Tensor, target: Tensor) -> Tensor:
    """(..., C) -> (...) cosine, in [-1, 1]."""
    return F.cosine_similarity(told, target, dim=-1, eps=1e-6)


def ringed(topology: Topology, vertices: Tensor) -> Tensor:
    """Vertex numbers (L,) and those that share a triangle with one of them."""
    faces = torch.from_numpy(topology.faces).long()  # (F, 3)
    inside = torch.zeros(topology.vertices, dtype=torch.bool)
    inside[vertices] = True
    inside[faces[inside[faces].any(1)].flatten()] = True
    return inside.nonzero()[:, 0]
