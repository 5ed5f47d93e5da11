"""A long sound in windows that a model hears one by one, each with what lies around it, so that it moves as the whole.

Shape letters: T frames, V vertices, N subjects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from talkcli.audio.level import level_gain
from talkcli.audio.vad import pauses
from talkcli.clip import Audio, Floats

if TYPE_CHECKING:
    from talkcli.models.base import TalkModel
    from talkcli.models.batch import Guide
    from talkcli.models.motion import Motion
    from talkcli.models.surroundings import Surroundings

WINDOW = 20.0  # seconds that are cut off for a model at once, at most
Hints = Callable[[float, float], "Guide | None"]  # what is known of the sound from start to end, in seconds


@dataclass(frozen=True)
class Window:
    """A stretch of the sound, [start, end) seconds, and the frames of the whole clip that lie in it."""

    start: float
    end: float
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound before any model is asked: audio as it was given, times gain at the level of all; fps of the motion."""

    audio: Audio
    fps: float

    @cached_property
    def gain(self) -> float:
        return level_gain(self.audio)

    @cached_property
    def windows(self) -> list[Window]:
        return list(windows(self.audio, self.fps))

    def part(self, start: float, end: float) -> Audio:
        """The sound from start to end, in seconds, at its level."""
        part = self.audio.part(start, end)
        return part if self.gain == 1.0 else Audio(part.samples * np.float32(self.gain), part.rate)


def frame_count(audio: Audio, fps: float) -> int:
    return max(1, round(audio.seconds * fps))


def windows(audio: Audio, fps: float) -> Iterator[Window]:
    """Cut in silences; every frame lies in just one."""
    total = frame_count(audio, fps)
    stretches = pauses(audio, WINDOW)
    first = 0
    for place, (start, end) in enumerate(stretches):
        last = total if place == len(stretches) - 1 else min(total, int(np.ceil(end * fps)))
        if last > first:
            yield Window(start, end, first, last)
        first = max(first, last)


class Speaker:
    """A model that speaks one sound, window after window, with a template (V, 3) and a style (N,)."""

    def __init__(self, model: TalkModel, sound: Sound, template: Floats, style: Floats) -> None:
        from talkcli.models.surroundings import SPAN

        self._model, self._sound, self._template, self._style = model, sound, template, style
        cut = len(sound.windows) > 1 or sound.audio.seconds > SPAN
        self._around: Surroundings | None = model.surroundings(sound.audio, sound.gain) if cut else None

    def motion(self, window: Window, hints: Hints = lambda start, end: None) -> tuple[Motion, float]:
        """The motion of a window with its margins, at the model's frame rate, and the time of its first frame."""
        step = self._model.step
        context = self._model.context
        origin = float(np.floor(max(0.0, window.start - context) / step + 1e-9) * step)
        part = self._sound.part(origin, window.end + context)
        told = None if self._around is None else self._around.of(origin, len(part.samples))
        guide = hints(origin, origin + part.seconds)
        return self._model.animate(part, self._template, self._style, guide, told), origin
