"""Mouth cues for drawn and puppet animation: which of nine mouths is seen when, in Rhubarb Lip Sync's three formats.

Shape letters: T frames.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from itertools import groupby
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from talkcli.articulation.targets import SPLIT
from talkcli.clip import Floats, MotionClip, Phone
from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.export.base import Job
from talkcli.phones import DIPHTHONGS, tidy

# Preston Blair's mouths by Rhubarb's letters: A closed, B teeth, C open, D wide, E rounded, F puckered, G teeth on the
# lip, H the tongue of a long l, X rest
_MOUTHS = {
    "X": "SIL",
    "A": "P B M",
    "B": "T D N S Z SH ZH CH JH K G NG TH DH HH Y IY IH R L",
    "C": "EH EY AE AH",
    "D": "AA",
    "E": "AO ER UH",
    "F": "UW OW W",
    "G": "F V",
}
MOUTH: dict[str, str] = {phone: mouth for mouth, names in _MOUTHS.items() for phone in names.split()}
LONG_L = 0.1  # seconds from which an l is seen as H
BRIEF = 0.06  # seconds below which a cue is left out; A and G are seen however brief they are
CUT = 1e-4  # seconds: what is cut at a chunk's end is no further apart
RESTING = 0.25  # seconds from which closed lips are at rest
MARKS = ("lip_inner_upper", "lip_inner_lower", "mouth_left", "mouth_right")
# of lips, in widths of the mouth at rest: the gap at which they are open, and what opens them to C and D
CLOSED, OPEN_C, OPEN_D, SMALL = 0.02, 0.145, 0.22, 0.12
BITTEN, BITTEN_GAP = 0.08, 0.08  # how far the lower lip is behind its place, and the gap up to which that is a bite
NARROW, PUCKERED = 0.84, 0.68  # widths of the mouth


@dataclass(frozen=True)
class Cue:
    """What is seen from start to end, in seconds."""

    value: str
    start: float
    end: float


@dataclass(frozen=True, eq=False)
class Told:
    """What a whole clip tells of its mouth: phones where they are known, and what its lips look like (T,) if seen."""

    frames: int
    fps: float
    phones: Sequence[Phone]
    mouths: Sequence[str]

    @property
    def seconds(self) -> float:
        return self.frames / self.fps


def write_tsv(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes a line a cue, start and letter, and one more for the end."""
    told, cues = _cues(chunks, job)
    lines = [f"{hundredths(cue.start)}\t{cue.value}" for cue in cues]
    job.path.write_text("\n".join([*lines, f"{hundredths(told.seconds)}\tX", ""]), encoding="ascii")
    return told.frames


def write_json(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes metadata and the list of cues."""
    told, cues = _cues(chunks, job)
    content = {
        "metadata": {"soundFile": job.options.sound_name, "duration": float(hundredths(told.seconds))},
        "mouthCues": as_json(cues),
    }
    job.path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return told.frames


def write_xml(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes metadata and an element a cue."""
    told, cues = _cues(chunks, job)
    root = ElementTree.Element("rhubarbResult")
    metadata = ElementTree.SubElement(root, "metadata")
    ElementTree.SubElement(metadata, "soundFile").text = job.options.sound_name
    ElementTree.SubElement(metadata, "duration").text = hundredths(told.seconds)
    listed = ElementTree.SubElement(root, "mouthCues")
    for cue in cues:
        times = {"start": hundredths(cue.start), "end": hundredths(cue.end)}
        ElementTree.SubElement(listed, "mouthCue", times).text = cue.value
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(job.path, "utf-8", xml_declaration=True)
    return told.frames


def as_json(cues: Iterable[Cue]) -> list[dict[str, float | str]]:
    return [
        {"start": float(hundredths(cue.start)), "end": float(hundredths(cue.end)), "value": cue.value} for cue in cues
    ]


def hundredths(seconds: float) -> str:
    """Seconds with two decimals, cut off, so that no cue ends after the sound."""
    return f"{math.floor(seconds * 100 + 1e-6) / 100:.2f}"


def _cues(chunks: Iterator[MotionClip], job: Job) -> tuple[Told, list[Cue]]:
    told = gather(chunks, job)
    if told.phones:
        return told, from_phones(told.phones, told.seconds)
    if not told.mouths:
        raise TalkError(
            f"{job.target.name} needs phones, or lips whose landmarks are known ({', '.join(MARKS)}): give --phones"
        )
    note(f"{job.target.name}: no phones are known, so the cues are read from the lips.")
    return told, from_mouths(told.mouths, told.fps)


def gather(chunks: Iterator[MotionClip], job: Job) -> Told:
    """The phones of all chunks in the time of the whole, and the mouths of their frames."""
    frames, fps = 0, 1.0
    phones: list[Phone] = []
    mouths: list[str] = []
    for chunk in chunks:
        fps = chunk.fps
        begin, end = frames / fps, (frames + chunk.frames) / fps
        moved = (replace(phone, start=phone.start + begin, end=phone.end + begin) for phone in chunk.phones)
        here = [replace(p, start=max(p.start, begin), end=min(p.end, end)) for p in moved if p.start < end]
        if phones and here and phones[-1].name == here[0].name and here[0].start - phones[-1].end < CUT:
            here[0] = replace(here[0], start=phones.pop().start)  # one that goes on from chunk to chunk
        phones += here
        if all(mark in chunk.topology.landmarks for mark in MARKS):
            mouths += seen(chunk)
        frames += chunk.frames
        job.step(chunk.frames)
    return Told(frames, fps, phones, mouths if len(mouths) == frames else ())


def halves(phones: Iterable[Phone]) -> Iterator[Phone]:
    """The phones, diphthongs as the two vowels that they look like."""
    for phone in phones:
        first, second = DIPHTHONGS.get(phone.name, (phone.name, ""))
        turn = phone.start + SPLIT * (phone.end - phone.start) if second else phone.end
        yield Phone(first, phone.start, turn)
        if second:
            yield Phone(second, turn, phone.end)


def from_phones(phones: Sequence[Phone], seconds: float) -> list[Cue]:
    """Cues without a gap from 0 to the end of the sound."""
    found = []
    for phone in halves(tidy(phones, seconds)):
        long_l = phone.name == "L" and phone.end - phone.start >= LONG_L
        found.append(Cue("H" if long_l else MOUTH[phone.name], phone.start, phone.end))
    return settled(found)


def from_mouths(mouths: Sequence[str], fps: float) -> list[Cue]:
    """Cues of what each frame's lips look like; lips that stay closed are at rest."""
    found, frame = [], 0
    for value, same in groupby(mouths):
        start, frame = frame, frame + len(list(same))
        found.append(Cue(value, start / fps, frame / fps))
    return settled([replace(cue, value="X") if cue.value == "A" and _lasts(cue, RESTING) else cue for cue in found])


def settled(cues: Sequence[Cue]) -> list[Cue]:
    """The cues, brief ones given to the longer of their neighbours, and equal neighbours joined; the briefest first."""
    kept: list[Cue | None] = [*_joined(cues)]  # None where a cue has become part of another
    before, after = list(range(-1, len(kept) - 1)), [*range(1, len(kept)), -1]  # of each the neighbours, -1 for none
    waiting = [(cue.end - cue.start, place) for place, cue in enumerate(kept) if cue is not None and _brief(cue)]
    heapify(waiting)
    while waiting:
        length, place = heappop(waiting)
        cue = kept[place]
        near = [kept[i] for i in (before[place], after[place]) if i >= 0]
        if cue is None or cue.end - cue.start != length or not near:
            continue  # it has grown, or is gone, since it began to wait
        longer = max((each for each in near if each is not None), key=lambda each: each.end - each.start)
        cue = replace(cue, value=longer.value)
        for side, other_side in ((before, after), (after, before)):
            other = kept[side[place]] if side[place] >= 0 else None
            if other is not None and other.value == cue.value:
                cue = replace(cue, start=min(cue.start, other.start), end=max(cue.end, other.end))
                kept[side[place]] = None
                side[place] = side[side[place]]
                if side[place] >= 0:
                    other_side[side[place]] = place
        kept[place] = cue
        if _brief(cue):
            heappush(waiting, (cue.end - cue.start, place))
    return [cue for cue in kept if cue is not None]


def _brief(cue: Cue) -> bool:
    """Whether it is too short to be seen, and not one that is seen however short it is."""
    return cue.value not in "AG" and not _lasts(cue, BRIEF)


def _lasts(cue: Cue, seconds: float) -> bool:
    return cue.end - cue.start > seconds - 1e-9


def _joined(cues: Sequence[Cue]) -> list[Cue]:
    out: list[Cue] = []
    for cue in cues:
        if out and out[-1].value == cue.value:
            cue = replace(cue, start=out.pop().start)
        out.append(cue)
    return out


def seen(clip: MotionClip) -> list[str]:
    """What the lips of each frame look like, by their gap, width and bite; the tongue of an l is not seen."""
    upper, lower, left, right = (clip.topology.landmarks[mark] for mark in MARKS)
    width = float(np.linalg.norm(clip.template[left] - clip.template[right]))
    rest = clip.template[upper] - clip.template[lower]
    apart = (clip.vertices[:, upper] - clip.vertices[:, lower] - rest) / width  # (T, 3)
    wide = np.linalg.norm(clip.vertices[:, left] - clip.vertices[:, right], axis=1) / width  # (T,)
    return _letters(apart[:, 1], apart[:, 2], wide)


def _letters(gap: Floats, bite: Floats, wide: NDArray[np.floating]) -> list[str]:
    """The first rule that fits, for gap, bite and width (T,) of the mouth; F.E.D.C are the packaged head's recipes."""
    rules = (
        ((bite > BITTEN) & (gap < BITTEN_GAP), "G"),
        (gap < CLOSED, "A"),
        ((wide < PUCKERED) & (gap < SMALL), "F"),
        (wide < NARROW, "E"),
        (gap < OPEN_C, "B"),
        (gap < OPEN_D, "C"),
    )
    return list(map(str, np.select([fits for fits, _ in rules], [letter for _, letter in rules], "D")))
