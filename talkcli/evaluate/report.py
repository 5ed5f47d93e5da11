"""An evaluation to look at: one HTML file with everything in it, and its plots and videos as files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np

from talkcli.clip import CorpusInfo
from talkcli.evaluate import markup, plots
from talkcli.evaluate.clips import Cinema, no_faces, ranking
from talkcli.evaluate.gallery import Gallery
from talkcli.evaluate.results import Evaluation, ModelResult, Motions, unit_of
from talkcli.export.base import beside
from talkcli.metrics import METRICS

MOST_GROUPS = 60  # subjects or sentences in a plot


def write_report(evaluation: Evaluation, motions: Motions, folder: Path, *, info: CorpusInfo, videos: int = 2) -> Path:
    """Writes report.html, plots/*.png and videos/*.mp4 into a folder, over those that are there; gives the first.

    The report has all pictures and videos inside and needs nothing beside it. videos says how many of the worst clips,
    and how many of the best, are shown.

    Raises:
        TalkError: the folder cannot be written, or a motion cannot be had again.
    """
    gallery = Gallery(folder)
    gallery.open()
    page = Page(evaluation, motions, gallery, info)
    text = page.html(videos)
    path = folder / "report.html"
    with beside(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


@dataclass(eq=False)
class Page:
    """The report while it is made, section by section."""

    evaluation: Evaluation
    motions: Motions
    gallery: Gallery
    info: CorpusInfo

    def html(self, videos: int) -> str:
        """The whole page; sections that have nothing to say are left out."""
        cinema = Cinema(self.evaluation, self.motions, self.gallery, self.info)
        sections = {
            "Scores": self._scores(),
            "Differences": self._differences(),
            "Left out": markup.left_out(self.evaluation),
            "Confidence": self._intervals(),
            "Spread": self._spread(),
            "Errors on the head": self._heat(),
            **cinema.sections(videos),
            "All clips": self._table(),
            "How it was made": self._made(),
        }
        said = {title: content for title, content in sections.items() if content}
        links = "".join(f'<a href="#{_anchor(title)}">{title}</a>' for title in said)
        body = "\n".join(
            f'<section id="{_anchor(title)}"><h2>{title}</h2>{content}</section>' for title, content in said.items()
        )
        style, script = (_resource(f"report.{suffix}") for suffix in ("css", "js"))
        title = escape(f"{self.evaluation.data}, {self.evaluation.split}: {', '.join(self._names())}")
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{style}</style></head>\n'
            f"<body><main><header>{self._heading()}</header><nav>{links}</nav>\n{body}\n</main>\n"
            f"<script>{script}</script></body></html>\n"
        )

    def _names(self) -> list[str]:
        return [model.name for model in self.evaluation.models]

    def _heading(self) -> str:
        evaluation = self.evaluation
        models = " &nbsp; ".join(markup.model_name(place, name) for place, name in enumerate(self._names()))
        clips = {clip.clip for model in evaluation.models for clip in model.clips}
        told = {"data": evaluation.data, "split": evaluation.split, "protocol": evaluation.protocol}
        told |= {"clips": str(len(clips))} | {
            name: str(evaluation.provenance[name]) for name in ("version",) if name in evaluation.provenance
        }
        title = escape(" vs ".join(self._names()) if len(self._names()) < 4 else f"{len(self._names())} models")
        lead = f'<p class="lead">{title} on {escape(evaluation.data)}</p>'
        return f"<h1>Evaluation</h1>{lead}{markup.facts({k: escape(v) for k, v in told.items()} | {'models': models})}"

    # -- numbers ------------------------------------------------------------------------------------------------------

    def _scores(self) -> str:
        evaluation, settings = self.evaluation, self.evaluation.settings
        if not any(evaluation.scores.values()):
            return "<p>No clip gave a number.</p>"
        best = "The best value of a row is marked. " if len(evaluation.models) > 1 else ""
        note = (
            "In brackets: 95 % bootstrap intervals over clips and, marked s, over subjects where there are several. "
            f"&darr; lower is better, &uarr; higher, &rarr; 0 nearer zero. {best}LRP counts frames whose lips are "
            f"within {settings.lrp_mm:g} mm of the target; the beats' sigma is {settings.beat_frames:g} frames. "
            f"{self._nominal()}{self._diversity()}"
        )
        return f'{markup.score_table(evaluation)}<p class="note">{note}</p>'

    def _nominal(self) -> str:
        if self.info.unit == "m":
            return ""
        told = f"a unit ({escape(self.info.unit)}) is taken for {self.info.metres:g} m"
        return f"The data's unit has no known length, so that millimetres are nominal: {told}. "

    def _diversity(self) -> str:
        unit = escape(unit_of(METRICS["mve"], self.evaluation.unit))
        known = [(model.name, model.diversity) for model in self.evaluation.models if model.diversity is not None]
        each = ", ".join(f"{escape(name)} {markup.told(value)} {unit}" for name, value in known)
        return f"Diversity over styles: {each}." if each else ""

    def _differences(self) -> str:
        note = (
            "Mean of the differences on the same clips, with its 95 % bootstrap interval; p is Wilcoxon's signed-rank "
            "test. Where p is under 0.05 the better model is named; each test stands by itself, so of many some err."
        )
        found = markup.difference_table(self.evaluation)
        return f'{found}<p class="note">{note}</p>' if found else ""

    def _table(self) -> str:
        ranked = ranking(self.evaluation)
        if ranked is None:
            return ""
        styles = any(clip.styles for model in self.evaluation.models for clip in model.clips)
        note = '<p class="note">Values are means over the styles that a clip was spoken in.</p>' if styles else ""
        return f"{markup.clip_table(self.evaluation, ranked.metric)}{note}"

    def _made(self) -> str:
        written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        return markup.provenance({**self.evaluation.provenance, "written": written})

    # -- pictures -----------------------------------------------------------------------------------------------------

    def _intervals(self) -> str:
        evaluation, names = self.evaluation, self._names()
        if len(names) < 2:
            return ""
        figures = []
        for metric in evaluation.metrics:
            found = {name: evaluation.scores[name][metric] for name in names if metric in evaluation.scores[name]}
            if found:
                about = METRICS[metric]
                picture = plots.scores(about.title, unit_of(about, evaluation.unit), found, names)
                figures.append(self.gallery.plot(f"score {metric}", picture))
        note = "Thick lines are 95 % intervals over clips, thin ones over subjects."
        return f'<p class="note">{note}</p><div class="grid">{"".join(figures)}</div>'

    def _spread(self) -> str:
        ranked = ranking(self.evaluation)
        if ranked is None:
            return ""
        about = METRICS[ranked.metric]
        figures = []
        for kind, word in (("subject", "subject"), ("text", "sentence")):
            groups = {getattr(clip, kind) for clip, _ in ranked.clips if getattr(clip, kind)}
            if 1 < len(groups) <= MOST_GROUPS and 2 * len(groups) <= len(ranked.clips):
                values = {model.name: _grouped(model, ranked.metric, kind) for model in self.evaluation.models}
                picture = plots.distribution(about.title, unit_of(about, self.evaluation.unit), values)
                caption = f"{escape(about.title)} of each clip, by {word}; bars are means."
                figures.append(self.gallery.plot(f"{ranked.metric} by {word}", picture, caption))
        return "".join(figures)

    def _heat(self) -> str:
        topology, models = self.info.topology, [model for model in self.evaluation.models if model.clips]
        if not len(topology.faces):
            return f"<p>{no_faces(topology, 'no head')}</p>"
        if not models:
            return ""
        template = self.motions.target(models[0].clips[0].clip).template * np.float32(self.info.metres)
        errors = {model.name: 1000 * self.info.metres * model.heat for model in models}
        limit = plots.round_up(max(float(np.percentile(each, 99.5)) for each in errors.values()))
        figures = []
        for name, each in errors.items():
            told = f"on average {each.mean():.3g} mm, at the worst vertex {each.max():.3g} mm"
            caption = f"{markup.model_name(self._names().index(name), name)}: {told}."
            picture = plots.heat(topology, template, each, limit)
            figures.append(self.gallery.plot(f"heat {name}", picture, caption, fit=True))
        note = "Each vertex' mean distance from the target over all frames; all models have one scale."
        return f'<p class="note">{note}</p>{"".join(figures)}'


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _resource(name: str) -> str:
    return (files("talkcli.resources") / name).read_text(encoding="utf-8")


def _grouped(model: ModelResult, metric: str, kind: str) -> dict[str, Sequence[float]]:
    """The clips' values by subject or by text."""
    found: dict[str, list[float]] = {}
    for clip, measured in model.measured(metric):
        found.setdefault(getattr(clip, kind), []).append(measured.value)
    return dict(found)
