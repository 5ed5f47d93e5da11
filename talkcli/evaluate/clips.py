"""The worst and the best clips of an evaluation, as videos and as curves of how the lips open.

Shape letters: T frames, V vertices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import CorpusInfo, MotionClip, Topology
from talkcli.evaluate import markup, plots
from talkcli.evaluate.gallery import Gallery
from talkcli.evaluate.results import ClipResult, Evaluation, Motions, unit_of
from talkcli.export.compare import Panel, distance_mm
from talkcli.metrics import METRICS
from talkcli.metrics.lips import lip_gap

LIP_REGIONS = ("lips", "inner lips")
INNER_LIPS = {"lip_inner_upper", "lip_inner_lower"}


@dataclass(frozen=True, eq=False)
class Ranking:
    """The clips of the first model by one metric, the worst first, each with its value."""

    metric: str
    clips: list[tuple[ClipResult, float]]


def ranking(evaluation: Evaluation) -> Ranking | None:
    """By the first lip metric that the first model has, else by its first; None where no clip has a number."""
    first = evaluation.models[0]
    known = [name for name in evaluation.metrics if first.measured(name)]
    if not known:
        return None
    metric = next((name for name in known if METRICS[name].region in LIP_REGIONS), known[0])
    clips = [(clip, measured.value) for clip, measured in first.measured(metric)]
    return Ranking(metric, sorted(clips, key=lambda each: -markup.badness(metric, each[1])))


@dataclass(frozen=True, eq=False)
class Shown:
    """A clip as recorded and as predicted by each model that has it, in metres and of one length."""

    target: MotionClip
    predicted: Mapping[str, MotionClip]


@dataclass(eq=False)
class Cinema:
    """Shows clips; the errors of all videos have the scale that the first of them needs."""

    evaluation: Evaluation
    motions: Motions
    gallery: Gallery
    info: CorpusInfo
    limit_mm: float | None = None

    def sections(self, count: int) -> dict[str, str]:
        """The worst clips and the best, so many of each, as HTML by title; none for 0."""
        ranked = ranking(self.evaluation)
        if ranked is None or not count:
            return {}
        worst = ranked.clips[:count]
        best = ranked.clips[count:][-count:][::-1]
        about = escape(METRICS[ranked.metric].title)
        first = markup.model_name(0, self.evaluation.models[0].name)
        found = {}
        for title, clips in (("Worst clips", worst), ("Best clips", best)):
            shown = [
                self._clip(f"{title.split()[0].lower()} {place + 1}", clip, ranked.metric, value)
                for place, (clip, value) in enumerate(clips)
            ]
            why = why_not(self.info.topology)
            lead = f'<p class="note">By {about} of {first}. {why}</p>'
            found[title] = lead + "".join(shown) if shown else ""
        return found

    def _clip(self, rank: str, clip: ClipResult, metric: str, value: float) -> str:
        shown = self._show(clip.clip)
        unit = escape(unit_of(METRICS[metric], self.evaluation.unit))
        heading = f'<h3>{escape(clip.clip)} <span class="rank">{rank}, {markup.told(value)} {unit}</span></h3>'
        text = f"“{escape(clip.text)}” " if clip.text else ""
        said = f'<p class="note">{text}{escape(clip.subject)}, {shown.target.seconds:.1f}&nbsp;s</p>'
        name = f"{rank} {clip.clip}"
        return f"<article>{heading}{said}{self._video(name, shown)}{self._curves(name, shown)}</article>"

    def _show(self, clip: str) -> Shown:
        target = self.motions.target(clip).scaled(self.info.metres)
        models = [model.name for model in self.evaluation.models if clip in {each.clip for each in model.clips}]
        moved = {name: self.motions.predicted(name, clip) for name in models}
        frames = min([target.frames, *map(len, moved.values())])
        predicted = {
            name: target.with_vertices(np.asarray(vertices[:frames] * self.info.metres, np.float32))
            for name, vertices in moved.items()
        }
        return Shown(target.with_vertices(target.vertices[:frames]), predicted)

    def _video(self, name: str, shown: Shown) -> str:
        target = shown.target
        if not len(target.topology.faces):
            return ""
        first, motion = next(iter(shown.predicted.items()))
        if self.limit_mm is None:
            self.limit_mm = plots.round_up(_largest(motion, target))
        clips = {"target": target, **shown.predicted}
        panels = [Panel(title, clip.vertices, target.template, target.colors) for title, clip in clips.items()]
        panels.append(Panel(f"error of {first}", motion.vertices, target.template, target=target.vertices))
        return self.gallery.video(name, panels, target, self.limit_mm)

    def _curves(self, name: str, shown: Shown) -> str:
        target = shown.target
        if not has_inner_lips(target.topology):
            return ""
        curves = {model: _opening(clip) for model, clip in shown.predicted.items()}
        names = [model.name for model in self.evaluation.models]
        picture = plots.openings(_opening(target), curves, target.fps, target.phones, names)
        return self.gallery.plot(f"opening {name}", picture)


def has_inner_lips(topology: Topology) -> bool:
    return set(topology.landmarks) >= INNER_LIPS


def why_not(topology: Topology) -> str:
    """Why clips of this topology have no video or no curves, as HTML; "" where they have both."""
    said = "" if len(topology.faces) else no_faces(topology, "no video")
    if not has_inner_lips(topology):
        said += f" The topology '{escape(topology.name)}' does not tell its inner lips: there are no curves of them."
    return said


def no_faces(topology: Topology, what: str) -> str:
    """Why nothing can be drawn, as HTML."""
    return (
        f"The topology '{escape(topology.name)}' has no triangles, so that {what} can be drawn; prepare the data "
        + ("with a mesh (--faces).")
    )


def _opening(clip: MotionClip) -> NDArray[np.float64]:
    """(T,) mm."""
    return 1000 * lip_gap(clip).astype(np.float64)


def _largest(clip: MotionClip, target: MotionClip) -> float:
    """The distance in mm under which 99.5 % of the vertices are in the worst frame."""
    frames = zip(clip.vertices, target.vertices, strict=True)
    return max((float(np.percentile(distance_mm(*frame), 99.5)) for frame in frames), default=0.0)
