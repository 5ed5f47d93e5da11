"""`talk models`: the models that are shipped."""

from __future__ import annotations

import typer

from talkcli.console import note


def models() -> None:
    """List the shipped models, and how each was made; `talk animate --model NAME` takes one."""
    from talkcli.models.checkpoint import load_checkpoint, shipped_models

    names = shipped_models()
    if not names:
        note("no model is shipped with this build: make one with `talk train`")
    for name in names:
        made = load_checkpoint(name).provenance.get("command", "a command that it does not tell")
        typer.echo(f"{name}\tmade by {made}")
