"""Options that several commands share, most of all those that write motion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from talkcli.commands import values
from talkcli.errors import TalkError

Outputs = Annotated[
    list[Path],
    typer.Option(
        "--out",
        "-o",
        help="File to write; the suffix picks the format. May be repeated.",
        autocompletion=values.outputs,
    ),
]
Model = Annotated[
    str,
    typer.Option(
        help="A shipped model's name (`talk models`), a run's folder, or a checkpoint.", autocompletion=values.models
    ),
]
Subject = Annotated[str, typer.Option(help="Whose head speaks, e.g. ada.", autocompletion=values.subjects)]
Style = Annotated[
    str, typer.Option(help="Which training subject's way of speaking, e.g. ben.", autocompletion=values.styles)
]
Size = Annotated[str, typer.Option(help="Picture size in pixels: 512 or 1280x720.")]
View = Annotated[str, typer.Option(help="front, three-quarter, profile or close.", autocompletion=values.views)]
Background = Annotated[
    str,
    typer.Option(
        help="studio, warm, light, white, black, green, or a colour such as #336699.", autocompletion=values.backgrounds
    ),
]
Renderer = Annotated[str, typer.Option(help="auto, software or pyrender.", autocompletion=values.renderers)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.", autocompletion=values.devices)]
Targets = Annotated[
    Literal["auto", "shapes", "vertices"],
    typer.Option(help="What moves .glb and .usd: named blendshapes, the vertices, or shapes where the head has them."),
]
Flat = Annotated[bool, typer.Option("--flat", help="Frames of .npy as rows (T, V * 3).")]
CsvFps = Annotated[str, typer.Option(help="Rows a second of .arkit.csv.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Write over existing files.")]


def picture_size(text: str) -> tuple[int, int]:
    """(width, height) of "512" or "1280x720".

    Raises:
        TalkError: the text is neither.
    """
    width, times, height = text.lower().partition("x")
    height = height if times else width
    if not width.isdecimal() or not height.isdecimal():
        raise TalkError(f"--size '{text}': write pixels as 512 or 1280x720")
    return int(width), int(height)
