"""`talk import`: weights that a method's authors published in, a checkpoint out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli.commands import values


def import_(
    weights: Annotated[Path, typer.Argument(help="The authors' file, e.g. vocaset.pth; only tensors are read.")],
    method: Annotated[str, typer.Option(help="Whose it is: selftalk or faceformer.", autocompletion=values.methods)],
    data: Annotated[Path, typer.Option(help="Prepared data of the data set that it was trained on.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder or .safetensors file to write.")],
    force: Annotated[bool, typer.Option("--force", "-f", help="Write over an existing checkpoint.")] = False,
) -> None:
    """Turn weights that a method's authors published into a checkpoint."""
    from talkcli.importing import ImportOptions, import_weights

    typer.echo(import_weights(ImportOptions(weights=weights, method=method, data=data, out=out, force=force)))
