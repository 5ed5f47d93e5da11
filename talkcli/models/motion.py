"""What a model makes of a stretch of speech, in numpy: frames that are made when they are looked at.

Shape letters: T frames, V vertices, K basis coefficients, A encoder steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkcli.clip import Frames
from talkcli.models.basis import OutputBasis


class Decoded:
    """Coefficients (T, K) as vertices (T, V, 3) about a template (V, 3): an hour of them would not fit anywhere."""

    def __init__(self, basis: OutputBasis, motion: Tensor, template: Tensor) -> None:
        self._basis, self._motion, self._template = basis, motion, template

    def __len__(self) -> int:
        return len(self._motion)

    @torch.inference_mode()
    def __getitem__(self, frames: Any, /) -> NDArray[np.float32]:
        chosen = torch.from_numpy(frames) if isinstance(frames, np.ndarray) else frames
        vertices = self._basis.decode(self._motion[chosen]) + self._template
        return np.asarray(vertices.float().cpu().numpy())


@dataclass(frozen=True, eq=False)
class Motion:
    """A prediction in numpy, without the batch: vertices (T, V, 3), and the heads' answers as probabilities."""

    vertices: Frames
    phone_probabilities: NDArray[np.float32] | None  # (A, 40)
    contact_probabilities: NDArray[np.float32] | None  # (A, 2)
    rate: float
