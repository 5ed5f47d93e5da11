"""Motion as an animator wants it: calmer, larger or smaller, earlier or later, and lips that were closed stay closed.

Shape letters: T frames, V vertices, R frames of context on either side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, Topology
from talkcli.console import note
from talkcli.head.contacts import Lips
from talkcli.head.contacts import smooth as eased

MARKS = ("lip_inner_upper", "lip_inner_lower")
TAIL = 2.5  # standard deviations at which the filter ends
ON_FRAME = 1e-4  # frames: a shift this near to whole ones is one of whole frames
# of a mouth's width: a gap beyond rest that is closed, and by how much smoothing may widen it
CLOSED, WIDER = 0.02, 0.002
BESIDE = 0.06  # seconds in which a frame that is kept closed passes over to smoothed ones
BELOW_EYES = (0.6, 1.0)  # widths of the mouth above it from where on to where gain fades


@dataclass(frozen=True, kw_only=True)
class Finish:
    """What is done to motion once it is made.

    gain scales the mouth's motion about rest. smooth is the width, in seconds, of the Gaussian that frames are averaged
    with, at half its height; it does not delay. late is by how many seconds motion comes later than the sound, or
    earlier below 0.
    """

    gain: float = 1.0
    smooth: float = 0.0
    late: float = 0.0

    def frames_late(self, fps: float) -> float:
        """late in frames, whole ones where it is meant so."""
        frames = self.late * fps
        return float(round(frames)) if abs(frames - round(frames)) < ON_FRAME else frames

    def context(self, fps: float) -> int:
        """R: how many frames on either side `finished` wants."""
        return len(kernel(self.smooth, fps)) // 2 + _beside(fps) if self.smooth else 0


PLAIN = Finish()


def tell_unknown(topology: Topology, finish: Finish) -> None:
    """Says what cannot be done as it should be where nobody knows a topology's lips."""
    if finish.smooth and not _knows_gap(topology):
        note(f"note: where the lips of '{topology.name}' meet is not known, and --smooth may open them a little")
    if finish.gain != 1 and not len(topology.regions.get("lips", ())):
        note(f"note: where the mouth of '{topology.name}' is is not known, and --gain scales all that moves")


def finished(vertices: Floats, template: Floats, topology: Topology, fps: float, finish: Finish) -> Floats:
    """Frames (T, V, 3) of vertices (R + T + R, V, 3) about a head at rest (V, 3); late is left to who knows times."""
    if finish.gain != 1:
        vertices = gained(vertices, template, topology, finish.gain)
    return smoothed(vertices, template, topology, fps, finish.smooth) if finish.smooth else vertices


def gained(vertices: Floats, template: Floats, topology: Topology, gain: float) -> Floats:
    """Vertices (T, V, 3) whose mouth is so many times as far from rest; lips do not go through each other."""
    scale = 1 + (gain - 1) * mouth_part(template, topology)  # (V,)
    out: Floats = template + scale[:, None].astype(np.float32) * (vertices - template)
    if gain > 1 and topology.contact is not None:
        Lips.of(topology.contact).touch(out, np.zeros(len(out), np.float32))
    return out


def mouth_part(template: Floats, topology: Topology) -> NDArray[np.float64]:
    """(V,) 1 for what moves with the mouth, fading towards the eyes; 1 everywhere where the lips are not known."""
    lips = topology.regions.get("lips")
    if lips is None or not len(lips):
        return np.ones(len(template))
    width = max(float(np.ptp(template[lips, 0])), 1e-9)
    above = (template[:, 1] - template[lips, 1].mean()).astype(np.float64) / width
    return np.asarray(1 - eased(above, *BELOW_EYES))


def smoothed(vertices: Floats, template: Floats, topology: Topology, fps: float, seconds: float) -> Floats:
    """Frames (T, V, 3) of vertices (R + T + R, V, 3), averaged over about so many seconds; R is Finish.context's.

    Where lips were closed they are kept closed: by as much of the frame as it was as that takes, passing over to its
    neighbours.
    """
    weights = kernel(seconds, fps)
    reach, beside = len(weights) // 2, _beside(fps)
    count = len(vertices) - 2 * reach
    averaged = np.zeros((count, *vertices.shape[1:]), np.float32)
    for place, weight in enumerate(weights):
        averaged += weight * vertices[place : place + count]
    plain = vertices[reach : reach + count]
    if _knows_gap(topology):
        kept = _kept(plain, averaged, template, topology)
        inside = slice(beside, count - beside)
        fading = ((1 - abs(d) / (beside + 1), kept[beside + d : count - beside + d]) for d in _around(beside))
        share = np.max([fade * near for fade, near in fading], axis=0).astype(np.float32)[:, None, None]
        return np.asarray(averaged[inside] + share * (plain[inside] - averaged[inside]))
    return averaged[beside : count - beside]


def kernel(seconds: float, fps: float) -> Floats:
    """Weights of an odd number of frames that add up to 1: a Gaussian so wide at half its height."""
    sigma = seconds * fps / (2 * np.sqrt(2 * np.log(2)))  # frames
    reach = int(np.ceil(TAIL * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(weights / weights.sum(), np.float32)


def _beside(fps: float) -> int:
    return max(1, round(BESIDE * fps))


def _around(frames: int) -> range:
    return range(-frames, frames + 1)


def _knows_gap(topology: Topology) -> bool:
    return all(mark in topology.landmarks for mark in MARKS) and len(topology.regions.get("lips", ())) > 0


def _kept(plain: Floats, averaged: Floats, template: Floats, topology: Topology) -> NDArray[np.float64]:
    """(T,) how much of plain frames (T, V, 3) must be in averaged ones so that closed lips stay so."""
    upper, lower = (topology.landmarks[mark] for mark in MARKS)
    width = max(float(np.ptp(template[topology.regions["lips"], 0])), 1e-9)
    rest = float(template[upper, 1] - template[lower, 1])
    before, after = (frames[:, upper, 1] - frames[:, lower, 1] for frames in (plain, averaged))
    over = np.maximum(after - (before + WIDER * width), 0)
    return np.where(before - rest <= CLOSED * width, over / np.maximum(after - before, 1e-12), 0).astype(np.float64)
