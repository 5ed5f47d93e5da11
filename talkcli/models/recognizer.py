"""The frozen listener of SelfTalk's loop: sound to hidden states and CTC symbols.

Shape letters: B clips, A steps, D width, C symbols.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from talkcli.errors import TalkError
from talkcli.models.base import Batch, Speech
from talkcli.models.encoders import HubConfig, Tiny, TinyConfig, normal
from talkcli.phones import PHONES

BLANK = 0


@dataclass(frozen=True, kw_only=True)
class RecognizerConfig:
    """Which listener, and how large."""

    name: str = "wav2vec2"  # SelfTalk, released code; "tiny" is trained by the same command
    hub: HubConfig = field(default_factory=HubConfig)
    tiny: TinyConfig = field(
        default_factory=lambda: TinyConfig(width=128, dilations=(1, 2, 4, 8), recurrent=False, dropout=0.1)
    )


class TinyRecognizer(nn.Module):
    """A phone recogniser trained with CTC on the corpus' own phones; symbol 0 is the blank, phone p is p + 1."""

    trained_first = True
    wants_posteriors = True

    def __init__(self, config: RecognizerConfig) -> None:
        super().__init__()
        self.encoder = Tiny(config.tiny)
        self.width, self.rate, self.symbols = config.tiny.width, self.encoder.rate, len(PHONES) + 1
        self.to_symbols = nn.Linear(self.width, self.symbols)

    def forward(self, speech: Speech) -> tuple[Tensor, Tensor]:
        """Hidden states (B, A, D) and symbol logits (B, A, C)."""
        hidden = self.encoder(speech).features
        return hidden, self.to_symbols(hidden)

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
    wants_posteriors = False

    def __init__(self, config: RecognizerConfig) -> None:
        super().__init__()
        from transformers import AutoModelForCTC

        try:
            self.model = AutoModelForCTC.from_pretrained(config.hub.source)
        except (OSError, ValueError) as error:
            raise TalkError(
                f"cannot load the speech recogniser '{config.hub.source}': name a folder that holds it, or a Hub model "
                "while online, or choose recognizer.name=tiny"
            ) from error
        self.width, self.rate = int(self.model.config.hidden_size), 50.0
        self.symbols = int(self.model.config.vocab_size)

    def forward(self, speech: Speech) -> tuple[Tensor, Tensor]:
        """Hidden states (B, A, D) and symbol logits (B, A, C)."""
        hidden = self.model.base_model(normal(speech)).last_hidden_state
        return hidden, self.model.lm_head(hidden)

    def steps(self, speech: Speech) -> Tensor:
        """How many encoder steps of each clip count (B,)."""
        steps: Tensor = self.model._get_feat_extract_output_lengths(speech.lengths)
        return steps


RECOGNIZERS: dict[str, Any] = {"tiny": TinyRecognizer, "wav2vec2": HubRecognizer}


def recognizer_class(config: RecognizerConfig) -> Any:
    if config.name not in RECOGNIZERS:
        raise TalkError(f"unknown recogniser '{config.name}'; choose from: {', '.join(RECOGNIZERS)}")
    return RECOGNIZERS[config.name]


def build_recognizer(config: RecognizerConfig) -> Any:
    return recognizer_class(config)(config)


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
