"""The batch on a Ray cluster, whose machines share the folders of the sounds and of the batch: an item is a task.

A task whose process or machine dies is given out again, by us and not by Ray: what the dead one finished stays, and
what it left half-written goes first.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from talkcli.batch.events import Ended, Event, Failed, Noted, Started, Tell
from talkcli.batch.maker import Maker, Refused, Work, finished
from talkcli.batch.manifest import Manifest
from talkcli.batch.plan import Item
from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.models.places import find_checkpoint
from talkcli.platform import usable_cores

TRIES = 3  # an item whose process dies so often is likely to be why
REACHABLE = 10.0  # seconds in which a cluster must answer; Ray itself waits for minutes
PATIENCE = 10.0  # seconds that tasks have to end when they are stopped
STORE = 100 << 20  # bytes for Ray's objects where we start it: no motion goes through them


def run(work: Work, items: Sequence[Item], jobs: int, address: str, tell: Tell) -> None:
    """Makes all items on the cluster at the address, or on this machine's own, jobs at once, or 0 for one a core.

    Raises:
        TalkError: Ray is not installed, there is no cluster, or none of the items can be made.
    """
    ray = _ray()
    with _connected(ray, address) as own:
        _check_resources(ray, work, own)
        work = replace(work, out=work.out.absolute())
        _Cluster(ray, work, jobs, tell).run([item.absolute() for item in items])


class _Cluster:
    """The tasks of a batch, and what became of them."""

    def __init__(self, ray: Any, work: Work, jobs: int, tell: Tell) -> None:
        self._ray, self._work, self._jobs, self._tell = ray, work, jobs, tell
        needs = _needs(work)
        self._task = ray.remote(
            num_cpus=needs["CPU"],
            num_gpus=needs["GPU"],
            max_calls=0,  # a process keeps its model, with a GPU too
            max_retries=0,
            num_returns="streaming",
            scheduling_strategy="SPREAD",
        )(_events)
        self._waiting: deque[Item] = deque()
        self._running: dict[Any, Item] = {}
        self._began: dict[str, float] = {}
        self._ended: set[str] = set()
        self._tries: Counter[str] = Counter()
        errors = ray.exceptions
        self._died = (
            errors.WorkerCrashedError,
            errors.NodeDiedError,
            errors.OutOfMemoryError,
            errors.LocalRayletDiedError,
            errors.ObjectLostError,
        )

    def run(self, items: Sequence[Item]) -> None:
        self._waiting.extend(items)
        try:
            while self._waiting or self._running:
                while self._waiting and len(self._running) < self._most():
                    item = self._waiting.popleft()
                    self._running[self._task.remote(self._work, item)] = item
                ready, _ = self._ray.wait(list(self._running), timeout=1.0, fetch_local=False)
                for task in ready:
                    self._hear(task)
        finally:
            self._stop()

    def _most(self) -> int:
        """How many tasks the cluster should have: enough that no core waits for the next."""
        return self._jobs or max(1, 2 * int(self._ray.cluster_resources().get("CPU", 1.0)))

    def _hear(self, task: Any) -> None:
        """Passes on the next thing that a task says, or that it has died."""
        item = self._running[task]
        try:
            said = self._ray.get(next(task))
        except StopIteration:
            del self._running[task]
        except self._died as error:
            del self._running[task]
            if item.name not in self._ended:
                self._lost(item, type(error).__name__)
        except self._ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            raise TalkError(
                f"the cluster cannot run talk ({reason}): install the same version on all machines"
            ) from error
        else:
            if isinstance(said, Refused):
                raise TalkError(said.error)
            if isinstance(said, Started):
                self._began[said.item] = time.perf_counter()
            if isinstance(said, Ended):
                self._ended.add(said.item)
            self._tell(said)

    def _lost(self, item: Item, how: str) -> None:
        """Has an item whose process or machine died made again, unless it was finished."""
        ended = finished(self._work, item, self._began.get(item.name, time.perf_counter()))
        if ended is not None:
            self._ended.add(item.name)
            self._tell(ended)
            return
        manifest = Manifest(self._work.out, item)
        self._tries[item.name] += 1
        if self._tries[item.name] < TRIES:
            manifest.tidy()
            self._tell(Noted(item.name, f"its process or machine died ({how}): it is made again"))
            self._waiting.appendleft(replace(item, again=True))
            return
        manifest.abandon()
        self._tell(Failed(item.name, f"{item.source}: its process or machine died {TRIES} times ({how})"))

    def _stop(self) -> None:
        """Ends the tasks that still run, in the middle of an item."""
        begun = [*self._running.values(), *(item for item in self._waiting if self._tries[item.name])]
        for task in self._running:
            self._ray.cancel(task, force=True)
        last = time.monotonic() + PATIENCE
        while self._running and time.monotonic() < last:
            for task in self._ray.wait(list(self._running), timeout=0.5, fetch_local=False)[0]:
                try:
                    self._ray.get(next(task))
                except (StopIteration, self._ray.exceptions.RayError):
                    del self._running[task]
        for item in begun:
            Manifest(self._work.out, item).abandon()


def _events(work: Work, item: Item) -> Iterator[Event | Refused]:
    """On the cluster: makes an item, and yields what happens when it happens."""
    said: queue.Queue[Event | Refused | None] = queue.Queue()

    def make() -> None:
        try:
            _maker(work).make(item, said.put)
        except TalkError as error:
            said.put(Refused(str(error)))
        finally:
            said.put(None)

    with ThreadPoolExecutor(1, "animate") as pool:
        done = pool.submit(make)
        while (event := said.get()) is not None:
            yield event
        done.result()


@lru_cache(1)
def _maker(work: Work) -> Maker:
    """This process' own, which keeps its model from item to item."""
    here = replace(work, checkpoint=find_checkpoint(work.shipped)) if work.shipped else work
    maker = Maker(here)
    maker.prepare()
    return maker


def _needs(work: Work) -> dict[str, float]:
    """What a task takes of a machine, in Ray's words."""
    return {"CPU": 1.0, "GPU": float(work.device.startswith("cuda"))}


def _check_resources(ray: Any, work: Work, own: bool) -> None:
    """Raises TalkError where no machine has what a task takes; says so where one may still come."""
    for resource, count in _needs(work).items():
        if ray.cluster_resources().get(resource, 0.0) < count:
            if own:
                raise TalkError(f"--device {work.device}: Ray finds no {resource} on this machine; leave it out")
            note(f"no machine of the cluster has a {resource} to give: waiting for one that has")


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told of what is made here
    try:
        import ray
    except ImportError as error:
        raise TalkError("--engine ray needs Ray, which is not installed: pip install 'talkcli[ray]'") from error
    return ray


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[bool]:
    """Ray at an address, where RAY_ADDRESS says or where one runs; else, or for "local", one of our own: whether so."""
    asked = address or os.environ.get("RAY_ADDRESS", "")
    _check_address(asked)
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "include_dashboard": False}
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):  # Ray prints what died, as we do
        own = asked == "local"
        try:
            try:
                if not own:
                    ray.init(address=asked or "auto", **quiet)
            except ConnectionError:
                if asked:
                    raise
                own = True
            if own:
                note("this machine is the Ray cluster while it lasts: --address names another")
                ray.init(address="local", num_cpus=usable_cores(), object_store_memory=STORE, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise TalkError(f"there is no Ray cluster at {asked or 'this machine'} ({reason})") from error
        try:
            yield own
        finally:
            ray.shutdown()


def _check_address(address: str) -> None:
    """Raises TalkError unless something answers at host:port; other words are Ray's own."""
    scheme, there, _ = address.partition("://")
    if there:
        raise TalkError(f"--address '{address}': give the host:port of the cluster's head, without {scheme}://")
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=REACHABLE).close()
    except (OSError, OverflowError) as error:
        raise TalkError(
            f"no Ray cluster answers at {address} ({error}): begin one with `ray start --head --port=6379`"
        ) from error
