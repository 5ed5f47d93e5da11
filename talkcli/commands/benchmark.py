"""`talk benchmark`: every method trained and judged alike, and one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli.commands.outputs import Device


def benchmark(
    data: Annotated[Path, typer.Option(help="Prepared data, such as the synthetic corpus.")],
    row: Annotated[list[str] | None, typer.Option(help="Only this row. May be repeated.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each row.")] = 3,
    runs: Annotated[Path, typer.Option(help="Folder of the trained models.")] = Path("runs/benchmark"),
    results: Annotated[Path, typer.Option(help="Folder of the results; those that are there stay.")] = Path(
        "benchmarks/results"
    ),
    table: Annotated[Path, typer.Option(help="Document whose table is written.")] = Path("docs/benchmark.md"),
    preset: Annotated[str, typer.Option(help="Config of the runs.")] = "benchmark",
    device: Device = "auto",
    jobs: Annotated[int, typer.Option(min=0, help="Processes that prepare features; 0: one a core.")] = 0,
) -> None:
    """Train and judge every method of the table that has no result yet, and write the table."""
    from talkcli.benchmark import ROWS, BenchmarkOptions
    from talkcli.benchmark import benchmark as run

    options = BenchmarkOptions(
        data=data,
        rows=tuple(row or ROWS),
        seeds=seeds,
        runs=runs,
        results=results,
        table=table,
        preset=preset,
        device=device,
        jobs=jobs,
    )
    typer.echo(run(options))
