"""Which phones are to be believed: found ones, once it is known what the network hears.

Whoever found them may be wrong with confidence: a recogniser in its words, a text in what was really said. The network
knows no words, and is wrong elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from talkcli.align import Found
from talkcli.align.fit import likeness, trusted
from talkcli.align.listening import CONFIDENCE
from talkcli.clip import Floats, Phone
from talkcli.stages import stage

AGREEMENT = 0.25  # share of the speech round a phone in which recogniser and network must see the same viseme
ALIKE = 0.37  # likeness to the acoustic model by which a text's phone is believed
HEARD, NEAR = 0.13, 0.2  # likeness to the network by which it is, and the seconds on either side it is taken from


@dataclass(frozen=True)
class Network:
    """What a model hears: log_posteriors (A, 40) in the order of phones.PHONES, row i at start + i / rate seconds."""

    log_posteriors: Floats
    rate: float
    start: float


@stage("contact")
def believed(found: Found, network: Network | None) -> list[Phone]:
    """The phones to follow, in the time of the found ones.

    A file is taken at its word. A text's phone is believed where it sounds like it, to the acoustic model or to the
    network; a recogniser's where its words are likely and the network sees the same visemes; one heard without words
    where the network does. Silences stay.
    """
    if found.source == "file":
        return list(found.phones)
    if found.source in ("text", "ctc"):
        return _said(found, network)
    least = 0.0 if found.source == "allphone" else CONFIDENCE
    likely = [phone for phone, sure in zip(found.phones, found.confidence, strict=True) if sure >= least]
    if network is None:
        return likely
    agreed = trusted(_moved(likely, -network.start), network.log_posteriors, network.rate, share=AGREEMENT)
    return _moved(agreed, network.start)


def _said(found: Found, network: Network | None) -> list[Phone]:
    fits = np.array(found.confidence) >= ALIKE
    if network is not None:
        heard = likeness(_moved(found.phones, -network.start), network.log_posteriors, network.rate, around=NEAR)
        fits |= heard >= HEARD
    return [phone for phone, fit in zip(found.phones, fits, strict=True) if fit]


def _moved(phones: Sequence[Phone], by: float) -> list[Phone]:
    return [replace(phone, start=phone.start + by, end=phone.end + by) for phone in phones]
