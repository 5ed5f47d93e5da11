"""Options that several commands share, most of all those that write motion."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from talkcli.commands import values
from talkcli.errors import TalkError

if TYPE_CHECKING:
    from talkcli.export import ExportOptions
    from talkcli.finish import Finish

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


Life = Annotated[
    str,
    typer.Option(
        metavar="0..1",
        help="How much the packaged head blinks, looks about, lifts its brows and turns beside speaking; else 1.",
    ),
]
NoLife = Annotated[bool, typer.Option("--no-life", help="The same as --life 0.")]


Smooth = Annotated[
    str,
    typer.Option(metavar="MS", help="Average the motion over about so many milliseconds; closed lips stay closed."),
]
Gain = Annotated[str, typer.Option(metavar="0..2", help="How large the mouth's motion is, about rest.")]
OffsetMs = Annotated[
    str, typer.Option(metavar="MS", help="Motion this much later than the sound, or earlier with a minus: -40.")
]


def finishing(smooth: str, gain: str, offset_ms: str) -> Finish:
    """What --smooth, --gain and --offset-ms ask for.

    Raises:
        TalkError: one of them is no number, or too large.
    """
    from talkcli.finish import Finish

    return Finish(
        smooth=number(smooth, "--smooth", 0, 500, " milliseconds") / 1000,
        gain=number(gain, "--gain", 0, 2),
        late=number(offset_ms, "--offset-ms", -2000, 2000, " milliseconds") / 1000,
    )


def lively(life: str, none: bool) -> float | None:
    """The amount that --life and --no-life ask for; None where neither is given.

    Raises:
        TalkError: both are, or the amount is none.
    """
    if none and life:
        raise TalkError(f"--no-life and --life {life} are both given: leave one out")
    return number(life, "--life", 0, 1) if life else 0.0 if none else None


def number(text: str, option: str, low: float, high: float, unit: str = "") -> float:
    """
    Raises:
        TalkError: the text of an option is no number from low to high.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise TalkError(f"{option} '{text}': give a number from {low:g} to {high:g}{unit}")
    return value


def looking(
    size: str, view: str, background: str, renderer: str, targets: Any, flat: bool, csv_fps: str, force: bool
) -> ExportOptions:
    """What the options of these names ask for, each checked before any work.

    Raises:
        TalkError: one of them cannot be.
    """
    from talkcli.render import check_look

    picture = picture_size(size)
    check_look(size=picture, view=view, background=background, renderer=renderer)
    from talkcli.export import ExportOptions
    from talkcli.rates import parse_fps

    return ExportOptions(
        size=picture,
        view=view,
        background=background,
        renderer=renderer,
        targets=targets,
        flat=flat,
        csv_fps=parse_fps(csv_fps, "--csv-fps"),
        force=force,
    )


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
