"""`talk train`: prepared data in, a run with its checkpoints out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    data: Annotated[Path, typer.Option(help="Prepared data (`talk preprocess`).")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder of the run; an unfinished run is continued with --resume.")
    ],
    method: Annotated[str, typer.Option(help="Which method, e.g. selftalk.")] = "selftalk",
    preset: Annotated[str | None, typer.Option(help="A named config that is shipped.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with keys that differ from the preset.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="One key, e.g. optim.lr=3e-4. May be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same run on the same machine.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Begin again in a folder that holds a run.")] = False,
) -> None:
    """Train a method on prepared data."""
    from talkcli.train import train as train_model

    best = train_model(
        method,
        data,
        out,
        preset=preset,
        config=config,
        overrides=set_ or [],
        seed=seed,
        device=device,
        resume=resume,
        force=force,
    )
    typer.echo(best)
