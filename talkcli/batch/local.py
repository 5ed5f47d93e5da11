"""The batch on this machine: one after another in this process, or in worker processes that each keep a model."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType

from talkcli.batch.events import Ended, Event, Failed, Tell
from talkcli.batch.maker import Maker, Refused, Work, finished
from talkcli.batch.manifest import Manifest
from talkcli.batch.plan import Item
from talkcli.errors import TalkError
from talkcli.platform import end_with_parent, free_memory, threads_each, usable_cores

CORES = 2  # that one worker keeps busy: the network in one process, the recogniser or the encoder of films in another
MEMORY = 1_500_000_000  # bytes that one worker takes, with its recogniser and encoder
PATIENCE = 10.0  # seconds that a worker has to tidy up after itself


def likely_jobs() -> int:
    """As many workers as this machine has cores and free memory for."""
    memory = free_memory()
    fitting = usable_cores() // CORES if memory is None else min(usable_cores() // CORES, memory // MEMORY)
    return max(1, fitting)


def run(work: Work, items: Sequence[Item], jobs: int, address: str, tell: Tell) -> None:
    """Makes all items, jobs at once, or as many as suit the machine for 0.

    Raises:
        TalkError: none can be made.
    """
    jobs = min(jobs or likely_jobs(), len(items))
    if jobs > 1:
        _Pool(work, jobs, tell).run(items)
        return
    maker = Maker(work)
    maker.prepare()
    for item in items:
        maker.make(item, tell)


@dataclass
class _Worker:
    """A process, the way to it, and the item that it has, if any, with when it got it."""

    process: BaseProcess
    connection: Connection
    item: Item | None = None
    began: float = 0.0

    def send(self, thing: Work | Item | None) -> None:
        with suppress(OSError):  # it has died, which is noticed where its answer is awaited
            self.connection.send(thing)


class _Pool:
    """Worker processes with an item each. One that dies takes its item along and is replaced."""

    def __init__(self, work: Work, jobs: int, tell: Tell) -> None:
        self._work, self._jobs, self._tell = work, jobs, tell
        self._workers: list[_Worker] = []

    def run(self, items: Sequence[Item]) -> None:
        waiting = list(reversed(items))
        try:
            while waiting or any(worker.item for worker in self._workers):
                while waiting and (worker := self._free()):
                    self._hand(worker, waiting.pop())
                busy = {worker.connection: worker for worker in self._workers if worker.item}
                for connection in wait(list(busy)):
                    self._hear(busy[connection])  # type: ignore[index]  # they are the keys
        finally:
            self._end()

    def _free(self) -> _Worker | None:
        """A worker without an item, a new one if there may be more."""
        for worker in [worker for worker in self._workers if worker.item is None]:
            if worker.process.is_alive():
                return worker
            self._workers.remove(worker)
        return self._begin() if len(self._workers) < self._jobs else None

    def _begin(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there,), name="talk worker", daemon=True)
        with threads_each(_threads(self._jobs)), _uninterrupted():
            process.start()
        there.close()  # or nobody would notice that the worker has gone
        worker = _Worker(process, here)
        self._workers.append(worker)
        worker.send(self._work)
        return worker

    def _hand(self, worker: _Worker, item: Item) -> None:
        worker.item, worker.began = item, time.perf_counter()
        worker.send(item)

    def _hear(self, worker: _Worker) -> None:
        """Passes on what a worker says, or that it has died."""
        try:
            said = worker.connection.recv()
        except (EOFError, OSError):
            self._bury(worker)
            return
        if isinstance(said, Refused):
            raise TalkError(said.error)
        if isinstance(said, Ended):
            worker.item = None
        self._tell(said)

    def _bury(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.join()
        code, item = worker.process.exitcode or 0, worker.item
        assert item is not None  # only those that have one are listened to
        ended = finished(self._work, item, worker.began)
        if ended is not None:
            self._tell(ended)
            return
        Manifest(self._work.out, item).abandon()
        how = f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended (exit code {code})"
        hint = "where memory is short, try fewer --jobs"
        self._tell(Failed(item.name, f"the worker process {how} while it was animating {item.source}: {hint}"))

    def _end(self) -> None:
        """Ends all workers, those that have an item in the middle of it."""
        for worker in self._workers:
            if worker.item is None:
                worker.send(None)
            else:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(PATIENCE)
            worker.process.kill()
            worker.process.join()
            worker.connection.close()
            if worker.item is not None:
                Manifest(self._work.out, worker.item).abandon()


def _threads(jobs: int) -> int:
    """A worker's share of the cores, or fewer where OMP_NUM_THREADS says so."""
    share, asked = max(1, usable_cores() // jobs), os.environ.get("OMP_NUM_THREADS", "")
    return min(share, max(1, int(asked))) if asked.isdecimal() else share


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits, and processes started now never hear of it: it is for this one, which ends them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _serve(connection: Connection) -> None:
    """A worker: gets its work, then item after item, until there are no more or nobody is there to ask for any."""
    end_with_parent()
    signal.signal(signal.SIGTERM, _stop)
    lock = threading.Lock()  # notes and progress come from the threads of writers

    def tell(event: Event | Refused) -> None:
        with lock:
            connection.send(event)

    try:
        maker = Maker(connection.recv())
        try:
            maker.prepare()
        except TalkError as error:
            tell(Refused(str(error)))
            return
        while (item := connection.recv()) is not None:
            maker.make(item, tell)
    except (KeyboardInterrupt, EOFError, BrokenPipeError):
        return


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # as Ctrl-C: whatever is half-written goes
