"""Small clips for the exporters' tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from talkcli.clip import Audio, MotionClip, Topology
from tests.render.make_heads import ball

RATE = 16000


def make_chunks(
    frames: Sequence[int], fps: float = 30.0, audio: bool = True, sound: float = 1.0
) -> Iterator[MotionClip]:
    """Chunks of a ball that breathes, with a tone that lasts sound times as long."""
    template, faces = ball()
    landmarks = {"lip_inner_upper": 3, "lip_inner_lower": 7}
    topology = Topology("ball", len(template), faces, {"lips": np.array([3, 7], np.int32)}, landmarks)
    start = 0
    for count in frames:
        breath = 1 + 0.05 * np.sin(np.arange(start, start + count) / 3)
        vertices = (template * breath[:, None, None]).astype(np.float32)
        first, last = (round(edge / fps * RATE) for edge in (start, start + count * sound))
        samples = (0.3 * np.sin(np.arange(first, last) * 0.2)).astype(np.float32)
        yield MotionClip(
            vertices, template, topology, fps, Audio(samples, RATE) if audio else None, start / fps, model="breath"
        )
        start += count
