"""One window's motion as frames of the whole clip: drawn towards the phones that are believed, with lips that meet.

All that is done to a frame depends on its own time and on what is known around it, not on the window: so the frames of
two windows that overlap are alike, and what differs passes over from one to the other.
Shape letters: T frames, V vertices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talkcli import contact, follow
from talkcli.align import Found
from talkcli.align.trust import Network, believed
from talkcli.clip import Floats, Frames, MotionClip, Phone
from talkcli.finish import PLAIN, Finish, finished

if TYPE_CHECKING:
    from talkcli.models.motion import Motion
    from talkcli.windows import Window

THRESHOLDS = (0.15, 0.4)  # of the contact head, for closures and for bites
SURE = 0.8  # of the contact head, where phones that were heard say that the lips do not meet
BLOCK = 64  # frames that are made at a time: bounds the memory
ON_FRAME = 1e-5  # frames: times are no nearer to each other than this
OVERLAP = 0.1  # seconds on either side of a cut in which one window's frames pass over into the next one's


@dataclass(frozen=True, eq=False)
class Piece:
    """A window's motion at model_fps, whose first frame is at origin seconds, and what was found of its phones.

    still is a clip of no frames on the head that speaks, at the frame rate of the whole; gate (T,) says of each of the
    whole's frames whether somebody speaks. closes False leaves the motion as the network has it; alone says that
    phones that were found need nobody's consent. finish tells how the motion is to be; of its delay only lag, a part of
    a frame, is ours: frame i shows the time (i - lag) / fps.
    """

    still: MotionClip
    motion: Motion
    model_fps: float
    origin: float
    found: Found
    gate: Floats
    closes: bool = True
    alone: bool = False
    finish: Finish = PLAIN
    lag: float = 0.0

    @cached_property
    def trusted(self) -> Sequence[Phone]:
        """The phones that are believed, in the time of the whole sound."""
        if self.alone:
            return self.found.phones
        network = None
        if self.motion.phone_probabilities is not None:
            network = Network(np.log(self.motion.phone_probabilities + 1e-9), self.motion.rate, self.origin)
        return believed(self.found, network)

    @property
    def known(self) -> bool:
        """Whether the phones are those of a text or of a file."""
        return self.found.source in ("text", "file")

    @cached_property
    def contacts(self) -> list[contact.Contact]:
        """Where the lips meet, in the time of the whole sound: a lip at rest does not bite."""
        found = contacts(self.motion, self.origin, self.trusted, self.known)
        return [each for each in found if self._spoken(each.middle)]

    def _spoken(self, time: float) -> bool:
        frame = min(max(round(time * self.still.fps + self.lag), 0), len(self.gate) - 1)
        return bool(self.gate[frame] > 0) or (self.known and bool(follow.presence(self.trusted, time, 1.0, 1)[0] > 0))

    def phones(self, first: int, last: int) -> tuple[Phone, ...]:
        """What is spoken in these frames, in the time of the first."""
        phones = self.found.phones if self.trusted else ()
        return said(phones, self._time(first), (last - first) / self.still.fps)

    def plain(self, first: int, last: int) -> Floats:
        """(T, V, 3) frames of the whole as the network has them."""
        times = (np.arange(first, last) - self.lag) / self.still.fps
        return at_times(self.motion.vertices, self.model_fps, self.origin, times)

    def clip(self, first: int, last: int) -> MotionClip:
        """Frames of the whole, finished, with lips that meet."""
        around = self.finish.context(self.still.fps)
        low, high = max(first - around, 0), min(last + around, len(self.gate))
        clip = self._drawn(low, high)
        if self.finish != PLAIN:
            beyond = (low - (first - around), last + around - high)  # frames before the first, and after the last
            vertices = np.pad(clip.vertices, (beyond, (0, 0), (0, 0)), mode="edge")
            vertices = finished(vertices, clip.template, clip.topology, clip.fps, self.finish)
            clip = replace(clip, vertices=vertices, start=self._time(first))
        return contact.apply(clip, self.contacts) if self.closes else clip

    def _drawn(self, first: int, last: int) -> MotionClip:
        """Frames drawn to the phones, at rest where nobody speaks; known phones are spoken, noise or not."""
        clip = replace(self.still, vertices=self.plain(first, last), start=self._time(first))
        gate = self.gate[first:last]
        if self.known:
            gate = np.maximum(gate, follow.presence(self.trusted, clip.start, clip.fps, clip.frames))
        clip = clip.with_vertices(clip.template + gate[:, None, None] * (clip.vertices - clip.template))
        return follow.apply(clip, self.found.phones, self.trusted) if self.closes else clip

    def _time(self, frame: int) -> float:
        """What a frame shows, in seconds of the whole sound."""
        return (frame - self.lag) / self.still.fps


@dataclass(frozen=True, eq=False)
class Span:
    """Frames from first to last of a piece, or those that pass over from it into the one after: (T,) shares of that."""

    first: int
    last: int
    piece: Piece
    after: Piece | None = None
    shares: Floats | None = None

    def clip(self) -> MotionClip:
        clip = self.piece.clip(self.first, self.last)
        if self.after is None or self.shares is None:
            return clip
        other = self.after.clip(self.first, self.last).vertices
        return clip.with_vertices(clip.vertices + self.shares[:, None, None] * (other - clip.vertices))


def spans(pieces: Iterator[tuple[Window, Piece]], fps: float) -> Iterator[Span]:
    """All frames of the windows, one after another, at most BLOCK at a time."""
    window, piece = next(pieces)
    begun = window.first
    for following, other in pieces:
        cut = window.last
        reach = min(round(OVERLAP * fps), (cut - window.first) // 2, (following.last - cut) // 2)
        yield from _blocks(begun, cut - reach, piece)
        if reach:
            shares = ((np.arange(2 * reach) + 0.5) / (2 * reach)).astype(np.float32)
            yield Span(cut - reach, cut, piece, other, shares[:reach])
            yield Span(cut, cut + reach, other, piece, 1 - shares[reach:])  # whose phones are the window's own
        window, piece, begun = following, other, cut + reach
    yield from _blocks(begun, window.last, piece)


def shifted(clip: MotionClip, first: int, by: int, total: int) -> MotionClip:
    """The clip, whose first frame is the whole's frame first, by so many frames later, or earlier below 0.

    The whole keeps its total of frames: its first one holds until motion begins, or its last one to the end, and what
    is moved out of it is left away, be that all of the clip.
    """
    last = first + clip.frames
    begin = 0 if first == 0 and by > 0 else min(max(first + by, 0), total)
    end = total if last == total and by < 0 else min(max(last + by, 0), total)
    if not by:
        return replace(clip, start=first / clip.fps)
    frames = np.clip(np.arange(begin, max(end, begin)) - by, first, last - 1) - first
    moved = (first + by - begin) / clip.fps  # seconds from the first frame shown to the clip's own
    return replace(
        clip,
        vertices=clip.vertices[frames],
        start=begin / clip.fps,
        phones=said(clip.phones, -moved, len(frames) / clip.fps),
        turn=None if clip.turn is None else clip.turn[frames],
    )


def _blocks(first: int, last: int, piece: Piece) -> Iterator[Span]:
    for start in range(first, last, BLOCK):
        yield Span(start, min(start + BLOCK, last), piece)


def at_times(vertices: Frames, model_fps: float, origin: float, times: NDArray[np.floating]) -> Floats:
    """(T, V, 3) at times in seconds of vertices from origin seconds on at the model's rate."""
    position = np.clip((times - origin) * model_fps, 0, len(vertices) - 1)
    left = np.minimum(np.floor(position + 1e-6).astype(np.int64), len(vertices) - 1)
    right = np.minimum(left + 1, len(vertices) - 1)
    share = np.clip(position - left, 0, 1).astype(np.float32)[:, None, None]
    share[share < ON_FRAME] = 0
    before: Floats = vertices[left]
    if not share.any():
        return before
    between: Floats = before * (1 - share) + vertices[right] * share
    return between


def said(phones: Sequence[Phone], start: float, seconds: float) -> tuple[Phone, ...]:
    """The phones of a chunk in the time of its first frame, for formats that tell them."""
    moved = [replace(p, start=max(p.start - start, 0.0), end=min(p.end - start, seconds)) for p in phones]
    return tuple(phone for phone in moved if phone.end > phone.start)


def contacts(motion: Motion, origin: float, trusted: Sequence[Phone], known: bool) -> list[contact.Contact]:
    """Where the lips meet, in the time of the whole sound.

    Where trusted phones say so; and where the contact head does, unless the phones are known and speak there, or deny
    it and the head is not sure.
    """
    found: list[contact.Contact] = []
    if motion.contact_probabilities is not None:
        heads = contact.from_head(motion.contact_probabilities, motion.rate, THRESHOLDS)
        found = [replace(c, start=c.start + origin, end=c.end + origin) for c in heads]
        found = contact.uncovered(found, trusted) if known else contact.undenied(found, trusted, SURE)
    return contact.merged([*found, *contact.from_phones(trusted)])
