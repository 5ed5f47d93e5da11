"""What every method is: a module that hears speech, gives vertices, and names its losses; numpy ends here.

Shape letters: B clips, T frames, V vertices, S samples, A encoder steps, D width, K basis coefficients, N subjects.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from talkcli.audio.posteriors import phone_posteriors
from talkcli.clip import Audio, CorpusInfo, Floats
from talkcli.errors import TalkError
from talkcli.models.basis import BASES, BasisName, OutputBasis
from talkcli.models.batch import (
    Batch,
    Framed,
    Guide,
    Heard,
    Keys,
    Listener,
    Prediction,
    Speech,
    Told,
)
from talkcli.models.encoders import TinyConfig, build_encoder, check_time_map, frame_count, lighten
from talkcli.models.layers import TimeMap
from talkcli.models.motion import Decoded, Motion
from talkcli.models.pretrained import HubConfig
from talkcli.models.surroundings import PartOfSound, Surroundings
from talkcli.models.wav2vec2 import EncoderLayer
from talkcli.phones.keys import KeyRule
from talkcli.stages import stage

if TYPE_CHECKING:
    from talkcli.models.recognizer import RecognizerConfig


def pick_device(name: str) -> torch.device:
    """auto: a GPU where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise TalkError(f"the device '{name}' is not here: choose auto, cpu or cuda") from error
    return device


class Learner(Protocol):
    """What the training loop trains: a module that names its losses."""

    def at(self, progress: float) -> float: ...  # told before each step how far training is, 0 to 1; see TalkModel

    def losses(self, batch: Batch) -> dict[str, Tensor]: ...
    def parameters(self) -> Iterator[nn.Parameter]: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any: ...
    def train(self, mode: bool = True) -> Any: ...
    def to(self, device: torch.device) -> Any: ...


Pretrain = Callable[[str, Learner], None]  # trains a named part of a model before the model


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """What every method's config has: what it hears with, what it moves, and what we add to its losses."""

    encoder: str = "wav2vec2"
    hub: HubConfig = field(default_factory=HubConfig)
    tiny: TinyConfig = field(default_factory=TinyConfig)
    time_map: TimeMap = "front"  # stack for BIWI
    basis: BasisName = "none"
    heads: int = 4
    dropout: float = 0.1
    lip_weight: float = 0.0  # ours: the motion's terms once more over the lips alone
    phone_weight: float = 0.0  # ours: the tiny encoder's phone head
    contact_weight: float = 0.0  # ours: the tiny encoder's contact head


class TalkModel(nn.Module, ABC):
    """A method: its Config's defaults are the paper's; losses() for training, predict() for use.

    Both are made of parts, so that methods can be put into each other: listen() and decode() give the motion that is
    shown, learn() the motion that is trained, and terms() what is wrong with it.
    """

    Config: ClassVar[type]
    config: Any
    corpus: CorpusInfo
    basis: OutputBasis
    wants_posteriors: bool = False
    label_rate: float  # labels a second that losses() expects in a batch
    takes_style: bool = True  # False where a speaker is known by the template alone
    learns_dual: ClassVar[bool] = False  # trained with the dual task unless the config says else; see dual.py
    whole_clips: bool = False  # losses() takes a clip's sound and motion as they are, however long each is
    hears_phones: bool = False  # its encoder has a phone head
    decodes_alone: bool = True  # decode() needs no motion of a method within this one
    key_rule: KeyRule | None = None  # where the method has key frames: which they are
    asks: RecognizerConfig | None = None  # a recogniser that hears each clip once, before training
    listener: Listener | None = None  # after begin_training(): what losses() wants to be told of the sound
    audio_encoder: Any  # one of ENCODERS
    period: int = 1  # frames after which a frame's place is told alike again
    training_only: ClassVar[tuple[str, ...]] = ()  # prefixes of the weights that predict() does not need
    computed: ClassVar[tuple[str, ...]] = ()  # what published weights hold and we compute

    def __init__(self, config: Any, corpus: CorpusInfo) -> None:
        """config is a MethodConfig; the encoder may know more of itself than it says."""
        super().__init__()
        self.corpus = corpus
        self.basis = BASES[config.basis](corpus)
        self.audio_encoder = build_encoder(config.encoder, config.tiny, config.hub)
        check_time_map(self.audio_encoder, config.time_map, corpus.fps)
        built = self.audio_encoder.config
        self.config = replace(config, hub=built) if isinstance(built, HubConfig) else config
        self.label_rate = self.audio_encoder.rate
        self.wants_posteriors = self.audio_encoder.wants_posteriors
        self.whole_clips = config.time_map in ("front", "stack")

    @classmethod
    def published(cls, weights: Mapping[str, Tensor]) -> Any:
        """The config of a state dict that the method's authors published, from its names and shapes.

        Raises:
            KeyError: it is not one of theirs.
        """
        raise KeyError("no published weights of this method are known")

    def begin_training(self, pretrain: Pretrain) -> None:
        """Build the parts that only training needs; pretrain(name, part) trains one first."""

    def at(self, progress: float) -> float:
        """How far training is, from 0 to 1, before each step; returns a factor of the learning rate."""
        return 1.0

    @abstractmethod
    def listen(self, speech: Speech, frames: Tensor) -> Framed:
        """What each of frames (B,) may look at, or each of as many as the sound fills."""

    @abstractmethod
    def decode(self, framed: Framed, style: Tensor) -> Tensor:
        """Motion (B, T, K) from what was heard in each frame, whichever frames these are; style (B, N)."""

    def tell(self, speech: Speech, style: Tensor, frames: Tensor) -> Told:
        """The motion that is shown, for frames (B,) or as many as the sound fills."""
        framed = self.listen(speech, frames)
        return Told(self.decode(framed, style), framed.frames, framed.heard)

    def learn(self, batch: Batch) -> Told:
        """The motion that the losses are about."""
        return self.tell(batch.speech, batch.style, batch.frames)

    @abstractmethod
    def terms(self, told: Told, batch: Batch) -> dict[str, Tensor]:
        """Named, weighted losses of what was told; the batch is cut to its frames."""

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Named, weighted terms; the training loop adds them up."""
        told = self.learn(batch)
        return {**self.terms(told, batch.cut(told.frames)), **told.beside}

    def predict(self, speech: Speech, template: Tensor, style: Tensor, frames: int) -> Prediction:
        """Vertices for speech; template (B, V, 3), style (B, N)."""
        motion, heard = self._shown(speech, style, frames)
        vertices = self.basis.decode(motion) + template[:, None]  # (B, T, V, 3)
        return Prediction(vertices, heard.phone_logits, heard.contact_logits, self.label_rate)

    def _shown(self, speech: Speech, style: Tensor, frames: int) -> tuple[Tensor, Heard]:
        """Coefficients (B, T, K) of so many frames, and what was heard."""
        motion, _, heard, _ = self.tell(speech, style, torch.full_like(speech.lengths, frames))
        last = motion.shape[1] - 1  # which stays
        return motion[:, torch.arange(frames, device=motion.device).clamp(max=last)], heard

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def fps(self) -> float:
        return self.corpus.fps

    @abstractmethod
    def ends(self) -> tuple[nn.Module, nn.Module]:
        """The layer that gives speech in step with frames, (B, T, D) or (B, T, k, D), and the one that makes motion of
        the last hidden values (B, T, D)."""

    @property
    def motion_encoder(self) -> nn.Linear | None:
        """The layer from motion (B, T, K) to the width of `ends`, for a method that looks at motion."""
        return None

    @property
    def cross_decoder(self) -> nn.TransformerDecoderLayer | None:
        """The layer that makes of the one what fits the other, for a method whose decoder can be used both ways."""
        return None

    def lighten(self) -> None:
        """Put the largest part, where there is one, into bfloat16: half the memory, and faster where it is known."""
        lighten(self.audio_encoder)

    def compile_layers(self) -> None:
        """Have torch compile the layers of the transformers, each kind once: worth its minutes on a GPU."""
        for part in self.modules():
            if isinstance(part, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer | EncoderLayer):
                part.compile(dynamic=True)

    def frame_count(self, samples: int) -> int:
        """How many frames predict() makes of so much sound."""
        return frame_count(self.audio_encoder, samples, self.fps, self.config.time_map)

    @property
    def context(self) -> float:
        """Seconds of sound to either side of a frame that move it, or, of a method that looks at all of it, enough."""
        return float(self.audio_encoder.context)

    @property
    def step(self) -> float:
        """Seconds of which parts of a sound begin at multiples: whole periods of frames, and whole encoder steps if
        that can be."""
        most = round(10 * self.label_rate)
        steps = (n for n in range(1, most) if _whole(n / self.label_rate * self.fps / self.period))
        return next(steps, self.label_rate / self.fps) / self.label_rate

    def surroundings(self, audio: Audio, gain: float) -> Surroundings | None:
        """What parts of a sound, times gain, that begin at multiples of `step` must be told to be heard as in it; None
        where each is one to itself."""
        in_step = _whole(self.step * self.label_rate)
        found: Surroundings | None = self.audio_encoder.surroundings(audio, gain) if in_step else None
        return found

    def hear(self, samples: NDArray[np.float32], told: PartOfSound | None = None) -> Speech:
        """One clip's samples (S,) at 16 kHz as the model wants them, batch of one."""
        tensor = torch.from_numpy(np.ascontiguousarray(samples))[None]
        lengths = torch.tensor([len(samples)])
        if told is not None:
            heard, usual = (torch.from_numpy(each)[None] for each in (told.posteriors, told.usual))
            return Speech(tensor, lengths, heard, usual=usual.transpose(1, 2)).to(self.device)
        posteriors = torch.from_numpy(phone_posteriors(samples))[None] if self.wants_posteriors else None
        return Speech(tensor, lengths, posteriors).to(self.device)

    def guided(self, guide: Guide, template: Floats, frames: int) -> Keys | None:
        """The keys of one clip of so many frames, batch of one; None where the method has none, or finds its own."""
        return None

    @stage("network")
    @torch.inference_mode()
    def animate(
        self,
        audio: Audio,
        template: NDArray[np.float32],
        style: NDArray[np.float32],
        guide: Guide | None = None,
        told: PartOfSound | None = None,
    ) -> Motion:
        """Motion at the corpus' own frame rate for one stretch of 16 kHz speech; template (V, 3), style (N,).

        told is what surroundings tell of it, where it is part of a longer sound.
        """
        self.eval()
        frames = self.frame_count(len(audio.samples))
        speech = self.hear(audio.samples, told)
        keys = None if guide is None else self.guided(guide, template, frames)
        motion, heard = self._shown(
            speech if keys is None else replace(speech, keys=keys.to(self.device)),
            torch.from_numpy(style)[None].to(self.device),
            frames,
        )
        phones, contacts = heard.phone_logits, heard.contact_logits
        return Motion(
            vertices=Decoded(self.basis, motion[0], torch.from_numpy(template).to(self.device)),
            phone_probabilities=None if phones is None else phones[0].float().softmax(-1).cpu().numpy(),
            contact_probabilities=None if contacts is None else contacts[0].float().sigmoid().cpu().numpy(),
            rate=self.label_rate,
        )


def _whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-6
