"""`talk score`: how well lips can be read against their sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from talkcli.commands import values
from talkcli.commands.outputs import Device
from talkcli.resources import DEFAULT_READER


def score(
    audio: Annotated[str, typer.Argument(help="The speech: any sound that ffmpeg reads; - is standard input.")],
    motion: Annotated[Path, typer.Argument(help="Its motion: .npz, .npy, .pc2, .glb, or a folder of .obj files.")],
    reader: Annotated[
        str,
        typer.Option(
            help="A lip reader: a shipped one's name (`talk models`), a run with the dual task, or its reader.",
            autocompletion=values.readers,
        ),
    ] = DEFAULT_READER,
    template: Annotated[
        str, typer.Option(help="The head at rest: a mesh, an .npy, or a subject that the reader knows.")
    ] = "",
    topology: Annotated[
        Path | None, typer.Option(help="A mesh with the motion's triangles, to be sure of the vertices' order.")
    ] = None,
    fps: Annotated[float, typer.Option(min=0.0, help="Frames a second of motion whose file does not tell.")] = 0.0,
    plot: Annotated[Path | None, typer.Option(help="A picture (PNG) of it over time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, in place of a table.")] = False,
    device: Device = "auto",
    force: Annotated[bool, typer.Option("--force", "-f", help="Write over an existing picture.")] = False,
) -> None:
    """Tell how well lips can be read against their sound, second by second."""
    from talkcli.console import table
    from talkcli.score import ScoreOptions, check_plot, save_plot
    from talkcli.score import score as judge

    if plot is not None:
        check_plot(plot, force)
    options = ScoreOptions(reader=reader, template=template, topology=topology, fps=fps, device=device)
    found = judge(audio, motion, options)
    if plot is not None:
        save_plot(found, plot)
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
        return
    rows = [[f"{place} s", "-" if value is None else f"{value:.3f}"] for place, value in enumerate(found.seconds)]
    typer.echo(table(["from", "readability"], [*rows, ["overall", f"{found.overall:.3f}"]]))
    chance = "-" if found.chance is None else f"{found.chance:.3f}"
    late = "no more than chance" if found.late_ms is None else f"lips late by {found.late_ms:.0f} ms"
    typer.echo(f"other sound: {chance}; {late}; read by {found.reader}")
    if plot is not None:
        typer.echo(plot)
