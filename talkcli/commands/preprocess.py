"""`talk preprocess`: raw data in, prepared data out."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="Prepare data for training.", no_args_is_help=True)


@app.callback()
def preprocess() -> None:
    """Prepare data for training."""


@app.command()
def synthetic(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write; an unfinished one goes on.")],
    hours: Annotated[float | None, typer.Option(min=0.0, help="How much speech to make.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed and synthesizers, same corpus.")] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes at once; 0: one a core.")] = 0,
    force: Annotated[bool, typer.Option("--force", "-f", help="Make clips anew that are there already.")] = False,
) -> None:
    """Make the synthetic corpus: sentences that free synthesizers speak, and a head that speaks along."""
    from talkcli.datasets.synthetic import Options as Synthetic
    from talkcli.preprocess import Options, preprocess

    given: dict[str, Any] = {name: value for name, value in (("hours", hours), ("seed", seed)) if value is not None}
    command = " ".join(["talk preprocess synthetic", *(f"--{name} {value:g}" for name, value in given.items())])
    options = Options(jobs=jobs or os.cpu_count() or 1, force=force, command=command)
    preprocess("synthetic", out, replace(Synthetic(), **given), options)
    typer.echo(out)
