"""Options of `talk animate` for many sounds at once, and what `--json` makes of one or many."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkcli.commands import values
from talkcli.console import say
from talkcli.errors import TalkError

if TYPE_CHECKING:
    from talkcli.animate import Animated, AnimateOptions
    from talkcli.batch import BatchOptions
    from talkcli.batch.report import Face
    from talkcli.batch.shards import Shard

SomeOutputs = Annotated[
    list[Path] | None,
    typer.Option(
        "--out",
        "-o",
        help="File to write of one sound; the suffix picks the format. May be repeated.",
        autocompletion=values.outputs,
    ),
]
OutDir = Annotated[Path | None, typer.Option(help="Folder for the outputs of any number of sounds, by their names.")]
Formats = Annotated[
    str | None,
    typer.Option("--format", help="What --out-dir gets of each sound: mp4,glb,cues.json ... By default mp4."),
]
TextDir = Annotated[Path | None, typer.Option(help="Folder with a .txt of what is spoken for each sound of a batch.")]
Jobs = Annotated[
    int | None,
    typer.Option(
        help="Sounds at once, each with its share of the cores; by default one for two cores, as far as memory goes "
        "(1.5 GB each), and on a cluster one a core."
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Leave what is finished in --out-dir, and make what is not, or has changed.")
]
ShardOf = Annotated[
    str | None,
    typer.Option("--shard", help="Make part i of n, e.g. 2/10; in a job array of Slurm, its task's by default."),
]
EngineName = Annotated[str | None, typer.Option("--engine", help="Who makes a batch: local, or ray, a Ray cluster.")]
Address = Annotated[str | None, typer.Option(help="Of the Ray cluster's head, host:port.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print a JSON object a sound, and on stderr events, one JSON object a line.")
]


@dataclass(frozen=True)
class Many:
    """The options of a batch as they were given, None where they were not."""

    out_dir: Path | None
    formats: str | None
    text_dir: Path | None
    jobs: int | None
    resume: bool
    shard: str | None
    engine: str | None
    address: str | None

    @property
    def wanted(self) -> bool:
        """Whether there is to be a batch at all."""
        return self.out_dir is not None

    def check(self, sounds: Sequence[str], out: Sequence[Path] | None, alone: Sequence[str]) -> list[Path]:
        """The outputs of --out, which are none in a batch; alone are options that were given and are of one sound.

        Raises:
            TalkError: the options contradict each other.
        """
        if self.out_dir is not None:
            if out:
                raise TalkError("--out and --out-dir are both given: name files of one sound, or a folder for many")
            if alone:
                raise TalkError(f"{alone[0]} is of one sound, and --out-dir for many: give --out, or leave it out")
            return []
        given = {
            "--format": self.formats,
            "--text-dir": self.text_dir,
            "--jobs": self.jobs,
            "--resume": self.resume or None,
            "--shard": self.shard,
            "--engine": self.engine,
            "--address": self.address,
        }
        name = next((name for name, value in given.items() if value is not None), None)
        if name is not None:
            raise TalkError(f"{name} is for many sounds: give --out-dir as well")
        if not out:
            raise TalkError("nothing says where to: give --out FILE, or --out-dir FOLDER for many sounds")
        if len(sounds) > 1:
            raise TalkError(
                f"--out is of one sound, and {len(sounds)} are given: name a folder for them with --out-dir"
            )
        return list(out)

    def options(self, asked: AnimateOptions, force: bool) -> BatchOptions:
        """What they mean, for sounds that are animated as asked.

        Raises:
            TalkError: one makes no sense.
        """
        from talkcli.batch import BatchOptions
        from talkcli.batch.plan import parse_formats

        if self.jobs is not None and self.jobs < 1:
            raise TalkError(f"--jobs {self.jobs}: give at least 1")
        if asked.phone_file is not None:
            raise TalkError(f"--phones {asked.phone_file} is of one sound, and --out-dir for many: give --out")
        if self.text_dir is not None and asked.phones != "auto":
            raise TalkError(f"--phones {asked.phones} and --text-dir are both given: leave one out")
        return BatchOptions(
            suffixes=parse_formats("mp4" if self.formats is None else self.formats),
            texts=self.text_dir,
            jobs=self.jobs or 0,
            resume=self.resume,
            force=force,
            shard=self._shard(),
            engine=self.engine or "local",
            address=self.address or "",
        )

    def _shard(self) -> Shard:
        from talkcli.batch.shards import WHOLE, parse_shard, slurm_shard

        return slurm_shard(os.environ) or WHOLE if self.shard is None else parse_shard(self.shard)


@contextmanager
def results(as_json: bool, many: bool) -> Iterator[Face | None]:
    """How results are shown: of a batch, paths and lines; or JSON on stdout, and nothing but events on stderr.

    None for one sound without JSON, whose paths are all there is to show.
    """
    if not (as_json or many):
        yield None
        return
    from talkcli.batch.report import People, Programs

    echo = partial(typer.echo, file=sys.stdout)  # as it is now: an engine may turn it away for what libraries print
    if not as_json:
        yield People(say if sys.stdout.isatty() and sys.stderr.isatty() else echo)  # say knows of the progress bar
        return
    from talkcli.batch.wire import open_wire

    with open_wire() as wire:
        yield Programs(echo, wire)


def make_one(source: str, outputs: Sequence[Path], make: Callable[[], Animated], face: Face | None) -> None:
    """Makes the outputs of one sound and shows them.

    Raises:
        TalkError: it failed.
    """
    if face is None:
        make()
        for path in outputs:
            typer.echo(path)
        return
    from talkcli.batch import animate_one

    animate_one(source, outputs, make, face)
