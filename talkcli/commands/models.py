"""`talk models`: the models that are shipped."""

from __future__ import annotations

import typer


def models() -> None:
    """List the shipped models, and how each was made; `talk animate --model NAME` takes one."""
    from talkcli.models.checkpoint import load_checkpoint, shipped_models

    for name in shipped_models():
        made = load_checkpoint(name).provenance.get("command", "a command that it does not tell")
        typer.echo(f"{name}\tmade by {made}")
