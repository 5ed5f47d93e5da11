"""`talk evaluate`: models or predictions, and prepared data, to the field's metrics."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from talkcli.commands import values
from talkcli.commands.outputs import Device
from talkcli.errors import TalkError


def evaluate(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Runs, checkpoints, shipped models, or folders of another tool's predictions.",
            autocompletion=values.models,
        ),
    ],
    data: Annotated[Path, typer.Option(help="Prepared data (`talk preprocess`).")],
    split: Annotated[
        str, typer.Option(help="Which clips: test, val, train, test-a ...", autocompletion=values.splits)
    ] = "test",
    protocol: Annotated[
        str,
        typer.Option(
            help="talk, faceformer, codetalker, facediffuser, meshtalk or unitalker.", autocompletion=values.protocols
        ),
    ] = "talk",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for result.json, report.html, plots and videos.")
    ] = None,
    lrp_mm: Annotated[float, typer.Option(min=0.0, help="LRP's threshold: lips this near are readable.")] = 5.0,
    videos: Annotated[int, typer.Option(min=0, help="Worst and best clips in the report, so many of each.")] = 2,
    clips: Annotated[bool, typer.Option("--clips", help="Print a row a clip as well.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, in place of tables.")] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Leave out clips that cannot be compared, and tell them at the end.")
    ] = False,
    phones: Annotated[
        Literal["auto", "head", "asr", "data", "shifted", "random"],
        typer.Option(
            help="Who tells the product where lips meet, as in animate; data: key frames from the data's own phones, "
            "shifted: each a frame early or late, random: as many anywhere."
        ),
    ] = "auto",
    styles: Annotated[
        int,
        typer.Option(
            min=0, help="Speak clips of unknown subjects in at most so many styles; 0: all, as protocols ask."
        ),
    ] = 0,
    reader: Annotated[
        str,
        typer.Option(
            help="A lip reader that judges as well, e.g. lips-tiny (`talk models`), or a run with the dual task.",
            autocompletion=values.readers,
        ),
    ] = "",
    device: Device = "auto",
    jobs: Annotated[int, typer.Option(min=0, help="Processes that read predictions; 0: one a core.")] = 0,
    force: Annotated[bool, typer.Option("--force", "-f", help="Write over the report in --out.")] = False,
) -> None:
    """Compute the field's metrics, with their confidence, for models or for anyone's predictions."""
    from talkcli.evaluate import EvaluateOptions, check_out, save_report
    from talkcli.evaluate import evaluate as judge
    from talkcli.evaluate.tables import as_dict, clip_table, difference_table, score_table
    from talkcli.metrics import Settings

    if out is not None:
        check_out(out, force)
    words = ["talk", "evaluate", *sources, "--data", str(data), "--split", split, "--protocol", protocol]
    usual = {"--lrp-mm": f"{Settings().lrp_mm:g}", "--phones": "auto", "--styles": "0", "--reader": ""}
    chosen = {"--lrp-mm": f"{lrp_mm:g}", "--phones": phones, "--styles": str(styles), "--reader": reader}
    words += [word for name, value in chosen.items() if value != usual[name] for word in (name, value)]
    options = EvaluateOptions(
        sources=sources,
        data=data,
        split=split,
        protocol=protocol,
        settings=Settings(lrp_mm=lrp_mm),
        phones=phones,
        styles=styles,
        reader=reader,
        device=device,
        jobs=jobs or os.cpu_count() or 1,
        keep_going=keep_going,
        heat=out is not None,
        command=shlex.join(words),
    )
    evaluation = judge(options)
    if as_json:
        typer.echo(json.dumps(as_dict(evaluation), ensure_ascii=False))
    else:
        tables = [score_table(evaluation), difference_table(evaluation)]
        tables += [clip_table(evaluation, model) for model in evaluation.models] if clips else []
        typer.echo("\n\n".join(part for part in tables if part))
    if out is not None:
        save_report(evaluation, options, out, videos)
        if not as_json:
            typer.echo(out)
    failed = {clip: reason for model in evaluation.models for clip, reason in model.failed.items()}
    if failed:
        clip, reason = next(iter(failed.items()))
        raise TalkError(f"{len(failed)} clips could not be compared and do not count; the first, {clip}: {reason}")
