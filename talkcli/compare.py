"""One sound spoken by several models, or as it was recorded, side by side in one video.

Shape letters: T frames, V vertices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, tee
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.animate import Animated, AnimateOptions, animate, hearing
from talkcli.audio import load_audio
from talkcli.clip import Floats, MotionClip
from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.export import ExportOptions, check_target
from talkcli.export.compare import Panel, write
from talkcli.files.motion import open_motion
from talkcli.models.base import pick_device
from talkcli.models.batch import RATE
from talkcli.models.checkpoint import Checkpoint, Precision, load_checkpoint
from talkcli.windows import frame_count

MOTIONS = (".npz", ".npy", ".pc2", ".glb")  # files of motion; whatever else is named is a model
Speak = Callable[[Checkpoint], Iterator[MotionClip]]
LIKE = 2.0  # a head is taken to be in metres if it is at most so many times larger or smaller than the model's
UNEVEN = 0.1  # seconds by which motion may be shorter or longer than the sound before it is told


@dataclass(frozen=True, eq=False)
class Recorded:
    """Motion from a file: vertices (T, V, 3), which become metres when multiplied by the factor."""

    path: Path
    vertices: NDArray[Any]
    factor: float

    def frames(self) -> Iterator[Floats]:
        """(V, 3) metres, one after another."""
        for vertices in self.vertices:
            yield np.asarray(vertices * self.factor, np.float32)


def compare_files(
    source: str,
    output: Path,
    things: Sequence[str],
    *,
    model: str,
    options: AnimateOptions,
    export_options: ExportOptions,
    device: str = "auto",
    precision: Precision = "fp32",
) -> Animated:
    """Speech from a file, or "-", as the model speaks it beside each of the things, in an .mp4.

    A thing is another model, or a file of motion for the same sound; each file adds a view of the model's distance
    from it.

    Raises:
        TalkError: whatever is wrong with the sound, a model, a file or the output; nothing is written then.
    """
    if output.suffix.lower() != ".mp4":
        raise TalkError(f"--compare makes a video: name {output.name} {output.stem}.mp4")
    check_target(output, export_options.force)
    audio = load_audio("-" if source == "-" else Path(source), RATE)
    load = partial(load_checkpoint, device=pick_device(device), precision=precision)
    first = load(model)
    shown = [_open(thing, first, options, frame_count(audio, options.fps), load) for thing in things]
    recorded = [each for each in shown if isinstance(each, Recorded)]
    total = min([frame_count(audio, options.fps), *(len(motion.vertices) for motion in recorded)])
    topology = first.model.corpus.topology
    with hearing(audio, options) as heard:  # once for all
        panels = _panels(first, shown, lambda checkpoint: animate(audio, checkpoint, options, heard))
        frames = write(
            panels, output, topology=topology, fps=options.fps, audio=audio, options=export_options, total=total
        )
    return Animated(audio.seconds, frames)


def _panels(first: Checkpoint, shown: Sequence[Recorded | Checkpoint], speak: Speak) -> list[Panel]:
    """The first model, the things beside it, and the model's distance from those that were recorded."""
    clips = speak(first)
    head = next(clips)
    recorded = [each for each in shown if isinstance(each, Recorded)]
    spoken = tee(_vertices(head, clips), 1 + len(recorded))
    panels = [Panel(first.name, spoken[0], head.template, head.colors)]
    panels += [_panel(each, head, speak) for each in shown]
    for motion, frames in zip(recorded, spoken[1:], strict=True):
        title = f"{first.name} − {motion.path.stem}"  # noqa: RUF001  # a minus
        panels.append(Panel(title, frames, head.template, target=motion.frames()))
    return panels


def _vertices(first: MotionClip, rest: Iterator[MotionClip]) -> Iterator[Floats]:
    for clip in chain([first], rest):
        yield from clip.vertices


def _open(
    thing: str, first: Checkpoint, options: AnimateOptions, heard: int, load: Callable[[str], Checkpoint]
) -> Recorded | Checkpoint:
    """What a thing to compare with means, of the first model's topology."""
    if Path(thing).suffix.lower() in MOTIONS:
        return _recorded(Path(thing), first, options, heard)
    checkpoint = load(thing)
    mine, other = first.model.corpus.topology, checkpoint.model.corpus.topology
    if mine.vertices != other.vertices or not np.array_equal(mine.faces, other.faces):
        raise TalkError(
            f"'{thing}' animates the topology '{other.name}' ({other.vertices} vertices) and {first.name} "
            f"'{mine.name}' ({mine.vertices}): only heads of one topology can be compared"
        )
    return checkpoint


def _panel(shown: Recorded | Checkpoint, head: MotionClip, speak: Speak) -> Panel:
    if isinstance(shown, Recorded):
        return Panel(shown.path.name, shown.frames(), head.template, head.colors)
    clips = speak(shown)
    start = next(clips)
    return Panel(shown.name, _vertices(start, clips), start.template, start.colors)


def _recorded(path: Path, first: Checkpoint, options: AnimateOptions, heard: int) -> Recorded:
    """Motion of the model's topology at the frame rate asked for, in metres or in the unit of the model's corpus.

    Raises:
        TalkError: other vertices, another frame rate, or a head of quite another size.
    """
    corpus = first.model.corpus
    motion = open_motion(path, corpus.topology.vertices, options.fps)
    if motion.fps is not None and abs(motion.fps - options.fps) > 0.01:
        raise TalkError(f"'{path}' has {motion.fps:g} frames a second: give --fps {motion.fps:g} to compare with it")
    frames = len(motion.vertices)
    if abs(frames - heard) > UNEVEN * options.fps:
        note(f"{path.name} has {frames} frames and the sound {heard}: the video is as long as the shorter")
    template = next(iter(first.templates.values())) * corpus.metres
    size = float(np.ptp(motion.vertices[0], axis=0).max() / np.ptp(template, axis=0).max())
    for factor in (1.0, corpus.metres):
        if 1 / LIKE < size * factor < LIKE:
            return Recorded(path, motion.vertices, factor)
    raise TalkError(f"'{path}' holds a head {size:.4g} times as large as {first.name}'s: bring it to metres first")
