"""What each phone wants of the mouth, in millimetres, and how strongly it wants it.

Design values for an adult's ordinary speech, not measurements of a speaker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from talkcli.phones import DIPHTHONGS, PHONES, words

# Millimetres: jaw (lower incisors' way down), lip (vertical gap between the lips; below 0 they press), protrusion,
# width (of the mouth, against rest). From 0 to 1: the others, upper is the upper lip's raise over the teeth.
CHANNELS = ("jaw", "lip", "protrusion", "width", "press", "bite", "upper", "tip", "back", "out")
LIP_CHANNELS = ("lip", "press", "bite", "upper")
ROUND_CHANNELS = ("protrusion", "width")
REST_JAW = 2.0  # mm between the incisors when nothing is said: the head's template


@dataclass(frozen=True)
class Target:
    """Values by channel (0 where not named), with the strength (alpha) by which each channel is pulled there."""

    values: Mapping[str, float]
    jaw: float = 1.0
    lip: float = 1.0
    round: float = 1.0
    tongue: float = 1.0
    own: Mapping[str, float] = field(default_factory=dict)  # strength of single channels

    def alpha(self, channel: str) -> float:
        if channel in self.own:
            return self.own[channel]
        if channel == "jaw":
            return self.jaw
        if channel in LIP_CHANNELS:
            return self.lip
        return self.round if channel in ROUND_CHANNELS else self.tongue


def _target(mouth: tuple[float, ...], alphas: tuple[float, float, float], **others: float) -> Target:
    """mouth: jaw, lip, protrusion, width; alphas: jaw, lip, round."""
    values = dict(zip(CHANNELS, mouth, strict=False)) | others
    own = {"bite": 8.0} if "bite" in others else {}
    tongue = 2.0 if {"tip", "back", "out"} & set(others) else 1.0
    jaw, lip, rounding = alphas
    return Target(values, jaw, lip, rounding, tongue, own)


_VOWEL = (1.0, 1.0, 1.0)
_TIP, _BACK, _HUSH = (0.5, 0.35, 0.05), (0.3, 0.3, 0.05), (6.0, 1.0, 1.5)

TARGETS: dict[str, Target] = {
    "SIL": _target((REST_JAW, 0, 0, 0), (0.5, 0.5, 0.5)),
    "P": _target((2.8, -2.5, 0, 0), (1.3, 20, 0.1), press=1.0),
    "B": _target((3.0, -2, 0, 0), (1.3, 20, 0.1), press=0.9),
    "M": _target((3.2, -2, 0, 0), (1.3, 20, 0.1), press=0.8),
    "F": _target((3, 1, 0, 0), (1.2, 8, 0.2), bite=1.0, upper=0.5),
    "V": _target((3, 1, 0, 0), (1.2, 8, 0.2), bite=0.9, upper=0.5),
    "TH": _target((4, 5, 0, 1), (1.2, 0.6, 0.2), out=1.0),
    "DH": _target((4, 5, 0, 1), (1.2, 0.6, 0.2), out=0.9),
    "T": _target((3.5, 5, 0, 0), _TIP, tip=1.0),
    "D": _target((3.7, 5, 0, 0), _TIP, tip=1.0),
    "N": _target((4, 5, 0, 0), _TIP, tip=1.0),
    "L": _target((6, 7, 0, 0), _TIP, tip=1.0),
    "K": _target((5, 6, 0, 0), _BACK, back=1.0),
    "G": _target((5, 6, 0, 0), _BACK, back=1.0),
    "NG": _target((5, 6, 0, 0), _BACK, back=1.0),
    "S": _target((1.8, 5, 0, 2), (6, 0.8, 0.2), tip=0.9),
    "Z": _target((1.8, 5, 0, 2), (6, 0.8, 0.2), tip=0.9),
    "SH": _target((2, 6.5, 5, -6), _HUSH, upper=0.6, tip=0.7),
    "ZH": _target((2, 6.5, 5, -6), _HUSH, upper=0.6, tip=0.7),
    "CH": _target((2, 6.5, 5, -6), _HUSH, upper=0.6, tip=0.7),
    "JH": _target((2, 6.5, 5, -6), _HUSH, upper=0.6, tip=0.7),
    "R": _target((5, 5.5, 3.5, -4), (0.7, 0.8, 1), tip=0.4),
    "ER": _target((5, 6, 3, -4), _VOWEL, tip=0.5),
    "W": _target((4, 2.5, 6, -11), (1, 2.5, 3)),
    "Y": _target((3.5, 5.5, 0, 4), (0.8, 0.6, 0.6), tip=0.5),
    "HH": _target((5, 6, 0, 0), (0.1, 0.1, 0.1)),
    "AA": _target((12, 13, 0.5, 0), _VOWEL),
    "AE": _target((11, 12, 0, 3), _VOWEL),
    "AH": _target((7, 8, 0, 0), _VOWEL),
    "AO": _target((10, 10, 3, -5), _VOWEL),
    "EH": _target((8, 9, 0, 2), _VOWEL),
    "IH": _target((5, 7, 0, 2), _VOWEL),
    "IY": _target((4, 6, -0.5, 5), _VOWEL),
    "UH": _target((5, 5, 3, -5), _VOWEL, back=0.6),
    "UW": _target((4, 3.5, 6, -11), _VOWEL, back=0.6),
    # first parts of diphthongs
    "EY": _target((7, 8, 0, 3), _VOWEL),
    "OW": _target((8, 8, 3.5, -6), _VOWEL),
}
SPLIT = 0.55  # where a diphthong turns into its second part

# How fast the pull fades, per millisecond: a half-life of 23 ms by default.
FADE, FADE_BILABIAL, FADE_LABIODENTAL, FADE_SILENCE = 0.030, 0.055, 0.050, 0.012
FADE_ROUND_BEFORE, FADE_ROUND_AFTER = 0.016, 0.022  # rounding starts 120 to 150 ms early
ROUNDED = frozenset(words("UW W OW AO UH SH ZH CH JH"))
REDUCIBLE = frozenset(words("AH IH T D N L K G NG"))  # short ones fall short of their target
REDUCED_BELOW, REDUCED_FLOOR = 0.070, 0.35  # seconds, least factor of the strength

assert {second for _, second in DIPHTHONGS.values()} | set(PHONES) - {"AY", "AW", "OY"} == set(TARGETS)
