"""A mouth that follows phones which a recogniser heard and the network confirms.

A network listens to a second of sound and guesses; a recogniser knows words. Where the two agree, the motion is drawn
towards what the articulation rules make of the phones (benchmarks/lips.md shows by how much that helps); elsewhere the
network's own motion stays.
Shape letters: T frames, V vertices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkcli.articulation import controls
from talkcli.clip import Floats, MotionClip, Phone
from talkcli.head import load_head
from talkcli.stages import stage

DRAWN = 0.7  # how far towards the rules
EDGE = 0.08  # seconds in which that begins and ends
LEAD = 0.5  # seconds before and after a chunk in which its curves begin and end
NEAR = 2.0  # seconds from a chunk up to which phones shape its mouth


@stage("contact")
def apply(clip: MotionClip, phones: Sequence[Phone], trusted: Sequence[Phone]) -> MotionClip:
    """The clip drawn to the articulation of phones, round those that are trusted; both in the time of the whole sound.

    The rules know the packaged head alone: a clip of another topology is left as it is.
    """
    head = load_head()
    share = DRAWN * presence(trusted, clip.start, clip.fps, clip.frames)  # (T,)
    if clip.topology is not head.topology or not share.any():
        return clip
    lead = round(LEAD * clip.fps)
    near = [p for p in phones if p.end > clip.start - NEAR and p.start < clip.start + clip.seconds + NEAR]
    track = controls(near, clip.fps, clip.frames + 2 * lead, start=clip.start - lead / clip.fps)
    ruled = head.pose(head.values(track)[lead : lead + clip.frames], clip.template)  # (T, V, 3)
    return clip.with_vertices(clip.vertices + share[:, None, None] * (ruled - clip.vertices))


def presence(phones: Sequence[Phone], start: float, fps: float, frames: int) -> Floats:
    """(T,) 1 where one of the phones is spoken, fading within EDGE; silences do not count."""
    times = start + np.arange(frames) / fps
    found = np.zeros(frames)
    for phone in phones:
        if phone.name != "SIL":
            outside = np.maximum(phone.start - times, times - phone.end)
            found = np.maximum(found, np.clip(1 - outside / EDGE, 0, 1))
    return found.astype(np.float32)
