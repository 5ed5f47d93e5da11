"""The results of all runs as tables in a document.

Shape letters: S seeds, C clips.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from talkcli.benchmark.rows import ROWS
from talkcli.errors import TalkError
from talkcli.evaluate.statistics import Interval, interval
from talkcli.metrics import METRICS

BEGIN, END = "<!-- the table: `talk benchmark` writes what is between these lines -->", "<!-- end -->"
HEADLINES = (
    "lve",
    "lip_distance_mm",
    "mve",
    "fdd",
    "mod_mm",
    "opening_correlation",
    "closure_recall",
    "false_closures",
    "articulation",
)

READING = ("reading", "shuffled", "mean")  # of runs with a lip reader; see score


@dataclass(frozen=True)
class Cell:
    """A metric of a row: the mean over seeds, its 95 % interval over clips, and its deviation over seeds."""

    value: float
    limits: Interval
    deviation: float
    seeds: int


def read_results(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The results in a folder by row, rows in the table's order.

    Raises:
        TalkError: one is broken.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            found.setdefault(result["row"], []).append(result)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TalkError(f"'{path}' is no result of the benchmark ({error}): remove it and run it again") from error
    return {name: found[name] for name in ROWS if name in found}


def cell(results: Sequence[Mapping[str, Any]], metric: str) -> Cell | None:
    """A metric over all seeds of a row; None where no result has it."""
    known = [result["clips"][metric] for result in results if metric in result["clips"]]
    names = sorted(set.intersection(*(set(clips) for clips in known))) if known else []
    if not names:
        return None
    values = np.array([[clips[name][0] for name in names] for clips in known])  # (S, C)
    weights = np.array([known[0][name][1] for name in names])  # (C,)
    each = values @ weights / weights.sum()  # (S,)
    limits = interval(values.mean(axis=0), weights)
    return Cell(float(each.mean()), limits, float(each.std(ddof=1)) if len(each) > 1 else float("nan"), len(each))


def table(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Markdown: a row a method, a column a metric."""
    heads = [f"{METRICS[name].title}{_unit(name)}" for name in HEADLINES]
    lines = [f"| row | seeds | training | {' | '.join(heads)} |", "|" + "---|" * (3 + len(HEADLINES))]
    for name, these in results.items():
        seconds = [result["train_seconds"] for result in these if result["train_seconds"] is not None]
        minutes = f"{np.mean(seconds) / 60:.1f} min" if seconds else "-"
        cells = [_text(cell(these, metric)) for metric in HEADLINES]
        lines.append(f"| `{name}` | {len(these)} | {minutes} | {' | '.join(cells)} |")
    return "\n".join(lines)


def reading_table(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Markdown: a row a method with a lip reader, and how wrong that is; nothing where no method has one."""
    lines = ["| row | seeds | recorded motion | its frames in any order | always the mean |", "|" + "---|" * 5]
    for name, these in results.items():
        cells = [cell(these, metric) for metric in READING]
        if cells[0] is not None:
            lines.append(f"| `{name}` | {cells[0].seeds} | {' | '.join(_text(each) for each in cells)} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def _unit(metric: str) -> str:
    unit = METRICS[metric].unit.format(u="m")
    return f", {unit}" if unit else ""


def _text(found: Cell | None) -> str:
    if found is None:
        return "-"
    spread = "" if np.isnan(found.deviation) else f" ± {found.deviation:.2g}"
    return f"{found.value:.4g}{spread} [{found.limits.low:.4g}, {found.limits.high:.4g}]"


def write_table(path: Path, results: Path) -> None:
    """Puts the table of all results between the marks of a document, whose other words stay."""
    found = read_results(results)
    read = reading_table(found)
    tables = [
        table(found),
        *([f"How wrong lip readers are about clips that no run has seen:\n\n{read}"] if read else []),
    ]
    body = "\n\n".join([BEGIN, *tables, END])
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else f"# The benchmark of methods\n\n{BEGIN}\n{END}\n"
        before, begin, rest = text.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise TalkError(f"'{path}' has no place for the table: put the lines '{BEGIN}' and '{END}' into it")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(before + body + after, encoding="utf-8")
    except OSError as error:
        raise TalkError(f"cannot write '{path}': {error.strerror or error}") from error
