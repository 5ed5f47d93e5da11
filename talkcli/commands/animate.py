"""`talk animate`: speech in, a talking head out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from talkcli.commands import values
from talkcli.commands.align import StrictKeys, Text, TextFile, spoken_text
from talkcli.commands.many import (
    Address,
    AsJson,
    EngineName,
    Formats,
    Jobs,
    Many,
    OutDir,
    Resume,
    ShardOf,
    SomeOutputs,
    TextDir,
    make_one,
    results,
)
from talkcli.commands.outputs import (
    Background,
    CsvFps,
    Device,
    Flat,
    Force,
    Gain,
    Life,
    Model,
    NoLife,
    OffsetMs,
    Renderer,
    Size,
    Smooth,
    Style,
    Subject,
    Targets,
    View,
    finishing,
    lively,
    looking,
)
from talkcli.errors import TalkError
from talkcli.resources import DEFAULT_MODEL


def animate(
    sounds: Annotated[
        list[str],
        typer.Argument(
            help="Speech: any sound or film that ffmpeg reads; - is standard input. With --out-dir any number, and "
            "folders of them."
        ),
    ],
    out: SomeOutputs = None,
    out_dir: OutDir = None,
    formats: Formats = None,
    model: Model = DEFAULT_MODEL,
    subject: Subject = "",
    style: Style = "",
    fps: Annotated[str, typer.Option(help="Frames a second: 30, 23.976 or 24000/1001.")] = "30",
    size: Size = "512",
    view: View = "front",
    background: Background = "studio",
    renderer: Renderer = "auto",
    contact: Annotated[bool, typer.Option(help="Make lips that must meet do meet.")] = True,
    phones: Annotated[
        str,
        typer.Option(
            help="Who tells where lips meet and what the mouth does: head, the network; asr, a recogniser of English; "
            "allphone, phones without words; auto, recogniser and network where they agree; or a file of phones.",
            autocompletion=values.phones,
        ),
    ] = "auto",
    text: Text = None,
    text_file: TextFile = None,
    text_dir: TextDir = None,
    strict_keys: StrictKeys = False,
    keys: Annotated[
        Path | None, typer.Option(help="Key frames from `talk keys`, edited: locked poses come out exactly.")
    ] = None,
    life: Life = "",
    no_life: NoLife = False,
    seed: Annotated[int, typer.Option(help="Of the blinks, gaze, brows and turns of the head.")] = 0,
    smooth: Smooth = "0",
    gain: Gain = "1",
    offset_ms: OffsetMs = "0",
    targets: Targets = "auto",
    flat: Flat = False,
    csv_fps: CsvFps = "60",
    compare: Annotated[
        list[str] | None,
        typer.Option(
            help="Show another model, or the motion in an .npz, .npy, .pc2 or .glb file, beside it; may be repeated.",
            autocompletion=values.models,
        ),
    ] = None,
    device: Device = "auto",
    precision: Annotated[
        Literal["fp32", "bf16", "auto"],
        typer.Option(help="Of a pretrained encoder: bf16 takes half the memory; auto takes it where it is faster."),
    ] = "fp32",
    jobs: Jobs = None,
    resume: Resume = False,
    shard: ShardOf = None,
    engine: EngineName = None,
    address: Address = None,
    as_json: AsJson = False,
    force: Force = False,
) -> None:
    """Turn speech into a moving head: one sound into files, or many into a folder."""
    many = Many(out_dir, formats, text_dir, jobs, resume, shard, engine, address)
    with results(as_json, many.wanted) as face:
        given = {"--text": text, "--text-file": text_file, "--keys": keys, "--compare": compare}
        outputs = many.check(sounds, out, [name for name, value in given.items() if value])
        look = looking(size, view, background, renderer, targets, flat, csv_fps, force)
        from talkcli.animate import AnimateOptions, animate_file
        from talkcli.keyfile import read_keys
        from talkcli.rates import parse_fps

        options = AnimateOptions(
            subject=subject,
            style=style,
            fps=parse_fps(fps),
            contact=contact,
            **who_tells(phones, spoken_text(text, text_file)),
            strict=strict_keys,
            keys=None if keys is None else read_keys(keys),
            life=lively(life, no_life),
            seed=seed,
            finish=finishing(smooth, gain, offset_ms),
        )
        asked: dict[str, Any] = {"model": model, "options": options, "export_options": look}
        asked |= {"device": device, "precision": precision}
        if out_dir is not None:
            from talkcli.batch import animate_many

            assert face is not None  # a batch has one
            animate_many(sounds, out_dir, batch=many.options(options, force), face=face, **asked)
        elif compare:
            from talkcli.compare import compare_files

            if len(outputs) > 1:
                raise TalkError("--compare makes one video: give one --out")
            make_one(sounds[0], outputs, partial(compare_files, sounds[0], outputs[0], compare, **asked), face)
        else:
            make_one(sounds[0], outputs, partial(animate_file, sounds[0], outputs, **asked), face)


def who_tells(phones: str, text: str | None) -> dict[str, Any]:
    """The AnimateOptions of --phones and the text.

    Raises:
        TalkError: they contradict each other, or --phones is neither a source nor a file of phones.
    """
    from talkcli.animate import Phones
    from talkcli.phones.files import PHONE_SUFFIXES

    if phones in get_args(Phones):
        if text is not None and phones != "auto":
            raise TalkError(f"--phones {phones} and a text are both given: leave one out")
        return {"phones": phones, "text": text}
    path = Path(phones)
    if path.suffix.lower() not in PHONE_SUFFIXES:
        known = ", ".join(get_args(Phones))
        raise TalkError(f"--phones '{phones}': give one of {known}, or a file ({', '.join(PHONE_SUFFIXES)})")
    return {"phone_file": path, "text": text}
