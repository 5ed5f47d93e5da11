"""The `talk` command: the table of commands, and the one place that turns errors into a line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from talkcli import __version__
from talkcli.commands import (
    align,
    animate,
    bench,
    benchmark,
    boost,
    completion,
    convert,
    doctor,
    evaluate,
    import_,
    info,
    keys,
    models,
    preprocess,
    score,
    train,
)
from talkcli.console import stderr
from talkcli.errors import TalkError

app = typer.Typer(
    name="talk",
    help="Speech in, a talking head out.",
    no_args_is_help=True,
    add_completion=False,  # Typer's installer puts our file behind zsh's own for the old program of the same name
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("align")(align.align)
app.command("animate")(animate.animate)
app.command("bench")(bench.bench)
app.command("benchmark")(benchmark.benchmark)
app.command("boost")(boost.boost)
app.command("completion")(completion.completion)
app.command("convert")(convert.convert)
app.command("doctor")(doctor.doctor)
app.command("evaluate")(evaluate.evaluate)
app.command("import")(import_.import_)
app.command("info")(info.info)
app.command("keys")(keys.keys)
app.command("models")(models.models)
app.command("score")(score.score)
app.command("train")(train.train)
app.add_typer(preprocess.app, name="preprocess")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"talk {__version__}")
        raise typer.Exit


@app.callback()
def talk(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Speech in, a talking head out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code.

    0 done; 2 something the user can mend, told in one line; 130 Ctrl-C. Anything else is a bug and keeps its traceback.
    """
    if completion.ASKED in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]  # public, but in no __all__

        completion_init()
    try:
        app(args=arguments, prog_name="talk")
    except TalkError as error:
        stderr().print(f"error: {error}", style="red", markup=False)
        return 2
    except KeyboardInterrupt:
        return 130
    except SystemExit as end:
        return _flushed(end.code if isinstance(end.code, int) else 0)
    return 0


def _flushed(code: int) -> int:
    """The exit code, after stdout took everything or, as in `talk models | head -1`, nobody listens any more."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that Python's own last flush is quiet
    return code
