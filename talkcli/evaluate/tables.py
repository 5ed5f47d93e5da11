"""An evaluation as text for people and as plain data for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from talkcli.console import counted, some, table
from talkcli.evaluate.results import Difference, Evaluation, ModelResult, Score, unit_of
from talkcli.evaluate.statistics import Interval
from talkcli.metrics import METRICS

SURE = 0.05
SILENT = "the data tells no such region, landmarks, phones or speech"  # why a metric has no number


def number(value: float) -> str:
    """Four digits: as 1.234e-05 where the number is small or large."""
    return f"{value:.4g}" if value == 0 or 0.01 <= abs(value) < 1e4 else f"{value:.3e}"


def limits(interval: Interval) -> str:
    return f"[{number(interval.low)}, {number(interval.high)}]"


def score_table(evaluation: Evaluation) -> str:
    """A row a metric; for each model its value with the 95 % interval over clips."""
    names = [model.name for model in evaluation.models]
    rows = []
    for metric in evaluation.metrics:
        scores = {name: evaluation.scores[name].get(metric) for name in names}
        known = next((score for score in scores.values() if score), None)
        if known is None:
            continue
        about = METRICS[metric]
        cells = [_cell(score) for score in scores.values()]
        told = [about.region, unit_of(about, evaluation.unit), about.better, *cells]
        rows.append([metric, *told, str(known.clips), str(known.frames), str(known.vertices)])
    heads = ["metric", "region", "unit", "better", *names, "clips", "frames", "vertices"]
    return "\n".join([_heading(evaluation), table(heads, rows), *_various(evaluation), *_left_out(evaluation)])


def _cell(score: Score | None) -> str:
    return "-" if score is None else f"{number(score.value)} {limits(score.over_clips)}"


def _heading(evaluation: Evaluation) -> str:
    return (
        f"{evaluation.data}, split {evaluation.split}, protocol {evaluation.protocol}; in brackets 95 % bootstrap "
        "intervals over clips"
    )


def _various(evaluation: Evaluation) -> list[str]:
    unit = unit_of(METRICS["mve"], evaluation.unit)
    known = [(model.name, model.diversity) for model in evaluation.models if model.diversity is not None]
    return [f"diversity over styles, {name}: {number(value)} {unit}" for name, value in known]


def _left_out(evaluation: Evaluation) -> list[str]:
    """What has no number, model by model."""
    lines = []
    for model in evaluation.models:
        for what, names in (
            ("missing", model.missing),
            ("too short", list(model.short)),
            ("failed", list(model.failed)),
        ):
            if names:
                lines.append(f"{model.name}: {counted(len(names), 'clip')} {what}: {some(names)}")
    silent = [name for name in evaluation.metrics if not any(name in found for found in evaluation.scores.values())]
    if silent:
        lines.append(f"no number for {', '.join(silent)}: {SILENT}")
    return lines


def difference_table(evaluation: Evaluation) -> str:
    """A row for each two models and metric; * marks what chance alone seldom does. "" for a single model."""
    rows = [
        [
            f"{d.first} - {d.second}",
            d.metric,
            number(d.value),
            limits(d.interval),
            f"{d.p:.3g}",
            "*" * (d.p < SURE),
            str(d.clips),
        ]
        for d in evaluation.differences
    ]
    if not rows:
        return ""
    heads = ["paired difference", "metric", "mean", "95 %", "p", "", "clips"]
    return f"{table(heads, rows)}\np: Wilcoxon's signed-rank test; * where it is under {SURE:g}, each test by itself"


def clip_table(evaluation: Evaluation, model: ModelResult) -> str:
    """A row a clip."""
    known = [metric for metric in evaluation.metrics if metric in evaluation.scores[model.name]]
    rows = [
        [clip.clip, clip.subject, str(clip.frames), *(_value(clip.values, metric) for metric in known)]
        for clip in model.clips
    ]
    return f"{model.name}\n{table(['clip', 'subject', 'frames', *known], rows)}"


def _value(values: Mapping[str, Any], metric: str) -> str:
    return number(values[metric].value) if metric in values else "-"


def as_dict(evaluation: Evaluation) -> dict[str, Any]:
    """Everything, in plain values."""
    return {
        "data": evaluation.data,
        "split": evaluation.split,
        "protocol": evaluation.protocol,
        "unit": evaluation.unit,
        "settings": asdict(evaluation.settings),
        "provenance": dict(evaluation.provenance),
        "metrics": {name: _about(name, evaluation.unit) for name in evaluation.metrics},
        "models": {model.name: _model(evaluation, model) for model in evaluation.models},
        "differences": [_difference(each) for each in evaluation.differences],
    }


def _about(name: str, unit: str) -> dict[str, str]:
    metric = METRICS[name]
    return {
        "title": metric.title,
        "unit": unit_of(metric, unit),
        "region": metric.region,
        "better": metric.better,
        "pooled": metric.pooled,
        "source": metric.source,
        "stage": metric.stage,
    }


def _model(evaluation: Evaluation, model: ModelResult) -> dict[str, Any]:
    clips = [
        {
            "clip": clip.clip,
            "subject": clip.subject,
            "text": clip.text,
            "frames": clip.frames,
            "styles": list(clip.styles),
            "values": {name: measured.value for name, measured in clip.values.items()},
        }
        for clip in model.clips
    ]
    return {
        "scores": {name: asdict(score) for name, score in evaluation.scores[model.name].items()},
        "diversity": model.diversity,
        "missing": list(model.missing),
        "short": dict(model.short),
        "failed": dict(model.failed),
        "clips": clips,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return asdict(difference)
