"""Frame rates as the exact fractions that films and television use: 23.976 is 24000/1001."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from talkcli.errors import TalkError

NTSC = Fraction(1000, 1001)
SLOWED = (24, 30, 48, 60, 120, 240)  # rates of which television has a slower kin
NEAR = 0.005  # frames a second: people write 23.976, 23.98 and 29.97
LEAST, MOST = 1, 240


def exact(fps: float) -> Fraction:
    """The fraction that a rate stands for: of 1001 where it is television's, else of at most 1000."""
    for nominal in SLOWED:
        if abs(fps - nominal * float(NTSC)) <= NEAR:
            return nominal * NTSC
    return Fraction(fps).limit_denominator(1000)


def parse_fps(text: str, option: str = "--fps") -> float:
    """Frames a second of "25", "23.976" or "24000/1001".

    Raises:
        TalkError: anything else, or a rate that nobody plays.
    """
    number, slash, divisor = text.partition("/")
    try:
        plain = all(re.fullmatch(r"\d+\.?\d*", part.strip()) for part in ([number, divisor] if slash else [number]))
        fps = float(exact(float(number) / float(divisor or 1))) if plain else math.nan
    except (ZeroDivisionError, OverflowError):
        fps = math.nan
    if not LEAST <= fps <= MOST:
        raise TalkError(f"{option} '{text}': write frames a second from {LEAST} to {MOST}, as 25, 23.976 or 24000/1001")
    return fps
