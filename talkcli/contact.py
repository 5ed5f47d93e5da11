"""Lips that must meet do meet: closures (p, b, m) and lower-lip bites (f, v), enforced on any method's motion.

A network trained by regression gives shallow closures, since it averages over what it is not sure of. Here the decision
is taken first, from the contact head or from phones, and the lips then follow it.
Shape letters: T frames, V vertices, A steps of the contact head.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, MotionClip, Phone, Topology
from talkcli.head.contacts import Lips, smooth
from talkcli.phones import BILABIAL, LABIODENTAL
from talkcli.stages import stage

Kind = Literal["lips", "bite"]
KINDS: tuple[Kind, Kind] = ("lips", "bite")  # in the order of the contact head

REACH = {"lips": 0.05, "bite": 0.06}  # seconds that the lips take to come together, and to part
SHORTEST = 0.02  # seconds: a closure of any phone holds at least this long
LONGEST = 0.16  # seconds either side of its middle
NEAR = 0.06  # seconds: what network and recogniser place this close is the same contact


@dataclass(frozen=True)
class Contact:
    """The lips meet ("lips"), or the lower lip meets the upper teeth ("bite"), from start to end in seconds.

    certainty is that of whoever says so, from 0 to 1.
    """

    kind: Kind
    start: float
    end: float
    certainty: float = 1.0

    @property
    def middle(self) -> float:
        return 0.5 * (self.start + self.end)


def from_phones(phones: Iterable[Phone]) -> list[Contact]:
    """The contacts that phones ask for. Articulation closes early in the phone and holds to 70 % of it."""
    found = []
    for phone in phones:
        kind: Kind | None = "lips" if phone.name in BILABIAL else "bite" if phone.name in LABIODENTAL else None
        if kind:
            length = phone.end - phone.start
            found.append(Contact(kind, phone.start + 0.15 * length, phone.end - 0.3 * length))
    return found


def from_head(probabilities: NDArray[np.float32], rate: float, thresholds: Sequence[float]) -> list[Contact]:
    """Contacts where the contact head (A, 2), rate steps a second, peaks at its threshold or above; one a peak."""
    found = []
    for column, (kind, threshold) in enumerate(zip(KINDS, thresholds, strict=True)):
        curve = probabilities[:, column]
        for peak in _peaks(curve, threshold, apart=round(0.06 * rate)):
            level = max(0.6 * float(curve[peak]), 0.5 * threshold)
            reach = round(LONGEST * rate)
            first = last = peak
            while first > max(0, peak - reach) and curve[first - 1] >= level:
                first -= 1
            while last < min(len(curve) - 1, peak + reach) and curve[last + 1] >= level:
                last += 1
            found.append(Contact(kind, first / rate, last / rate, float(curve[peak])))
    return found


def _peaks(curve: NDArray[np.float32], threshold: float, apart: int) -> list[int]:
    """Places of the maxima at or above threshold, the higher first, none closer than apart to a higher one."""
    taken: list[int] = []
    for place in np.argsort(-curve, kind="stable"):
        if curve[place] < threshold:
            break
        if all(abs(int(place) - other) >= apart for other in taken) and _summit(curve, int(place)):
            taken.append(int(place))
    return sorted(taken)


def _summit(curve: NDArray[np.float32], place: int) -> bool:
    before = curve[place - 1] if place else -1.0
    after = curve[place + 1] if place + 1 < len(curve) else -1.0
    return bool(curve[place] >= before and curve[place] >= after)


def undenied(contacts: Iterable[Contact], phones: Iterable[Phone], sure: float) -> list[Contact]:
    """The contacts that trusted phones allow.

    Where a phone is spoken with which the lips do not meet in that way, and none with which they do is near, a contact
    needs a certainty of sure. Silences say nothing.
    """
    spoken = [phone for phone in phones if phone.name != "SIL"]
    asked = from_phones(spoken)

    def denied(contact: Contact) -> bool:
        covered = any(phone.start <= contact.middle <= phone.end for phone in spoken)
        near = any(c.kind == contact.kind and c.start - NEAR <= contact.middle <= c.end + NEAR for c in asked)
        return covered and not near

    return [contact for contact in contacts if contact.certainty >= sure or not denied(contact)]


def uncovered(contacts: Iterable[Contact], phones: Iterable[Phone]) -> list[Contact]:
    """What is left of contacts where no known phone is spoken: silences say nothing."""
    spoken = [phone for phone in phones if phone.name != "SIL"]
    found = []
    for contact in contacts:
        if not any(phone.start <= contact.middle <= phone.end for phone in spoken):
            before = max((phone.end for phone in spoken if phone.end < contact.middle), default=contact.start)
            after = min((phone.start for phone in spoken if phone.start > contact.middle), default=contact.end)
            found.append(replace(contact, start=max(contact.start, before), end=min(contact.end, after)))
    return found


def merged(contacts: Iterable[Contact]) -> list[Contact]:
    """Contacts of one kind that overlap become one; in the order of time."""
    found: list[Contact] = []
    for kind in KINDS:
        last: Contact | None = None
        for contact in sorted((c for c in contacts if c.kind == kind), key=lambda c: c.start):
            if last is not None and contact.start <= last.end:
                last = found[-1] = replace(last, end=max(last.end, contact.end))
            else:
                last = contact
                found.append(contact)
    return sorted(found, key=lambda c: c.start)


def strength(contacts: Iterable[Contact], kind: Kind, start: float, fps: float, frames: int) -> Floats:
    """(T,) how firmly the lips meet at each frame, the first of which is at start seconds.

    1 inside a contact and on the frame nearest its middle, 0 beyond the lips' reach.
    """
    times = start + np.arange(frames) / fps
    found = np.zeros(frames)
    for contact in contacts:
        if contact.kind != kind:
            continue
        half = max(0.5 * (contact.end - contact.start), 0.5 * SHORTEST, 0.5001 / fps)
        beyond = np.abs(times - contact.middle) - half  # seconds outside the contact
        found = np.maximum(found, 1 - smooth(beyond.astype(np.float32), 0.0, REACH[kind]))
    return found.astype(np.float32)


@stage("contact")
def apply(clip: MotionClip, contacts: Sequence[Contact]) -> MotionClip:
    """The clip with its lips brought together where contacts (in the time of the whole sound) say so.

    A topology that does not know how its lips meet is left as it is.
    """
    if clip.topology.contact is None or not contacts:
        return clip
    seal = strength(contacts, "lips", clip.start, clip.fps, clip.frames)
    bite = strength(contacts, "bite", clip.start, clip.fps, clip.frames)
    moved = np.flatnonzero(np.maximum(seal, bite))
    if not len(moved):
        return clip
    vertices = clip.vertices.copy()
    part = vertices[moved]
    _bite(part, clip.template, clip.topology, bite[moved] * (1 - seal[moved]))
    _close(part, clip.template, clip.topology, seal[moved])
    vertices[moved] = part
    return clip.with_vertices(vertices)


def _height(vertices: Floats, topology: Topology, upper: str, lower: str) -> Floats:
    """(T,) metres from one landmark up to another, of vertices (T, V, 3)."""
    marks = topology.landmarks
    return np.asarray(vertices[:, marks[upper], 1] - vertices[:, marks[lower], 1])


def _raise(vertices: Floats, template: Floats, topology: Topology, way: Floats) -> Floats:
    """Raise the jaw, in place, so that it takes way (T,) metres from the lips' gap, but not past where it rests.

    Returns (T,) what that leaves of way.
    """
    contact = topology.contact
    assert contact is not None
    tooth = topology.landmarks["tooth_lower"]
    most = (template[tooth, 1] - vertices[:, tooth, 1]) / contact.raising[tooth, 1]  # (T,)
    taken = np.minimum(way, np.maximum(most, 0))
    vertices += taken[:, None, None] * contact.raising
    return np.asarray(way - taken)


BY_JAW = 0.5  # of a gap is closed by the jaw


def _close(vertices: Floats, template: Floats, topology: Topology, seal: Floats) -> None:
    """Close the lips by seal (T,), in place: first as the jaw and cheeks would, then what is left, column by column."""
    contact = topology.contact
    assert contact is not None
    gap = _height(vertices, topology, "lip_inner_upper", "lip_inner_lower")
    excess = np.maximum(gap - contact.gap, 0) * seal  # (T,)
    left = _raise(vertices, template, topology, BY_JAW * excess)
    vertices += (left + (1 - BY_JAW) * excess)[:, None, None] * contact.closing
    Lips.of(contact).touch(vertices, seal * seal)


BITTEN = 1.0  # of the lower lip's full roll
BITE_HEIGHT = 0.0003  # metres by which the lower lip covers the upper teeth's edge
BARED = (0.0036, 0.005)  # metres of the upper teeth that the upper lip leaves free


def _bite(vertices: Floats, template: Floats, topology: Topology, bite: Floats) -> None:
    """Bring the lower lip to the upper teeth's edge by bite (T,), in place.

    First the roll that is missing, then the jaw, then the upper lip, which shows the teeth but not their roots.
    """
    contact = topology.contact
    assert contact is not None
    lips = topology.regions["lips"]
    roll = contact.biting[lips].ravel()
    now = (vertices[:, lips] - template[lips]).reshape(len(vertices), -1) @ roll / (roll @ roll)  # (T,)
    missing = np.clip(BITTEN - now, 0, 2 * BITTEN) * bite  # a lip that protrudes is rolled by more
    vertices += missing[:, None, None] * contact.biting
    short = _height(vertices, topology, "tooth_upper", "lip_inner_lower") + BITE_HEIGHT
    left = _raise(vertices, template, topology, short * bite)
    vertices += left[:, None, None] * contact.closing
    bared = _height(vertices, topology, "lip_inner_upper", "tooth_upper")
    vertices += ((np.clip(bared, *BARED) - bared) * bite)[:, None, None] * contact.baring
