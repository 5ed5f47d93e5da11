"""The generator makes the shipped head again."""

from __future__ import annotations

import numpy as np
import pytest

from tools.head.resource import PATH, build


@pytest.mark.slow
def test_the_generator_reproduces_the_shipped_head() -> None:
    made = build()
    with np.load(PATH, allow_pickle=False) as data:
        shipped = {name: data[name] for name in data.files}
    assert set(made) == set(shipped)
    shapes = [dense(arrays) for arrays in (made, shipped)]
    assert np.abs(shapes[0] - shapes[1]).max() < 1.001e-6
    for name, array in made.items():
        if name.startswith("shape_"):
            continue  # a vertex that a shape moves by 1 um may be in or out
        if name == "subject_colors":
            assert np.abs(array.astype(int) - shipped[name]).max() <= 1
        elif array.dtype.kind == "f":
            assert np.abs(array - shipped[name]).max() < 1e-6, name
        elif name == "identity_deltas":
            assert np.abs(array - shipped[name]).max() * made["identity_unit"] < 1e-6
        else:
            assert (array == shipped[name]).all(), name


def dense(arrays: dict[str, np.ndarray]) -> np.ndarray:
    shapes = np.zeros((len(arrays["control_names"]), len(arrays["vertices"]), 3))
    control = np.repeat(np.arange(len(shapes)), np.diff(arrays["shape_starts"]))
    shapes[control, arrays["shape_vertices"]] = arrays["shape_deltas"]
    return shapes
