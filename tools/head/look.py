"""The colours of a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tools.head.maths import Array

Color = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Look:
    """sRGB in [0, 1]; stubble, blush and fade (of the hair's edge into the skin) in [0, 1]."""

    skin: Color = (0.85, 0.69, 0.60)
    hair: Color = (0.30, 0.21, 0.15)
    iris: Color = (0.33, 0.42, 0.44)
    lip: Color = (0.88, 0.63, 0.68)  # factors on the skin
    stubble: float = 0.0
    blush: float = 0.5
    brow_strength: float = 0.85
    fade: float = 1.0

    PUPIL: ClassVar[Color] = (0.02, 0.02, 0.02)
    SCLERA: ClassVar[Color] = (0.92, 0.905, 0.89)
    TOOTH: ClassVar[Color] = (0.93, 0.905, 0.85)
    GUM: ClassVar[Color] = (0.62, 0.31, 0.30)
    TONGUE: ClassVar[Color] = (0.71, 0.39, 0.38)
    WET: ClassVar[Color] = (0.50, 0.235, 0.23)
    THROAT: ClassVar[Color] = (0.15, 0.045, 0.045)

    @property
    def lips(self) -> Array:
        return np.array(self.skin) * self.lip

    @property
    def rim(self) -> Array:
        """The wet edge of the lids."""
        return np.array(self.skin) * (0.92, 0.78, 0.76)

    @property
    def lash(self) -> Array:
        return 0.62 * np.array(self.hair) * 0.6 + 0.38 * np.array((0.10, 0.06, 0.05))

    @property
    def brow(self) -> Array:
        return 0.85 * np.array(self.hair) + 0.15 * np.array((0.16, 0.11, 0.08))

    @property
    def nostril(self) -> Array:
        return np.array(self.skin) * (0.34, 0.21, 0.20)
