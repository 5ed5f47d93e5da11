"""A track of the fifteen Oculus visemes, frame by frame, for avatars: weights that blend from one phone to the next.

Shape letters: T frames.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np

from talkcli.clip import Floats, MotionClip, Phone
from talkcli.errors import TalkError
from talkcli.export.base import Job
from talkcli.export.cues import Cue, as_json, gather, halves, settled
from talkcli.phones import VISEME, tidy, words

VISEMES = words("sil PP FF TH DD kk CH SS nn RR aa E ih oh ou")
NASAL = dict.fromkeys(("N", "L"), "nn")  # which Oculus tells apart from DD
BLEND = 0.06  # seconds before and after in which a viseme comes and goes


def write(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes weights (T, 15), rows of which sum to 1, and the same as cues."""
    told = gather(chunks, job)
    if not told.phones:
        raise TalkError(
            f"{job.target.name} needs phones, since lips do not tell k from n: give --phones, or write .cues.json, "
            "which is read from the lips where phones are not known"
        )
    phones = list(halves(tidy(told.phones, told.seconds)))
    cues = settled([Cue(viseme(phone), phone.start, phone.end) for phone in phones])
    head = {"fps": round(told.fps, 6), "soundFile": job.options.sound_name, "visemes": VISEMES}
    rows = ",\n".join(json.dumps([round(float(w), 4) for w in row]) for row in weights(phones, told.fps, told.frames))
    text = f'{json.dumps(head)[:-1]}, "mouthCues": {json.dumps(as_json(cues))}, "weights": [\n{rows}\n]}}\n'
    job.path.write_text(text, encoding="utf-8")
    return told.frames


def viseme(phone: Phone) -> str:
    return NASAL.get(phone.name, VISEME[phone.name])


def weights(phones: Sequence[Phone], fps: float, frames: int) -> Floats:
    """(T, 15) how much of a triangle round each frame's time belongs to each viseme; silence before and after."""
    times = np.arange(frames) / fps
    out = np.zeros((frames, len(VISEMES)))
    for phone in phones:
        near = slice(*np.searchsorted(times, [phone.start - BLEND, phone.end + BLEND]))
        share = _before(phone.end - times[near]) - _before(phone.start - times[near])
        out[near, VISEMES.index(viseme(phone))] += share
    out[:, 0] += 1 - out.sum(axis=1)
    return out.astype(np.float32)


def _before(seconds: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The share of the triangle round 0 that lies before these times."""
    place = np.clip(seconds / BLEND, -1, 1)
    return np.asarray(0.5 + place - np.sign(place) * place**2 / 2)
