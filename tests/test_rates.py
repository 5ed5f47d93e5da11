"""Frame rates are the fractions that people mean."""

from __future__ import annotations

from fractions import Fraction

import pytest

from talkcli.errors import TalkError
from talkcli.rates import exact, parse_fps


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("24000/1001", Fraction(24000, 1001)),
        ("24", Fraction(24)),
        ("25", Fraction(25)),
        ("29.97", Fraction(30000, 1001)),
        ("30000 / 1001", Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("1", Fraction(1)),
        ("240", Fraction(240)),
    ],
)
def test_a_rate_is_the_fraction_that_it_stands_for_and_stays_it(text: str, rate: Fraction) -> None:
    assert parse_fps(text) == float(rate)
    assert exact(parse_fps(text)) == rate


@pytest.mark.parametrize("text", ["", "fast", "0", "-25", "nan", "1e9", "24/0", "24/", "/1", "300", "1/2/3", "9" * 400])
def test_what_is_no_rate_is_told(text: str) -> None:
    with pytest.raises(TalkError, match="write frames a second"):
        parse_fps(text)
