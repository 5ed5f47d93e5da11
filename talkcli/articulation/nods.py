"""How the head turns while it speaks: postures that change, a slow drift, and nods on what is said loudest.

People's heads move all the time they speak: widely where they begin after a pause, sharply at peaks of loudness and
stress, little in silence (Hadar, Steiner, Grant and Rose 1983 and 1984), and with the voice's amplitude (Munhall et al.
2004). Which way they turn nobody can hear: that comes from the seed. The amplitudes are ours, small enough for a
portrait. Shape letters: N moments of the grid, T frames.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from talkcli.articulation.life import Curve, loudness
from talkcli.clip import Audio, Floats

GRID = 50.0  # moments a second: the same motion at every frame rate
MOST = np.radians([5.0, 4.5, 3.5])  # of yaw, pitch and roll, which are approached and never reached
POSTURE = np.radians([1.6, 0.8, 1.0])  # standard deviations of where the head is held
DRIFT = np.radians([0.5, 0.35, 0.35])  # and of how it wanders about that
NOD = np.radians(1.7)  # of the loudest syllables, downwards
HELD = (1.5, 4.0)  # seconds that a posture is held in one breath
CHANGE = 0.7  # seconds that it takes to change it
SOFT = 0.08  # seconds: of the Gaussian over all of them
WANDER = 0.9  # seconds from one turning point of the drift to the next
STROKE = 0.11  # seconds: half the width of a nod at six tenths of its depth
SYLLABLE = 0.06  # seconds: of the Gaussian that makes syllables of loudness
STRESSED, APART = 0.72, 0.35  # of the loudness that a stressed syllable has, and the seconds between two nods
SPOKEN, PAUSE = 0.45, 0.3  # of the loudness that is speech, and the seconds of silence after which it begins anew
STILL = 0.3  # of the motion that is left in silence
EDGE = 0.5  # seconds in which it begins from rest, and comes to rest


def head_turn(frames: int, fps: float, seed: int, audio: Audio | None = None) -> Floats:
    """Yaw, pitch and roll (T, 3) in radians, see head/neck.py; at rest in the first frame and at the end of the last.

    audio is the sound from frame 0 on.
    """
    seconds = frames / fps
    moments = int(np.ceil(seconds * GRID)) + 1
    rng = np.random.default_rng([seed, 0x40D5])
    voice = np.zeros(moments) if audio is None else _blurred(loudness(audio, moments, GRID), SYLLABLE)
    turn = _postures(voice, rng) + DRIFT * np.stack([_wander(moments, rng) for _ in DRIFT], 1)  # (N, 3)
    turn *= STILL + (1 - STILL) * _blurred((voice > SPOKEN).astype(float), 0.35)[:, None]
    turn[:, 1] += _nods(voice, rng)
    turn = MOST * np.tanh(turn / MOST)
    times = np.arange(moments) / GRID
    edge = max(min(EDGE, seconds / 2), 1 / GRID)
    turn *= _eased(np.clip(np.minimum(times, seconds - times) / edge, 0, 1))[:, None]
    return np.stack([np.interp(np.arange(frames) / fps, times, angle) for angle in turn.T], 1).astype(np.float32)


def steady_gaze(curves: Mapping[str, Curve], turn: Floats, most: float) -> dict[str, Curve]:
    """The controls of life with eyes that stay on what they look at while the head turns by (T, 3); most is the angle
    of an eye at weight 1, in radians."""
    across = curves["eyeLookOutLeft"] - curves["eyeLookInLeft"] - turn[:, 0] / most  # to the subject's left
    up = curves["eyeLookUpLeft"] - curves["eyeLookDownLeft"] + turn[:, 1] / most
    left, right, above, below = (np.clip(way, 0, 1) for way in (across, -across, up, -up))
    out = {"eyeLookOutLeft": left, "eyeLookInRight": left, "eyeLookInLeft": right, "eyeLookOutRight": right}
    return {
        **curves,
        **out,
        **{
            f"eyeLook{way}{side}": curve
            for way, curve in (("Up", above), ("Down", below))
            for side in ("Left", "Right")
        },
    }


def _postures(voice: Curve, rng: np.random.Generator) -> Curve:
    """(N, 3) a new one where speech begins after a pause, and every few seconds of it."""
    out, times = np.zeros((len(voice), 3)), np.arange(len(voice)) / GRID
    for begin, end in _spoken(voice):
        at = begin - CHANGE / 2  # the head moves before the mouth
        while at < end:
            low, high = np.searchsorted(times, (at, at + CHANGE))
            held, following = out[min(low, len(out) - 1)].copy(), POSTURE * rng.standard_normal(3)
            out[low:high] = held + _eased((times[low:high] - at) / CHANGE)[:, None] * (following - held)
            out[high:] = following
            at += rng.uniform(*HELD)
    return np.stack([_blurred(angle, SOFT) for angle in out.T], 1)  # where a change began before another was over


def _spoken(voice: Curve) -> list[tuple[float, float]]:
    """From when to when somebody speaks without a long pause, in seconds."""
    loud = np.flatnonzero(voice > SPOKEN) / GRID
    if not len(loud):
        return []
    gaps = np.flatnonzero(np.diff(loud) > PAUSE)
    return list(zip(loud[np.r_[0, gaps + 1]].tolist(), loud[np.r_[gaps, len(loud) - 1]].tolist(), strict=True))


def _nods(voice: Curve, rng: np.random.Generator) -> Curve:
    """(N,) a dip for each of the loudest syllables, the deeper the louder, and some of them hardly any."""
    out, times, last = np.zeros(len(voice)), np.arange(len(voice)) / GRID, -np.inf
    peaks = 1 + np.flatnonzero((voice[1:-1] > STRESSED) & (voice[1:-1] >= voice[:-2]) & (voice[1:-1] > voice[2:]))
    for peak in peaks:
        if times[peak] - last < APART:
            continue
        last = float(times[peak])
        depth = NOD * (0.25 + 0.75 * (voice[peak] - STRESSED) / (1 - STRESSED)) * rng.uniform(0.2, 1.0)
        width = STROKE * rng.uniform(0.9, 1.4)
        low, high = np.searchsorted(times, (last - 4 * width, last + 4 * width))
        out[low:high] += depth * np.exp(-0.5 * ((times[low:high] - last) / width) ** 2)
    return out


def _wander(moments: int, rng: np.random.Generator) -> Curve:
    """(N,) slow motion about 0, of standard deviation about 1 at its turning points."""
    places = np.arange(moments) / GRID / WANDER
    knots = rng.standard_normal(int(places[-1]) + 2)
    left = places.astype(int)
    return np.asarray(knots[left] + _eased(places - left) * (knots[left + 1] - knots[left]))


def _blurred(curve: Curve, sigma: float) -> Curve:
    """By a Gaussian of sigma seconds."""
    half = int(4 * sigma * GRID)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / (sigma * GRID)) ** 2)
    return np.asarray(np.convolve(np.pad(curve, half, mode="edge"), kernel / kernel.sum(), "valid"))


def _eased(x: Curve) -> Curve:
    """0 to 1 for 0 to 1, at rest at both ends in speed and in force."""
    return np.asarray(x * x * x * (10 + x * (6 * x - 15)))
