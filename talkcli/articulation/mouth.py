"""Curves in millimetres -> controls of the default head, so that its lips part by as much as the curves say.

The numbers are the default head's: how far its lips part by one step of each control (its rig is described in the
design note of the head; tests pose it to hold them).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from talkcli.articulation.style import Style
from talkcli.articulation.targets import REST_JAW
from talkcli.clip import Floats, Track

Curve = NDArray[np.float64]

JAW_MM = 26.0  # way of the lower incisors at jawOpen 1
JAW_GAP, JAW_BEND = 32.7, -3.0  # mm by which jawOpen w parts the lips: JAW_GAP w + JAW_BEND w^2
CLOSE_GAP = 29.6  # mm that mouthClose 1 takes back
CLOSE_MOST = 0.78  # of jawOpen: nearer to it the rig would seal by itself
FUNNEL_GAP, UPPER_GAP, LOWER_GAP, ROLL_GAP = 8.0, 3.8, 5.0, 0.9  # mm at weight 1
PUCKER_MM = 7.0  # way of the lips forwards at mouthPucker 1
STRETCH_MM = 5.4  # way of each corner outwards at mouthStretch 1


def mouth_controls(curves: Mapping[str, Curve], style: Style) -> dict[str, Curve]:
    """Control -> (T,) weights in [0, 1]."""
    bite = np.clip(curves["bite"], 0, 1)
    jaw = np.clip((curves["jaw"] - REST_JAW) / JAW_MM, 0, 1)
    rounding = np.clip(curves["protrusion"] / PUCKER_MM, 0, 1)
    funnel = rounding * (0.15 * np.clip(curves["lip"] / 2, 0, 1) + 0.45 * np.clip((curves["lip"] - 3) / 5, 0, 1))
    single = {
        "jawOpen": jaw,
        "mouthFunnel": funnel,
        "mouthPucker": np.clip(rounding - 0.35 * funnel, 0, 1),
        "mouthRollLower": bite,
        "tongueOut": 0.7 * np.clip(curves["out"], 0, 1),
        "tongueUp": np.clip(curves["tip"], 0, 1) * (1 - np.clip(curves["out"], 0, 1)),
        "tongueBack": np.clip(curves["back"], 0, 1),
    }
    gap = JAW_GAP * jaw + JAW_BEND * jaw**2 + FUNNEL_GAP * funnel + ROLL_GAP * bite  # without further help
    opened, closed = _opened(curves, gap, style), _closed(curves, gap, jaw, style)
    both = opened | {"mouthPress": closed.pop("mouthPress")}
    both["mouthStretch"] = 0.8 * np.clip(np.maximum(curves["width"], 0) / STRETCH_MM, 0, 1)
    both["mouthSmile"] = style.smile * (1 - rounding)
    return single | closed | {name + side: curve for name, curve in both.items() for side in ("Left", "Right")}


def _opened(curves: Mapping[str, Curve], gap: Curve, style: Style) -> dict[str, Curve]:
    """What the lips do beyond the jaw to open as far as asked; f and v show the upper teeth a little."""
    more = np.maximum(curves["lip"] - gap, 0)
    share = np.clip(1 - style.lower + 0.15 * curves["upper"], 0, 1)
    upper = np.clip(share * more / UPPER_GAP, 0, 1)
    lower = np.clip((more - UPPER_GAP * upper) / LOWER_GAP, 0, 1)
    show = 0.2 * curves["upper"] * np.clip(curves["bite"], 0, 1)
    return {"mouthUpperUp": np.clip(upper + show, 0, 1), "mouthLowerDown": lower}


def _closed(curves: Mapping[str, Curve], gap: Curve, jaw: Curve, style: Style) -> dict[str, Curve]:
    """What the lips do against the jaw to close as far as asked: mouthClose first, the seal for what is left.

    The rig takes (1 - seal)^2 of a gap. Lips asked to be tighter than closed press together; a bitten lip is not drawn
    to the other one.
    """
    lip = curves["lip"]
    less = np.maximum(gap - np.maximum(lip, 0), 0)
    close = np.minimum(less / CLOSE_GAP, CLOSE_MOST * jaw)
    left = np.maximum(gap - CLOSE_GAP * close, 1e-6)
    seal = (1 - np.sqrt(np.clip(np.maximum(lip, 0) / left, 0, 1))) * np.clip(left / 0.3, 0, 1)
    seal = np.maximum(seal, np.clip(-lip, 0, 1)) * (1 - np.clip(curves["bite"], 0, 1))
    press = 0.6 * style.press * np.clip(curves["press"], 0, 1) * np.clip(-lip / 2, 0, 1)
    return {"mouthClose": close, "mouthSeal": seal, "mouthPress": press}


def as_track(controls: Mapping[str, Curve]) -> Track:
    """The controls as one array, in the order of their names."""
    names = tuple(sorted(controls))
    values: Floats = np.stack([controls[name] for name in names], 1).astype(np.float32)  # (T, C)
    return Track(names, np.clip(values, 0, 1))
