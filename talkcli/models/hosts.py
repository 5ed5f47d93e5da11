"""Other methods as the source of key motion: KMTalk's learning scheme plugged into them (section 4.4).

Shape letters: B clips, T frames, N keys, K basis coefficients.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from talkcli import config as configs
from talkcli.clip import CorpusInfo
from talkcli.errors import TalkError
from talkcli.models.base import TalkModel
from talkcli.models.basis import OutputBasis
from talkcli.models.batch import Framed, Speech
from talkcli.models.key_motion import at_keys, key_mask


@dataclass(frozen=True, kw_only=True)
class HostConfig:
    """Which trained model tells the keys; its method and settings are filled in from its checkpoint."""

    source: str = ""  # a run, a checkpoint, or a shipped model's name; "": none
    # posthoc: it tells all frames, and those that are no keys are thrown away; native: it is shown the sound of the key
    # frames alone, and tells them alone
    mode: Literal["posthoc", "native"] = "posthoc"
    freeze: bool = True
    method: str = ""
    settings: str = ""  # its config, as JSON


class Host(nn.Module):
    """Any method, asked for the motion of key frames."""

    def __init__(self, model: TalkModel, config: HostConfig) -> None:
        super().__init__()
        self.model, self.mode, self.freeze = model, config.mode, config.freeze
        model.requires_grad_(not config.freeze)

    def train(self, mode: bool = True) -> Host:
        return super().train(mode and not self.freeze)

    def listen(self, speech: Speech, frames: Tensor) -> Framed:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.freeze):
            return self.model.listen(speech, frames)

    def tell(self, framed: Framed, keys: Tensor, style: Tensor) -> Tensor:
        """The motion (B, N, K) of keys (B, N); style (B, subjects)."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.freeze):
            if self.mode == "posthoc":
                return at_keys(self.model.decode(framed, style), keys)
            heard = at_keys(framed.features, keys)  # (B, N, k, D)
            return self.model.decode(framed._replace(features=heard, frames=key_mask(keys).sum(1)), style)


def build_host(config: HostConfig, corpus: CorpusInfo, basis: OutputBasis) -> tuple[Host, HostConfig]:
    """The host, with its weights where it is named for the first time, and the config that makes it again.

    Raises:
        TalkError: it was trained on other heads or with another form of output.
    """
    from talkcli.models import method_class
    from talkcli.models.checkpoint import load_checkpoint

    if config.settings:
        kind = method_class(config.method)
        model = kind(configs.from_dict(kind.Config, json.loads(config.settings), config.source), corpus)
        return Host(model, config), config
    found = load_checkpoint(config.source)
    model, theirs = found.model, found.model.corpus
    for ours, other, what in (
        (corpus.topology.name, theirs.topology.name, "the topology"),
        (corpus.fps, theirs.fps, "the frame rate"),
        (corpus.subjects, theirs.subjects, "the training subjects"),
        (basis.fingerprint, model.basis.fingerprint, "the output basis"),
    ):
        if ours != other:
            raise TalkError(
                f"the host '{config.source}' differs in {what}: train it on the same data, with model.basis alike"
            )
    known = replace(config, method=found.method, settings=json.dumps(configs.to_dict(model.config)))
    return Host(model, known), known
