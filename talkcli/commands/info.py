"""`talk info`: what a file, a folder or a shipped model is."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer


def info(
    things: Annotated[list[str], typer.Argument(help="Clips, meshes, sounds, data sets, runs, checkpoints or models.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Tell what something is: motion, a mesh, sound, phones, a data set, a run or a checkpoint."""
    from talkcli.errors import TalkError
    from talkcli.info import describe

    failed = []
    for number, thing in enumerate(things):
        try:
            facts = describe(thing)
        except TalkError as error:
            failed.append(str(error))
            continue
        if as_json:
            typer.echo(json.dumps({"path": thing, **facts}, ensure_ascii=False))
            continue
        lines = [f"{key}: {_spelled(value)}" for key, value in facts.items() if value not in (None, "", [], {})]
        typer.echo("\n".join([*([""] if number else []), thing, *(f"  {line}" for line in lines)]))
    if failed:
        raise TalkError("; ".join(failed))


def _spelled(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
