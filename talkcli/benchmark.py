"""The benchmark of methods: every row trained and judged alike, one small result a run, and one table of all of them.

Shape letters: R rows, S seeds, C clips.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import talkcli
from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.evaluate.predictions import Phones
from talkcli.evaluate.statistics import Interval, interval
from talkcli.metrics import METRICS

RUNS_FORMAT = 1
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


@dataclass(frozen=True)
class Row:
    """A method with what differs from its benchmark preset, and what that means.

    In overrides {seed} is the run's, and {runs} the folder of all runs: another row's model of the same seed is there,
    which after names. phones are who tells the keys when it is judged; run is the row whose model it is, its own by
    default.
    """

    method: str
    overrides: tuple[str, ...] = ()
    about: str = ""
    after: str = ""
    phones: Phones = "head"
    run: str = ""


def _plugged(host: str, mode: str) -> Row:
    """KMTalk's learning scheme on another row's model."""
    settings = (f"model.host.source={{runs}}/{host}-{{seed}}", f"model.host.mode={mode}")
    how = "its motion at the keys" if mode == "posthoc" else "asked for the keys alone"
    return Row("kmtalk", settings, f"{host} completed by KMTalk: {how}", after=host)


# To add a method, an ablation or a plug-in: its line here.
ROWS: dict[str, Row] = {
    "faceformer": Row("faceformer", about="fed with recorded frames in training"),
    "selftalk": Row("selftalk", about="with the lip-reading losses"),
    "selftalk-no-lip-reading": Row(
        "selftalk", ("model.latent_weight=0", "model.ctc_weight=0"), "without the latent and the CTC loss"
    ),
    "kmtalk": Row("kmtalk", about="keys where its own phone head hears phones begin and end"),
    "kmtalk-known-phones": Row(
        "kmtalk", about="the same models, with the true times of phones", phones="data", run="kmtalk"
    ),
    "kmtalk-uniform-keys": Row("kmtalk", ("model.keys.source=uniform",), "nine keys a second wherever they fall"),
    "kmtalk-no-key-decoder": Row("kmtalk", ("model.key_layers=0",), "keys from the sound of their own frame"),
    "kmtalk-no-audio": Row("kmtalk", ("model.completion_audio=false",), "completion without the sound"),
    "faceformer+kmtalk": _plugged("faceformer", "posthoc"),
    "selftalk+kmtalk": _plugged("selftalk", "posthoc"),
    "faceformer+kmtalk-native": _plugged("faceformer", "native"),
    "selftalk+kmtalk-native": _plugged("selftalk", "native"),
}


@dataclass(frozen=True, kw_only=True)
class BenchmarkOptions:
    """runs keeps the trained models, results a JSON file a run, table the document that holds the table."""

    data: Path
    rows: Sequence[str] = tuple(ROWS)
    seeds: int = 3
    runs: Path = Path("runs/benchmark")
    results: Path = Path("benchmarks/results")
    table: Path = Path("docs/benchmark.md")
    preset: str = "benchmark"
    split: str = "test"
    device: str = "auto"
    jobs: int = 0


def benchmark(options: BenchmarkOptions) -> Path:
    """Makes the results that are missing, and writes the table of all that are there; returns the table's file.

    Raises:
        TalkError: an unknown row, or what training and evaluation say.
    """
    for name in options.rows:
        if name not in ROWS:
            raise TalkError(f"the benchmark has no row '{name}'; choose from: {', '.join(ROWS)}")
    for name, seed in missing(options):
        note(f"benchmark: {name}, seed {seed}")
        _save(result_path(options, name, seed), run(options, name, seed))
    write_table(options.table, options.results)
    return options.table


def missing(options: BenchmarkOptions) -> Iterator[tuple[str, int]]:
    """Rows and seeds without a result, one seed of every row before the next."""
    pairs = ((name, seed) for seed in range(options.seeds) for name in options.rows)
    return ((name, seed) for name, seed in pairs if not result_path(options, name, seed).is_file())


def result_path(options: BenchmarkOptions, name: str, seed: int) -> Path:
    return options.results / f"{name}-{seed}.json"


def run(options: BenchmarkOptions, name: str, seed: int) -> dict[str, Any]:
    """Trains a row with a seed (or goes on with it), judges it, and tells the result in plain values."""
    from talkcli.evaluate import EvaluateOptions, evaluate
    from talkcli.train import TrainOptions, train

    row = ROWS[name]
    out = options.runs / f"{row.run or name}-{seed}"
    start, trained = time.perf_counter(), (out / "done").is_file()
    if not trained:
        if row.after and not (options.runs / f"{row.after}-{seed}" / "done").is_file():
            raise TalkError(f"the row '{name}' needs the model of '{row.after}', seed {seed}: run that row first")
        overrides = [text.format(seed=seed, runs=options.runs) for text in row.overrides] + [f"seed={seed}"]
        train(
            TrainOptions(
                method=row.method,
                data=options.data,
                out=out,
                preset=options.preset,
                overrides=overrides,
                device=options.device,
                jobs=options.jobs,
            )
        )
    seconds = time.perf_counter() - start
    judged = evaluate(
        EvaluateOptions(
            sources=[str(out)],
            data=options.data,
            split=options.split,
            device=options.device,
            phones=row.phones,
            styles=1,
        )
    )
    (model,) = judged.models
    clips = {
        metric: {clip.clip: [_short(each.value), each.weight] for clip, each in model.measured(metric)}
        for metric in HEADLINES
    }
    return {
        "format": RUNS_FORMAT,
        "row": name,
        "method": row.method,
        "preset": options.preset,
        "overrides": list(row.overrides),
        "seed": seed,
        "data": judged.data,
        "split": options.split,
        "version": talkcli.__version__,
        "train_seconds": None if trained else round(seconds, 1),  # of a run that was trained before nobody knows
        "clips": {metric: values for metric, values in clips.items() if values},
    }


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def _save(path: Path, result: Mapping[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text(json.dumps(result, separators=(",", ":")) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise TalkError(f"cannot write '{path}': {error.strerror or error}") from error


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
    body = f"{BEGIN}\n\n{table(read_results(results))}\n\n{END}"
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
