"""What this machine can do, tried: each check in a process that it may take down with it, beside the others.

To add a check: its function in one of the files beside, which gives findings, and its line in CHECKS.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import IO

from talkcli.doctor import film, machine, pictures, places, speech
from talkcli.doctor.base import Check, DoctorOptions, Finding, Report, State, ended
from talkcli.platform import usable_cores, with_these_modules

__all__ = ["CHECKS", "Check", "DoctorOptions", "Finding", "Report", "State", "examine", "verdict"]

# in the order in which they are told; groups share a process, since what they import takes a second or two
CHECKS: dict[str, Check] = {
    "python": Check(machine.python, "places"),
    "machine": Check(machine.machine, "places"),
    "torch": Check(machine.torch, "torch", film=True),
    "torchaudio": Check(machine.torchaudio, "torch", film=True),
    "gpu": Check(machine.gpu, "torch"),
    "software renderer": Check(pictures.software, "pictures", film=True),
    "opengl": Check(pictures.opengl, "pictures"),
    "ffmpeg": Check(pictures.ffmpeg, "pictures", film=True),
    "models": Check(speech.models, "torch", film=True),
    "hub": Check(places.hub, "places"),
    "recogniser": Check(speech.recogniser, "recogniser", film=True),
    "synthesizers": Check(speech.synthesizers, "synthesizers"),
    "caches": Check(places.caches, "pictures"),
    "extras": Check(places.extras, "places"),
    "film": Check(film.film, "film"),
}
FILM = "film"
PATIENCE = 400.0  # seconds for a group, however busy the machine is


def examine(options: DoctorOptions) -> Iterator[Report]:
    """Tries everything, several processes at once; gives each check's report as it comes."""
    reports: SimpleQueue[Report | BaseException] = SimpleQueue()
    groups = sorted({check.group for check in CHECKS.values()}, key=lambda group: group != CHECKS[FILM].group)
    processes = Processes()
    with ThreadPoolExecutor(max(2, usable_cores()), "doctor") as pool:
        try:
            for group in groups:
                names = [name for name, check in CHECKS.items() if check.group == group]
                pool.submit(_try, names, options, processes, reports.put)
            for _ in CHECKS:
                report = reports.get()
                if isinstance(report, BaseException):
                    raise report
                yield report
        finally:
            processes.end()


def verdict(reports: Sequence[Report]) -> str:
    """Why no film can be made here, with the checks that a film needs and that fail; empty where one was made."""
    by_name = {report.name: report for report in reports}
    failed = next((finding for finding in by_name[FILM].findings if finding.state == "broken"), None)
    if failed is None:
        return ""
    needed = [name for name, check in CHECKS.items() if check.film and by_name[name].state == "broken"]
    broken = f"; broken here: {', '.join(needed)}" if needed else ""
    return f"`talk animate` makes no film here: {failed.what}{broken}"


class Processes:
    """The processes that are at work, each with what it starts in a group of its own; after end() there are none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._ended = False

    @contextmanager
    def started(self, command: Sequence[str], words: IO[bytes]) -> Iterator[subprocess.Popen[str] | None]:
        """A process whose output can be read; None once all have ended."""
        with self._lock:
            if self._ended:
                process = None
            else:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=words,
                    env=with_these_modules(),
                    text=True,
                    process_group=0,
                )
                self._running.add(process)
        if process is None:
            yield None
            return
        try:
            yield process
        finally:
            with self._lock:
                self._running.discard(process)
            kill(process)
            process.communicate()

    def end(self) -> None:
        with self._lock:
            self._ended = True
            for process in self._running:
                kill(process)


def kill(process: subprocess.Popen[str]) -> None:
    """Ends a process and what it started, which one that has done its work has ended itself."""
    if process.poll() == 0:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _try(
    names: Sequence[str], options: DoctorOptions, processes: Processes, tell: Callable[[Report | BaseException], None]
) -> None:
    """Tries checks one after another in a process, and in a new one after whatever took it down."""
    waiting = list(names)
    try:
        while waiting:
            broken = _read(waiting, options, processes, tell)
            if waiting:
                name = waiting.pop(0)
                tell(Report(name, (Finding("broken", f"its process {broken}", "see what else is broken here"),), 0.0))
    except BaseException as error:  # raised again where the reports are waited for
        tell(error)


def _read(
    waiting: list[str], options: DoctorOptions, processes: Processes, tell: Callable[[Report | BaseException], None]
) -> str:
    """Tells the reports of a process that tries what waits, until nothing does; how it ended before that."""
    asked = json.dumps({"names": waiting, "options": vars(options)})
    late = threading.Event()
    with (
        tempfile.TemporaryFile() as words,
        processes.started([sys.executable, "-m", "talkcli.doctor.process", asked], words) as process,
    ):
        if process is None:
            waiting.clear()
            return ""
        clock = threading.Timer(PATIENCE, _stop, (process, late))
        clock.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                report = _report(line)
                waiting.remove(report.name)
                tell(report)
            code = process.wait()
        finally:
            clock.cancel()
        return f"gave no answer in {PATIENCE:g} s" if late.is_set() else f"{ended(code)}{_last(words)}"


def _stop(process: subprocess.Popen[str], late: threading.Event) -> None:
    late.set()
    kill(process)


def _report(line: str) -> Report:
    told = json.loads(line)
    return Report(told["name"], tuple(Finding(**finding) for finding in told["findings"]), told["seconds"])


def _last(words: IO[bytes]) -> str:
    """What a process said last."""
    words.seek(0)
    lines = [line for line in words.read().decode(errors="replace").splitlines() if line.strip()]
    return f": {lines[-1]}" if lines else ""
