"""Phones that were not said are found out where they stand, and their neighbours stay."""

from __future__ import annotations

import numpy as np
import pytest

from talkcli.align.fit import fitness, likeness, trusted
from talkcli.clip import Floats, Phone
from talkcli.phones import INDEX, PHONES

SPOKEN = ["P", "AA", "T", "IY", "M", "UW", "S", "OW", "B", "IY"]
GUESSED = [Phone(name, i * 0.1, (i + 1) * 0.1) for i, name in enumerate(SPOKEN)]


def scores(heard: list[str], other: float = -2.0) -> Floats:
    """(100, 40) log-posteriors that are sure of one phone each tenth of a second."""
    out = np.full((10 * len(heard), len(PHONES)), other, np.float32)
    out[np.arange(len(out)), [INDEX[heard[i // 10]] for i in range(len(out))]] = 0.0
    return out


def test_only_phones_that_the_network_hears_too_are_trusted() -> None:
    heard = scores([*SPOKEN[:5], "AA", "R", "F", "K", "AA"])
    assert [p.name for p in trusted(GUESSED, heard, 100.0, share=0.5, around=0.15)] == SPOKEN[:5]
    assert [p.name for p in trusted(GUESSED, heard, 100.0, share=0.0)] == SPOKEN
    assert trusted([], heard, 100.0) == []


def test_likeness_is_the_geometric_mean_beside_the_likeliest() -> None:
    heard = scores([*SPOKEN[:5], "AA", "R", "F", "K", "AA"])
    found = likeness(GUESSED, heard, 100.0, around=0.05)
    assert found == pytest.approx([1.0] * 5 + [np.exp(-2.0)] * 5)
    assert likeness([Phone("SIL", 0.0, 1.0)], heard, 100.0) == pytest.approx([1.0])
    assert len(likeness([], heard, 100.0)) == 0


def test_fitness_falls_with_unlikely_phones_and_with_squeezed_ones() -> None:
    assert fitness(GUESSED, scores(SPOKEN), 100.0) == 0.0
    assert fitness(GUESSED, scores(["K"] * 10), 100.0) == pytest.approx(-2.0)
    squeezed = [Phone(p.name, p.start, p.start + 0.03) for p in GUESSED]
    assert fitness(squeezed, scores(SPOKEN), 100.0) == pytest.approx(-2.0)
