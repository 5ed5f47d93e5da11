"""One clip of one model, judged: predicted in each of its styles, compared with what was recorded, and forgotten.

Shape letters: T frames, V vertices, S styles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import MotionClip
from talkcli.errors import TalkError
from talkcli.evaluate.predictions import Motion, Predictions
from talkcli.evaluate.protocols import Protocol
from talkcli.evaluate.results import ClipResult
from talkcli.metrics import METRICS, Pair, Settings
from talkcli.metrics.base import Measured, Readable, blocks, squared
from talkcli.metrics.vertices import diversity
from talkcli.prepared import ClipEntry, Corpus

if TYPE_CHECKING:
    from talkcli.models.checkpoint import ReaderCheckpoint


@dataclass(frozen=True)
class Found:
    """What one clip gave: its result, or why there is none; error sums distances over frames (V,), where asked for."""

    result: ClipResult | None = None
    error: NDArray[np.float64] | None = None
    diversity: float | None = None
    missing: bool = False
    short: str = ""
    failed: str = ""


@dataclass(frozen=True)
class Job:
    """All that is needed to judge a clip of one model."""

    corpus: Corpus
    predictions: Predictions
    protocol: Protocol
    settings: Settings
    reader: ReaderCheckpoint | None = None
    heat: bool = False

    def judge(self, entry: ClipEntry) -> Found:
        """A clip in each of its styles; the values are the mean over styles."""
        styles = self.predictions.styles(entry)
        if not styles:
            return Found(missing=True)
        target = self.corpus.clip(entry)
        try:
            motions = [self._motion(entry, style) for style in styles]
        except TalkError as error:
            return Found(failed=str(error))
        lengths = [self.protocol.frames(len(motion), target.frames, target.fps) for motion in motions]
        frames = min((count for count in lengths if count), default=0)
        if not frames or None in lengths:
            shortest = min(map(len, motions))
            return Found(short=f"{entry.name}: {shortest} frames predicted, {target.frames} recorded")
        readable = self._readable(entry, target)
        pairs = [self._pair(target, motion, frames, readable) for motion in motions]
        values = _mean([self._measured(pair, entry, style) for pair, style in zip(pairs, styles, strict=True)])
        result = ClipResult(entry.name, entry.subject, entry.text, frames, values, tuple(s for s in styles if s))
        various = None
        if self.protocol.diversity and len(pairs) > 1:
            various = diversity(np.stack([pair.predicted for pair in pairs]))
        return Found(result, _distances(pairs[0]) if self.heat else None, various)

    def _motion(self, entry: ClipEntry, style: str) -> Motion:
        motion = self.predictions.motion(entry, style)
        if not np.isfinite(motion.sum()) and not np.isfinite(motion).all():  # the sum alone takes half the time
            bad = int((~np.isfinite(motion)).any(axis=(1, 2)).sum())
            raise TalkError(f"{entry.name}: {bad} of {len(motion)} predicted frames hold NaN or Inf")
        return motion

    def _readable(self, entry: ClipEntry, target: MotionClip) -> Readable | None:
        if self.reader is None:
            return None
        from talkcli.reading import readable

        return readable(self.reader, self.corpus.audio(entry), target.template, self.corpus.info)

    def _pair(self, target: MotionClip, motion: Motion, frames: int, readable: Readable | None) -> Pair:
        info = self.corpus.info
        return Pair(
            motion[:frames],
            target.vertices[:frames],
            target.template,
            info.topology,
            info.fps,
            info.metres,
            target.phones,
            self.settings,
            readable,
        )

    def _measured(self, pair: Pair, entry: ClipEntry, style: str) -> dict[str, Measured]:
        """Each metric of the protocol on the motion that it judges."""
        product: Pair | None = None
        found = {}
        for name in self.protocol.metrics:
            metric = METRICS[name]
            if metric.stage == "product" and product is None:
                motion = self.predictions.product(entry, style)
                product = pair if motion is None else replace(pair, predicted=motion[: pair.frames])
            measured = metric.measure(product if metric.stage == "product" and product else pair)
            if measured is not None:
                found[name] = measured
        return found


def _mean(styles: Sequence[dict[str, Measured]]) -> dict[str, Measured]:
    """Each metric averaged over styles that can tell it."""
    names = dict.fromkeys(name for values in styles for name in values)
    found = {}
    for name in names:
        each = [values[name] for values in styles if name in values]
        found[name] = Measured(float(np.mean([m.value for m in each])), float(np.mean([m.weight for m in each])))
    return found


def _distances(pair: Pair) -> NDArray[np.float64]:
    """(V,) each vertex' distance from the target, summed over frames."""
    total = np.zeros(len(pair.template))
    for block in blocks(pair.frames):
        error = np.subtract(pair.predicted[block], pair.target[block], dtype=np.float64)  # (T, V, 3)
        total += np.sqrt(squared(error)).sum(axis=0)
    return total
