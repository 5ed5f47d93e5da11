"""`talk preprocess`: raw data in, prepared data out."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from talkcli.errors import TalkError

app = typer.Typer(help="Prepare data for training, and check prepared data.", invoke_without_command=True)

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write; an unfinished one goes on.")]
Jobs = Annotated[int, typer.Option(min=0, help="Processes at once; 0: one a core.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Make clips anew that are there already.")]
Raw = Annotated[Path, typer.Option(help="The download: its folder or archive, or a folder in the community's layout.")]
Faces = Annotated[Path | None, typer.Option(help="A .ply or .obj mesh of the topology, for its triangles.")]
Regions = Annotated[
    Path | None, typer.Option(help="Folder with lve.txt and fdd.txt, or FLAME_masks.pkl, where --raw has none.")
]
FileFps = Annotated[float | None, typer.Option(help="Frame rate of the files, where it is not the released one.")]


@app.callback()
def preprocess(
    context: typer.Context,
    check: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Verify prepared data, and print a table of it.")
    ] = None,
) -> None:
    """Prepare data for training, and check prepared data."""
    if context.invoked_subcommand is not None:
        if check is not None:
            raise TalkError("--check stands alone: it verifies data that is prepared already")
        return
    if check is None:
        typer.echo(context.get_help())
        raise typer.Exit
    from talkcli.check import check as check_data

    report = check_data(check)
    typer.echo(report.table)
    if report.problems:
        raise TalkError(report.summary)


@app.command()
def synthetic(
    out: Out,
    hours: Annotated[float | None, typer.Option(min=0.0, help="How much speech to make.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed and synthesizers, same corpus.")] = None,
    jobs: Jobs = 0,
    force: Force = False,
) -> None:
    """Make the synthetic corpus: sentences that free synthesizers speak, and a head that speaks along."""
    from talkcli.datasets.synthetic import Options

    given: dict[str, Any] = {name: value for name, value in (("hours", hours), ("seed", seed)) if value is not None}
    _prepare("synthetic", out, replace(Options(), **given), jobs, force, given)


@app.command()
def vocaset(
    raw: Raw,
    out: Out,
    faces: Faces = None,
    regions: Regions = None,
    file_fps: FileFps = None,
    jobs: Jobs = 0,
    force: Force = False,
) -> None:
    """Prepare VOCASET: the files of its download page, or the community's layout."""
    _published("vocaset", out, jobs, force, raw=raw, faces=faces, regions=regions, file_fps=file_fps)


@app.command()
def biwi(
    raw: Raw,
    out: Out,
    faces: Faces = None,
    regions: Regions = None,
    file_fps: FileFps = None,
    jobs: Jobs = 0,
    force: Force = False,
) -> None:
    """Prepare BIWI's B3D(AC)^2: the released frames and scans, or the community's layout."""
    _published("biwi", out, jobs, force, raw=raw, faces=faces, regions=regions, file_fps=file_fps)


@app.command()
def folder(
    raw: Annotated[
        Path | None, typer.Option(help="Folder (or archive) with talk.toml and the recordings; by default this one.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder to write; an unfinished one goes on.")] = None,
    config: Annotated[Path | None, typer.Option(help="The TOML file, where it is not --raw's talk.toml.")] = None,
    init: Annotated[
        bool, typer.Option("--init", help="Write a commented example of talk.toml into --raw, and stop.")
    ] = False,
    jobs: Jobs = 0,
    force: Force = False,
) -> None:
    """Prepare recordings of your own, which a talk.toml describes."""
    from talkcli.datasets.folder import Options
    from talkcli.datasets.folder_config import write_example

    if init:
        typer.echo(write_example(raw or Path()))
        return
    if out is None:
        raise TalkError("--out is missing: name the folder to write, or give --init for an example of talk.toml")
    options = Options(raw=raw, config=config)
    _prepare("folder", out, options, jobs, force, vars(options))


def _published(dataset: str, out: Path, jobs: int, force: bool, **given: Any) -> None:
    from talkcli.datasets.recorded import Options

    _prepare(dataset, out, Options(**given), jobs, force, given)


def _prepare(dataset: str, out: Path, data: Any, jobs: int, force: bool, given: dict[str, Any]) -> None:
    """Runs the data set's own options through the one door; given are those that the command tells."""
    from talkcli.preprocess import Options
    from talkcli.preprocess import preprocess as prepare

    words = ["talk", "preprocess", dataset]
    for name, value in given.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", f"{value:g}" if isinstance(value, float) else str(value)]
    command = shlex.join([*words, "--out", str(out)])
    prepare(dataset, out, data, Options(jobs=jobs or os.cpu_count() or 1, force=force, command=command))
    typer.echo(out)
