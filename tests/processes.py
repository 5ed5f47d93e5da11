"""Whether processes that a test started have ended."""

from __future__ import annotations

import time
from pathlib import Path


def is_dead(process: int) -> bool:
    """A process that has ended and that nobody has waited for is dead too."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def ends(process: int) -> bool:
    """Whether a process ends soon."""
    last = time.monotonic() + 60
    while not is_dead(process):
        if time.monotonic() > last:
            return False
        time.sleep(0.05)
    return True
