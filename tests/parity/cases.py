"""Published models at a very small size, with numbers that the authors' own code made of them.

Shape letters: B clips, T frames, V vertices, S samples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkcli.clip import CorpusInfo, Topology
from talkcli.models.batch import Batch, Speech
from talkcli.models.faceformer import FaceFormer
from talkcli.models.layers import WithoutRandomWeights
from talkcli.models.pretrained import HubConfig, architecture_of, read_tensors
from talkcli.models.recognizer import RecognizerConfig
from talkcli.models.selftalk import SelfTalk


@dataclass(frozen=True)
class Numbers:
    """One .npz, with the weights beside it."""

    path: Path

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        with np.load(self.path, allow_pickle=False) as file:
            return dict(file)

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        return read_tensors(self.path.with_suffix(".pt"))

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self.arrays[name])

    def speech(self, sound: str) -> Speech:
        samples = self.tensor(f"audio_{sound}_raw")[None]
        return Speech(samples, torch.tensor([samples.shape[1]]))

    @cached_property
    def template(self) -> Tensor:
        return self.tensor("template").reshape(1, -1, 3)

    def batch(self, sound: str, length: str, style: Tensor) -> Batch:
        motion = self.tensor(f"vertice_{length}") - self.tensor("template")
        return Batch(
            speech=self.speech(sound),
            motion=motion[None],
            frames=torch.tensor([len(motion)]),
            outside=torch.zeros(1),
            template=self.template,
            style=style,
            phones=torch.zeros(1, 1, dtype=torch.long),
            contacts=torch.zeros(1, 1, 2),
        )

    def corpus(self, stacked: bool, subjects: int) -> CorpusInfo:
        lips = self.arrays.get("lip_mask", np.zeros(1, np.int64)).astype(np.int32)
        regions = {"lips": np.unique(lips), "lip_reading": lips}
        topology = Topology("small", self.template.shape[1], np.zeros((0, 3), np.int32), regions)
        names = tuple(f"s{index}" for index in range(subjects))
        return CorpusInfo("published", topology, 25.0 if stacked else 30.0, names)

    @cached_property
    def selftalk(self) -> SelfTalk:
        """The whole of it, with what only training needs, in evaluation mode."""
        config = SelfTalk.published(self.weights)
        architecture: Mapping[str, Any] = json.loads(architecture_of(self.weights, "text_encoder.wav2vec2."))
        symbols = len(self.weights["text_encoder.lm_head.bias"])
        hub = HubConfig(architecture=json.dumps({**architecture, "vocab_size": symbols}))
        config = replace(config, recognizer=RecognizerConfig(hub=hub, targets="fresh"))
        with WithoutRandomWeights():
            model = SelfTalk(config, self.corpus(config.time_map == "stack", 1))
            model.begin_training(lambda name, part: None)
        model.load_state_dict(self.weights)
        return model.eval()

    @cached_property
    def faceformer(self) -> FaceFormer:
        config = FaceFormer.published(self.weights)
        subjects = self.weights["obj_vector.weight"].shape[1]
        model = FaceFormer(config, self.corpus(config.time_map == "stack", subjects))
        weights = {name: tensor for name, tensor in self.weights.items() if not name.startswith(FaceFormer.computed)}
        model.load_state_dict(weights)
        return model.eval()


def differs(found: Tensor, expected: Tensor) -> float:
    """The largest difference; shapes must be the same."""
    assert found.shape == expected.shape
    return float((found - expected).abs().max()) if found.numel() else 0.0


def encoded(found: Tensor, expected: Tensor) -> float:
    """The same for what an encoder gives (B, A, D), which may be told with two steps side by side (B, A / 2, 2D)."""
    if expected.shape[2] == 2 * found.shape[2]:
        found = found[:, : 2 * expected.shape[1]].reshape(1, -1, expected.shape[2])
    assert found.shape[1] - expected.shape[1] in (0, 1)  # an odd step that nothing is made of
    return differs(found[:, : expected.shape[1]], expected)
