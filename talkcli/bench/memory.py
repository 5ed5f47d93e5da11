"""The memory of a process and of all that it started, looked at again and again while they run."""

from __future__ import annotations

import threading
from pathlib import Path

PROC = Path("/proc")
EVERY = 0.02  # seconds


class Watch:
    """Inside `with`, looks at a process and its descendants; peak is the most bytes that were resident at once.

    Pages that several of them share, as those of libraries, are counted in each. None where the system has no /proc.
    """

    def __init__(self, pid: int) -> None:
        self.peak: int | None = None
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory", daemon=True)

    def __enter__(self) -> Watch:
        if PROC.is_dir():
            self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _look(self) -> None:
        while not self._ended.is_set():
            resident = sum(map(_resident, _family(self._pid)))
            if resident:
                self.peak = max(self.peak or 0, resident)
            self._ended.wait(EVERY)


def _family(pid: int) -> list[int]:
    """A process and its descendants; those that end meanwhile may be missing."""
    found, unseen = [], [pid]
    while unseen:
        one = unseen.pop()
        found.append(one)
        try:
            for thread in (PROC / str(one) / "task").iterdir():
                unseen += map(int, (thread / "children").read_text("ascii").split())
        except OSError:
            continue
    return found


def _resident(pid: int) -> int:
    """Bytes; none of a process that has ended."""
    try:
        lines = (PROC / str(pid) / "status").read_text("utf-8").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)
