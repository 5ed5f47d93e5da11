"""`talk train`: prepared data in, a run with its checkpoints out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from talkcli.commands import values
from talkcli.commands.outputs import Device


def train(
    data: Annotated[Path, typer.Option(help="Prepared data (`talk preprocess`).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; an unfinished run goes on.")],
    method: Annotated[
        str, typer.Option(help="Which method, e.g. selftalk.", autocompletion=values.methods)
    ] = "selftalk",
    preset: Annotated[
        str,
        typer.Option(
            help="A config that is shipped: tiny, paper-vocaset or paper-biwi.", autocompletion=values.presets
        ),
    ] = "tiny",
    config: Annotated[Path | None, typer.Option(help="TOML file with keys that differ from the preset.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="One key, e.g. optim.lr=3e-4. May be repeated.")
    ] = None,
    dual: Annotated[
        bool | None,
        typer.Option("--dual/--no-dual", help="Learn lip reading beside it, as DualTalker. Same as --set dual.on=..."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same as --set seed=...")] = None,
    device: Device = "auto",
    jobs: Annotated[int, typer.Option(min=0, help="Processes that prepare features; 0: one a core.")] = 0,
    force: Annotated[bool, typer.Option("--force", "-f", help="Train anew where --out holds a run.")] = False,
) -> None:
    """Train a method on prepared data; started by torchrun, on several GPUs or machines."""
    from talkcli.train import TrainOptions
    from talkcli.train import train as train_model

    overrides = [*(set_ or []), *([] if seed is None else [f"seed={seed}"])]
    overrides += [] if dual is None else [f"dual.on={str(dual).lower()}"]
    options = TrainOptions(
        method=method,
        data=data,
        out=out,
        preset=preset,
        config=config,
        overrides=overrides,
        device=device,
        jobs=jobs,
        force=force,
    )
    best = train_model(options)
    if os.environ.get("RANK", "0") == "0":  # of the processes that torchrun starts, the first speaks
        typer.echo(best)
