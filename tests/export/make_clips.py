"""Small clips for the exporters' tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from talkcli.clip import Audio, MotionClip, Phone, Topology
from talkcli.export import EXPORTERS
from talkcli.head import CONTROLS, load_head
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


def make_head_chunks(
    frames: Sequence[int], fps: float = 30.0, audio: bool = True, subject: str = "ada"
) -> Iterator[MotionClip]:
    """Chunks of the packaged head, which opens its jaw and blinks, says "mama", and sounds like a tone."""
    head = load_head()
    template = head.subject_template(subject)
    start = 0
    for count in frames:
        times = np.arange(start, start + count) / fps
        values = np.zeros((count, len(CONTROLS)), np.float32)
        for name, way in (("jawOpen", 0.4), ("eyeBlinkLeft", 0.9), ("eyeBlinkRight", 0.9)):
            values[:, CONTROLS.index(name)] = way * (0.5 - 0.5 * np.cos(9 * times))
        first, last = (round(edge / fps * RATE) for edge in (start, start + count))
        samples = (0.3 * np.sin(np.arange(first, last) * 0.2)).astype(np.float32)
        yield MotionClip(
            head.pose(values, template),
            template,
            head.topology,
            fps,
            Audio(samples, RATE) if audio else None,
            start / fps,
            subject,
            "jaw",
            head.subject_colors(subject),
            (Phone("M", 0.0, count / fps / 2), Phone("AA", count / fps / 2, count / fps)),
        )
        start += count


def target(folder: Path, suffix: str) -> Path:
    """An output of this format in a folder."""
    return folder / "face" / f"%05d{suffix}" if EXPORTERS[suffix].sequence else folder / f"face{suffix}"


def written(path: Path) -> Path:
    """What appears of an output: itself, or the folder of its frames."""
    return path.parent if "%" in path.name else path
