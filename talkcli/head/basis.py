"""A fixed linear basis of the packaged head's motion in speech, for methods that predict coefficients.

Shape letters: K coefficients, V vertices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np

from talkcli.clip import Floats
from talkcli.head.head import load_head


@dataclass(frozen=True, eq=False)
class MotionBasis:
    """matrix (K, V, 3): displacements in metres of a coefficient of 1, about its standard deviation in speech."""

    topology: str
    matrix: Floats


@cache
def load_basis() -> MotionBasis:
    """The basis that ships with the package, made by tools/head/motion_basis.py."""
    with as_file(files("talkcli.resources") / "basis.npz") as path, np.load(path, allow_pickle=False) as data:
        vertices, steps, units = data["vertices"], data["steps"], data["units"]
    topology = load_head().topology
    matrix = np.zeros((len(units), topology.vertices, 3), np.float32)
    matrix[:, vertices] = steps.astype(np.float32) * units[:, None, None]
    return MotionBasis(topology.name, matrix)
