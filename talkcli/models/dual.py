"""Dual learning around any method: while it learns to animate, a lip reader learns the way back, and each helps the
other (DualTalker, Su et al. 2023). What is exported is the method alone.

Shape letters: B clips, T frames, K basis coefficients, D width, k encoder steps of a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from talkcli.errors import TalkError
from talkcli.models.base import Pretrain, TalkModel
from talkcli.models.batch import Batch, Framed, Heard, Listener, Told
from talkcli.models.duality import contrast, held, nearness, quiet, relational
from talkcli.models.lipreader import LipReader, LipReaderConfig, ReaderConfig
from talkcli.models.losses import position
from talkcli.models.recognizer import listener, recognizer_class

STEADY = 0.99  # how slowly the statistics of reading change


@dataclass(frozen=True, kw_only=True)
class DualConfig:
    """The dual task beside a method. Of the paper, its terms are known and their forms and weights are not."""

    on: bool = False
    reading_weight: float = 1e-3  # of lip reading itself, from recorded motion alone
    duality_weight: float = 1e-3
    consistency_weight: float = 1e-3
    unpaired_weight: float = 1e-3
    # repr: each task's latent is near what the shared encoder makes of its true output; cycle: and the lips that are
    # made are read as the recorded ones are
    duality: Literal["repr", "cycle"] = "repr"
    consistency: Literal["relational", "nce"] = "relational"
    ramp: tuple[float, float] = (0.1, 0.3)  # shares of the training: no regulariser before, the whole of it after
    init: str = ""  # a lip reader that was trained elsewhere, to begin with
    sounds: str = ""  # more sound without meshes: a folder of sound files, or prepared data whose motion is left alone
    meshes: str = ""  # more meshes without sound: prepared data of the same topology, whose sound is left alone
    reader: ReaderConfig = field(default_factory=ReaderConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.ramp[0] <= self.ramp[1] <= 1:
            raise TalkError(f"dual.ramp is {self.ramp}: give two shares of the training, rising, from 0 to 1")
        for name in ("reading_weight", "duality_weight", "consistency_weight", "unpaired_weight"):
            if not getattr(self, name) >= 0:
                raise TalkError(f"dual.{name} is {getattr(self, name)}: give 0 or more")


class Dual(nn.Module):
    """A learner around a method: its losses, and those of the dual task."""

    read_mean: Tensor
    read_deviation: Tensor

    def __init__(self, host: TalkModel, config: DualConfig) -> None:
        """Leaves the host's random numbers alone: without weights, it learns as it does by itself."""
        super().__init__()
        self.host, self.config, self.begun = host, config, False
        self._check()
        ear, mouth = host.ends()
        with torch.random.fork_rng(devices=[]):
            own = self._reader_config(mouth)
            self.reader = LipReader(own, host.corpus, host.motion_encoder, self._shared_decoder())
        self.label_rate, self.key_rule = host.label_rate, host.key_rule
        self.whole_clips = host.whole_clips or self.reader.asked_once
        self.wants_posteriors = host.wants_posteriors or self.reader.wants_posteriors
        self.listener: Listener | None = None
        self.progress = 1.0
        self._seen: dict[str, Tensor] = {}
        ear.register_forward_hook(lambda _, inputs, output: self._seen.__setitem__("heard", output))
        mouth.register_forward_pre_hook(lambda _, inputs: self._seen.__setitem__("moved", inputs[0]))
        width = self.reader.to_target.out_features
        self.register_buffer("read_mean", torch.zeros(width))
        self.register_buffer("read_deviation", torch.zeros(width))

    def _check(self) -> None:
        """
        Raises:
            TalkError: host and reader ask two recognisers, or the host cannot learn from unpaired data.
        """
        host, asked, mine = self.host, self.host.asks, self.config.reader.recognizer
        if asked is not None and not recognizer_class(mine).asked_once:
            raise TalkError("the method asks a recogniser: set dual.reader.recognizer to model.recognizer")
        if asked is not None and mine.hub.source != asked.hub.source:
            raise TalkError("method and lip reader ask two recognisers: set dual.reader.recognizer.hub to the model's")
        if self.config.sounds and host.key_rule and host.key_rule.source == "phones" and not host.hears_phones:
            raise TalkError(
                "dual.sounds: the key frames of this model come from phones, and these sounds have none: set "
                "model.keys.source=uniform, or model.encoder=tiny"
            )
        if self.config.meshes and not host.decodes_alone:
            raise TalkError("dual.meshes: a model with model.host.source cannot learn from meshes alone: leave one out")

    def _reader_config(self, mouth: nn.Module) -> LipReaderConfig:
        own: Any = self.host.config
        reader = self.config.reader
        if reader.share_decoder:
            reader = replace(reader, heads=own.heads, dropout=own.dropout)
        return LipReaderConfig(
            basis=own.basis,
            width=getattr(mouth, "in_features", 0),
            period=getattr(own, "period", 30),  # SelfTalk has none
            time_map=own.time_map,
            reader=reader,
        )

    def _shared_decoder(self) -> nn.TransformerDecoderLayer | None:
        if not self.config.reader.share_decoder:
            return None
        if self.host.cross_decoder is None:
            raise TalkError(
                "dual.reader.share_decoder: only dualtalker with model.decoder=parallel has a decoder that reads too"
            )
        return self.host.cross_decoder

    def begin_training(self, pretrain: Pretrain) -> None:
        """The host's parts first, as if it were alone."""
        self.host.begin_training(pretrain)
        if not self.begun:
            with torch.random.fork_rng(devices=[]):
                self.reader.begin_training(pretrain)
        self.listener = listener(self.config.reader.recognizer) if self.reader.asked_once else None

    def measure(self, batches: Iterable[Batch]) -> None:
        """What the reader must know of the training clips, unless it has been told of others."""
        if not self.begun:
            self.reader.measure(batches)

    def start(self, reader: LipReader, source: str) -> None:
        """Begin with a reader that was trained elsewhere, its recogniser and its statistics with it. What the method
        shares with it begins as that reader's as well.

        Raises:
            TalkError: it is of another size.
        """
        own, found = self.reader.state_dict(), reader.state_dict()
        if {name: tensor.shape for name, tensor in own.items()} != {name: t.shape for name, t in found.items()}:
            raise TalkError(
                f"dual.init: '{source}' is a lip reader of another size than this one: it was trained with "
                f"model.width={reader.config.width}, model.basis={reader.config.basis} and other dual.reader settings"
            )
        self.reader.load_state_dict(found)
        self.begun = True

    def at(self, progress: float) -> float:
        self.progress = progress
        return self.host.at(progress)

    @property
    def ramped(self) -> float:
        """The share of the regularisers' weight: regularising with a reader that reads nothing yet is noise."""
        start, end = self.config.ramp
        return 1.0 if self.progress >= end else max(0.0, (self.progress - start) / (end - start))

    # -- losses --

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Validation is the host's alone, so that it can be compared with the host by itself."""
        config = self.config
        weights = [config.reading_weight, config.duality_weight, config.consistency_weight]
        weights += [config.unpaired_weight] if config.sounds or config.meshes else []
        if not self.training or not any(weights):
            return self.host.losses(batch)
        self._seen.clear()
        told = self.host.learn(batch)
        cut = batch.cut(told.frames)
        terms = {**self.host.terms(told, cut), **told.beside, **self.terms(told, cut)}
        self._seen.clear()
        return terms

    def terms(self, told: Told, batch: Batch) -> dict[str, Tensor]:
        """The dual task's terms, weighted; the same ones in every step."""
        config, ramp, frames = self.config, self.ramped, batch.frames
        heard, moved = self._latents(told)
        read = self.reader(batch.motion, frames)
        reading = self.reader.heard(batch.speech, batch.reading)
        if batch.sounds is not None:
            self._remember(batch.motion, frames)
        zero = told.motion.new_zeros(())

        def later(weight: float, term: Callable[[], Tensor]) -> Tensor:
            return weight * ramp * term() if ramp else zero

        found = {"reading": config.reading_weight * self.reader.error(read.told, reading, frames)}
        if config.duality_weight:
            found["duality"] = later(
                config.duality_weight, lambda: self.duality(heard, moved, read.latent, batch.motion, frames)
            )
            if config.duality == "cycle":
                found["cycle"] = later(
                    config.duality_weight, lambda: self.cycle(told.motion, batch.motion, frames, read.told)
                )
        if config.consistency_weight:
            consistent = relational if config.consistency == "relational" else contrast
            found["consistency"] = later(
                config.consistency_weight, lambda: zero if moved is None else consistent(moved, heard, frames)
            )
        if batch.sounds is not None:
            sounds = batch.sounds
            found["sounds"] = later(config.unpaired_weight, lambda: self.sounds(sounds))
        if batch.meshes is not None:
            meshes = batch.meshes
            found["meshes"] = later(config.unpaired_weight, lambda: self.meshes(meshes))
        return found

    def _latents(self, told: Told) -> tuple[Tensor, Tensor | None]:
        """Encoded speech (B, T, D), and the animation's latent (B, T, D) where motion was made frame by frame."""
        heard, moved = self._seen["heard"], self._seen.get("moved")
        heard = heard.mean(2) if heard.ndim == 4 else heard
        in_step = moved is not None and moved.shape[1] == told.motion.shape[1] and told.motion.requires_grad
        return heard, moved if in_step else None

    def duality(self, heard: Tensor, moved: Tensor | None, latent: Tensor, motion: Tensor, frames: Tensor) -> Tensor:
        """The duality regulariser: each branch's latent against the shared encoder's view of its true output."""
        back = nearness(latent, heard, frames)
        if moved is None:
            return back
        with torch.no_grad():
            encoded = self.reader.encode(motion)
        return back + nearness(moved, encoded, frames)

    def cycle(self, made: Tensor, recorded: Tensor, frames: Tensor, read: Tensor | None = None) -> Tensor:
        """Lips that are made must be read as the recorded ones are; the reader does not learn to forgive bad lips.

        read is what has been read of the recorded ones already, which serves where the reader has no dropout.
        """
        with quiet(self.reader):
            meant = read
            if meant is None or self.reader.config.reader.dropout:
                with torch.no_grad():
                    meant = self.reader(recorded, frames).told
            with held(self.reader):
                return nearness(self.reader(made, frames).told, meant, frames)

    # -- unpaired data --

    @torch.no_grad()
    def _remember(self, recorded: Tensor, frames: Tensor) -> None:
        """What the reader says of recorded motion, on the whole; as it reads made motion, without dropout."""
        with quiet(self.reader):
            mean, deviation = statistics(self.reader(recorded, frames).told, frames)
        fresh = not bool(self.read_deviation.any())
        for known, now in ((self.read_mean, mean), (self.read_deviation, deviation)):
            known.copy_(now if fresh else STEADY * known + (1 - STEADY) * now)

    def sounds(self, batch: Batch) -> Tensor:
        """Sound without meshes: the lips made for it must read, on the whole, as recorded lips do."""
        told = self.host.tell(batch.speech, batch.style, batch.frames)
        with quiet(self.reader), held(self.reader):
            mean, deviation = statistics(self.reader(told.motion, told.frames).told, told.frames)
        return (mean - self.read_mean).square().mean() + (deviation - self.read_deviation).square().mean()

    def meshes(self, batch: Batch) -> Tensor:
        """Meshes without sound: what is read from them must be told again as the same motion, 1 for one at rest; the
        reader alone learns from it, for a method that saw only lips would forget what it hears."""
        read = self.reader(batch.motion, batch.frames)
        framed = Framed(read.latent[:, :, None], batch.frames, Heard(read.latent), batch.speech.keys)
        with held(self.host):
            motion = self.host.decode(framed, batch.style)
        basis, inside = self.host.basis, replace(batch, outside=torch.zeros_like(batch.outside))
        return position(basis, motion - batch.motion, inside) / position(basis, batch.motion, inside).clamp(min=1e-12)


def statistics(told: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation over the frames that count, (C,) each, of what was read (B, T, C)."""
    inside = torch.arange(told.shape[1], device=told.device)[None] < frames[:, None]
    rows = told.float()[inside]
    mean = rows.mean(0)
    return mean, ((rows - mean).square().mean(0) + 1e-8).sqrt()
