"""Key motion embedding for motion that is there already (KMTalk, section 4.4): of each clip the key frames stay, and
the rest is completed from the sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from talkcli.console import counted, note, progress
from talkcli.errors import TalkError
from talkcli.evaluate.predictions import CONDITION, ModelPredictions, open_predictions
from talkcli.export.base import beside
from talkcli.prepared import Corpus


@dataclass(frozen=True, kw_only=True)
class BoostOptions:
    """host is a model, or a folder of another tool's predictions; model a trained KMTalk that completes."""

    host: str
    model: str
    data: Path
    out: Path
    split: str = "test"
    device: str = "auto"
    force: bool = False


def boost(options: BoostOptions) -> int:
    """Writes <clip>.npy, or <clip>_condition_<style>.npy, of (T, V, 3) for each clip of a split that the host has; the
    number of files. Those that are there stay, unless force is set.

    Raises:
        TalkError: the model has no key frames, the data no phones, or whatever is wrong with either or the output.
    """
    corpus = Corpus.open(options.data)
    entries = list(corpus.part(options.split))
    if not entries:
        raise TalkError(f"'{options.data}' has no clips in the split '{options.split}'")
    completer = ModelPredictions(options.model, corpus, options.device)
    if completer.checkpoint.model.key_rule is None:
        raise TalkError(f"the model '{options.model}' has no key frames: give one of the method kmtalk")
    host = open_predictions(options.host, corpus, entries, options.device)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TalkError(f"cannot write to '{options.out}': {error.strerror or error}") from error
    written = 0
    with progress("clips", len(entries)) as step:
        for entry in entries:
            for style in host.styles(entry):
                path = options.out / (f"{entry.name}{CONDITION}{style}.npy" if style else f"{entry.name}.npy")
                if path.exists() and not options.force:
                    continue
                known = style or completer.styles(entry)[0]
                vertices = completer.motion(entry, known, host.motion(entry, style))
                with beside(path) as part, part.open("wb") as file:
                    np.save(file, vertices)
                written += 1
            step()
    note(f"{counted(written, 'file')} in {options.out}")
    return written
