"""`talk align`: speech in, phones with times out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from talkcli.console import note, table
from talkcli.errors import TalkError

if TYPE_CHECKING:
    from talkcli.align import Request

Text = Annotated[str | None, typer.Option(help="What is spoken; its phones are aligned by force.")]
TextFile = Annotated[Path | None, typer.Option(help="The same, from a file.")]
StrictKeys = Annotated[
    bool, typer.Option("--strict-keys", help="Make it an error where phones would be found in another way than asked.")
]


def align(
    audio: Annotated[
        str,
        typer.Argument(
            help="Speech: any sound or film that ffmpeg reads; - is standard input. Or a folder of prepared data: each "
            "clip's text is aligned, and its phones are kept with it."
        ),
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A .TextGrid, .tsv, .csv, .ctm or .json; without it, a table.")
    ] = None,
    text: Text = None,
    text_file: TextFile = None,
    source: Annotated[
        Literal["auto", "asr", "allphone", "ctc"],
        typer.Option(
            help="Who listens without a text: the word recogniser, phones without words, a CTC model; auto: the "
            "recogniser where it is sure, else phones without words."
        ),
    ] = "auto",
    ctc_model: Annotated[
        str, typer.Option(help="A wav2vec2 CTC model of letters or phones, its folder or Hub name: aligns or listens.")
    ] = "",
    phones: Annotated[Path | None, typer.Option(help="Phones made elsewhere, to convert.")] = None,
    tier: Annotated[str, typer.Option(help="Which of several tiers in --phones.")] = "",
    device: Annotated[str, typer.Option(help="Of the CTC model: auto, cpu, cuda or cuda:1.")] = "auto",
    strict_keys: StrictKeys = False,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Write over an existing file, or phones that data has.")
    ] = False,
) -> None:
    """Find the phones of speech with their times, from a transcript or without one, or convert a file of them."""
    from talkcli.align import Request
    from talkcli.align.saving import align_file

    request = Request(
        source=source,
        text=spoken_text(text, text_file),
        file=phones,
        tier=tier,
        ctc_model=ctc_model,
        device=device,
        strict=strict_keys,
    )
    if audio and Path(audio).is_dir():
        _align_data(Path(audio), request, out, force)
        return
    found = align_file(audio, request, out, force)
    for told in found.told():
        note(f"note: {told}")
    if out is not None:
        note(f"{len(found.phones)} phones, silences among them, by {found.source}")
        typer.echo(out)
        return
    rows = [(phone.name, f"{phone.start:.2f}", f"{phone.end:.2f}") for phone in found.phones]
    typer.echo(table(("phone", "start s", "end s"), rows))
    note(f"by {found.source}")


def _align_data(folder: Path, request: Request, out: Path | None, force: bool) -> None:
    if out is not None or request.text is not None or request.file is not None:
        raise TalkError(
            f"'{folder}' is a folder of prepared data, whose clips keep their own phones: give no other option"
        )
    from talkcli.align.data import align_data

    by = align_data(folder, request, force=force)
    counts = ", ".join(f"{count} by {source}" for source, count in by.items())
    note(f"phones found for {counts}" if by else "all clips have phones: --force finds them anew")


def spoken_text(text: str | None, file: Path | None) -> str | None:
    """The transcript of --text or --text-file, None without either.

    Raises:
        TalkError: both are given, or the file cannot be read.
    """
    if file is None:
        return text
    if text is not None:
        raise TalkError("--text and --text-file are both given: leave one out")
    from talkcli.phones.files import read_text

    return read_text(file)
