"""The form in which a method gives its displacements: every coordinate, or a few coefficients of a fixed linear basis.

The losses stay on vertices either way. For a basis with matrix M (K, 3V), the squared error over vertices of two
motions in its span is e G e' with G = M M' and e the difference of coefficients, so it is computed without making the
vertices; what the target holds outside the span is at a right angle to it and adds a constant.

Shape letters: B clips, T frames, V vertices, K coefficients, L lip vertices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from talkcli.clip import CorpusInfo
from talkcli.errors import TalkError
from talkcli.head import load_basis

BasisName = Literal["none", "rig"]


class OutputBasis(nn.Module):
    """Every coordinate for itself, as the papers have it; K = 3V."""

    def __init__(self, corpus: CorpusInfo) -> None:
        super().__init__()
        self.regions = corpus.topology.regions
        self.vertices = corpus.topology.vertices
        self.coefficients = 3 * self.vertices
        self.fingerprint = ""  # of what weights depend on and a checkpoint does not hold

    def decode(self, motion: Tensor) -> Tensor:
        """(B, T, K) -> displacements (B, T, V, 3)."""
        return motion.reshape(*motion.shape[:-1], self.vertices, 3)

    def indices(self, region: str) -> Tensor:
        """A region's vertex numbers (L,)."""
        if region not in self.regions:
            raise TalkError(f"the topology has no region '{region}'; it has: {', '.join(self.regions) or 'none'}")
        return torch.from_numpy(np.asarray(self.regions[region], np.int64))

    def decode_at(self, motion: Tensor, region: str) -> Tensor:
        """(B, T, K) -> displacements of a region (B, T, L, 3)."""
        return self.decode(motion)[..., self.indices(region).to(motion.device), :]

    def only(self, vertices: Tensor) -> Tensor:
        """What `restrict` takes, for vertex numbers (L,)."""
        kept = torch.zeros(self.vertices, 3)
        kept[vertices] = 1
        return kept.flatten()  # (K,)

    def restrict(self, motion: Tensor, only: Tensor) -> Tensor:
        """(B, T, K) -> the motion (B, T, K) of some vertices alone, the others at rest as far as the basis can."""
        return motion * only if only.ndim == 1 else motion @ only

    def encode(self, displacements: NDArray[np.float32]) -> NDArray[np.float32]:
        """Displacements (T, V, 3) -> the nearest coefficients (T, K)."""
        return displacements.reshape(len(displacements), -1)

    def squared_error(self, error: Tensor, region: str | None = None) -> Tensor:
        """(B, T, K) differences -> (B, T) mean square over the coordinates of all vertices, or of a region's."""
        picked = error if region is None else self.decode_at(error, region).flatten(-2)
        return picked.square().mean(-1)

    def mean_square(self, motion: NDArray[np.float32]) -> float:
        """The mean square over frames and coordinates of motion (T, K) as displacements."""
        return float(self.squared_error(torch.from_numpy(motion)[None]).double().mean())


class LinearBasis(OutputBasis):
    """Displacements as a sum of K fixed ones; not trained, and stored with the head, not with the weights."""

    matrix: Tensor  # (K, 3V)

    def __init__(self, corpus: CorpusInfo, matrix: NDArray[np.float32]) -> None:
        super().__init__(corpus)
        if matrix.shape[1:] != (self.vertices, 3):
            raise ValueError(f"basis is {matrix.shape}, the topology has {self.vertices} vertices")
        self.coefficients = len(matrix)
        flat = torch.from_numpy(np.ascontiguousarray(matrix.reshape(len(matrix), -1)))
        self.register_buffer("matrix", flat, persistent=False)
        self.fingerprint = hashlib.sha256(flat.numpy().tobytes()).hexdigest()[:16]
        self._parts: dict[str | None, tuple[Tensor, Tensor]] = {}

    def decode(self, motion: Tensor) -> Tensor:
        return (motion.to(self.matrix.dtype) @ self.matrix).reshape(*motion.shape[:-1], self.vertices, 3)

    def decode_at(self, motion: Tensor, region: str) -> Tensor:
        columns, _ = self._part(region)
        return (motion.to(columns.dtype) @ columns).reshape(*motion.shape[:-1], -1, 3)

    def encode(self, displacements: NDArray[np.float32]) -> NDArray[np.float32]:
        matrix = self.matrix.cpu().numpy().astype(np.float64)
        right = displacements.reshape(len(displacements), -1) @ matrix.T  # (T, K)
        return np.ascontiguousarray(np.linalg.solve(matrix @ matrix.T, right.T).T, np.float32)

    def only(self, vertices: Tensor) -> Tensor:
        """(K, K): displacements of these vertices, and what comes nearest to them when the others rest."""
        matrix = self.matrix.double().cpu()
        part = matrix.reshape(len(matrix), -1, 3)[:, vertices.cpu()].flatten(1)
        nearest: Tensor = torch.linalg.solve(matrix @ matrix.T, part @ part.T).T.float()
        return nearest

    def squared_error(self, error: Tensor, region: str | None = None) -> Tensor:
        _, gram = self._part(region)
        with torch.autocast(error.device.type, enabled=False):  # bfloat16 has no digits for a quadratic form
            error = error.float()
            return ((error @ gram) * error).sum(-1)  # (B, T)

    def _part(self, region: str | None) -> tuple[Tensor, Tensor]:
        """A region's columns of the matrix (K, 3L), and their Gram matrix divided by 3L (K, K)."""
        known = self._parts.get(region)
        if known is None or known[0].device != self.matrix.device:
            with torch.inference_mode(False):  # what validation sees first must serve training as well
                known = self._parts[region] = self._made(region)
        return known

    def _made(self, region: str | None) -> tuple[Tensor, Tensor]:
        columns = self.matrix
        if region is not None:
            picked = self.indices(region).to(columns.device)
            columns = columns.reshape(-1, self.vertices, 3)[:, picked].flatten(1)
        double = columns.double()
        return columns, (double @ double.T / columns.shape[1]).float()


def _rig_basis(corpus: CorpusInfo) -> OutputBasis:
    packaged = load_basis()
    if packaged.topology != corpus.topology.name:
        raise TalkError(
            f"the output basis 'rig' belongs to the head '{packaged.topology}', and this data is of "
            f"'{corpus.topology.name}'; set model.basis=none"
        )
    return LinearBasis(corpus, packaged.matrix)


BASES: dict[str, Callable[[CorpusInfo], OutputBasis]] = {"none": OutputBasis, "rig": _rig_basis}
