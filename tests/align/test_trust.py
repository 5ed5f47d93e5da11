"""Found phones are believed by who found them, by their confidence, and by what the network hears."""

from __future__ import annotations

import numpy as np
import pytest

from talkcli.align import Found
from talkcli.align.trust import Network, believed
from talkcli.clip import Phone
from talkcli.phones import INDEX, PHONES

SAID = Phone("M", 3.5, 4.0)
QUIET = Phone("SIL", 4.0, 4.2)


def hearing(name: str, start: float = 3.0) -> Network:
    """A network that hears one phone all along, 2 s at 50 steps a second."""
    scores = np.full((100, len(PHONES)), -7.0, np.float32)
    scores[:, INDEX[name]] = -0.1
    return Network(scores, 50.0, start)


@pytest.mark.parametrize(
    ("source", "confidence", "network", "count"),
    [
        ("asr", 0.9, "M", 1),  # likely words, and the network hears them too
        ("asr", 0.1, "M", 0),  # unlikely words
        ("asr", 0.9, "AA", 0),  # the network sees another viseme
        ("asr", 0.9, None, 1),
        ("asr", 0.1, None, 0),
        ("allphone", 0.1, "P", 1),  # looks alike
        ("allphone", 0.9, "AA", 0),
        ("text", 0.9, "AA", 1),  # the acoustic model hears it, or the network does
        ("text", 0.1, "M", 1),
        ("text", 0.1, "AA", 0),
        ("text", 0.1, None, 0),
        ("file", 0.0, "AA", 1),
    ],
)
def test_phones_are_believed(source: str, confidence: float, network: str | None, count: int) -> None:
    found = Found((SAID, QUIET), (confidence, 1.0), source)
    trusted = believed(found, hearing(network) if network else None)
    assert [phone for phone in trusted if phone.name != "SIL"] == [SAID] * count


def test_the_networks_time_begins_with_its_window() -> None:
    found = Found((Phone("M", 0.0, 0.1), SAID), (0.0, 0.0), "text")
    assert believed(found, hearing("M")) == [Phone("M", 0.0, 0.1), SAID] or believed(found, hearing("M")) == [SAID]
