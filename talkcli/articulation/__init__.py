"""Phones with times -> how the mouth moves -> controls of the default head; and what the rest of the face does.

`controls` is the whole way; `mouth_curves` stops at millimetres; `life` adds blinks, brows and gaze, and `head_turn`
turns the head upon its neck.
"""

from __future__ import annotations

from collections.abc import Sequence

from talkcli.articulation.curves import mouth_curves
from talkcli.articulation.life import life
from talkcli.articulation.mouth import as_track, mouth_controls
from talkcli.articulation.nods import head_turn, steady_gaze
from talkcli.articulation.style import Style
from talkcli.clip import Audio, Phone, Track

__all__ = [
    "Style",
    "as_track",
    "controls",
    "head_turn",
    "life",
    "lively_controls",
    "mouth_controls",
    "mouth_curves",
    "steady_gaze",
]

PLAIN = Style()


def controls(phones: Sequence[Phone], fps: float, frames: int, style: Style = PLAIN, *, start: float = 0.0) -> Track:
    """The mouth's controls (T, C) in [0, 1], named as the head's, at times start + i / fps."""
    return as_track(mouth_controls(mouth_curves(phones, fps, frames, style, start=start), style))


def lively_controls(phones: Sequence[Phone], audio: Audio, fps: float, frames: int, style: Style, seed: int) -> Track:
    """The controls of the mouth, and of eyes and brows."""
    mouth = mouth_controls(mouth_curves(phones, fps, frames, style), style)
    return as_track(mouth | life(frames, fps, seed, audio, lively=style.lively))
