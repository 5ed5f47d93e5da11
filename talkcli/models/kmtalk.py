"""KMTalk (Xu et al., ECCV 2024): motion at key frames, which phones tell, and from there to all frames by sound.

What the paper is known to say: keys at phone boundaries, a decoder for their motion, a second module that completes it
under guidance of the sound, and training step by step. Layers, losses and schedule are ours (docs/methods.md).
Shape letters: B clips, T frames, N keys, K basis coefficients, D width, V vertices.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from talkcli.clip import CorpusInfo, Floats
from talkcli.errors import TalkError
from talkcli.models.base import MethodConfig, TalkModel
from talkcli.models.batch import Batch, Framed, Guide, Keys, Speech, Told
from talkcli.models.encoders import listen
from talkcli.models.hosts import Host, HostConfig, build_host
from talkcli.models.key_motion import Completion, KeyDecoder, at_keys, chosen, interpolated, key_mask, padded
from talkcli.models.losses import masked_mean, usual
from talkcli.phones.keys import KeyRule, heard_phones, key_frames

TRUTH = 0.3  # share of the keys that the completion is shown as they were recorded, in training


@dataclass(frozen=True, kw_only=True)
class KMTalkConfig(MethodConfig):
    """Defaults are sized as SelfTalk's VOCASET model; the paper's own sizes are not known here."""

    width: int = 512  # 1024 for BIWI
    period: int = 30  # frames; 25 for BIWI
    style: Literal["none", "onehot"] = "onehot"
    keys: KeyRule = field(default_factory=KeyRule)
    window: int = 5  # frames of sound on either side that a key, or a frame, looks at
    key_layers: int = 1  # 0: no key decoder, each key from the sound of its own frame
    completion_layers: int = 2
    completion_audio: bool = True  # False: keys are completed without the sound
    start: Literal["interpolation", "mask"] = "interpolation"  # what the completion is shown between keys
    policy: Literal["soft", "hard"] = "soft"  # hard: what is said at a key stays
    tie_heads: bool = False  # one layer from hidden to motion for keys and frames: a third of the weights for BIWI
    schedule: Literal["joint", "staged"] = "staged"
    stages: tuple[float, float] = (0.4, 0.8)  # shares of a staged training: keys alone, then completion alone
    host: HostConfig = field(default_factory=HostConfig)
    key_weight: float = 1000.0
    position_weight: float = 1000.0
    velocity_weight: float = 1000.0

    def __post_init__(self) -> None:
        if self.heads < 1 or self.width < 2 or self.width % self.heads or self.width % 2:
            raise TalkError(f"width {self.width} is no even multiple of heads {self.heads}: change one of them")
        for name, least in (("period", 1), ("window", 0), ("key_layers", 0), ("completion_layers", 1)):
            if getattr(self, name) < least:
                raise TalkError(f"{name} is {getattr(self, name)}: give {least} or more")
        if not 0 <= self.stages[0] <= self.stages[1] <= 1:
            raise TalkError(f"stages are {self.stages}: give two shares of the training, rising, from 0 to 1")


class KMTalk(TalkModel):
    """Key motion acquisition (KeyDecoder, or a host method) and cross-modal motion completion (Completion)."""

    Config: ClassVar[type] = KMTalkConfig

    def __init__(self, config: KMTalkConfig, corpus: CorpusInfo) -> None:
        super().__init__(config, corpus)
        self.takes_style = config.style == "onehot"
        self.period = config.period
        self.key_rule = config.keys
        self.hears_phones = config.encoder == "tiny"
        self.progress = 1.0
        width, motion = config.width, self.basis.coefficients
        steps = 2 if config.time_map == "stack" else 1
        self.audio_feature_map = nn.Linear(steps * self.audio_encoder.width, width)
        self.style_map = nn.Linear(len(corpus.subjects), width, bias=False) if self.takes_style else None
        self.host: Host | None = None
        self.key_decoder: KeyDecoder | None = None
        if config.host.source:
            self.host, known = build_host(config.host, corpus, self.basis)
            self.config = replace(self.config, host=known)
            self.decodes_alone = False
        else:
            self.key_decoder = KeyDecoder(config, motion)
        tied = self.key_decoder.to_motion if config.tie_heads and self.key_decoder is not None else None
        self.completion = Completion(config, motion, tied)
        hears = self.host is not None and self.host.model.wants_posteriors
        self.wants_posteriors = self.wants_posteriors or hears

    # -- training step by step --

    def at(self, progress: float) -> float:
        """Staged: the keys alone, the completion alone, and then both, at a third of the rate."""
        self.progress = progress
        return 1 / 3 if self.config.schedule == "staged" and progress >= self.config.stages[1] else 1.0

    @property
    def stage(self) -> Literal["keys", "completion", "both"]:
        if not self.training or self.config.schedule == "joint" or self.progress >= self.config.stages[1]:
            return "both"
        return "keys" if self.progress < self.config.stages[0] and self.key_decoder is not None else "completion"

    # -- from sound to motion --

    def ends(self) -> tuple[nn.Module, nn.Module]:
        return self.audio_feature_map, self.completion.last

    def listen(self, speech: Speech, frames: Tensor) -> Framed:
        """With the keys that speech brings, or else those of the encoder's own phone head."""
        framed = listen(self.audio_encoder, speech, frames, self.corpus.fps, self.config.time_map)
        features = self.audio_feature_map(framed.features.flatten(2))[:, :, None]  # (B, T, 1, D)
        keys = self._own_keys(framed) if speech.keys is None else speech.keys
        inner = None if self.host is None else self.host.listen(replace(speech, keys=keys), framed.frames)
        return Framed(features, framed.frames, framed.heard, keys, inner)

    def _own_keys(self, framed: Framed) -> Keys:
        logits = framed.heard.phone_logits
        if logits is None and self.config.keys.source == "phones":
            raise TalkError("this model has no phone head: say which phones are spoken (--phones, --text)")
        found = []
        for row, count in enumerate(framed.frames.tolist()):
            phones = []
            if logits is not None:
                steps = round(count / self.fps * self.label_rate)
                phones = heard_phones(
                    logits[row, :steps].detach().float().log_softmax(-1).cpu().numpy(), self.label_rate
                )
            found.append(key_frames(phones, self.fps, count, self.config.keys))
        return Keys(padded(found)).to(framed.frames.device)

    def decode(self, framed: Framed, style: Tensor) -> Tensor:
        keys = framed.keys
        assert keys is not None
        motion = chosen(keys, self.acquire(framed, style))
        hard = key_mask(keys.frames) if self.config.policy == "hard" else keys.hard
        features = framed.features.flatten(2)
        told: Tensor = self.completion(motion, keys.frames, features, framed.frames, self._styled(style), hard)
        return told

    def acquire(self, framed: Framed, style: Tensor) -> Tensor:
        """The motion of the keys (B, N, K), were nothing known of it."""
        keys = framed.keys
        assert keys is not None
        if self.host is not None:
            assert framed.inner is not None
            return self.host.tell(framed.inner, keys.frames, style)
        assert self.key_decoder is not None
        found: Tensor = self.key_decoder(keys.frames, framed.features.flatten(2), framed.frames, self._styled(style))
        return found

    def _styled(self, style: Tensor) -> Tensor:
        """(B, 1, D), or a plain zero."""
        return style.new_zeros(1, 1, 1) if self.style_map is None else self.style_map(style)[:, None]

    # -- losses --

    def learn(self, batch: Batch) -> Told:
        """Some keys are shown to the completion as recorded, lest it only knows early, bad ones; half of the batches
        keep what is said at the keys, so that one model serves both policies."""
        framed = self.listen(batch.speech, batch.frames)
        batch = batch.cut(framed.frames)
        keys, features, style = framed.keys, framed.features.flatten(2), self._styled(batch.style)
        assert keys is not None
        own = self.acquire(framed, batch.style)  # (B, N, K)
        truth = at_keys(batch.motion, keys.frames)
        stage, hard, shown = self.stage, None, own
        if self.training:
            if stage == "completion":
                own, features, style, shown = own.detach(), features.detach(), style.detach(), own.detach()
            told = torch.rand(keys.frames.shape, device=own.device) < TRUTH
            shown = torch.where(told[..., None], truth.to(own.dtype), shown)
            hard = key_mask(keys.frames) if bool(torch.rand(()) < 0.5) else None
        elif self.config.policy == "hard":
            hard = key_mask(keys.frames)
        beside = self._key_terms(own - truth, keys)
        if stage == "completion":  # the same terms in every step: they are columns of the run's table
            beside = {name: torch.zeros_like(term) for name, term in beside.items()}
        if stage == "keys":
            motion = interpolated(own, keys.frames, batch.motion.shape[1]).detach()
        else:
            motion = self.completion(shown, keys.frames, features, framed.frames, style, hard)
        return Told(motion, framed.frames, framed.heard, beside)

    def _key_terms(self, error: Tensor, keys: Keys) -> dict[str, Tensor]:
        config, inside = self.config, key_mask(keys.frames)
        if self.key_decoder is None and config.host.freeze:
            return {}
        term = masked_mean(self.basis.squared_error(error), inside)
        if config.lip_weight:
            term = term + config.lip_weight * masked_mean(self.basis.squared_error(error, "lips"), inside)
        return {"keys": config.key_weight * term}

    def terms(self, told: Told, batch: Batch) -> dict[str, Tensor]:
        return usual(self, told, batch)

    # -- what people know --

    def guided(self, guide: Guide, template: Floats, frames: int) -> Keys | None:
        """
        Raises:
            TalkError: a key or a pose is not of this clip.
        """
        if guide.poses is not None:
            numbers = np.array(sorted({*guide.poses, 0, frames - 1}), np.int64)
            if numbers[0] < 0 or numbers[-1] > frames - 1:
                raise TalkError(f"a key is at frame {numbers[0] if numbers[0] < 0 else numbers[-1]} of {frames}")
        elif guide.phones is not None:
            numbers = key_frames(guide.phones, self.fps, frames, self.config.keys)
        else:
            numbers = None
        if guide.host is None and not guide.locked:
            return None if numbers is None else Keys(torch.from_numpy(numbers)[None])
        if numbers is None:
            raise TalkError("another model's motion is completed from phones: say which are spoken")
        return self._known(numbers, guide, template)

    def _known(self, numbers: np.ndarray, guide: Guide, template: Floats) -> Keys:
        motion = np.zeros((1, len(numbers), self.basis.coefficients), np.float32)
        known, hard = (np.zeros((1, len(numbers)), bool) for _ in range(2))
        if guide.host is not None:
            held = guide.host[np.minimum(numbers, len(guide.host) - 1)]
            motion[0], known[:] = self.basis.encode(held - template), True
        for place, number in enumerate(numbers.tolist()):
            pose = (guide.poses or {}).get(number)
            if pose is not None:
                motion[0, place], known[0, place] = self.basis.encode((pose - template)[None])[0], True
            hard[0, place] = number in guide.locked
        return Keys(*(torch.from_numpy(array) for array in (numbers[None], motion, known, hard)))
