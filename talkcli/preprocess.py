"""Raw data set -> prepared data: clips made by worker processes, the manifest last, nothing made twice."""

from __future__ import annotations

import logging
import multiprocessing
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import talkcli
from talkcli import console, prepared, preparing
from talkcli.clip import Track
from talkcli.datasets import DATASETS
from talkcli.datasets.base import RawClip, Recipe, Source
from talkcli.errors import TalkError
from talkcli.platform import end_with_parent

log = logging.getLogger(__name__)

TRIES = 3  # a worker that dies takes its clips along: they are tried again, and given up after this many


@dataclass(frozen=True, kw_only=True)
class Options:
    """jobs: worker processes; force: make even what is there; data: the data set's own options."""

    jobs: int = 1
    force: bool = False
    command: str = ""


def options_of(dataset: str) -> type[Any]:
    """The class of a data set's own options (a frozen dataclass)."""
    module, options, _ = _entry(dataset)
    return getattr(import_module(module), options)  # type: ignore[no-any-return]  # a class by its name


def preprocess(dataset: str, out: Path, data: Any = None, options: Options | None = None) -> prepared.Corpus:
    """Prepares a data set in a folder; clips that are there already, made the same way, stay.

    Args:
        data: the data set's own options, by default their defaults.

    Raises:
        TalkError: no such data set, nothing to make it from, the folder cannot be written, or more clips fail than the
            data set tolerates; the others are prepared data then, unless all failed.
    """
    made = preparing.claim(out, dataset)
    try:
        return _prepare(dataset, out, data or options_of(dataset)(), options or Options())
    except TalkError:
        preparing.leave(out, made)
        raise


def _prepare(dataset: str, out: Path, data: Any, options: Options) -> prepared.Corpus:
    preparing.tidy_up(out)
    source = open_source(dataset, data, out / preparing.SCRATCH)
    for sentence in source.notes:
        console.note(sentence)
    writer = preparing.Writer(out, source.info, source.templates)
    recipes = source.recipes()
    todo = recipes if options.force else [recipe for recipe in recipes if not _is_there(out, recipe)]
    if len(todo) < len(recipes):
        log.info("%d of %d clips are there already", len(recipes) - len(todo), len(recipes))
    if todo:
        writer.begin()
    failed = _make_all(source, out, todo, options.jobs)
    if len(failed) < len(recipes):
        _finish(writer, source, recipes, failed, dataset, options.command)
        shutil.rmtree(out / preparing.SCRATCH, ignore_errors=True)
    if len(failed) > source.tolerance * len(recipes):
        name, reason = next(iter(failed.items()))
        rest = f"; the others are in '{out}'" if len(failed) < len(recipes) else ""
        raise TalkError(f"{len(failed)} of {len(recipes)} clips failed, the first ('{name}') with: {reason}{rest}")
    return prepared.Corpus.open(out)


def _finish(
    writer: preparing.Writer,
    source: Source,
    recipes: Sequence[Recipe],
    failed: Mapping[str, str],
    dataset: str,
    command: str,
) -> None:
    """The manifest of the clips that could be made, and where all came from."""
    entries = list(_entries(writer.folder, [recipe for recipe in recipes if recipe.name not in failed]))
    provenance = dict(source.provenance) | {
        "dataset": dataset,
        "command": command,
        "version": talkcli.__version__,
        "seconds": round(sum(entry.seconds for entry in entries), 1),
        "failed": dict(failed),
    }
    writer.finish(entries, provenance)
    fps = source.info.fps
    apart = {entry.name: abs(entry.frames / fps - entry.seconds) for entry in entries}
    odd = [name for name, seconds in apart.items() if seconds > 1 / fps + 1e-6]
    if odd:
        worst = max(apart, key=apart.__getitem__)
        console.note(
            f"{console.counted(len(odd), 'clip')} with sound and motion more than a frame apart, {worst} the most, "
            f"{apart[worst]:.3f} s; `talk preprocess --check` names each"
        )


def open_source(dataset: str, data: Any, scratch: Path) -> Source:
    """A data set with these options of its own; what it has to unpack goes to scratch."""
    module, _, source_name = _entry(dataset)
    source: Source = getattr(import_module(module), source_name).open(data, scratch)
    return source


def _entry(dataset: str) -> tuple[str, str, str]:
    if dataset not in DATASETS:
        raise TalkError(f"no data set is called '{dataset}'; there are: {', '.join(DATASETS)}")
    return DATASETS[dataset]


def _plain(recipe: Recipe) -> Mapping[str, Any]:
    return asdict(recipe)


def _is_there(out: Path, recipe: Recipe) -> bool:
    stored = preparing.stored_recipe(out, recipe.name)
    return stored is not None and stored["recipe"] == _plain(recipe)


def _entries(out: Path, recipes: Sequence[Recipe]) -> Iterator[prepared.ClipEntry]:
    """What the manifest says of the clips that could be made."""
    for recipe in recipes:
        stored = preparing.stored_recipe(out, recipe.name)
        if stored is not None:
            yield prepared.ClipEntry(
                name=recipe.name,
                subject=recipe.subject,
                split=recipe.split,
                voice=recipe.voice,
                frames=stored["frames"],
                samples=stored["samples"],
                text=recipe.text,
            )


def _make_all(source: Source, out: Path, todo: Sequence[Recipe], jobs: int) -> dict[str, str]:
    """Makes the clips; returns those that could not be made, with the reason.

    A clip may crash its process (a synthesizer, want of memory): the pool is then started anew with what is left.
    """
    failed: dict[str, str] = {}
    died: dict[str, int] = {}
    left = {recipe.name: recipe for recipe in todo}
    with console.progress("clips", len(todo)) as step:
        while left:
            suspects = [recipe for recipe in left.values() if died.get(recipe.name)]
            batch = suspects[:1] or list(left.values())  # one alone, to know which it is
            for name, reason in _round(source, out, batch, jobs, died):
                if reason:
                    log.warning("clip %s failed: %s", name, reason)
                    failed[name] = reason
                left.pop(name)
                step()
    return failed


def _round(
    source: Source, out: Path, batch: Sequence[Recipe], jobs: int, died: dict[str, int]
) -> Iterator[tuple[str, str]]:
    """The clips that got done, each with "" or the reason why not."""
    context = multiprocessing.get_context("spawn")
    waiting = list(reversed(batch))
    with ProcessPoolExecutor(min(jobs, len(batch)), context, _begin, (source, out)) as pool:
        running: dict[Future[str], Recipe] = {}
        while waiting or running:
            while waiting and len(running) < 2 * jobs:  # few at a time: those are the suspects when a worker dies
                recipe = waiting.pop()
                try:
                    running[pool.submit(_make_one, recipe)] = recipe
                except BrokenProcessPool:  # a worker has died since: those that run are told below
                    waiting.clear()
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                recipe = running.pop(future)
                try:
                    yield recipe.name, future.result()
                except BrokenProcessPool:
                    waiting.clear()
                    died[recipe.name] = died.get(recipe.name, 0) + 1
                    if died[recipe.name] >= TRIES:
                        yield recipe.name, "its process crashed"


_source: Source | None = None
_out: Path | None = None


def _begin(source: Source, out: Path) -> None:
    global _source, _out  # one pool's workers make clips of one data set
    _source, _out = source, out
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which lets the last clips finish


def _make_one(recipe: Recipe) -> str:
    """Makes and stores one clip in a worker; returns the reason where it cannot be made."""
    if _source is None or _out is None:
        raise RuntimeError("not a worker")
    try:
        clip = _source.make(recipe)
    except TalkError as error:
        return str(error)
    preparing.save_clip(_out, recipe.name, clip.audio, clip.phones, _motion(clip), _plain(recipe))
    return ""


def _motion(clip: RawClip) -> Any:
    motion = clip.track if clip.track is not None else clip.vertices
    if motion is None:
        raise ValueError("a clip needs controls or vertices")
    return motion


def remake_controls(folder: Path, dataset: str = "synthetic", data: Any = None) -> int:
    """Makes only the controls again, from the stored sound and phones: for work on the articulation. Returns clips."""
    source: Any = open_source(dataset, data or options_of(dataset)(), folder / preparing.SCRATCH)
    corpus = prepared.Corpus.open(folder)
    recipes = {recipe.name: recipe for recipe in source.recipes()}
    with console.progress("controls", len(corpus.clips)) as step:
        for entry in corpus.clips:
            recipe, audio, phones = recipes[entry.name], corpus.audio(entry), corpus.phones(entry)
            track: Track = source.track(recipe, audio, phones)
            preparing.save_clip(folder, entry.name, audio, phones, track, _plain(recipe))
            step()
    return len(corpus.clips)
