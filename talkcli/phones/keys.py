"""Key frames: where phones begin and end, and no further apart than motion can be filled in (KMTalk, section 3.1).

Shape letters: T frames, N keys, A steps, P phone names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Phone
from talkcli.errors import TalkError
from talkcli.phones import PHONES

Frames = NDArray[np.int64]
SWITCH = 1.5  # nats that another phone must be likelier by, over its time, to be heard as one


@dataclass(frozen=True, kw_only=True)
class KeyRule:
    """Which frames are keys.

    The paper's control has a third of the frames at 25 a second, which is as many keys a second at any frame rate.
    """

    source: Literal["phones", "uniform"] = "phones"
    per_second: float = 9.0  # of uniform keys
    max_gap: float = 0.5  # seconds: longer gaps get keys in their middle
    min_gap: int = 1  # frames
    shift: float = 0.3  # share of the keys that training moves by a frame
    drop: float = 0.1  # share of the keys that training leaves out

    def __post_init__(self) -> None:
        for name, low, high in (("shift", 0, 1), ("drop", 0, 1), ("min_gap", 1, np.inf)):
            if not low <= getattr(self, name) <= high:
                raise TalkError(f"keys.{name} is {getattr(self, name)}: give {low} to {high}")
        for name in ("per_second", "max_gap"):
            if not getattr(self, name) > 0:
                raise TalkError(f"keys.{name} is {getattr(self, name)}: give more than 0")


def key_frames(phones: Iterable[Phone], fps: float, frames: int, rule: KeyRule) -> Frames:
    """(N,) rising frame numbers, the first and the last frame among them.

    Phones are boundaries alone: their names do not matter, but that nothing inside a silence is a boundary.
    """
    last = frames - 1
    if rule.source == "uniform":
        count = max(2, round(last / fps * rule.per_second) + 1)
        found = set(np.linspace(0, last, count).round().astype(int).tolist())
    else:
        spoken = [phone for phone in phones if phone.name != "SIL" and phone.end > phone.start]
        times = [time for phone in spoken for time in (phone.start, phone.end)]
        found = {min(max(int(np.floor(time * fps + 0.5)), 0), last) for time in times}
    return filled(_apart(sorted(found | {0, last}), rule.min_gap), fps, rule.max_gap)


def _apart(keys: Sequence[int], gap: int) -> list[int]:
    """The keys that are so many frames from the one before, the last in any case."""
    kept: list[int] = []
    for key in keys:
        if not kept or key - kept[-1] >= gap:
            kept.append(key)
    if kept[-1] == keys[-1]:
        return kept
    return [*(kept[:-1] or kept), keys[-1]]


def filled(keys: Sequence[int], fps: float, max_gap: float) -> Frames:
    """The keys with more of them in the middle of gaps that are too long."""
    most = max(1, int(max_gap * fps + 1e-6))  # frames
    found = [keys[0]]
    for left, right in pairwise(keys):
        parts = 1
        while (right - left + parts - 1) // parts > most:
            parts *= 2
        found += [left + (right - left) * part // parts for part in range(1, parts)] + [right]
    return np.array(sorted(set(found)), np.int64)


def varied(keys: Frames, rule: KeyRule, rng: np.random.Generator) -> Frames:
    """What training makes of keys: some moved by one frame, some left out; the first and the last stay."""
    inner = keys[1:-1]
    inner = inner[rng.random(len(inner)) >= rule.drop]
    moved = np.where(rng.random(len(inner)) < rule.shift, rng.integers(-1, 2, len(inner)), 0)
    inner = np.unique(inner + moved)
    inside = inner[(inner > keys[0]) & (inner < keys[-1])]
    return np.concatenate([keys[:1], inside, keys[1:][-1:]])


def shifted(phones: Sequence[Phone], fps: float, rng: np.random.Generator) -> list[Phone]:
    """Phones whose boundaries lie a frame earlier or later, as an aligner may miss them."""
    edges = _edges(phones)
    return _moved(phones, edges + rng.choice([-1.0, 1.0], len(edges)) / fps)


def scattered(phones: Sequence[Phone], fps: float, rng: np.random.Generator) -> list[Phone]:
    """As many boundaries at random times between the first and the last, as nobody would place them."""
    edges = _edges(phones)
    return _moved(phones, rng.uniform(edges[0], edges[-1], len(edges)) if len(edges) else edges)


def _edges(phones: Sequence[Phone]) -> NDArray[np.float64]:
    """The times, rising, at which phones begin and end."""
    return np.unique([time for phone in phones for time in (phone.start, phone.end)])


def _moved(phones: Sequence[Phone], edges: NDArray[np.float64]) -> list[Phone]:
    """The phones with these boundaries in place of their own, put in order; none before the sound."""
    now = dict(zip(_edges(phones).tolist(), np.sort(edges).clip(0).tolist(), strict=True))
    return [replace(phone, start=now[phone.start], end=now[phone.end]) for phone in phones]


def heard_phones(log_probabilities: NDArray[np.floating], rate: float) -> list[Phone]:
    """The likeliest phones of a phone head, log-probabilities (A, P) at rate steps a second: a Viterbi path in which
    each change of phone costs SWITCH."""
    scores = np.asarray(log_probabilities, np.float64)
    steps, names = scores.shape
    came = np.zeros((steps, names), np.int64)  # the phone before
    best = scores[0]
    for step in range(1, steps):
        likeliest = int(best.argmax())
        changed = best[likeliest] - SWITCH > best
        came[step] = np.where(changed, likeliest, np.arange(names))
        best = np.where(changed, best[likeliest] - SWITCH, best) + scores[step]
    path = [int(best.argmax())]
    for step in range(steps - 1, 0, -1):
        path.append(int(came[step, path[-1]]))
    labels = np.array(path[::-1])
    edges = np.flatnonzero(np.diff(labels)) + 1
    bounds = [0, *edges.tolist(), steps]
    return [Phone(PHONES[labels[a]], a / rate, b / rate) for a, b in pairwise(bounds)]
