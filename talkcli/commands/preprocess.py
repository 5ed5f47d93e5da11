"""`talk preprocess`: raw data in, prepared data out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Prepare data for training.", no_args_is_help=True)


@app.callback()
def preprocess() -> None:
    """Prepare data for training."""


@app.command()
def synthetic(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write; an unfinished one is continued.")],
    hours: Annotated[float, typer.Option(min=0.0, help="How much speech to make.")] = 4.0,
    seed: Annotated[int, typer.Option(help="Same seed, same corpus.")] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes at once; as many as cores if not given.")] = None,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Begin again in a folder that holds something else.")
    ] = False,
) -> None:
    """Make the synthetic corpus: sentences spoken by free synthesizers, and the head that speaks them."""
    from talkcli.preprocess import preprocess_synthetic

    preprocess_synthetic(out, hours=hours, seed=seed, jobs=jobs, force=force)
    typer.echo(out)
