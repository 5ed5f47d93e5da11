"""Speech encoders: samples in, features in even steps out.

Shape letters: B clips, S samples, A encoder steps, T frames, D width, M mel bands, P posterior steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from talkcli.clip import Audio
from talkcli.errors import TalkError
from talkcli.models.batch import RATE, Framed, Heard, Speech
from talkcli.models.layers import (
    ChannelNorm,
    DilatedBlock,
    TimeMap,
    length_mask,
    match_frames,
    mesh_frames,
    stretch,
)
from talkcli.models.pretrained import SHORTEST, HubConfig, HubEncoder, Pretrained, Wav2Vec2Encoder, padding_mask
from talkcli.models.surroundings import HOP, Surroundings, look_round
from talkcli.phones import PHONES

POSTERIORS = 42


@dataclass(frozen=True, kw_only=True)
class TinyConfig:
    """The small encoder, trained from scratch with the method. None of it comes from a paper."""

    width: int = 256
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1, 2, 4, 8, 16)  # +-1.2 s of sound at 50 Hz
    recurrent: bool = True  # a bidirectional GRU above the convolutions: the rest of the word
    dropout: float = 0.1
    mask_bands: int = 12  # widest of two mel bands hidden in training, of 80
    mask_steps: int = 12  # longest of two stretches hidden in training, at 100 Hz


class LogMel(nn.Module):
    """80 log-mel bands at 100 Hz, less their mean over the frames that carry sound."""

    def __init__(self) -> None:
        super().__init__()
        from torchaudio.transforms import MelSpectrogram

        self.spectrum = MelSpectrogram(
            RATE, n_fft=512, win_length=400, hop_length=HOP, n_mels=80, f_min=40.0, f_max=7600.0
        )

    def forward(self, samples: Tensor, lengths: Tensor, usual: Tensor | None = None) -> Tensor:
        """usual (B, M, P) stands in for the mean."""
        log = self.log(samples)
        inside = length_mask(lengths // HOP + 1, log.shape[2])[:, None]  # (B, 1, P)
        mean = self.usual(log, inside) if usual is None else usual
        normal: Tensor = ((log - mean) * 0.3).clamp(-4, 4) * inside
        return normal

    def log(self, samples: Tensor) -> Tensor:
        """(B, M, P) as they are."""
        samples = nn.functional.pad(samples, (0, max(0, 512 - samples.shape[1])))  # one window at least
        with torch.autocast(samples.device.type, enabled=False):
            found: Tensor = (self.spectrum(samples.float()) + 1e-4).log()
            return found

    def usual(self, log: Tensor, inside: Tensor | None = None) -> Tensor:
        """(B, M, 1) the mean of log-mel (B, M, P) over the frames that carry sound; inside (B, 1, P) is false in
        padding."""
        loudness = log.mean(1, keepdim=True)  # (B, 1, P)
        if inside is not None:
            loudness = loudness.masked_fill(~inside, -1e4)
        loud = loudness > loudness.amax(2, keepdim=True) - 5.0  # about 22 dB below the loudest
        return (log * loud).sum(2, keepdim=True) / loud.sum(2, keepdim=True).clamp(min=1)


def scaled_posteriors(logs: Tensor) -> Tensor:
    """Phone log-posteriors in the range that networks like."""
    return (logs * 0.2 + 1.0).clamp(-3, 1)


class Tiny(nn.Module):
    """Log-mel and phone log-posteriors through dilated convolutions and a GRU to 50 steps a second, with a phone head
    and a contact head."""

    rate = 50.0
    wants_posteriors = True
    context = 3.0  # seconds: the convolutions see one, and the GRU has forgotten what is further off

    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.config = config
        self.width = config.width
        self.mel = LogMel()
        self.front = nn.Sequential(
            nn.Conv1d(80 + POSTERIORS, config.width, 5, padding=2),
            nn.GELU(),
            ChannelNorm(config.width),
            nn.Conv1d(config.width, config.width, 4, stride=2, padding=1),
            nn.GELU(),
        )
        self.blocks = nn.Sequential(*[DilatedBlock(config.width, d, config.dropout) for d in config.dilations])
        self.norm = ChannelNorm(config.width)
        self.recurrent = (
            nn.GRU(config.width, config.width // 2, batch_first=True, bidirectional=True) if config.recurrent else None
        )
        self.drop = nn.Dropout(config.dropout)
        self.to_phones = nn.Linear(config.width, len(PHONES))
        self.to_contacts = nn.Linear(config.width, 2)

    def forward(self, speech: Speech) -> Heard:
        if speech.posteriors is None:
            raise ValueError("the tiny encoder needs phone posteriors")
        mel = self.mel(speech.samples, speech.lengths, speech.usual)  # (B, 80, P)
        posteriors = scaled_posteriors(speech.posteriors.to(mel.dtype)).transpose(1, 2)  # (B, 42, P)
        steps = min(mel.shape[2], posteriors.shape[2])
        inside = length_mask(speech.lengths // HOP + 1, steps)[:, None]
        heard = torch.cat([mel[:, :, :steps], posteriors[:, :, :steps] * inside], 1)
        if self.training:
            heard = self._mask(heard)
        if steps % 2:
            heard = nn.functional.pad(heard, (0, 1), mode="replicate")
        hidden = self.blocks(self.front(heard))  # (B, D, A)
        hidden = self.norm(hidden).transpose(1, 2)  # (B, A, D)
        if self.recurrent is not None:
            with torch.autocast(hidden.device.type, enabled=False):
                hidden = hidden.float() + self.recurrent(self.drop(hidden.float()))[0]
        features = self.drop(hidden)
        return Heard(features, self.to_phones(features), self.to_contacts(features))

    @torch.inference_mode()
    def surroundings(self, audio: Audio, gain: float) -> Surroundings | None:
        """What its parts must be told of a sound, times gain, to be heard as in the whole."""
        device = self.to_phones.weight.device
        return look_round(audio, gain, lambda samples: self.mel.log(samples.to(device)), self.mel.usual)

    def _mask(self, heard: Tensor) -> Tensor:
        """Hide two mel bands and two stretches of time in each clip (after SpecAugment, Park et al. 2019)."""
        clips, _, steps = heard.shape
        keep = torch.ones_like(heard)
        band = torch.arange(heard.shape[1], device=heard.device)[None]  # (1, M + 42)
        time = torch.arange(steps, device=heard.device)[None]  # (1, P)
        for _ in range(2):
            low, wide = _spans(clips, 80, self.config.mask_bands, heard.device)
            keep = keep * ~((band >= low) & (band < low + wide))[:, :, None]
            first, long = _spans(clips, steps, self.config.mask_steps, heard.device)
            keep = keep * ~((time >= first) & (time < first + long))[:, None, :]
        return heard * keep


def _spans(clips: int, total: int, longest: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Random starts and lengths (B, 1)."""
    length = (torch.rand(clips, 1) * (longest + 1)).floor()
    start = (torch.rand(clips, 1) * (total - length)).floor()
    return start.to(device), length.to(device)


Make = Callable[[TinyConfig, HubConfig], "Tiny | Pretrained"]
ENCODERS: dict[str, Make] = {
    "tiny": lambda tiny, _: Tiny(tiny),
    "wav2vec2": lambda _, hub: Wav2Vec2Encoder.load(hub),
    "hubert": lambda _, hub: HubEncoder(hub),
    "wavlm": lambda _, hub: HubEncoder(hub),
}


def build_encoder(name: str, tiny: TinyConfig, hub: HubConfig) -> Any:
    """The encoder of a config: a module from Speech to Heard with a width, a rate and wants_posteriors."""
    if name not in ENCODERS:
        raise TalkError(f"unknown encoder '{name}'; choose from: {', '.join(ENCODERS)}")
    return ENCODERS[name](tiny, hub)


def check_time_map(encoder: Tiny | Pretrained, time_map: TimeMap, fps: float) -> None:
    """
    Raises:
        TalkError: the encoder or the corpus' frame rate cannot do it.
    """
    if time_map in ("front", "stack") and not isinstance(encoder, Pretrained):
        raise TalkError(f"time_map={time_map} needs wav2vec2, hubert or wavlm: set model.time_map=time")
    if time_map == "stack" and encoder.rate != 2 * fps:
        raise TalkError(f"time_map=stack needs {encoder.rate / 2:g} frames a second, not {fps:g}: set time_map=front")


def frame_count(encoder: Tiny | Pretrained, samples: int, fps: float, time_map: TimeMap) -> int:
    """How many frames so many samples become, at least one: exactly as many as the released code makes."""
    if isinstance(encoder, Pretrained) and time_map in ("front", "stack"):
        steps = encoder.steps(max(samples, SHORTEST))
        return max(1, mesh_frames(steps, encoder.rate, fps, "front" if time_map == "front" else "stack"))
    return max(1, round(samples / RATE * fps))


def listen(
    encoder: Tiny | Pretrained,
    speech: Speech,
    frames: Tensor,
    fps: float,
    time_map: TimeMap,
    *,
    cut_first: bool = False,
) -> Framed:
    """What the encoder hears in each of frames (B,), or in as many of them as the sound fills for "stack".

    cut_first leaves what "stack" cuts off out of the transformer's hearing as well (FaceFormer).
    """
    if isinstance(encoder, Pretrained) and time_map in ("front", "stack"):
        features, steps = encoder.fronts(speech)
        if time_map == "front":
            hidden = encoder.body(stretch(features, steps, frames), padding_mask(frames))
            return Framed(hidden[:, :, None], frames, Heard(hidden))
        frames = torch.minimum(frames, steps // 2)
        if cut_first:
            features, steps = features[:, : 2 * int(frames.max())], 2 * frames
        hidden = encoder.body(features, padding_mask(steps))
        return Framed(torch.unflatten(hidden[:, : 2 * int(frames.max())], 1, (-1, 2)), frames, Heard(hidden))
    heard: Heard = encoder(speech)
    matched = match_frames(heard.features, encoder.rate, int(frames.max()), fps, time_map)
    return Framed(matched[:, :, None], frames, heard)


def lighten(encoder: Tiny | Pretrained) -> None:
    """A pretrained encoder in bfloat16; the small one stays as it is."""
    if isinstance(encoder, Pretrained):
        encoder.bfloat16()
