"""How well lips can be read against their sound: any motion of a lip reader's topology, and a sound file, to numbers.

Shape letters: T frames, V vertices, C what is read of a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.audio import level, load_audio
from talkcli.audio.vad import speech_gate
from talkcli.clip import Floats
from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.evaluate.plots import readability
from talkcli.export.base import beside, check_target
from talkcli.files.arrays import load_npz, map_npy, npz_headers
from talkcli.files.meshes import load_mesh, load_vertices
from talkcli.files.motion import RawMotion, open_motion
from talkcli.models.base import pick_device
from talkcli.models.batch import RATE
from talkcli.models.checkpoint import ReaderCheckpoint, load_reader
from talkcli.reading import Doubles, cosine, numbers, read
from talkcli.resources import DEFAULT_READER

LATEST = 0.5  # seconds by which lips may be early or late
CLEAR = 0.1  # by so much more is read than by chance where anything is read
OTHERS = 8  # other places in the sound that tell what chance gives
LIKE = 2.0  # a head is in the reader's unit if it is at most so many times larger or smaller than the template
UNEVEN = 0.1  # seconds by which motion may be shorter or longer than the sound before it is told


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """What differs from call to call. template is a mesh, an .npy, or a subject that the reader knows; topology is a
    mesh with the motion's triangles; fps is of motion whose file does not tell it."""

    reader: str = DEFAULT_READER
    template: str = ""
    topology: Path | None = None
    fps: float = 0.0
    device: str = "auto"


@dataclass(frozen=True, eq=False)
class Readability:
    """agreement (T,) of what is read from the lips with what is heard, 1 at best; spoken (T,) bool where somebody
    speaks; seconds, the mean of each second's spoken frames, None where there are none.

    overall is the mean over all spoken frames; chance the same against other spoken frames of the sound, None where
    there are none; and late_ms the shift of the lips at which they agree best, None where no more is read than by
    chance.
    """

    agreement: Doubles
    spoken: NDArray[np.bool_]
    seconds: tuple[float | None, ...]
    overall: float
    chance: float | None
    late_ms: float | None
    fps: float
    reader: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values, without the single frames."""
        return {
            "readability": self.overall,
            "chance": self.chance,
            "late_ms": self.late_ms,
            "seconds": list(self.seconds),
            "reader": self.reader,
        }


def score(sound: str, motion: Path, options: ScoreOptions) -> Readability:
    """How well the lips in a file of motion can be read against a sound file, or "-".

    Raises:
        TalkError: whatever is wrong with sound, motion, template or reader.
    """
    found = load_reader(options.reader, pick_device(options.device))
    corpus = found.reader.corpus
    raw = open_motion(motion, corpus.topology.vertices, options.fps or None)
    _check_order(motion, raw, options.topology, found)
    fps = options.fps or raw.fps
    if not fps:
        raise TalkError(f"'{motion}' does not tell its frame rate: give --fps")
    rest = _at_rest(motion, options.template, found)
    factor = _scale(motion, raw.vertices[0], rest, found)
    audio = load_audio("-" if sound == "-" else Path(sound), RATE)
    if not len(audio.samples):
        raise TalkError(f"{'standard input' if sound == '-' else sound} has no samples: there is nothing to read")
    lasts = len(raw.vertices) / fps
    if abs(lasts - audio.seconds) > UNEVEN:
        note(f"{motion.name} lasts {lasts:.2f} s and the sound {audio.seconds:.2f} s: what both have is read")
    heard = level(audio)
    frames = max(1, round(min(lasts, audio.seconds) * corpus.fps))
    told, target = read(raw.vertices, fps, rest, factor, heard, frames, found)
    gate = speech_gate(heard, corpus.fps, max(frames, round(audio.seconds * corpus.fps)))[:frames]
    return summary(told, target, gate > 0.5, corpus.fps, found.name)


def check_plot(path: Path, force: bool) -> None:
    """Raises TalkError unless a picture can be written here."""
    if path.suffix.lower() != ".png":
        raise TalkError(f"--plot draws a PNG: name {path.name} {path.stem}.png")
    check_target(path, force)


def save_plot(found: Readability, path: Path) -> None:
    """The readability over time as a picture."""
    picture = readability(found.agreement, found.seconds, found.spoken, found.chance, found.fps)
    with beside(path) as part:
        part.write_bytes(picture)


def summary(told: Floats, target: Floats, spoken: NDArray[np.bool_], fps: float, reader: str) -> Readability:
    """From what was read and heard, (T, C) each, and where somebody speaks, (T,).

    Raises:
        TalkError: nobody speaks.
    """
    if not spoken.any():
        raise TalkError("nobody speaks in this sound: there is nothing to read")
    agreement = cosine(told, target)
    starts = np.arange(0, len(agreement), fps).round().astype(int)
    parts = [slice(a, b) for a, b in zip(starts, [*starts[1:], len(agreement)], strict=True)]
    seconds = [float(agreement[part][spoken[part]].mean()) if spoken[part].any() else None for part in parts]
    overall, chance = float(agreement[spoken].mean()), _chance(told[spoken], target[spoken])
    late, best = _late(told, target, spoken, round(LATEST * fps))
    clear = chance is not None and best > chance + CLEAR
    return Readability(
        agreement=agreement,
        spoken=spoken,
        seconds=tuple(seconds),
        overall=overall,
        chance=chance,
        late_ms=1000 / fps * late if clear else None,
        fps=fps,
        reader=reader,
    )


def _chance(told: Floats, target: Floats) -> float | None:
    """How well what is read of spoken frames (T, C) agrees with what is heard in other ones."""
    count = len(told)
    away = {round(count * (k + 1) / (OTHERS + 1)) for k in range(OTHERS)} - {0, count}
    each = [cosine(told, np.roll(target, shift, 0)).mean() for shift in sorted(away)]
    return float(np.mean(each)) if each else None


def _late(told: Floats, target: Floats, spoken: NDArray[np.bool_], most: int) -> tuple[int, float]:
    """By how many frames the lips come after the sound that they agree with best, and how well they agree then."""
    best, most = (-np.inf, 0), min(most, len(told) - 1)
    for late in sorted(range(-most, most + 1), key=abs):  # of equals, the one nearest to in time
        sound = slice(max(0, -late), len(told) - max(0, late))
        lips = slice(max(0, late), len(told) + min(0, late))
        where = spoken[sound]
        if where.sum() * 2 >= spoken.sum() and where.any():
            best = max(best, (float(cosine(told[lips], target[sound])[where].mean()), late), key=lambda each: each[0])
    return best[1], best[0]


def _check_order(motion: Path, raw: RawMotion, topology: Path | None, found: ReaderCheckpoint) -> None:
    """A vertex count says little of which vertex is which; triangles say it, where there are any."""
    faces = load_mesh(topology).faces if topology is not None else raw.faces
    known = found.reader.corpus.topology
    if faces is None or not len(faces) or not len(known.faces):
        return
    if faces.shape != known.faces.shape or not np.array_equal(faces, known.faces):
        raise TalkError(
            f"the triangles of '{topology or motion}' are not those of '{known.name}', which {found.name} reads: give "
            "a reader that was trained on this topology"
        )


def _at_rest(motion: Path, wanted: str, found: ReaderCheckpoint) -> Floats:
    """The head of this motion at rest (V, 3), as its file has it."""
    count = found.reader.corpus.topology.vertices
    if wanted in found.templates:
        rest = found.templates[wanted]
    elif wanted and Path(wanted).suffix.lower() == ".npy":
        rest = np.asarray(map_npy(Path(wanted)), np.float32)
    elif wanted:
        rest = np.asarray(load_vertices(Path(wanted)), np.float32)
    elif motion.suffix.lower() == ".npz" and "template" in npz_headers(motion):
        rest = np.asarray(load_npz(motion, ["template"])["template"], np.float32)
    else:
        known = ", ".join(found.templates) or "none"
        raise TalkError(f"'{motion}' does not tell its head at rest: give --template, a mesh or a subject ({known})")
    if rest.shape != (count, 3):
        raise TalkError(f"the head at rest of '{wanted or motion}' is {rest.shape}, where ({count}, 3) is read")
    return rest


def _scale(motion: Path, first: NDArray[Any], rest: Floats, found: ReaderCheckpoint) -> float:
    """The factor to the reader's unit, from that very unit or from metres."""
    own = _size(numbers(first)) / _size(numbers(rest))
    if not 1 / LIKE < own < LIKE:
        raise TalkError(f"'{motion}' holds a head {own:.4g} times as large as its template: bring both to one unit")
    size = _size(rest) / _size(next(iter(found.templates.values())))
    for factor in (1.0, 1 / found.reader.corpus.metres):
        if 1 / LIKE < factor * size < LIKE:
            return factor
    raise TalkError(f"'{motion}' holds a head {size:.4g} times as large as those that {found.name} reads: scale it")


def _size(vertices: NDArray[Any]) -> float:
    return max(float(np.ptp(vertices, axis=0).max()), 1e-12)
