"""The benchmark of methods: every row trained and judged alike, one small result a run, and a table of them all."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import talkcli
from talkcli.benchmark.rows import ROWS
from talkcli.benchmark.tables import HEADLINES, write_table
from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.prepared import Corpus

RUNS_FORMAT = 1


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
    clips |= _reading(options, out)
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


def _reading(options: BenchmarkOptions, out: Path) -> dict[str, dict[str, list[float]]]:
    """How a run's lip reader reads recorded motion; nothing where it has none."""
    from talkcli.reading import reading_errors

    if not (out / "reader.safetensors").is_file():
        return {}
    found = reading_errors(str(out), Corpus.open(options.data), options.split, options.device)
    return {name: {clip: [_short(value), weight] for clip, (value, weight) in of.items()} for name, of in found.items()}


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


__all__ = ["ROWS", "BenchmarkOptions", "benchmark", "missing", "result_path", "run"]
