"""Many sounds into one folder: what is to be made, by whom, and what is finished already."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkcli import resources
from talkcli.animate import Animated, AnimateOptions
from talkcli.batch.events import Ended, Event, Skipped, Tell
from talkcli.batch.maker import Work, outcome, started
from talkcli.batch.manifest import FOLDER, Manifest, Recipe, digest, is_there
from talkcli.batch.plan import Item, make_plan
from talkcli.batch.report import Face, Report
from talkcli.batch.shards import WHOLE, Shard
from talkcli.console import counted, note, progress
from talkcli.errors import TalkError
from talkcli.export import ExportOptions
from talkcli.models.places import checkpoint_name, find_checkpoint

if TYPE_CHECKING:  # no torch is needed to see what is to be made
    from talkcli.models.checkpoint import Precision

READERS = 8  # files at a time whose digests are made: that waits for the disk, and holds no lock


@dataclass(frozen=True)
class Engine:
    """Who does the work: the module whose run(work, items, jobs, address, tell) makes all items.

    address tells that it takes one, of a cluster.
    """

    module: str
    address: bool = False


ENGINES = {"local": Engine("talkcli.batch.local"), "ray": Engine("talkcli.batch.cluster", address=True)}


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """How a batch is made: suffixes of its outputs, a folder of texts, and who makes which part of it.

    jobs are processes at once, 0 as many as suit the engine. resume leaves what is finished; without it nothing may be
    there, or force makes all anew.
    """

    suffixes: Sequence[str] = (".mp4",)
    texts: Path | None = None
    jobs: int = 0
    resume: bool = False
    force: bool = False
    shard: Shard = WHOLE
    engine: str = "local"
    address: str = ""


def animate_many(
    sounds: Sequence[str],
    out: Path,
    *,
    model: str,
    options: AnimateOptions,
    export_options: ExportOptions,
    batch: BatchOptions,
    face: Face,
    device: str = "auto",
    precision: Precision = "fp32",
) -> None:
    """Sounds, and folders of them, into a folder, each by itself: that one fails stops no other.

    Raises:
        TalkError: an item failed, or, before anything is written, whatever would be wrong with all of them.
    """
    began = time.perf_counter()
    engine = find_engine(batch.engine, batch.address)
    _check_folder(out)
    items = batch.shard.of(make_plan(sounds, out, batch.suffixes, batch.texts))
    if batch.shard.count > 1:
        source = f", from {batch.shard.source}" if batch.shard.source else ""
        note(f"shard {batch.shard}{source}: {counted(len(items), 'sound')}")
    work = _work(out, model, options, export_options, device, precision)
    report = Report(items, face)
    todo = _todo(items, work, batch, report.tell)
    if todo:
        with _folder(out), progress("sounds", len(todo)) as step:

            def tell(event: Event) -> None:
                report.tell(event)
                if isinstance(event, Ended):
                    step()

            engine(work, todo, batch.jobs, batch.address, tell)
    report.end(time.perf_counter() - began)


def animate_one(source: str, outputs: Sequence[Path], make: Callable[[], Animated], face: Face) -> None:
    """Makes the outputs of one sound, and shows that as a batch does.

    Raises:
        TalkError: it failed.
    """
    item = Item(source, Path(source), tuple(outputs))
    report, began = Report([item], face), time.perf_counter()
    report.tell(started(item.name))
    report.tell(outcome(item.name, report.tell, make))
    report.end(time.perf_counter() - began)


def find_engine(name: str, address: str = "") -> Callable[[Work, Sequence[Item], int, str, Tell], None]:
    """What makes the items of a batch.

    Raises:
        TalkError: no such engine, it is not installed, or has no address.
    """
    if name not in ENGINES:
        raise TalkError(f"no engine '{name}'; choose from: {', '.join(ENGINES)}")
    if address and not ENGINES[name].address:
        able = ", ".join(f"--engine {other}" for other, engine in ENGINES.items() if engine.address)
        raise TalkError(f"--address is of a cluster: give {able}, or leave it out")
    run: Any = import_module(ENGINES[name].module).run
    return run  # type: ignore[no-any-return]  # as every engine has it


def _work(
    out: Path, model: str, options: AnimateOptions, look: ExportOptions, device: str, precision: Precision
) -> Work:
    checkpoint = find_checkpoint(model)
    try:
        recipe = Recipe(checkpoint_name(checkpoint), digest(checkpoint), precision, options, look)
    except OSError as error:
        raise TalkError(f"{checkpoint} cannot be read: {error.strerror or error}") from error
    shipped = checkpoint.stem if checkpoint.parent == resources.MODELS else ""
    return Work(out, checkpoint.absolute(), shipped, recipe, device, precision)


def _check_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise TalkError(f"--out-dir '{out}' is a file: name a folder")
    if out.exists() and not os.access(out, os.W_OK | os.X_OK):
        raise TalkError(f"--out-dir '{out}' cannot be written to: choose another folder")


@contextmanager
def _folder(out: Path) -> Iterator[None]:
    """Makes the folder of a batch; it goes again if nothing comes to lie in it."""
    new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TalkError(f"--out-dir '{out}' cannot be made: {error.strerror or error}") from error
    try:
        yield
    finally:
        if new:
            with suppress(OSError):  # it holds something
                (out / FOLDER).rmdir()
            with suppress(OSError):
                out.rmdir()


def _todo(items: Sequence[Item], work: Work, batch: BatchOptions, tell: Tell) -> list[Item]:
    """The items that are not finished.

    Raises:
        TalkError: something is there that must not be written over.
    """
    if not batch.resume:
        there = [place for item in items for place in item.places().values() if is_there(place)]
        if there and not batch.force:
            raise TalkError(f"{_exist(there)}: --resume keeps what a batch has finished, --force makes all anew")
        return [replace(item, again=batch.force) for item in items]
    manifests = [Manifest(work.out, item) for item in items]
    with ThreadPoolExecutor(READERS) as pool, progress("what is finished", len(items)) as step:
        found = []
        for made in pool.map(lambda manifest: manifest.finished(work.recipe), manifests):
            found.append(made)
            step()
    pairs = list(zip(items, manifests, found, strict=True))
    unclaimed = [place for _, manifest, made in pairs if made is None for place in manifest.unclaimed()]
    if unclaimed and not batch.force:
        raise TalkError(f"{_exist(unclaimed)}, made by no batch: --force writes over that, or name another --out-dir")
    for item, _, made in pairs:
        if made is not None:
            tell(Skipped(item.name, made.seconds, made.frames))
    return [replace(item, again=True) for item, _, made in pairs if made is None]


def _exist(places: Sequence[Path]) -> str:
    return f"{places[0]} and {len(places) - 1} more exist already" if len(places) > 1 else f"{places[0]} exists already"
