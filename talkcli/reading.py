"""A lip reader at work: motion of its topology and a sound, to what is read and what is heard in each frame.

Shape letters: T frames, V vertices, C what is read of a frame.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.audio import level
from talkcli.audio.vad import speech_gate
from talkcli.clip import Audio, CorpusInfo, Floats
from talkcli.errors import TalkError
from talkcli.metrics.base import Readable
from talkcli.models.base import pick_device
from talkcli.models.checkpoint import ReaderCheckpoint, load_reader
from talkcli.prepared import Corpus

BLOCK = 600  # frames read at a time, so that memory does not grow with the clip
HEARING = 1.0  # seconds of sound on either side of a block, and that are thrown away

Doubles = NDArray[np.float64]


def open_reader(source: str, info: CorpusInfo, device: str = "auto") -> ReaderCheckpoint:
    """A lip reader for motion of a corpus.

    Raises:
        TalkError: there is none, or it reads another topology.
    """
    found = load_reader(source, pick_device(device))
    known, ours = found.reader.corpus.topology, info.topology
    same = known.vertices == ours.vertices and np.array_equal(known.faces, ours.faces)
    if not same or (not len(known.faces) and known.name != ours.name):
        raise TalkError(
            f"the lip reader {found.name} reads '{known.name}', and the data are of '{ours.name}': give one that was "
            "trained on them (`talk train --dual`)"
        )
    found.reader.check_frames()
    return found


def readable(found: ReaderCheckpoint, sound: Audio, rest: Floats, info: CorpusInfo) -> Readable:
    """What judges motion in a corpus' unit and rate, of a clip with this sound and head at rest (V, 3)."""
    heard, factor = level(sound), info.metres / found.reader.corpus.metres
    rate = found.reader.corpus.fps
    spoken = speech_gate(heard, rate, max(1, round(heard.seconds * rate))) > 0.5

    def judged(vertices: NDArray[Any]) -> tuple[float, int] | None:
        frames = min(len(spoken), max(1, round(len(vertices) / info.fps * rate)))
        counts = spoken[:frames]
        if not counts.any():
            return None
        told, target = read(vertices, info.fps, rest, factor, heard, frames, found)
        return float(cosine(told, target)[counts].mean()), int(counts.sum())

    return judged


def reading_errors(source: str, corpus: Corpus, split: str, device: str = "auto") -> dict[str, dict[str, list[float]]]:
    """How wrong a reader is about recorded motion ("reading") and about the same with its frames in any order
    ("shuffled"), and who always says the mean ("mean"): by clip, the value and the frames that it is a mean of."""
    found = load_reader(source, pick_device(device))
    errors: dict[str, dict[str, list[float]]] = {"reading": {}, "shuffled": {}, "mean": {}}
    for entry in corpus.part(split):
        vertices, rest, audio = corpus.vertices(entry), corpus.template(entry.subject), level(corpus.audio(entry))
        frames = min(len(vertices), round(audio.seconds * corpus.info.fps))
        order = np.random.default_rng(zlib.crc32(entry.name.encode())).permutation(len(vertices))
        for name, moved in (("reading", vertices), ("shuffled", vertices[order])):
            told, target = read(moved, corpus.info.fps, rest, 1.0, audio, frames, found)
            errors[name][entry.name] = [_error(told, target), frames]
        errors["mean"][entry.name] = [_error(np.zeros_like(target), target), frames]
    return errors


def _error(told: Floats, target: Floats) -> float:
    """As the reader's own loss, (T, C) each: 1.5 for the mean of what is as various as the training clips."""
    return float((1 - cosine(told, target) + 0.5 * np.square(told - target).mean(1)).mean())


def cosine(told: Floats, target: Floats) -> Doubles:
    """(T, C) each -> (T,)."""
    lengths = np.linalg.norm(told, axis=1) * np.linalg.norm(target, axis=1)
    return np.asarray((told * target).sum(1) / np.maximum(lengths, 1e-6), np.float64)


def read(
    vertices: NDArray[Any],
    fps: float,
    rest: Floats,
    factor: float,
    audio: Audio,
    frames: int,
    found: ReaderCheckpoint,
) -> tuple[Floats, Floats]:
    """What is read and what is heard in each of the reader's frames, (T, C) each, block by block."""
    reader, rate = found.reader, found.reader.corpus.fps
    margin = max(reader.margin, round(HEARING * rate))
    parts = []
    for start in range(0, frames, BLOCK):
        first, last = max(0, start - margin), min(frames, start + BLOCK + margin)
        place = np.minimum(np.arange(first, last) * (fps / rate), len(vertices) - 1)
        left = place.astype(np.int64)
        right = np.minimum(left + 1, len(vertices) - 1)
        share = (place - left)[:, None, None]
        moved = (vertices[left] * (1 - share) + vertices[right] * share - rest) * factor
        moved = np.ascontiguousarray(numbers(moved), np.float32)
        told, target = reader.judge(moved, audio.part(first / rate, last / rate).samples, first)
        own = slice(start - first, min(start + BLOCK, frames) - first)
        parts.append((told[own], target[own]))
    told, target = (np.concatenate(each) for each in zip(*parts, strict=True))
    return told, target


def numbers(values: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(values).all():
        raise TalkError("the motion, or its template, holds numbers that are none (NaN or Inf): export it again")
    return values
