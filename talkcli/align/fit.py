"""How well phones fit what is heard: where a word was not said, its phones are unlikely all along.

A phone is compared with the likeliest at its moment, and the difference averaged over the speech around it, because
single frames are easily mistaken. Shape letters: A frames, P phones.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from talkcli.audio import posteriors
from talkcli.clip import Audio, Floats, Phone
from talkcli.phones import PHONES, VISEME, frame_labels

AROUND = 0.35  # seconds on either side of a phone's middle
SHARE = 0.4  # agreement that makes a phone trusted
BRIEF = 0.045  # seconds: three frames, the least an aligner can give; words that were not said are squeezed so


Heard = tuple[Floats, float]


def heard(audio: Audio) -> Heard:
    """Log-posteriors (A, 40) of the acoustic model in the order of phones.PHONES, and how many a second."""
    return posteriors.phone_posteriors(audio.samples)[:, _columns()], float(posteriors.RATE)


@cache
def _columns() -> NDArray[np.int64]:
    return np.array([posteriors.PHONES.index(name) for name in PHONES])


def likeness(phones: Sequence[Phone], log_posteriors: Floats, rate: float, around: float = AROUND) -> Floats:
    """(P,) in (0, 1]: how likely the phones around each are beside the likeliest ones; silences get 1.

    log_posteriors: (A, 40) in the order of phones.PHONES, row i at time i / rate.
    """
    labels = frame_labels(phones, rate, len(log_posteriors))
    below = log_posteriors[np.arange(len(labels)), labels] - log_posteriors.max(axis=1)
    speech = labels != 0
    lost, count = (np.concatenate([[0.0], np.cumsum(values)]) for values in (np.where(speech, below, 0.0), speech))
    middles = np.array([0.5 * (phone.start + phone.end) for phone in phones])
    first, last = (np.clip(np.round((middles + side) * rate), 0, len(labels)).astype(int) for side in (-around, around))
    mean = (lost[last] - lost[first]) / np.maximum(count[last] - count[first], 1)
    silent = np.array([phone.name == "SIL" for phone in phones], bool)
    return np.asarray(np.where(silent, 1.0, np.exp(mean)), np.float32)


def fitness(phones: Sequence[Phone], log_posteriors: Floats, rate: float) -> float:
    """How well phones fit the sound as a whole: 0 is perfect, people's speech in noise is above -1.5, another text
    mostly below -2."""
    spoken = [phone for phone in phones if phone.name != "SIL"]
    if not spoken:
        return 0.0
    labels = frame_labels(phones, rate, len(log_posteriors))
    speech = np.flatnonzero(labels)
    below = log_posteriors[speech, labels[speech]] - log_posteriors[speech].max(axis=1)
    brief = np.mean([phone.end - phone.start < BRIEF for phone in spoken])
    return float(below.mean() - 2 * brief) if len(speech) else -np.inf


def trusted(
    phones: Sequence[Phone], log_posteriors: Floats, rate: float, *, share: float = SHARE, around: float = AROUND
) -> list[Phone]:
    """The phones round which the network agrees: a wrong word is found out where it stands, its neighbours stay.

    A phone stays if, within `around` seconds of its middle, at least `share` of the speech frames look alike.
    log_posteriors: (A, 40) in the order of phones.PHONES, row i at time i / rate. Silences stay.
    """
    alike, speech = (np.concatenate([[0], np.cumsum(flags)]) for flags in _alike(phones, log_posteriors, rate))

    def agrees(phone: Phone) -> bool:
        middle = (phone.start + phone.end) / 2
        first, last = (
            int(np.clip(round(t * rate), 0, len(log_posteriors))) for t in (middle - around, middle + around)
        )
        return bool(alike[last] - alike[first] >= share * max(int(speech[last] - speech[first]), 1))

    return [phone for phone in phones if phone.name == "SIL" or agrees(phone)]


def _alike(phones: Sequence[Phone], log_posteriors: Floats, rate: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(A,) where aligned phone and network share a viseme in speech, and (A,) where there is speech."""
    classes = sorted(set(VISEME.values()))
    looks = np.array([classes.index(VISEME[name]) for name in PHONES])
    labels = frame_labels(phones, rate, len(log_posteriors))
    speech = np.asarray(labels != 0)
    return np.asarray(speech & (looks[labels] == looks[log_posteriors.argmax(axis=1)])), speech
