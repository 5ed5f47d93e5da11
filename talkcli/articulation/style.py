"""How a person speaks, as far as the mouth goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Style:
    """Gains are about 1 (0.8 to 1.25); the default is the table of targets as it stands.

    jaw, lip, round (protrusion) and width: size of the motion; crispness: above 1 coarticulates less; delay: seconds
    by which the mouth comes late; smile: offset of the corners, 0 to 1 of the shape; press: strength of closures;
    lower: share of an opening beyond the jaw's that the lower lip makes; lively: size of brows, gaze and blinks.
    """

    jaw: float = 1.0
    lip: float = 1.0
    round: float = 1.0
    width: float = 1.0
    crispness: float = 1.0
    delay: float = 0.0
    smile: float = 0.0
    press: float = 1.0
    lower: float = 0.62
    lively: float = 1.0

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Style:
        """Somebody's style."""
        jaw = float(rng.uniform(0.82, 1.2))
        return cls(
            jaw=jaw,
            lip=float(np.clip(jaw * rng.uniform(0.92, 1.1), 0.82, 1.25)),
            round=float(rng.uniform(0.85, 1.15)),
            width=float(rng.uniform(0.85, 1.15)),
            crispness=float(rng.uniform(0.85, 1.25)),
            delay=float(rng.uniform(-0.008, 0.008)),
            smile=float(rng.uniform(0.0, 0.15)),
            press=float(rng.uniform(0.7, 1.0)),
            lower=float(rng.uniform(0.52, 0.72)),
            lively=float(rng.uniform(0.6, 1.3)),
        )
