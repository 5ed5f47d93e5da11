"""`talk bench`: how fast animating is here, stage by stage, and how much memory it takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from talkcli.commands import values
from talkcli.commands.outputs import Device, Renderer, picture_size
from talkcli.errors import TalkError
from talkcli.resources import DEFAULT_MODEL


def bench(
    seconds: Annotated[str, typer.Option(help="Lengths of sound, e.g. 5,20,60.")] = "5,20,60",
    size: Annotated[str, typer.Option(help="Picture sizes in pixels, e.g. 256,1280x720.")] = "512",
    model: Annotated[
        list[str] | None,
        typer.Option(help="A shipped model, a run or a checkpoint. May be repeated.", autocompletion=values.models),
    ] = None,
    format: Annotated[
        str, typer.Option(help="Formats by their suffix, e.g. mp4,npz,arkit.csv.", autocompletion=values.formats)
    ] = "mp4",
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, every one a new process.")] = 5,
    sound: Annotated[
        Path | None, typer.Option(help="Speech to say again and again, in place of the packaged sample.")
    ] = None,
    phones: Annotated[
        Literal["auto", "head", "asr", "allphone"], typer.Option(help="Who tells the phones, as in animate.")
    ] = "auto",
    renderer: Renderer = "auto",
    device: Device = "auto",
    precision: Annotated[
        Literal["fp32", "bf16", "auto"], typer.Option(help="Of a pretrained encoder, as in animate.")
    ] = "fp32",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, in place of tables.")] = False,
) -> None:
    """Measure how fast animating is here, stage by stage, and how much memory it takes."""
    lengths = [_length(text) for text in _parts(seconds, "--seconds")]
    sizes = [picture_size(text) for text in _parts(size, "--size")]
    from talkcli.render import check_look

    for picture in sizes:
        check_look(size=picture, view="front", background="studio", renderer=renderer)
    from talkcli.bench import BenchOptions, tables
    from talkcli.bench import bench as measure

    options = BenchOptions(
        seconds=lengths,
        sizes=sizes,
        models=model or [DEFAULT_MODEL],
        formats=[text.removeprefix(".") for text in _parts(format, "--format")],
        repeats=repeats,
        sound=sound,
        phones=phones,
        device=device,
        precision=precision,
        renderer=renderer,
    )
    found = []
    here = tables.machine()
    for measured in measure(options):
        found.append(tables.as_dict(measured))
        if not as_json:
            typer.echo(f"{tables.case_table(measured)}\n")
    if as_json:
        typer.echo(json.dumps({**here, "cases": found}))
    else:
        typer.echo(f"talk {here['talk']}, {here['cores']} {here['machine']} cores, load {here['load']:.1f} before")


def _parts(text: str, option: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise TalkError(f"{option} '{text}': give one or several, with commas between them")
    return list(dict.fromkeys(parts))


def _length(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError as error:
        raise TalkError(f"--seconds '{text}': give seconds such as 5 or 0.5") from error
    if not 0 < seconds <= 36000:
        raise TalkError(f"--seconds {text}: give more than 0, and at most 36000 (ten hours)")
    return seconds
