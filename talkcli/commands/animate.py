"""`talk animate`: speech in, a talking head out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from talkcli.errors import TalkError


def animate(
    audio: Annotated[str, typer.Argument(help="Speech to animate: any sound or film that ffmpeg reads; - is stdin.")],
    out: Annotated[
        list[Path], typer.Option("--out", "-o", help="File to write; the suffix picks the format. May be repeated.")
    ],
    model: Annotated[
        str, typer.Option(help="A shipped model's name (`talk models`), a run's folder, or a checkpoint.")
    ] = "default",
    subject: Annotated[
        str | None, typer.Option(help="Whose head speaks, e.g. s01; the default head if not given.")
    ] = None,
    style: Annotated[str | None, typer.Option(help="Which training subject's way of speaking.")] = None,
    fps: Annotated[float, typer.Option(min=1.0, max=240.0, help="Frames a second.")] = 30.0,
    size: Annotated[str, typer.Option(help="Picture size in pixels: 512 or 1280x720.")] = "512",
    view: Annotated[str, typer.Option(help="Where the camera stands: front, three-quarter, side.")] = "front",
    background: Annotated[str | None, typer.Option(help="Colour behind the head, e.g. #203040.")] = None,
    renderer: Annotated[str, typer.Option(help="auto, software or pyrender.")] = "auto",
    contact: Annotated[bool, typer.Option(help="Make lips that must meet do meet.")] = True,
    phones: Annotated[
        Literal["auto", "head", "asr"],
        typer.Option(
            help="Where contacts come from: the network's phone head, a recogniser, or both where they agree."
        ),
    ] = "auto",
    life: Annotated[bool, typer.Option(help="Blinks, brows and small motion of the head.")] = True,
    seed: Annotated[int, typer.Option(help="Of the blinks and small motions.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    force: Annotated[bool, typer.Option("--force", "-f", help="Write over existing files.")] = False,
) -> None:
    """Turn speech into a moving head."""
    from talkcli.animate import animate_file

    animate_file(
        audio,
        out,
        model=model,
        subject=subject,
        style=style,
        fps=fps,
        size=picture_size(size),
        view=view,
        background=background,
        renderer=renderer,
        contact=contact,
        phones=phones,
        life=life,
        seed=seed,
        device=device,
        force=force,
    )
    for path in out:
        typer.echo(path)


def picture_size(text: str) -> tuple[int, int]:
    """(width, height) of "512" or "1280x720": even numbers, as H.264 wants them.

    Raises:
        TalkError: the text is neither, or no film can have that size.
    """
    width, _, height = text.lower().partition("x")
    if not width.isdecimal() or not (height or width).isdecimal():
        raise TalkError(f"--size '{text}': write pixels as 512 or 1280x720")
    size = int(width), int(height or width)
    if any(side % 2 or not 16 <= side <= 8192 for side in size):
        raise TalkError(f"--size '{text}': width and height must be even and between 16 and 8192")
    return size
