"""One iterator for several readers at once: each item is made once, and no reader waits for more than the slowest."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

WAITING = 1  # items that may wait for a reader
POLL = 0.2  # seconds between looks at whether the others still go on


class _Stopped(Exception):
    """Raised in a reader when the others have stopped; whatever stopped them is told in its place."""


def share(items: Iterator[T], readers: Sequence[Callable[[Iterator[T]], R]]) -> list[R]:
    """Runs each reader on all items, in a thread of its own, a few items at a time; gives what they return.

    If the items' source or a reader raises, all stop, and that is raised.
    """
    if len(readers) == 1:
        return [readers[0](items)]
    stop = threading.Event()
    lines = [_Line[T](stop) for _ in readers]
    with ThreadPoolExecutor(len(readers), "export") as pool:
        done = [pool.submit(reader, line.items()) for reader, line in zip(readers, lines, strict=True)]
        try:
            for item in items:
                _hand_out(item, lines, done)
            _hand_out(None, lines, done)
            while not all(future.done() for future in done):
                _check(done)
                stop.wait(POLL / 10)
        finally:
            stop.set()
    _check(done)
    return [future.result() for future in done]


def _hand_out(item: T | None, lines: Sequence[_Line[T]], done: Sequence[Future[R]]) -> None:
    """Gives an item, or None for the end, to every reader that still reads."""
    for line, future in zip(lines, done, strict=True):
        while not future.done() and not line.put(item):
            _check(done)
    _check(done)


def _check(done: Sequence[Future[R]]) -> None:
    """Raises what went wrong in a reader, if something did."""
    for future in done:
        error = future.exception() if future.done() else None
        if error is not None and not isinstance(error, _Stopped):
            raise error


class _Line(Generic[T]):
    """Items on their way to one reader."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._queue: queue.Queue[T | None] = queue.Queue(WAITING)

    def put(self, item: T | None) -> bool:
        """Whether there was room for it."""
        with suppress(queue.Full):
            self._queue.put(item, timeout=POLL)
            return True
        return False

    def items(self) -> Iterator[T]:
        """Until the end, or until all stop."""
        while True:
            try:
                item = self._queue.get(timeout=POLL)
            except queue.Empty:
                if self._stop.is_set():
                    raise _Stopped from None
                continue
            if item is None:
                return
            yield item
