"""Makes item after item with one model, whichever process this is."""

from __future__ import annotations

import os
import platform
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import talkcli
from talkcli import console
from talkcli.animate import Animated, Animator, load_speech
from talkcli.batch.events import Ended, Failed, Finished, Noted, Progressed, Started, Tell
from talkcli.batch.manifest import Manifest, Recipe, digest
from talkcli.batch.plan import Item
from talkcli.errors import TalkError
from talkcli.phones.files import read_text

if TYPE_CHECKING:
    from talkcli.models.checkpoint import Precision

OFTEN = 0.5  # seconds between two tellings of how far an item is


@dataclass(frozen=True)
class Work:
    """What all items of a batch have in common: the folder, the model's file, its recipe, and where it computes.

    shipped is the model's name where it comes with talk, and lies elsewhere on another machine perhaps.
    """

    out: Path
    checkpoint: Path
    shipped: str
    recipe: Recipe
    device: str
    precision: Precision


class Maker:
    """A process' model, and what it does with it."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._animator = Animator(str(work.checkpoint), work.device, work.precision)

    def prepare(self) -> None:
        """Loads the model.

        Raises:
            TalkError: whatever would be wrong with every item.
        """
        work, machine = self._work, platform.node()
        if talkcli.__version__ != work.recipe.talk:
            versions = f"{talkcli.__version__} on {machine}, and the batch began with {work.recipe.talk}"
            raise TalkError(f"talk is {versions}: install the same on all machines")
        self._animator.check(work.recipe.options)
        if digest(work.checkpoint) != work.recipe.checkpoint:
            raise TalkError(
                f"{work.checkpoint} on {machine} is not the model that the batch began with: leave it alone"
            )

    def make(self, item: Item, tell: Tell) -> None:
        """Makes an item and tells of it, of failure too: that of one item is none of the next."""
        tell(started(item.name))
        try:
            ended: Ended = outcome(item.name, tell, partial(self._make, item))
        except MemoryError:
            ended = Failed(item.name, "there is not enough memory for it: free some, or try fewer --jobs")
        except Exception as error:
            told = "".join(traceback.format_exception_only(error)).strip().splitlines()
            ended = Failed(item.name, f"a bug in talk, please report it: {told[-1]}", traceback.format_exc())
        tell(ended)

    def _make(self, item: Item) -> Animated:
        recipe = self._work.recipe
        options = recipe.options if item.text is None else replace(recipe.options, text=read_text(item.text))
        manifest = Manifest(self._work.out, item)
        run = manifest.run(recipe)  # before the sound is read: should it change now, it does not pass for the same
        audio = load_speech(str(item.source))
        with manifest.making(run) as came:
            came.append(self._animator.write(audio, item.outputs, options, item.look(recipe.look)))
        return came[0]


def started(item: str) -> Started:
    """That this process begins an item."""
    return Started(item, os.getpid(), platform.node())


def outcome(item: str, tell: Tell, make: Callable[[], Animated]) -> Ended:
    """Makes something, tells how that goes, and gives how it ended; bugs are raised."""
    began = time.perf_counter()
    try:
        with console.told_to(_Ears(item, tell)):
            made = make()
    except TalkError as error:
        return Failed(item, str(error))
    return Finished(item, made.seconds, made.frames, round(time.perf_counter() - began, 3))


def finished(work: Work, item: Item, began: float) -> Finished | None:
    """How an item ended that its process had finished before it died unheard; None where it had not."""
    made = Manifest(work.out, item).finished(work.recipe)
    if made is None:
        return None
    return Finished(item.name, made.seconds, made.frames, round(time.perf_counter() - began, 3))


@dataclass(frozen=True)
class Refused:
    """What a process says that can make nothing at all."""

    error: str


class _Ears:
    """Hears the notes and the progress of an item, and tells them as events."""

    def __init__(self, item: str, tell: Tell) -> None:
        self._item, self._tell = item, tell
        self._lock = threading.Lock()
        self._next = time.monotonic() + OFTEN

    def note(self, text: str) -> None:
        self._tell(Noted(self._item, text))

    def progress(self, title: str, total: int | None) -> console.Step:
        done = 0

        def step(count: int = 1) -> None:
            nonlocal done
            with self._lock:
                done += count
                now = time.monotonic()
                if not total or now < self._next:
                    return
                self._next = now + OFTEN
            self._tell(Progressed(self._item, round(min(done / total, 1.0), 3)))

        return step
