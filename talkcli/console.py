"""Progress and notes for people, on stderr: rich in a terminal, plain elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console


class Step(Protocol):
    """Moves a progress bar on by count."""

    def __call__(self, count: int = 1) -> None: ...


@cache
def stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def note(text: str) -> None:
    """One line for the person at the terminal."""
    stderr().print(text, markup=False)


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Step]:
    """A progress bar in a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda count=1: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr(), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda count=1: bar.advance(task, count)
