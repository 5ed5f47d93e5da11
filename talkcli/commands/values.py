"""What a shell can complete an option's value to. A Tab waits for it: no torch, and no word of what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path

import typer

from talkcli import resources
from talkcli.errors import TalkError

Values = list[tuple[str, str]]  # each with what a shell that can show it tells of it
RUNS = Path("runs")  # where README's commands train
Completer = Callable[[typer.Context, str], Values]


def _quiet(complete: Completer) -> Completer:
    """Nothing to offer where the model that was typed is not there, or a folder cannot be read."""

    @wraps(complete)
    def offered(context: typer.Context, incomplete: str) -> Values:
        try:
            return complete(context, incomplete)
        except (TalkError, OSError):
            return []

    return offered


def _named(names: Iterable[str], told: str = "") -> Values:
    return [(name, told) for name in names]


@_quiet
def models(context: typer.Context, incomplete: str) -> Values:
    """Shipped models, and the runs in ./runs that have a checkpoint."""
    from talkcli.models.places import CHECKPOINTS

    return _named(resources.shipped_models(), "shipped") + _runs_with(CHECKPOINTS)


@_quiet
def readers(context: typer.Context, incomplete: str) -> Values:
    """Shipped lip readers, and the runs in ./runs that left one."""
    from talkcli.models.places import READER

    return _named(resources.shipped_readers(), "shipped") + _runs_with([f"{READER}.safetensors"])


def _runs_with(files: Iterable[str]) -> Values:
    from talkcli.catalogue import run_folders

    names = tuple(files)
    found = run_folders(RUNS) if RUNS.is_dir() else []
    return _named((str(run) for run in found if any((run / name).is_file() for name in names)), "run")


@_quiet
def subjects(context: typer.Context, incomplete: str) -> Values:
    """Whose heads the model of the same line knows."""
    from talkcli import catalogue

    return _named(catalogue.subjects(_model(context)))


@_quiet
def styles(context: typer.Context, incomplete: str) -> Values:
    """Whose ways of speaking the model of the same line has learned."""
    from talkcli import catalogue

    return _named(catalogue.styles(_model(context)))


def _model(context: typer.Context) -> str:
    return str(context.params.get("model") or resources.DEFAULT_MODEL)


@_quiet
def methods(context: typer.Context, incomplete: str) -> Values:
    """The table of methods."""
    from talkcli.models import METHODS

    return _named(METHODS)


@_quiet
def presets(context: typer.Context, incomplete: str) -> Values:
    """The shipped configs of the method of the same line."""
    return _named(resources.presets(str(context.params.get("method") or "selftalk")))


@_quiet
def views(context: typer.Context, incomplete: str) -> Values:
    from talkcli.render.camera import VIEWS

    return _named(VIEWS)


@_quiet
def backgrounds(context: typer.Context, incomplete: str) -> Values:
    from talkcli.render.scene import BACKGROUNDS

    return _named(BACKGROUNDS)


@_quiet
def renderers(context: typer.Context, incomplete: str) -> Values:
    from talkcli.render import RENDERERS

    return _named(RENDERERS)


@_quiet
def protocols(context: typer.Context, incomplete: str) -> Values:
    from talkcli.evaluate.protocols import PROTOCOLS

    return _named(PROTOCOLS)


@_quiet
def splits(context: typer.Context, incomplete: str) -> Values:
    return _named(("test", "val", "train"))


@_quiet
def devices(context: typer.Context, incomplete: str) -> Values:
    return _named(("auto", "cpu", "cuda"))


@_quiet
def phones(context: typer.Context, incomplete: str) -> Values:
    """Who can tell phones; a file is completed by the shell."""
    told = {
        "auto": "recogniser and network where they agree",
        "head": "the network",
        "asr": "a recogniser of English",
        "allphone": "phones without words",
    }
    return list(told.items())


@_quiet
def outputs(context: typer.Context, incomplete: str) -> Values:
    """A name that has been begun, with each suffix; where files or folders begin so, the shell's own completion."""
    folder, slash, name = incomplete.rpartition("/")
    if name.strip(".") == "":
        return []
    if "." not in name and any(Path(folder + slash).glob(f"{name}*")):
        return []
    begun = [place for place, letter in enumerate(name) if letter == "." and place] or [len(name)]
    fitting = [name[:place] + end for place in begun for end in suffixes() if end.startswith(name[place:])]
    return _named(folder + slash + whole for whole in fitting)


@_quiet
def formats(context: typer.Context, incomplete: str) -> Values:
    """Suffixes without their dot."""
    return _named(suffix.removeprefix(".") for suffix in suffixes())


def suffixes() -> list[str]:
    """Of every file that is written; a file a frame lies in a folder, and is left to whoever types it."""
    from talkcli.export import EXPORTERS

    return [suffix for suffix, form in EXPORTERS.items() if not form.sequence]
