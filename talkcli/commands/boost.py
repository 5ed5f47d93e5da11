"""`talk boost`: another model's motion, completed from its key frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli.commands import values
from talkcli.commands.outputs import Device


def boost(
    host: Annotated[
        str,
        typer.Argument(
            help="A run, a checkpoint, or a folder of another tool's predictions.", autocompletion=values.models
        ),
    ],
    data: Annotated[Path, typer.Option(help="Prepared data with phones.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for a .npy of (T, V, 3) a clip.")],
    model: Annotated[str, typer.Option(help="A trained KMTalk.", autocompletion=values.models)] = "kmtalk-tiny",
    split: Annotated[
        str, typer.Option(help="Which clips: test, val, train, test-a ...", autocompletion=values.splits)
    ] = "test",
    device: Device = "auto",
    force: Annotated[bool, typer.Option("--force", "-f", help="Write over files that are there.")] = False,
) -> None:
    """Keep other motion at the key frames alone, and complete it from the sound (KMTalk as a plug-in)."""
    from talkcli.boost import BoostOptions
    from talkcli.boost import boost as run

    run(BoostOptions(host=host, model=model, data=data, out=out, split=split, device=device, force=force))
    typer.echo(out)
