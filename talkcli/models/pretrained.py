"""Pretrained speech encoders of Hugging Face's kind, from a folder or the Hub, each in two halves: front and body.

Shape letters: B clips, S samples, A encoder steps, C channels of the front, D width.
"""

from __future__ import annotations

import json
import pickle
import struct
import warnings
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, overload

import torch
from torch import Tensor, nn

from talkcli.clip import Audio
from talkcli.errors import TalkError
from talkcli.models.batch import Heard, Speech
from talkcli.models.layers import WithoutRandomWeights, length_mask
from talkcli.models.surroundings import Surroundings
from talkcli.models.wav2vec2 import Wav2Vec2, Wav2Vec2Config

SHORTEST = 720  # samples that shorter sound is filled up to: two steps, so that there is a frame at any time map
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True, kw_only=True)
class HubConfig:
    """A pretrained encoder of Hugging Face's kind."""

    source: str = "jonatasgrosman/wav2vec2-large-xlsr-53-english"  # SelfTalk, released code; a local folder serves too
    freeze_convolutions: bool = True  # FaceFormer and SelfTalk train all but the convolutional front
    gradient_checkpointing: bool = False  # less memory in training: layers are computed again for their gradients
    architecture: str = ""  # the source's config as JSON, in checkpoints: what brings weights needs no source


class Pretrained(nn.Module, ABC):
    """An encoder whose convolutional front and transformer a method may part."""

    rate = 50.0
    wants_posteriors = False
    context = 1.0  # seconds: its transformer hears all that it is given, and takes its time for it
    config: HubConfig
    width: int

    @abstractmethod
    def front(self, samples: Tensor) -> Tensor:
        """Normal sound (B, S) to convolutional features (B, A, C)."""

    @abstractmethod
    def body(self, features: Tensor, inside: Tensor | None = None) -> Tensor:
        """Convolutional features (B, A, C) to hidden states (B, A, D); inside (B, A) is false in padding."""

    @overload
    def steps(self, samples: int) -> int: ...
    @overload
    def steps(self, samples: Tensor) -> Tensor: ...
    @abstractmethod
    def steps(self, samples: int | Tensor) -> int | Tensor:
        """How many encoder steps so many samples give."""

    def surroundings(self, audio: Audio, gain: float) -> Surroundings | None:
        """None: each part is one to itself."""
        return None

    def fronts(self, speech: Speech) -> tuple[Tensor, Tensor]:
        """Convolutional features (B, A, C) of each clip as if it were alone, and how many steps count (B,)."""
        sound = normal(speech)
        sound = nn.functional.pad(sound, (0, max(0, SHORTEST - sound.shape[1])))
        lengths = speech.lengths.clamp(min=SHORTEST)
        if bool((lengths == lengths[0]).all()):
            return self.front(sound[:, : int(lengths[0])]), self.steps(lengths)
        rows = [self.front(row[None, :length])[0] for row, length in zip(sound, lengths.tolist(), strict=True)]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True), self.steps(lengths)

    def forward(self, speech: Speech) -> Heard:
        features, steps = self.fronts(speech)
        return Heard(self.body(features, padding_mask(steps)))


def architecture_of(weights: Mapping[str, Tensor], prefix: str) -> str:
    """The architecture, as a HubConfig has it, of the wav2vec2 whose weights begin so."""
    own = {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
    return json.dumps(Wav2Vec2Config.of(own).plain())


def padding_mask(lengths: Tensor) -> Tensor | None:
    """(B, A), false after each clip's end; None where no clip is padded, which is faster."""
    return None if bool((lengths == lengths[0]).all()) else length_mask(lengths, int(lengths.max()))


def normal(speech: Speech) -> Tensor:
    """Samples (B, S) with a mean of 0 and a variance of 1 over each clip, as wav2vec2 and its kin were trained."""
    inside = length_mask(speech.lengths, speech.samples.shape[1])
    count = speech.lengths[:, None]
    mean = (speech.samples * inside).sum(1, keepdim=True) / count
    centred = (speech.samples - mean) * inside
    return centred / (centred.square().sum(1, keepdim=True) / count + 1e-7).sqrt()


class Wav2Vec2Encoder(Wav2Vec2, Pretrained):
    """Our own wav2vec2."""

    def __init__(self, config: HubConfig, architecture: Wav2Vec2Config) -> None:
        super().__init__(architecture)
        self.config = replace(config, architecture=json.dumps(architecture.plain()))
        self.width = architecture.hidden_size
        self.encoder.checkpointing = config.gradient_checkpointing
        if config.freeze_convolutions:
            self.feature_extractor.requires_grad_(False)

    def body(self, features: Tensor, inside: Tensor | None = None) -> Tensor:
        return super().body(features, inside).float()  # whatever the precision of the weights

    @classmethod
    def load(cls, config: HubConfig) -> Self:
        """With the source's weights, or with random ones where the config has the architecture.

        Raises:
            TalkError: the source is not there, or holds something else.
        """
        if config.architecture:
            return cls(config, Wav2Vec2Config.read(json.loads(config.architecture)))
        with WithoutRandomWeights():
            encoder = cls(config, read_architecture(config.source, "encoder"))
        weights = {
            name.removeprefix("wav2vec2."): tensor for name, tensor in read_weights(config.source, "encoder").items()
        }
        fill(encoder, weights, config.source)
        return encoder


class HubEncoder(Pretrained):
    """HuBERT or WavLM, of transformers' own parts."""

    def __init__(self, config: HubConfig) -> None:
        super().__init__()
        from transformers import AutoConfig, AutoModel

        try:
            if config.architecture:
                known: Any = AutoModel  # whose from_config has no types
                self.model = known.from_config(AutoConfig.for_model(**json.loads(config.architecture)))
            else:
                self.model = AutoModel.from_pretrained(config.source)
        except (OSError, ValueError) as error:
            raise cannot_load(config.source, "encoder") from error
        self.config = replace(config, architecture=self.model.config.to_json_string())
        self.width = int(self.model.config.hidden_size)
        if config.gradient_checkpointing:
            self.model.gradient_checkpointing_enable()
        if config.freeze_convolutions:
            self.model.feature_extractor._freeze_parameters()  # HuBERT has no public way

    def front(self, samples: Tensor) -> Tensor:
        features: Tensor = self.model.feature_extractor(samples.to(self.model.dtype)).transpose(1, 2)
        return features

    def body(self, features: Tensor, inside: Tensor | None = None) -> Tensor:
        projected = self.model.feature_projection(features.to(self.model.dtype))
        hidden = projected[0] if isinstance(projected, tuple) else projected  # HuBERT's gives no tuple
        hidden = self.model._mask_hidden_states(hidden, attention_mask=inside)  # SpecAugment, in training alone
        with warnings.catch_warnings():  # WavLM's padding mask is of another type than its position bias
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")
            states: Tensor = self.model.encoder(hidden, attention_mask=inside).last_hidden_state
        return states.float()

    @overload
    def steps(self, samples: int) -> int: ...
    @overload
    def steps(self, samples: Tensor) -> Tensor: ...
    def steps(self, samples: int | Tensor) -> int | Tensor:
        counted: Tensor = self.model._get_feat_extract_output_lengths(torch.as_tensor(samples))
        return int(counted) if isinstance(samples, int) else counted


# -- what lies in a folder or on the Hub ------------------------------------------------------------------------------

_SPOKEN = {"encoder": ("speech encoder", "encoder=tiny"), "recognizer": ("speech recogniser", "recognizer.name=tiny")}


def cannot_load(source: str, part: str, why: str = "") -> TalkError:
    name, instead = _SPOKEN[part]
    reason = f" ({why})" if why else ""
    return TalkError(
        f"cannot load the {name} '{source}'{reason}: name a folder that holds it, or a Hub model while online, or "
        f"choose {instead}"
    )


def source_file(source: str, *names: str) -> Path | None:
    """The first of these files that a folder has, or else a model of the Hub: from the cache, or fetched into it."""
    folder = Path(source).expanduser()
    if folder.is_dir() or source.startswith(("/", ".", "~")):
        return next((folder / name for name in names if (folder / name).is_file()), None)
    from huggingface_hub import hf_hub_download

    for offline in (True, False):
        for name in names:
            try:
                return Path(hf_hub_download(source, name, local_files_only=offline))
            except (OSError, ValueError):  # all of the Hub's own errors are one of the two
                continue
    return None


def read_architecture(source: str, part: str) -> Wav2Vec2Config:
    """The config of a wav2vec2 in a folder or on the Hub.

    Raises:
        TalkError: it is not there, cannot be reached, or is none.
    """
    path = source_file(source, "config.json")
    if path is None:
        raise cannot_load(source, part)
    try:
        return Wav2Vec2Config.read(json.loads(path.read_text("utf-8")))
    except TalkError as error:
        raise cannot_load(source, part, str(error)) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise cannot_load(source, part, "its config.json is broken") from error


def read_weights(source: str, part: str) -> dict[str, Tensor]:
    """The tensors of a model in a folder or on the Hub, mapped into memory."""
    path = source_file(source, *WEIGHTS)
    if path is None:
        raise cannot_load(source, part, f"it has no {' or '.join(WEIGHTS)}")
    try:
        return read_tensors(path)
    except ValueError as error:
        raise cannot_load(source, part, f"{path.name}: {error}") from error


# what torch's reader of tensors alone says of a file that is none of its own
_UNREADABLE = (
    *(OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, AssertionError),
    *(struct.error, pickle.UnpicklingError),
)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of torch's own, of which nothing but tensors is read.

    Raises:
        ValueError: it is neither.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (*_UNREADABLE, SafetensorError) as error:
        raise ValueError(" ".join(str(error).split())[:200] or type(error).__name__) from error
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise ValueError("it holds no table of tensors")
    return found


def fill(module: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Copy weights into a module; those that it has no place for are left out.

    Raises:
        TalkError: some are missing or have another shape.
    """
    try:
        missing = module.load_state_dict(weights, strict=False).missing_keys
    except RuntimeError as error:
        raise TalkError(f"'{where}' does not fit its config: {str(error).splitlines()[-1].strip()}") from error
    for name in [name for name in missing if name.endswith("masked_spec_embed")]:  # of models without SpecAugment
        nn.init.uniform_(module.get_parameter(name))
        missing.remove(name)
    if missing:
        raise TalkError(f"'{where}' lacks {len(missing)} weights, the first is {missing[0]}")
