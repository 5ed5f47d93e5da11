"""The frozen listener of SelfTalk's loop: sound to hidden states and CTC symbols.

Shape letters: B clips, A steps, D width, C symbols.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkcli.errors import TalkError
from talkcli.models.batch import Batch, Listener, Reading, Speech
from talkcli.models.encoders import POSTERIORS, Tiny, TinyConfig, scaled_posteriors
from talkcli.models.layers import WithoutRandomWeights, length_mask
from talkcli.models.pretrained import (
    SHORTEST,
    WEIGHTS,
    HubConfig,
    Pretrained,
    Wav2Vec2Encoder,
    cannot_load,
    fill,
    padding_mask,
    read_architecture,
    read_weights,
    source_file,
)
from talkcli.models.surroundings import HOP
from talkcli.models.wav2vec2 import Wav2Vec2Config
from talkcli.phones import PHONES

BLANK = 0
# The symbols of SelfTalk's recogniser, jonatasgrosman/wav2vec2-large-xlsr-53-english
LETTERS = ("<pad>", "<s>", "</s>", "<unk>", "|", "'", "-", *"abcdefghijklmnopqrstuvwxyz")
# What transformers 4.26, which SelfTalk was published with, makes of a decoded text; 5.x leaves texts as they are
CONTRACTIONS = tuple((text, text.lstrip()) for text in (" .", " ?", " !", " ,", " n't", " 'm", " 's", " 've", " 're"))
TIDIED = (*CONTRACTIONS[:4], (" ' ", "'"), *CONTRACTIONS[4:])


@dataclass(frozen=True, kw_only=True)
class RecognizerConfig:
    """Which listener, and how large."""

    name: str = "wav2vec2"  # SelfTalk, released code; "tiny" is trained by the same command
    # cached: a pretrained one hears each clip once, in evaluation mode, and what it says is kept beside the data;
    # fresh: in every step, in evaluation mode (the tiny one always); live: in every step and in training mode, as in
    # the released code, where dropout makes it say something else each time
    targets: Literal["cached", "fresh", "live"] = "cached"
    hub: HubConfig = field(default_factory=HubConfig)
    tiny: TinyConfig = field(
        default_factory=lambda: TinyConfig(width=128, dilations=(1, 2, 4, 8), recurrent=False, dropout=0.1)
    )


class TinyRecognizer(nn.Module):
    """A phone recogniser trained with CTC on the corpus' own phones; symbol 0 is the blank, phone p is p + 1."""

    trained_first = True
    asked_once = False
    wants_posteriors = True

    def __init__(self, config: RecognizerConfig) -> None:
        super().__init__()
        self.encoder = Tiny(config.tiny)
        self.width, self.rate, self.symbols = config.tiny.width, self.encoder.rate, len(PHONES) + 1
        self.to_symbols = nn.Linear(self.width, self.symbols)
        self.spelling = Spelling()

    def forward(self, speech: Speech) -> tuple[Tensor, Tensor]:
        """Hidden states (B, A, D) and symbol logits (B, A, C)."""
        hidden = self.encoder(speech).features
        return hidden, self.to_symbols(hidden)

    def at(self, progress: float) -> float:
        return 1.0

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """CTC against the phones that were spoken, silence left out."""
        _, logits = self(batch.speech)
        targets, lengths = collapse(batch.phones.clamp(min=0) + 1, drop=(1,))
        return {"ctc": ctc(logits, self.steps(batch.speech), targets, lengths)}

    def steps(self, speech: Speech) -> Tensor:
        """How many encoder steps of each clip count (B,)."""
        return (speech.lengths / 16000 * self.rate).round().long().clamp(min=1)


class HubRecognizer(nn.Module):
    """A pretrained wav2vec2 CTC model, used as it is."""

    trained_first = False
    asked_once = True
    wants_posteriors = False

    def __init__(self, config: RecognizerConfig, architecture: Wav2Vec2Config | None = None) -> None:
        """With random weights, unless its config names a source."""
        super().__init__()
        hub = config.hub
        if architecture is None:
            architecture = about(hub)
        self.wav2vec2 = Wav2Vec2Encoder(hub, architecture)
        self.lm_head = nn.Linear(architecture.hidden_size, architecture.vocab_size)
        self.width, self.rate, self.symbols = architecture.hidden_size, Pretrained.rate, architecture.vocab_size
        self.spelling = spelling(hub, self.symbols)

    @classmethod
    def load(cls, config: RecognizerConfig) -> HubRecognizer:
        """With the source's weights, or with random ones where the config has the architecture."""
        if config.hub.architecture:
            return cls(config)
        with WithoutRandomWeights():
            recognizer = cls(config)
        fill(recognizer, read_weights(config.hub.source, "recognizer"), config.hub.source)
        return recognizer

    def forward(self, speech: Speech) -> tuple[Tensor, Tensor]:
        """Hidden states (B, A, D) and symbol logits (B, A, C)."""
        features, steps = self.wav2vec2.fronts(speech)
        hidden = self.wav2vec2.body(features, padding_mask(steps))
        return hidden, self.lm_head(hidden)

    def steps(self, speech: Speech) -> Tensor:
        """How many encoder steps of each clip count (B,)."""
        return self.wav2vec2.steps(speech.lengths.clamp(min=SHORTEST))


class PhonePosteriors(nn.Module):
    """What PocketSphinx's Gaussians make of the sound, which is in every batch where somebody wants it: a frozen
    listener that costs nothing, and that spells nothing."""

    trained_first = False
    asked_once = False
    wants_posteriors = True

    def __init__(self) -> None:
        super().__init__()
        self.width, self.rate, self.symbols = POSTERIORS, 100.0, 0
        self.spelling = Spelling()

    @classmethod
    def load(cls, config: RecognizerConfig) -> PhonePosteriors:
        return cls()

    def forward(self, speech: Speech) -> tuple[Tensor, Tensor]:
        """Log-posteriors (B, P, 42), as hidden states and as the logits of phones."""
        if speech.posteriors is None:
            raise ValueError("phone posteriors are wanted and not there")
        hidden = scaled_posteriors(speech.posteriors)
        return hidden, hidden

    def steps(self, speech: Speech) -> Tensor:
        """How many steps of each clip count (B,)."""
        return speech.lengths // HOP + 1


def about(hub: HubConfig) -> Wav2Vec2Config:
    """What the recogniser of a source is, without its weights."""
    if hub.architecture:
        return Wav2Vec2Config.read(json.loads(hub.architecture))
    return read_architecture(hub.source, "recognizer")


@dataclass(frozen=True)
class Spelling:
    """How symbols become a transcript: letters has the text of each; without it, they are only collapsed."""

    letters: tuple[str, ...] = ()

    def transcripts(self, symbols: Tensor) -> tuple[Tensor, Tensor]:
        """Greedy CTC of (B, A), as SelfTalk's released code decodes to text and spells that again: (B, N) padded with 0
        and the lengths (B,)."""
        found, lengths = collapse(symbols)
        if "|" not in self.letters:
            return found, lengths
        rows = [self.tidied(row[:length]) for row, length in zip(found.tolist(), lengths.tolist(), strict=True)]
        tensors = [torch.tensor(row, dtype=torch.long, device=symbols.device) for row in rows]
        counts = torch.tensor([len(row) for row in rows], device=symbols.device)
        return nn.utils.rnn.pad_sequence(tensors, batch_first=True), counts

    def tidied(self, symbols: Sequence[int]) -> list[int]:
        """Without separators at both ends, and without those that transformers 4.26 takes from contractions."""
        signs = [
            " " if text == "|" else text if len(text) == 1 else chr(0xE000 + i) for i, text in enumerate(self.letters)
        ]
        text = "".join(signs[symbol] for symbol in symbols).strip(" ")
        for old, new in TIDIED:
            text = text.replace(old, new)
        return [signs.index(sign) for sign in text]


def spelling(hub: HubConfig, symbols: int) -> Spelling:
    """The spelling of a source's vocab.json; without one, that of SelfTalk's recogniser where the count fits."""
    path = None if hub.architecture else source_file(hub.source, "vocab.json")
    if path is None:
        return Spelling(LETTERS if symbols == len(LETTERS) else ())
    try:
        known = {index: text for text, index in json.loads(path.read_text("utf-8")).items()}
    except (ValueError, AttributeError) as error:
        raise cannot_load(hub.source, "recognizer", "its vocab.json is broken") from error
    return Spelling(tuple(known.get(index, "<unk>") for index in range(symbols)))


def read(recognizer: Any, speech: Speech) -> Reading:
    """What a recogniser says of sound, in the mode that it is in."""
    hidden, logits = recognizer(speech)
    steps = recognizer.steps(speech).clamp(max=hidden.shape[1])
    return Reading(hidden, logits.argmax(-1) * length_mask(steps, hidden.shape[1]), steps)


def listener(config: RecognizerConfig) -> Listener:
    """Whom training asks once for each clip; its key changes with the weights."""
    path = source_file(config.hub.source, *WEIGHTS)
    if path is None:
        raise cannot_load(config.hub.source, "recognizer", f"it has no {' or '.join(WEIGHTS)}")
    found = path.stat()
    told = [str(path), found.st_size, found.st_mtime_ns]

    def make(device: torch.device) -> Callable[[Speech], Reading]:
        recognizer = HubRecognizer.load(config).eval().requires_grad_(False).to(device)
        return lambda speech: read(recognizer, speech.to(device))

    return Listener(hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12], make)


RECOGNIZERS: dict[str, Any] = {
    "tiny": TinyRecognizer,
    "wav2vec2": HubRecognizer,
    "posteriors": PhonePosteriors,
}


def recognizer_class(config: RecognizerConfig) -> Any:
    if config.name not in RECOGNIZERS:
        raise TalkError(f"unknown recogniser '{config.name}'; choose from: {', '.join(RECOGNIZERS)}")
    return RECOGNIZERS[config.name]


def build_recognizer(config: RecognizerConfig) -> Any:
    """The recogniser of a config, with its weights where they are not to be trained."""
    made = recognizer_class(config)
    return made(config) if made.trained_first else made.load(config)


def collapse(symbols: Tensor, drop: tuple[int, ...] = ()) -> tuple[Tensor, Tensor]:
    """Greedy CTC: repeats in (B, A) become one, blanks and the symbols to drop go; returns (B, N) padded with 0 and the
    lengths (B,)."""
    rows = []
    for row in symbols:
        kept = torch.unique_consecutive(row)
        kept = kept[kept != BLANK]
        for symbol in drop:
            kept = kept[kept != symbol]
        rows.append(kept)
    lengths = torch.tensor([len(row) for row in rows], device=symbols.device)
    return nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths


def ctc(logits: Tensor, steps: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
    """CTC loss as SelfTalk computes it (released code): divided by the target's length, then the mean over clips."""
    logs = logits.float().log_softmax(-1).transpose(0, 1)  # (A, B, C)
    steps = steps.clamp(max=logits.shape[1])
    return F.ctc_loss(logs, targets, steps, lengths, blank=BLANK, zero_infinity=True)
