"""An evaluation to look at: one HTML file with everything in it, and its plots and videos as files beside it.

Shape letters: T frames, V vertices.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import CorpusInfo, MotionClip
from talkcli.console import progress
from talkcli.errors import TalkError
from talkcli.evaluate import markup, plots
from talkcli.evaluate.results import ClipResult, Evaluation, ModelResult, Motions, unit_of
from talkcli.export.base import ExportOptions, beside
from talkcli.export.compare import Panel, distance_mm, write
from talkcli.metrics import METRICS
from talkcli.metrics.lips import lip_gap

LOOK = ExportOptions(size=(320, 352), crf=23, force=True)
LIP_REGIONS = ("lips", "inner lips")
INNER_LIPS = {"lip_inner_upper", "lip_inner_lower"}
MOST_GROUPS = 60  # sentences in a plot


def write_report(evaluation: Evaluation, motions: Motions, folder: Path, *, info: CorpusInfo, videos: int = 2) -> Path:
    """Writes report.html, plots/*.png and videos/*.mp4 into a folder, over those that are there; gives the first.

    The report has all pictures and videos inside and needs nothing beside it. videos says how many of the worst clips,
    and how many of the best, are shown.

    Raises:
        TalkError: the folder cannot be written, or a motion cannot be had again.
    """
    page = Page(evaluation, motions, folder, info)
    try:
        for each in (folder, page.folder("plots"), page.folder("videos")):
            each.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TalkError(f"{folder} cannot be written to: {error.strerror or error}") from error
    text = page.html(videos)
    path = folder / "report.html"
    with beside(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def ranking(evaluation: Evaluation) -> tuple[str, list[tuple[ClipResult, float]]] | None:
    """The first lip metric that the first model has, else its first metric, and its clips with their values.

    The worst clip comes first; None where no clip has a number.
    """
    first = evaluation.models[0]
    known = [name for name in evaluation.metrics if first.measured(name)]
    if not known:
        return None
    metric = next((name for name in known if METRICS[name].region in LIP_REGIONS), known[0])
    clips = [(clip, measured.value) for clip, measured in first.measured(metric)]
    return metric, sorted(clips, key=lambda each: -markup.badness(metric, each[1]))


def round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 7.5 and 10 times a power of ten, for the end of a scale."""
    if not 0 < value < np.inf:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(power * step for step in (1, 1.5, 2, 3, 5, 7.5, 10) if power * step >= value * (1 - 1e-9)))


@dataclass(frozen=True, eq=False)
class Shown:
    """A clip in pictures: as recorded and as predicted by each model that has it, in metres and of one length."""

    target: MotionClip
    predicted: Mapping[str, MotionClip]


@dataclass(eq=False)
class Page:
    """The report while it is made: its parts as HTML; pictures are kept as files and given as data."""

    evaluation: Evaluation
    motions: Motions
    root: Path
    info: CorpusInfo
    error_limit: float | None = None  # mm at which the colours of errors in videos end, told by the first clip
    anchors: dict[str, str] = field(default_factory=dict)

    def folder(self, name: str) -> Path:
        return self.root / name

    def html(self, videos: int) -> str:
        """The whole page."""
        evaluation = self.evaluation
        parts = [
            self._section("Scores", self._scores()),
            self._section("Differences", self._differences()),
            self._section("Left out", markup.left_out(evaluation)),
            self._section("Confidence", self._intervals()),
            self._section("Spread", self._spread()),
            self._section("Errors on the head", self._heat()),
            *self._clips(videos),
            self._section("All clips", self._table()),
            self._section("How it was made", markup.provenance(self._made())),
        ]
        names = ", ".join(model.name for model in evaluation.models)
        title = f"{evaluation.data}, {evaluation.split}: {names}"
        links = "".join(f'<a href="#{anchor}">{name}</a>' for name, anchor in self.anchors.items())
        style, script = (_resource(f"report.{suffix}") for suffix in ("css", "js"))
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{style}</style></head>\n<body><main><header><h1>How the lips follow the target</h1>"
            f"{self._lead()}</header><nav>{links}</nav>\n{''.join(parts)}</main><script>{script}</script></body></html>\n"
        )

    def _section(self, title: str, content: str) -> str:
        if not content:
            return ""
        anchor = re.sub(r"\W+", "-", title.lower())
        self.anchors[title] = anchor
        return f'<section id="{anchor}"><h2>{title}</h2>{content}</section>\n'

    # -- numbers ------------------------------------------------------------------------------------------------------

    def _lead(self) -> str:
        evaluation = self.evaluation
        models = ", ".join(markup.model_name(place, model.name) for place, model in enumerate(evaluation.models))
        clips = len({clip.clip for model in evaluation.models for clip in model.clips})
        told = {"data": evaluation.data, "split": evaluation.split, "protocol": evaluation.protocol}
        facts = {name: escape(value) for name, value in told.items()} | {"models": models, "clips": str(clips)}
        return markup.facts(facts)

    def _made(self) -> dict[str, object]:
        written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        return {**self.evaluation.provenance, "report written": written}

    def _scores(self) -> str:
        evaluation, settings = self.evaluation, self.evaluation.settings
        if not any(evaluation.scores.values()):
            return "<p>No clip gave a number.</p>"
        best = "The best value of a row is marked. " if len(evaluation.models) > 1 else ""
        note = (
            f"In brackets: 95 % bootstrap intervals over clips, and over subjects where there are several. {best}LRP "
            f"counts frames whose lips are within {settings.lrp_mm:g} mm of the target; the beats' sigma is "
            f"{settings.beat_frames:g} frames."
        )
        unit = unit_of(METRICS["mve"], evaluation.unit)
        various = [
            f"{escape(model.name)} {markup.told(model.diversity)} {escape(unit)}"
            for model in evaluation.models
            if model.diversity is not None
        ]
        more = f'<p class="note">Diversity over styles: {", ".join(various)}.</p>' if various else ""
        return f'{markup.score_table(evaluation)}<p class="note">{note}{self._nominal()}</p>{more}'

    def _nominal(self) -> str:
        if self.info.unit == "m":
            return ""
        return (
            f" The data's unit has no known length: millimetres are nominal, with a unit of {self.info.metres:g} m "
            f"({escape(self.info.unit)})."
        )

    def _differences(self) -> str:
        found = markup.difference_table(self.evaluation)
        note = (
            "Mean of the differences on the same clips, with its 95 % bootstrap interval; p is Wilcoxon's signed-rank "
            "test. Where p is under 0.05 the better model is named: each test by itself, so of many some err."
        )
        return f'{found}<p class="note">{note}</p>' if found else ""

    def _table(self) -> str:
        found = ranking(self.evaluation)
        if found is None:
            return ""
        styles = any(clip.styles for model in self.evaluation.models for clip in model.clips)
        note = '<p class="note">Values are means over the styles that a clip was spoken in.</p>' if styles else ""
        return f"{markup.clip_table(self.evaluation, found[0])}{note}"

    # -- plots --------------------------------------------------------------------------------------------------------

    def _plot(self, name: str, data: bytes, caption: str = "", kind: str = "") -> str:
        """The picture in a frame; its bytes go into a file too."""
        with beside(self.folder("plots") / f"{_slug(name)}.png") as part:
            part.write_bytes(data)
        source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
        below = f"<figcaption>{caption}</figcaption>" if caption else ""
        return f'<figure><img{kind} alt="{escape(name)}" src="{source}">{below}</figure>'

    def _intervals(self) -> str:
        evaluation = self.evaluation
        if len(evaluation.models) < 2:
            return ""
        figures = []
        for metric in evaluation.metrics:
            rows = {
                m.name: evaluation.scores[m.name][metric]
                for m in evaluation.models
                if metric in evaluation.scores[m.name]
            }
            if rows:
                about = METRICS[metric]
                picture = plots.scores(about.title, unit_of(about, evaluation.unit), rows)
                figures.append(self._plot(f"score {metric}", picture))
        note = "Thick lines are 95 % intervals over clips, thin ones over subjects."
        return f'<p class="note">{note}</p><div class="grid">{"".join(figures)}</div>'

    def _spread(self) -> str:
        found = ranking(self.evaluation)
        if found is None:
            return ""
        metric = found[0]
        about = METRICS[metric]
        clips = [clip for model in self.evaluation.models for clip, _ in model.measured(metric)]
        figures = []
        for kind in ("subject", "text"):
            groups = {getattr(clip, kind) for clip in clips if getattr(clip, kind)}
            if 1 < len(groups) <= MOST_GROUPS and len(groups) < len({clip.clip for clip in clips}):
                values = {model.name: _grouped(model, metric, kind) for model in self.evaluation.models}
                word = {"subject": "subject", "text": "sentence"}[kind]
                picture = plots.distribution(about.title, unit_of(about, self.evaluation.unit), values)
                figures.append(self._plot(f"{metric} by {word}", picture, f"Each clip by its {word}; bars are means."))
        return "".join(figures)

    def _heat(self) -> str:
        if not len(self.info.topology.faces):
            return f"<p>{self._no_faces('no head')}</p>"
        models = [model for model in self.evaluation.models if model.clips]
        if not models:
            return ""
        template = self.motions.target(models[0].clips[0].clip).template * np.float32(self.info.metres)
        errors = {model.name: 1000 * self.info.metres * model.heat for model in models}
        limit = round_up(max(float(np.percentile(each, 99.5)) for each in errors.values()))
        figures = [
            self._plot(
                f"heat {name}",
                plots.heat(self.info.topology, template, each, limit),
                f"{markup.model_name(self._place(name), name)}: on average {each.mean():.3g} mm, "
                f"at the worst vertex {each.max():.3g} mm.",
                ' class="fit"',
            )
            for name, each in errors.items()
        ]
        note = "Each vertex' mean distance from the target over all frames, of all models on one scale."
        return f'<p class="note">{note}</p>{"".join(figures)}'

    def _place(self, name: str) -> int:
        return [model.name for model in self.evaluation.models].index(name)

    def _no_faces(self, what: str) -> str:
        name = escape(self.info.topology.name)
        return f"The topology '{name}' has no triangles, so that {what} can be drawn: prepare the data with a mesh."

    # -- clips --------------------------------------------------------------------------------------------------------

    def _clips(self, count: int) -> list[str]:
        """The sections of the worst and of the best clips."""
        found = ranking(self.evaluation)
        if found is None or not count:
            return []
        metric, clips = found
        worst = clips[: min(count, len(clips))]
        best = clips[len(worst) :][-count:][::-1]
        about = escape(METRICS[metric].title)
        first = markup.model_name(0, self.evaluation.models[0].name)
        lead = f'<p class="note">By {about} of {first}.{{}}</p>'
        reasons = self._why_not()
        parts = []
        with progress("Drawing clips", len(worst) + len(best)) as step:
            for title, chosen in (("Worst clips", worst), ("Best clips", best)):
                articles = []
                for place, (clip, value) in enumerate(chosen):
                    articles.append(self._clip(f"{title.split()[0].lower()} {place + 1}", clip, metric, value))
                    step()
                parts.append(self._section(title, lead.format(reasons) + "".join(articles) if articles else ""))
                reasons = ""
        return parts

    def _why_not(self) -> str:
        """Why clips have no video or no curves, where they have none."""
        said = "" if len(self.info.topology.faces) else f" {self._no_faces('no video')}"
        if not set(self.info.topology.landmarks) >= INNER_LIPS:
            name = escape(self.info.topology.name)
            said += (
                f" The topology '{name}' does not tell its inner lips, so that there are no curves of their opening."
            )
        return said

    def _clip(self, rank: str, clip: ClipResult, metric: str, value: float) -> str:
        shown = self._show(clip.clip)
        unit = escape(unit_of(METRICS[metric], self.evaluation.unit))
        heading = f'<h3>{escape(clip.clip)} <span class="rank">{rank}, {markup.told(value)} {unit}</span></h3>'
        text = f"“{escape(clip.text)}” " if clip.text else ""
        said = f'<p class="note">{text}{escape(clip.subject)}, {shown.target.seconds:.1f} s</p>'
        name = f"{rank} {clip.clip}"
        return f"<article>{heading}{said}{self._video(name, shown)}{self._curves(name, shown)}</article>"

    def _show(self, clip: str) -> Shown:
        target = self.motions.target(clip).scaled(self.info.metres)
        models = [model.name for model in self.evaluation.models if clip in {each.clip for each in model.clips}]
        moved = {name: self.motions.predicted(name, clip) for name in models}
        frames = min(target.frames, *map(len, moved.values()))
        predicted = {
            name: target.with_vertices(np.asarray(vertices[:frames] * self.info.metres, np.float32))
            for name, vertices in moved.items()
        }
        return Shown(target.with_vertices(target.vertices[:frames]), predicted)

    def _curves(self, name: str, shown: Shown) -> str:
        target = shown.target
        if not set(target.topology.landmarks) >= INNER_LIPS:
            return ""
        curves = {name: _opening(clip) for name, clip in shown.predicted.items()}
        places = {name: self._place(name) for name in curves}
        return self._plot(
            f"opening {name}", plots.openings(_opening(target), curves, target.fps, target.phones, places)
        )

    def _video(self, name: str, shown: Shown) -> str:
        target = shown.target
        if not len(target.topology.faces):
            return ""
        first, motion = next(iter(shown.predicted.items()))
        if self.error_limit is None:
            self.error_limit = round_up(_largest(motion, target))
        panels = [
            Panel(title, clip.vertices, target.template, target.colors)
            for title, clip in {"target": target, **shown.predicted}.items()
        ]
        panels.append(Panel(f"error of {first}", motion.vertices, target.template, target=target.vertices))
        path = self.folder("videos") / f"{_slug(name)}.mp4"
        write(
            panels,
            path,
            topology=target.topology,
            fps=target.fps,
            audio=target.audio,
            options=LOOK,
            limit_mm=self.error_limit,
            total=target.frames,
        )
        source = f"data:video/mp4;base64,{base64.b64encode(path.read_bytes()).decode()}"
        return f'<figure><video controls loop playsinline preload="auto" src="{source}"></video></figure>'


def _resource(name: str) -> str:
    return (files("talkcli.resources") / name).read_text(encoding="utf-8")


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")


def _grouped(model: ModelResult, metric: str, kind: str) -> dict[str, Sequence[float]]:
    found: dict[str, list[float]] = {}
    for clip, measured in model.measured(metric):
        found.setdefault(getattr(clip, kind), []).append(measured.value)
    return dict(found)


def _opening(clip: MotionClip) -> NDArray[np.float64]:
    """(T,) mm."""
    return 1000 * lip_gap(clip).astype(np.float64)


def _largest(clip: MotionClip, target: MotionClip) -> float:
    """The distance in mm under which 99.5 % of the vertices are in the worst frame."""
    frames = zip(clip.vertices, target.vertices, strict=True)
    return max((float(np.percentile(distance_mm(*frame), 99.5)) for frame in frames), default=0.0)
