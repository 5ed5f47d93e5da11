"""`talk convert`: motion in, other formats out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli.commands.outputs import (
    Background,
    CsvFps,
    Flat,
    Force,
    Gain,
    OffsetMs,
    Outputs,
    Renderer,
    Size,
    Smooth,
    Targets,
    View,
    finishing,
    looking,
)


def convert(
    motion: Annotated[Path, typer.Argument(help="An .npz, .npy, .pc2 or .glb, or a folder of .obj files.")],
    out: Outputs,
    template: Annotated[Path | None, typer.Option(help="The head at rest: a mesh, or an .npy (V, 3).")] = None,
    topology: Annotated[Path | None, typer.Option(help="A .ply, .obj or .glb mesh, for its triangles.")] = None,
    fps: Annotated[
        str, typer.Option(help="Frames a second, where the file tells none; else the rate to bring it to.")
    ] = "",
    scale: Annotated[float, typer.Option(help="Metres of the file's unit, e.g. 0.001.")] = 1.0,
    audio: Annotated[Path | None, typer.Option(help="The sound that belongs to it.")] = None,
    phones: Annotated[Path | None, typer.Option(help="Phones with times (TextGrid, ctm, tsv, ...), for cues.")] = None,
    smooth: Smooth = "0",
    gain: Gain = "1",
    offset_ms: OffsetMs = "0",
    size: Size = "512",
    view: View = "front",
    background: Background = "studio",
    renderer: Renderer = "auto",
    targets: Targets = "auto",
    flat: Flat = False,
    csv_fps: CsvFps = "60",
    force: Force = False,
) -> None:
    """Bring motion, ours or another tool's, into other formats."""
    look = looking(size, view, background, renderer, targets, flat, csv_fps, force)
    from talkcli.convert import ConvertOptions, convert_file
    from talkcli.rates import parse_fps

    options = ConvertOptions(
        template=template,
        topology=topology,
        fps=parse_fps(fps) if fps else None,
        scale=scale,
        audio=audio,
        phones=phones,
        finish=finishing(smooth, gain, offset_ms),
    )
    convert_file(motion, out, options, look)
    for path in out:
        typer.echo(path)
