"""`talk keys`: the key frames of speech, to look at and to edit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkcli.commands import values
from talkcli.commands.align import StrictKeys, Text, TextFile, spoken_text
from talkcli.commands.outputs import Device
from talkcli.console import note, table

KEYED_MODEL = "kmtalk-tiny"


def keys(
    audio: Annotated[str, typer.Argument(help="Speech: any sound or film that ffmpeg reads; - is standard input.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A .json to edit, for `talk animate --keys`.")] = None,
    model: Annotated[
        str, typer.Option(help="A model of the method kmtalk.", autocompletion=values.models)
    ] = KEYED_MODEL,
    phones: Annotated[
        str,
        typer.Option(
            help="Who tells the phones: head, the model; asr, a recogniser of English; allphone, phones without words; "
            "auto: the model where it can; or a file of phones.",
            autocompletion=values.phones,
        ),
    ] = "auto",
    text: Text = None,
    text_file: TextFile = None,
    strict_keys: StrictKeys = False,
    meshes: Annotated[
        Path | None, typer.Option(help="A new folder for an .obj of each key's pose, to edit; needs --out.")
    ] = None,
    subject: Annotated[str, typer.Option(help="Whose head the meshes are of.", autocompletion=values.subjects)] = "",
    device: Device = "auto",
    force: Annotated[bool, typer.Option("--force", "-f", help="Write over an existing file.")] = False,
) -> None:
    """List the key frames of speech, and write them into a file that can be edited."""
    from talkcli.align import Request
    from talkcli.commands.animate import who_tells
    from talkcli.keymaker import make_keys

    asked = who_tells(phones, spoken_text(text, text_file))
    listens = asked.get("phones", "auto")
    own = listens in ("auto", "head") and asked["text"] is None and "phone_file" not in asked
    request = Request(
        source=listens if listens in ("asr", "allphone") else "auto",
        text=asked["text"],
        file=asked.get("phone_file"),
        strict=strict_keys,
    )
    found = make_keys(
        audio,
        model=model,
        request=None if own else request,
        out=out,
        meshes=meshes,
        subject=subject,
        device=device,
        force=force,
    )
    rows = [(str(key.frame), f"{key.frame / found.fps:.3f}", key.phone) for key in found.keys]
    typer.echo(table(("frame", "time s", "phone"), rows))
    phone_count = sum(phone.name != "SIL" for phone in found.phones)
    note(f"{len(found.keys)} keys of {phone_count} phones by {found.source}: {found.density:.1f} a second")
    if out is not None:
        typer.echo(out)
