"""What each published evaluator does: which variants it prints, how it treats lengths, and whose style speaks.

Sources are the public evaluation scripts as docs/metrics.md describes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from talkcli.errors import TalkError
from talkcli.metrics import METRICS

# target: the prediction is cut to the target, and one that is shorter cannot be compared; shorter: both are cut to the
# shorter; seconds20: as that, and to 20 s
Length = Literal["target", "shorter", "seconds20"]
LONGEST = 20.0  # seconds


@dataclass(frozen=True)
class Protocol:
    """metrics in the order of its table; length is its rule for clips whose lengths differ."""

    metrics: tuple[str, ...]
    length: Length
    diversity: bool = False

    def frames(self, predicted: int, target: int, fps: float) -> int | None:
        """How many frames are compared; None where the prediction is too short for this protocol."""
        if self.length == "target":
            return target if predicted >= target else None
        frames = min(predicted, target)
        return frames if self.length == "shorter" else min(frames, round(LONGEST * fps))


PROTOCOLS: dict[str, Protocol] = {
    "talk": Protocol(tuple(name for name, metric in METRICS.items() if not metric.reader), "shorter", diversity=True),
    "faceformer": Protocol(("lve_root",), "target"),
    "codetalker": Protocol(("lve", "fdd"), "target"),
    "facediffuser": Protocol(("lve", "fdd", "fdd_abs", "mve"), "shorter", diversity=True),
    "meshtalk": Protocol(("lve_meshtalk",), "shorter"),
    "unitalker": Protocol(("lve_clip", "lve_root_clip"), "seconds20"),
}


def protocol_of(name: str, reader: bool = False) -> Protocol:
    """A protocol by its name; where there is a lip reader, with what that tells besides."""
    if name not in PROTOCOLS:
        raise TalkError(f"unknown protocol '{name}'; choose from: {', '.join(PROTOCOLS)}")
    found = PROTOCOLS[name]
    read = tuple(name for name, metric in METRICS.items() if metric.reader and reader)
    return replace(found, metrics=(*found.metrics, *read))
