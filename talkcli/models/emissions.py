"""What a wav2vec2 CTC recogniser says of sound, step by step, as plain arrays: for those who align with it.

Shape letters: A steps, C symbols.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkcli.audio.vad import pauses
from talkcli.clip import Audio, Floats
from talkcli.models.base import pick_device
from talkcli.models.batch import Speech
from talkcli.models.pretrained import HubConfig, cannot_load
from talkcli.models.recognizer import HubRecognizer, RecognizerConfig

LONGEST = 20.0  # seconds heard at a time
HALF_STEP = 0.0125  # seconds from the beginning of what a step hears to its middle


@dataclass(frozen=True, eq=False)
class Emissions:
    """log_probs (A, C), natural logarithms; times (A,) seconds of the steps' middles; symbols, of which 0 is blank."""

    log_probs: Floats
    times: NDArray[np.float64]
    symbols: tuple[str, ...]


def emissions(audio: Audio, source: str, device: str = "auto") -> Emissions:
    """What the CTC model in a folder or on the Hub makes of 16 kHz sound, cut at pauses.

    Raises:
        TalkError: no such model, or one that does not say what its symbols mean.
    """
    recognizer = HubRecognizer.load(RecognizerConfig(hub=HubConfig(source=source)))
    symbols = recognizer.spelling.letters
    if not symbols:
        raise cannot_load(source, "recognizer", "it has no vocab.json to tell what its symbols mean")
    recognizer = recognizer.eval().requires_grad_(False).to(pick_device(device))
    parts, times = [], []
    for start, end in pauses(audio, LONGEST):
        part = _heard(recognizer, audio.part(start, end))
        parts.append(part)
        times.append(start + HALF_STEP + np.arange(len(part)) / recognizer.rate)
    if not parts:
        return Emissions(np.zeros((0, len(symbols)), np.float32), np.zeros(0), symbols)
    return Emissions(np.concatenate(parts), np.concatenate(times), symbols)


@torch.inference_mode()
def _heard(recognizer: HubRecognizer, audio: Audio) -> Floats:
    device = next(recognizer.parameters()).device
    samples = torch.from_numpy(np.ascontiguousarray(audio.samples))[None]
    speech = Speech(samples, torch.tensor([len(audio.samples)]))
    logits: Tensor = recognizer(speech.to(device))[1][0]
    steps = min(len(logits), max(1, int(audio.seconds * recognizer.rate)))  # short sound is filled up
    return np.asarray(logits[:steps].float().log_softmax(-1).cpu().numpy())
