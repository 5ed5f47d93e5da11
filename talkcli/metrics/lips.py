"""Do the lips follow the speech, judged by when the phones are spoken?

A mouth is seen as its gap: the vertical distance between the inner lips' midlines (landmarks lip_inner_upper and
lip_inner_lower), sampled 100 times a second. Shape letters: T frames, N samples of the gap at GAP_RATE.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import MotionClip, Phone
from talkcli.phones import BILABIAL

GAP_RATE = 100.0  # samples a second
CLOSED = 0.001  # metres: a smaller gap is a closed mouth,
CLOSED_SHARE = 0.1  # and so is one under this share of the clip's wide gap (its 95th percentile)
TOLERANCE = 0.06  # seconds by which a closure may miss its phone
SHORTEST_VOWEL = 0.08  # seconds; in shorter ones a mouth need not open
SHORTEST_SILENCE = 0.3  # seconds
LARGEST_LAG = 0.2  # seconds either way in which the correlation looks for its best
BLEND = 0.08  # seconds over which the expected opening passes from phone to phone

OPEN_VOWELS = frozenset({"AA", "AE", "AH", "AO", "AW", "AY", "EH", "EY", "OW"})
# How far each phone opens the mouth, of 1; a rough table, so the correlation is a rough measure.
_OPENING = {
    0.0: "SIL P B M",
    0.08: "F V",
    0.15: "S Z",
    0.2: "W SH ZH CH JH",
    0.25: "UW TH DH T D N",
    0.3: "IY R Y",
    0.35: "L K G NG",
    0.4: "ER IH UH HH",
    0.6: "AH EY OW",
    0.7: "EH OY",
    0.85: "AO",
    0.9: "AW AY",
    0.95: "AE",
    1.0: "AA",
}
OPENING: dict[str, float] = {phone: opening for opening, names in _OPENING.items() for phone in names.split()}

Gap = NDArray[np.float64]  # (N,) at GAP_RATE; any unit but for closed(), which wants metres
Closed = NDArray[np.bool_]  # (N,)


@dataclass(frozen=True)
class Share:
    """How many of how many."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """count / total; nan of none."""
        return self.count / self.total if self.total else float("nan")

    def __add__(self, other: Share) -> Share:
        return Share(self.count + other.count, self.total + other.total)


@dataclass(frozen=True)
class LipScore:
    """How well a mouth follows speech.

    closures: bilabials with a closed mouth; false_closures: open vowels with one; correlation of the gap with the
    phones' openings at the best lag (seconds, positive: the mouth is late); stillness: how wide the mouth opens in
    silences, of its wide gap (nan where there is no silence).
    """

    closures: Share
    false_closures: Share
    correlation: float
    lag: float
    stillness: float


def lip_score(clip: MotionClip, phones: Sequence[Phone]) -> LipScore:
    """All lip measures of a motion against the times of what was spoken, from the clip's first frame on."""
    gap = sampled(lip_gap(clip), clip.fps, phones[-1].end)
    return gap_score(gap, closed(gap), phones)


def gap_score(gap: Gap, mouth_closed: Closed, phones: Sequence[Phone]) -> LipScore:
    """All lip measures of a gap (N,), told where it counts as closed (N,)."""
    correlation, lag = opening_correlation(gap, phones)
    return LipScore(
        closures=closures(mouth_closed, phones),
        false_closures=false_closures(mouth_closed, phones),
        correlation=correlation,
        lag=lag,
        stillness=stillness(gap, phones),
    )


def total(scores: Iterable[LipScore]) -> LipScore:
    """Of many clips: closures summed, correlation and stillness averaged, the median lag."""
    scores = list(scores)
    still = [score.stillness for score in scores if not np.isnan(score.stillness)]
    return LipScore(
        closures=sum((score.closures for score in scores), Share(0, 0)),
        false_closures=sum((score.false_closures for score in scores), Share(0, 0)),
        correlation=float(np.mean([score.correlation for score in scores])),
        lag=float(np.median([score.lag for score in scores])),
        stillness=float(np.mean(still)) if still else float("nan"),
    )


def lip_gap(clip: MotionClip) -> NDArray[np.float32]:
    """The vertical distance of the inner lips in each frame, never below 0, in the clip's unit: (T,)."""
    marks = clip.topology.landmarks
    upper, lower = clip.vertices[:, marks["lip_inner_upper"], 1], clip.vertices[:, marks["lip_inner_lower"], 1]
    gap: NDArray[np.float32] = np.maximum(upper - lower, np.float32(0))  # vertical: a bitten lip is not open
    return gap


def sampled(gap: NDArray[np.floating], fps: float, seconds: float) -> Gap:
    """The gap (T,) at fps as N = seconds * GAP_RATE + 1 samples; the last frame holds where the motion is shorter."""
    times = np.arange(int(seconds * GAP_RATE) + 1) / GAP_RATE
    return np.asarray(np.interp(times, np.arange(len(gap)) / fps, gap), np.float64)


def closed(gap: Gap) -> Closed:
    """Where the mouth counts as closed; the gap in metres."""
    return (gap < CLOSED) | (gap < CLOSED_SHARE * np.percentile(gap, 95))


def closures(mouth_closed: Closed, phones: Sequence[Phone]) -> Share:
    """Bilabials during which, give or take the tolerance, the mouth closes at least once."""
    bilabials = [phone for phone in phones if phone.name in BILABIAL]
    hits = [mouth_closed[_span(phone.start - TOLERANCE, phone.end + TOLERANCE, mouth_closed)] for phone in bilabials]
    return Share(sum(bool(hit.any()) for hit in hits), len(bilabials))


def false_closures(mouth_closed: Closed, phones: Sequence[Phone]) -> Share:
    """Open vowels, but the shortest, whose middle third passes with the mouth closed."""
    vowels = [phone for phone in phones if phone.name in OPEN_VOWELS and phone.end - phone.start >= SHORTEST_VOWEL]
    middles = [mouth_closed[_inner(phone, 1 / 3, mouth_closed)] for phone in vowels]
    return Share(sum(bool(middle.all()) for middle in middles), len(vowels))


def asked_closures(mouth_closed: Closed, phones: Sequence[Phone]) -> Share:
    """Stretches of closed mouth of which a bilabial or a silence, give or take the tolerance, is the reason.

    Stretches before the first spoken phone and after the last do not count.
    """
    first, last = _speech(phones, len(mouth_closed))
    asked = np.zeros(len(mouth_closed), bool)
    for phone in phones:
        if phone.name in BILABIAL or phone.name == "SIL":
            asked[_span(phone.start - TOLERANCE, phone.end + TOLERANCE, asked)] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mouth_closed[first:last], [False]])))
    stretches = [asked[first + start : first + end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return Share(sum(bool(stretch.any()) for stretch in stretches), len(stretches))


STILL = 1e-7  # metres: what moves less is rounding


def opening_correlation(gap: Gap, phones: Sequence[Phone]) -> tuple[float, float]:
    """Pearson's correlation of the gap with what the phones ask for, at its best lag, and that lag in seconds.

    Only the time from the first spoken phone to the last counts. (0, 0) where the mouth never moves.
    """
    expected = expected_opening(phones, len(gap))
    first, last = _speech(phones, len(gap))
    found = []
    reach = round(LARGEST_LAG * GAP_RATE)
    for lag in range(-reach, reach + 1):
        begin, end = max(first, first + lag), min(last, len(gap) - 1, last + lag)
        seen, asked = gap[begin:end], expected[max(begin - lag, 0) : max(end - lag, 0)]
        if len(seen) == len(asked) > 0.2 * GAP_RATE and np.ptp(seen) > STILL and np.ptp(asked) > 0:
            found.append((float(np.corrcoef(seen, asked)[0, 1]), lag / GAP_RATE))
    return max(found, default=(0.0, 0.0))


def expected_opening(phones: Sequence[Phone], samples: int) -> Gap:
    """The opening that the phones ask for (N,), of 1, blended over a triangle either way."""
    times = np.arange(samples) / GAP_RATE
    opening = np.zeros(samples)
    for phone in phones:
        opening[(times >= phone.start) & (times < phone.end)] = OPENING.get(phone.name, 0.3)
    triangle = np.bartlett(int(2 * BLEND * GAP_RATE) + 1)
    half = len(triangle) // 2
    return np.convolve(np.pad(opening, half, mode="edge"), triangle / triangle.sum(), "valid")[:samples]


def stillness(gap: Gap, phones: Sequence[Phone]) -> float:
    """The widest gap in the middle half of each longer silence, of the wide gap in speech; averaged, nan of none."""
    first, last = _speech(phones, len(gap))
    wide = float(np.percentile(gap[first:last], 95)) or 1.0
    silences = [phone for phone in phones if phone.name == "SIL" and phone.end - phone.start >= SHORTEST_SILENCE]
    widest = [gap[_inner(phone, 1 / 4, gap)].max() / wide for phone in silences]
    return float(np.mean(widest)) if widest else float("nan")


def _speech(phones: Sequence[Phone], samples: int) -> tuple[int, int]:
    """First and last sample of the spoken part, with 0.1 s either way."""
    spoken = [phone for phone in phones if phone.name != "SIL"] or list(phones)
    return _sample(spoken[0].start - 0.1, samples), _sample(spoken[-1].end + 0.1, samples)


def _inner(phone: Phone, margin: float, of: NDArray[np.generic]) -> slice:
    """The samples of a phone without this share of it at either end."""
    cut = (phone.end - phone.start) * margin
    return _span(phone.start + cut, phone.end - cut, of)


def _span(start: float, end: float, of: NDArray[np.generic]) -> slice:
    """The samples from start to end in seconds, both included."""
    return slice(_sample(start, len(of)), _sample(end, len(of)) + 1)


def _sample(seconds: float, samples: int) -> int:
    """The sample nearest to a time, within the sound."""
    return min(max(round(seconds * GAP_RATE), 0), samples - 1)
