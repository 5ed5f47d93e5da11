"""`talk models`: the models that are shipped."""

from __future__ import annotations

import typer


def models() -> None:
    """List the shipped models; `talk animate --model NAME` takes one."""
    from talkcli.models import SHIPPED

    for name, description in SHIPPED.items():
        typer.echo(f"{name}\t{description}")
