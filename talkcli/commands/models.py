"""`talk models`: the models to animate with, those that are shipped and runs, and who judges them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkcli.commands.values import RUNS
from talkcli.console import note, table

if TYPE_CHECKING:
    from talkcli.catalogue import Entry, Run


def models(
    runs: Annotated[
        list[Path] | None, typer.Option(help="Another folder of runs beside ./runs. May be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, in place of tables.")] = False,
) -> None:
    """List the shipped models and lip readers and your runs, how each was made, and what `--model` takes."""
    from talkcli import catalogue

    shipped, readers = catalogue.shipped(), catalogue.readers()
    folders = [*([RUNS] if RUNS.is_dir() else []), *(runs or [])]
    found = [run for folder in dict.fromkeys(folders) for run in catalogue.runs(folder)]
    if as_json:
        lists: dict[str, Sequence[Entry]] = {"shipped": shipped, "runs": found, "readers": readers}
        listed = {name: [entry.as_dict() for entry in entries] for name, entries in lists.items()}
        typer.echo(json.dumps(listed, ensure_ascii=False))
        return
    if not shipped:
        note("no model is shipped with this build: make one with `talk train`")
    parts = [_shipped("shipped", shipped)] if shipped else []
    parts += [_shipped("lip reader", readers)] if readers else []
    parts += [_runs(found)] if found else []
    parts += [_problems([*shipped, *readers, *found])]
    usable = [run.name for run in found if run.usable] or [entry.name for entry in shipped if entry.usable]
    if usable:
        parts.append(f"to use one: talk animate speech.wav --model {shlex.quote(usable[-1])} --out face.mp4")
    if any(parts):
        typer.echo("\n\n".join(part for part in parts if part))


def _shipped(kind: str, entries: Sequence[Entry]) -> str:
    heads = (kind, "method", "encoder", "weights", "file", "fps", "trained on")
    rows = [
        (
            entry.name,
            entry.method or "-",
            entry.encoder or "-",
            f"{entry.weights / 1e6:.1f} M",
            f"{entry.bytes / 1e6:.1f} MB",
            f"{entry.fps or 0:g}",
            f"{entry.data}, {entry.subjects} subjects",
        )
        for entry in entries
    ]
    made = [f"{entry.name} was made by: {entry.command}" for entry in entries if entry.command]
    return "\n".join([table(heads, rows, words=3), *made])


def _runs(found: Sequence[Run]) -> str:
    heads = ("run", "method", "encoder", "steps", "best validation", "")
    rows = [(run.name, run.method or "-", run.encoder or "-", _steps(run), _best(run), _state(run)) for run in found]
    return table(heads, rows, words=3)


def _steps(run: Run) -> str:
    return f"{run.steps} of {run.of or '?'}"


def _best(run: Run) -> str:
    return "-" if run.best is None else f"{run.best:.5g} at {run.best_step}"


def _state(run: Run) -> str:
    if run.problem:
        return "damaged"
    if run.finished:
        return "finished"
    return "unfinished" if run.checkpoint else "no checkpoint yet"


def _problems(entries: Sequence[Entry]) -> str:
    return "\n".join(f"{entry.name}: {entry.problem}" for entry in entries if entry.problem)
