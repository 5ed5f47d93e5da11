"""ARKit's 52 blendshape weights as files: rows of Live Link Face, and the JSON of Audio2Face.

Shape letters: T frames, R rows.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import chain

import numpy as np

from talkcli.blendshapes import SHAPES, ShapeFit, has_shapes
from talkcli.clip import Floats, MotionClip
from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.export.base import Job, Turns
from talkcli.export.targets import no_shapes, tell_fit
from talkcli.head import ARKIT

JAW_OPEN, MOUTH_CLOSE = ARKIT.index("jawOpen"), ARKIT.index("mouthClose")
# Live Link Face has right before left in two pairs where Apple's list has left first; some readers go by the place
SWAPPED = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
LIVE_LINK = tuple(SWAPPED.get(name, name) for name in ARKIT)
ANGLES = tuple(f"{what}{angle}" for what in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll"))


def write_csv(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes Live Link Face's table: a timecode, then 52 weights and nine angles, a row.

    The head's angles are radians, and the eyes' stay 0. Nothing in the file tells its rate, and readers take 60 rows a
    second, so it is brought to the option's csv_fps.
    """
    weights, turn, fps = _gather(chunks, job)
    rate = job.options.csv_fps
    rows = at_rate(weights[:, [ARKIT.index(name) for name in LIVE_LINK]], fps, rate)  # (R, 52)
    angles = np.zeros((len(rows), len(ANGLES)), np.float32)  # (R, 9)
    if turn is not None:
        angles[:, : turn.shape[1]] = at_rate(turn, fps, rate)
    with job.path.open("w", encoding="ascii", newline="") as file:
        table = csv.writer(file, lineterminator="\r\n")
        table.writerow(["Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in LIVE_LINK), *ANGLES])
        for number, cells in enumerate(zip(rows, angles, strict=True)):
            row = [f"{cell:.5f}" for cell in np.concatenate(cells)]
            table.writerow([timecode(number, rate), len(row), *row])
    note(f"{job.target.name}: {rate:g} rows a second, which the file does not tell (--csv-fps).")
    return len(weights)


def write_json(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes Audio2Face's weights: a row a frame in Apple's order; there is no place for the head's turn."""
    weights, turn, fps = _gather(chunks, job)
    if turn is not None:
        note(f"{job.target.name}: the head's turn has no place in it; .arkit.csv and .glb hold it.")
    head = {
        "exportFps": round(fps, 6),
        "trackPath": job.options.sound_name,
        "numPoses": len(ARKIT),
        "numFrames": len(weights),
        "facsNames": ARKIT,
    }
    with job.path.open("w", encoding="utf-8") as file:
        file.write(f'{json.dumps(head)[:-1]}, "weightMat": [\n')
        for number, row in enumerate(weights):
            file.write(",\n"[: 2 * (number > 0)] + json.dumps([round(float(weight), 5) for weight in row]))
        file.write("\n]}\n")
    return len(weights)


def _gather(chunks: Iterator[MotionClip], job: Job) -> tuple[Floats, Floats | None, float]:
    """ARKit's weights (T, 52), the head's turn (T, 3) where it has one, and their frames a second."""
    first = next(chunks)
    if not has_shapes(first.topology):
        raise TalkError(f"{job.target.name}: {no_shapes(first)}; write .glb, which moves any mesh")
    fit, found, turns = ShapeFit(), [], Turns()
    for chunk in turns.of(chain([first], chunks)):
        found.append(fit.weights(chunk)[:, : len(ARKIT)])
        job.step(chunk.frames)
    tell_fit(job, fit, f"; ARKit has no {' or '.join(SHAPES[len(ARKIT) :])}")
    weights = np.concatenate(found)
    weights[:, MOUTH_CLOSE] = np.minimum(weights[:, MOUTH_CLOSE], weights[:, JAW_OPEN])  # it closes an open jaw's lips
    return weights, turns.whole, first.fps


def at_rate(values: Floats, fps: float, rate: float) -> Floats:
    """Rows (R, C) at another rate of values (T, C), straight between frames; they last as long."""
    count = max(1, round(len(values) * rate / fps))
    places = np.clip(np.arange(count) * fps / rate, 0, len(values) - 1)
    rows = np.empty((count, values.shape[1]), np.float32)
    for number, column in enumerate(values.T):
        rows[:, number] = np.interp(places, np.arange(len(values)), column)
    return rows


def timecode(frame: int, fps: float) -> str:
    """HH:MM:SS:FF.mmm of a frame, counted at the rate's next whole number, as timecodes are; mmm is a part of it."""
    count = int(np.ceil(fps - 1e-9))
    seconds, frames = divmod(frame, count)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}:{frames:02d}.000"
