"""The report's tables and lists as HTML; everything that comes from names is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from talkcli.console import counted
from talkcli.evaluate.plots import color_of
from talkcli.evaluate.results import Difference, Evaluation, ModelResult, Score, unit_of
from talkcli.evaluate.statistics import Interval
from talkcli.evaluate.tables import SILENT, SURE, number
from talkcli.metrics import METRICS

ARROWS = {"lower": "↓", "higher": "↑", "nearer 0": "→ 0"}


def told(value: float) -> str:
    """A number with four digits, and a power of ten where it is small or large."""
    mantissa, e, exponent = number(value).partition("e")
    text = f"{mantissa}&times;10<sup>{int(exponent)}</sup>" if e else mantissa
    return text.replace("-", "&minus;")


def _limits(interval: Interval, value: float) -> str:
    """The interval, with the power of ten of its value outside the brackets."""
    power = int(number(value).partition("e")[2] or 0)
    low, high = (f"{limit / 10.0**power:.4g}" for limit in (interval.low, interval.high))
    after = f"&times;10<sup>{power}</sup>" if power else ""
    return f"[{low}, {high}]{after}".replace("-", "&minus;")


def table(heads: Sequence[str], rows: Iterable[str], *, name: str = "", tall: bool = False) -> str:
    """Rows that are HTML already, under heads that are, in a frame that scrolls where they are too wide."""
    identity = f' id="{name}"' if name else ""
    return (
        f'<div class="scroll{" tall" if tall else ""}"><table{identity}><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def model_name(place: int, name: str) -> str:
    """A model's name with its colour in the plots."""
    return f'<span class="swatch" style="background:{color_of(place)}"></span>{escape(name)}'


def metric_name(name: str) -> str:
    """What it is called, its name here and whose it is."""
    about = METRICS[name]
    return f"{escape(about.title)}<small><code>{escape(name)}</code> · {escape(about.source)}</small>"


# -- scores -----------------------------------------------------------------------------------------------------------


def score_table(evaluation: Evaluation) -> str:
    """A row a metric; for each model its value with the 95 % interval over clips, the best one marked."""
    models = [model.name for model in evaluation.models]
    heads = ["<th>metric</th>", '<th class="left">unit<small>region</small></th>']
    heads += [f"<th>{model_name(place, name)}</th>" for place, name in enumerate(models)]
    heads += ["<th>clips</th>", "<th>frames<small>vertices</small></th>"]
    rows = []
    for metric in evaluation.metrics:
        found = [evaluation.scores[name].get(metric) for name in models]
        known = [score for score in found if score is not None]
        if known:
            rows.append(_score_row(metric, found, known, evaluation.unit))
    return table(heads, rows)


def _score_row(metric: str, found: Sequence[Score | None], known: Sequence[Score], unit: str) -> str:
    about = METRICS[metric]
    top = min(badness(metric, score.value) for score in known)
    cells = "".join(
        _score_cell(score, len(found) > 1 and score is not None and badness(metric, score.value) == top)
        for score in found
    )
    clips, frames, vertices = (
        _range([getattr(score, each) for score in known]) for each in ("clips", "frames", "vertices")
    )
    unit, arrow = escape(unit_of(about, unit)), f'<span title="{about.better} is better">{ARROWS[about.better]}</span>'
    region = escape(about.region.replace("_", " "))
    return (
        f'<tr><th class="left">{metric_name(metric)}</th><td class="left quiet">{unit} {arrow}<small>{region}</small>'
        f'</td>{cells}<td class="quiet">{clips}</td><td class="quiet">{frames}<small>{vertices}</small></td></tr>'
    )


def _score_cell(score: Score | None, best: bool) -> str:
    if score is None:
        return '<td class="quiet">&ndash;</td>'
    over = "" if score.over_subjects is None else f"<small>{_limits(score.over_subjects, score.value)} s</small>"
    kind = ' class="best"' if best else ""
    return f"<td{kind}><b>{told(score.value)}</b><small>{_limits(score.over_clips, score.value)}</small>{over}</td>"


def badness(metric: str, value: float) -> float:
    """The larger, the worse."""
    return {"lower": value, "higher": -value, "nearer 0": abs(value)}[METRICS[metric].better]


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


# -- differences ------------------------------------------------------------------------------------------------------


def difference_table(evaluation: Evaluation) -> str:
    """A row a metric and a column for each two models; "" where there are none."""
    found = {(each.metric, each.first, each.second): each for each in evaluation.differences}
    pairs = list(dict.fromkeys((each.first, each.second) for each in evaluation.differences))
    metrics = [name for name in evaluation.metrics if any(each.metric == name for each in evaluation.differences)]
    if not found:
        return ""
    heads = ["<th>metric</th>", '<th class="left">unit</th>']
    heads += [f"<th>{escape(first)} &minus; {escape(second)}</th>" for first, second in pairs]
    rows = []
    for metric in metrics:
        cells = "".join(_difference_cell(evaluation, found.get((metric, *pair))) for pair in pairs)
        unit = escape(unit_of(METRICS[metric], evaluation.unit))
        rows.append(f'<tr><th class="left">{metric_name(metric)}</th><td class="left quiet">{unit}</td>{cells}</tr>')
    return table(heads, rows)


def _difference_cell(evaluation: Evaluation, difference: Difference | None) -> str:
    if difference is None:
        return '<td class="quiet">&ndash;</td>'
    metric, p = difference.metric, difference.p
    names = [model.name for model in evaluation.models]
    scores = {name: evaluation.scores[name][metric].value for name in (difference.first, difference.second)}
    better = min(scores, key=lambda name: badness(metric, scores[name]))
    chip = f' <span class="chip">{model_name(names.index(better), better)}</span>' if p < SURE else ""
    shown = "p &lt; 0.001" if p < 0.001 else f"p = {p:.3f}"
    return (
        f"<td><b>{told(difference.value)}</b><small>{_limits(difference.interval, difference.value)}</small>"
        f"<small>{shown}, {counted(difference.clips, 'clip')}{chip}</small></td>"
    )


# -- clips ------------------------------------------------------------------------------------------------------------


def clip_table(evaluation: Evaluation, shown: str) -> str:
    """A row a clip with the values of all models; a list above it chooses the metric, at first the shown one."""
    metrics = [name for name in evaluation.metrics if any(name in found for found in evaluation.scores.values())]
    options = "".join(
        f'<option value="{place}"{" selected" if name == shown else ""}>{escape(titled(name, evaluation.unit))}'
        for place, name in enumerate(metrics)
    )
    heads = [f'<th data-sort="text" class="left">{name}</th>' for name in ("clip", "subject", "sentence")]
    heads += ['<th data-sort="number">frames</th>']
    for place, metric in enumerate(metrics):
        hidden = "" if metric == shown else " hidden"
        heads += [
            f'<th data-sort="number" data-m="{place}"{hidden}>{model_name(index, model.name)}</th>'
            for index, model in enumerate(evaluation.models)
        ]
    rows = _clip_rows(evaluation.models, metrics, shown)
    choice = f'<label>metric <select data-table="clips">{options}</select></label>'
    return choice + table(heads, rows, name="clips", tall=True)


def titled(metric: str, unit: str) -> str:
    """A metric's name with its unit."""
    in_unit = unit_of(METRICS[metric], unit)
    return f"{METRICS[metric].title} in {in_unit}" if in_unit else METRICS[metric].title


def _clip_rows(models: Sequence[ModelResult], metrics: Sequence[str], shown: str) -> list[str]:
    by_model = [{clip.clip: clip for clip in model.clips} for model in models]
    clips = {name: clip for found in reversed(by_model) for name, clip in found.items()}
    rows = []
    for name in sorted(clips):
        clip = clips[name]
        cells = [
            f'<th class="left">{escape(name)}</th><td class="left">{escape(clip.subject)}</td>'
            f'<td class="text">{escape(clip.text)}</td><td data-v="{clip.frames}">{clip.frames}</td>'
        ]
        for place, metric in enumerate(metrics):
            hidden = "" if metric == shown else " hidden"
            for found in by_model:
                measured = found[name].values.get(metric) if name in found else None
                value = "" if measured is None else repr(float(measured.value))
                text = "&ndash;" if measured is None else told(measured.value)
                cells.append(f'<td data-m="{place}" data-v="{value}"{hidden}>{text}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return rows


# -- what is around the numbers ---------------------------------------------------------------------------------------


def left_out(evaluation: Evaluation) -> str:
    """What has no number, by name; "" where everything has."""
    parts = []
    for model in evaluation.models:
        for title, names in (
            ("without prediction", dict.fromkeys(model.missing, "")),
            ("too short for the protocol", model.short),
            ("could not be compared", model.failed),
        ):
            if names:
                heading = f"<b>{escape(model.name)}: {counted(len(names), 'clip')} {title}</b>"
                parts.append(f'<div class="warn">{heading}{_names(names)}</div>')
    silent = [name for name in evaluation.metrics if not any(name in found for found in evaluation.scores.values())]
    if silent:
        listed = escape(", ".join(f"{METRICS[name].title} ({name})" for name in silent))
        parts.append(f'<p class="note">No number for {listed}: {SILENT}.</p>')
    return "".join(parts)


def _names(reasons: Mapping[str, str]) -> str:
    if not any(reasons.values()):
        return f"<br>{escape(', '.join(reasons))}"
    items = "".join(f"<li>{escape(why if name in why else f'{name}: {why}')}</li>" for name, why in reasons.items())
    return f"<ul>{items}</ul>"


def facts(pairs: Mapping[str, str]) -> str:
    """Short facts in a row; the values are HTML."""
    return f'<ul class="facts">{"".join(f"<li><b>{escape(k)}</b>{v}</li>" for k, v in pairs.items())}</ul>'


def provenance(values: Mapping[str, Any]) -> str:
    """What is known of how the numbers were made, names to values, nested ones with dots."""
    rows = "".join(f"<dt>{escape(key)}</dt><dd><code>{escape(str(value))}</code></dd>" for key, value in _flat(values))
    return f"<dl>{rows}</dl>" if rows else ""


def _flat(values: Mapping[str, Any], start: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{start}{key}.")
        else:
            yield f"{start}{key}", ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
