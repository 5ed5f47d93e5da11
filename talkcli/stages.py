"""Where the time goes: a stage's name round the code that does it, at next to no cost while nobody listens.

A stage within another one counts for itself alone, thread by thread; stages of different threads go on side by side.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ContextDecorator, contextmanager
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")
Listener = Callable[[str, float], None]  # a stage's name, and seconds that it took without the stages within it

# the stages of `talk animate`, in the order in which a sound goes through them
STAGES = {
    "start": "Python and its libraries, but for torch",
    "load sound": "the file, brought to 16 kHz",
    "hear": "its level, where somebody speaks, and how like which phone each moment is",
    "recogniser": "words and phones, in a process of its own beside the rest",
    "load model": "torch, and the checkpoint",
    "network": "from what is heard to motion",
    "contact": "the mouth drawn towards phones, and lips that meet",
    "motion": "all else of the motion: frames, blinks, brows",
    "render": "pictures, in a thread beside the motion",
    "encode": "handing pictures to ffmpeg, and its end",
    "write": "all else of the file",
    "waiting": "of the motion, for phones or for pictures",
}
_listener: Listener | None = None
_ABSENT = object()


class _Open(threading.local):
    """The stages that this thread is in: when each began, and for how many seconds others within it went on."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.within: list[float] = []


_open = _Open()


class stage(ContextDecorator):  # used as a statement, as contextlib's own
    """`with stage("render"):` or `@stage("render")`; without a name the time is nobody's, as that spent in waiting."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        if _listener is not None:
            _open.began.append(perf_counter())
            _open.within.append(0.0)

    def __exit__(self, *_error: object) -> None:
        if not _open.began:  # nobody listened when it began
            return
        seconds, inner = perf_counter() - _open.began.pop(), _open.within.pop()
        if _open.within:
            _open.within[-1] += seconds
        if self._name and _listener is not None:
            _listener(self._name, seconds - inner)


def each(name: str, items: Iterable[T]) -> Iterator[T]:
    """The items, each made within the stage."""
    iterator = iter(items)
    while True:
        with stage(name):
            item = next(iterator, _ABSENT)
        if item is _ABSENT:
            return
        yield item  # type: ignore[misc]  # what is not absent is an item


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tells the listener of every stage that begins and ends meanwhile, whatever its thread; one listener at a time."""
    global _listener
    if _listener is not None:
        raise ValueError("somebody listens already")
    _listener = listener
    try:
        yield
    finally:
        _listener = None
