"""Progress and notes for people, on stderr: rich in a terminal, plain elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from multiprocessing import parent_process
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console

TOLD = 4  # names in a sentence, before it says how many more there are


class Step(Protocol):
    """Moves a progress bar on by count."""

    def __call__(self, count: int = 1) -> None: ...


class Listener(Protocol):
    """Hears notes and progress in place of the person at the terminal, from any thread."""

    def note(self, text: str) -> None: ...
    def progress(self, title: str, total: int | None) -> Step: ...


_listeners: list[Listener] = []


@contextmanager
def told_to(listener: Listener) -> Iterator[None]:
    """Until this ends, notes and progress of all threads go to the listener."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@cache
def stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def note(text: str) -> None:
    """One line for the person at the terminal, or for whoever listens in their place."""
    if _listeners:
        _listeners[-1].note(text)
    else:
        say(text)


def say(text: str) -> None:
    """One line for the person at the terminal, whoever listens."""
    stderr().print(text, markup=False)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Columns in plain text: the first ones, of words, to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [heads, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place >= words else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def counted(count: int, noun: str) -> str:
    """3 clips, 1 clip."""
    return f"{count} {noun}{'s' * (count != 1)}"


def some(names: Sequence[str]) -> str:
    """Some of the names, and how many more there are."""
    more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return ", ".join(names[:TOLD]) + more


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Step]:
    """A progress bar in a terminal; nothing elsewhere, and nothing from worker processes. A listener gets the steps."""
    if _listeners:
        yield _listeners[-1].progress(title, total)
        return
    if not sys.stderr.isatty() or parent_process() is not None:
        yield lambda count=1: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    aside = sys.stdout.isatty()  # else rich would print results above the bar, to stderr, and not where they are piped
    with Progress(*columns, console=stderr(), transient=True, redirect_stdout=aside) as bar:
        task = bar.add_task(title, total=total)
        yield lambda count=1: bar.advance(task, count)
