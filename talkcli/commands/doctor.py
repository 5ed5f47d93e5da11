"""`talk doctor`: what this machine can do, tried, and what to do about the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from talkcli.commands.outputs import Model
from talkcli.errors import TalkError
from talkcli.resources import DEFAULT_MODEL

if TYPE_CHECKING:
    from talkcli.doctor import Report


def doctor(
    model: Model = DEFAULT_MODEL,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, in place of lines.")] = False,
) -> None:
    """Try what this machine can do, and say what to do about the rest; the exit code is 2 where no film can be made."""
    from talkcli.doctor import CHECKS, DoctorOptions, examine, verdict
    from talkcli.models.places import find_checkpoint

    find_checkpoint(model)
    waiting = list(CHECKS)
    done: dict[str, Report] = {}
    for report in examine(DoctorOptions(model=model)):
        done[report.name] = report
        while waiting and waiting[0] in done:  # in the table's order, each as soon as may be
            name = waiting.pop(0)
            if not as_json:
                typer.echo("\n".join(_lines(done[name], max(map(len, CHECKS)))))
    reports = [done[name] for name in CHECKS]
    trouble = verdict(reports)
    if as_json:
        typer.echo(json.dumps({"film": not trouble, "checks": [report.as_dict() for report in reports]}))
    elif not trouble:
        typer.echo("`talk animate` makes films here.")
    if trouble:
        raise TalkError(trouble)


def _lines(report: Report, width: int) -> list[str]:
    """The name, each finding's state and what was seen, and beneath it what to do."""
    lines = []
    for place, finding in enumerate(report.findings):
        name = "" if place else report.name
        lines.append(f"{name:<{width}}  {finding.state:<7}  {finding.what}")
        if finding.mend:
            lines.append(f"{'':<{width}}  {'':<7}  -> {finding.mend}")
    return lines
