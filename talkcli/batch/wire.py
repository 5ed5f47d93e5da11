"""Events for programs: one JSON object a line on stderr, and nothing else there."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from typing import Any, TextIO

from talkcli import console
from talkcli.errors import TalkError

FAILED = 2  # the exit code of what the user can mend
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Wire:
    """Where events go, line by line; any thread may write."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def write(self, kind: str, **fields: Any) -> None:
        """An event of this kind, with the time in seconds since 1970."""
        line = json.dumps({"event": kind, "time": round(time.time(), 3), **fields})
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()

    def note(self, text: str) -> None:
        self.write("note", note=text)

    def progress(self, title: str, total: int | None) -> console.Step:
        """Nothing: how far an item is, whoever makes it tells."""
        return lambda count=1: None


@contextmanager
def open_wire() -> Iterator[Wire]:
    """Until this ends, stderr holds events alone; a line that anyone else writes there is the "note" of one.

    A TalkError becomes an "error" event, and ends the program as it would have.
    """
    with _apart() as wire, console.told_to(wire):
        try:
            yield wire
        except TalkError as error:
            wire.write("error", error=str(error))
            raise SystemExit(FAILED) from error
        except KeyboardInterrupt:
            wire.write("interrupted")
            raise


@contextmanager
def _apart() -> Iterator[Wire]:
    """A wire on what stderr was; in its place everyone, other processes too, has a pipe whose lines become notes."""
    before = sys.stderr
    before.flush()
    kept = os.dup(2)
    reader, writer = os.pipe()
    own = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace") if _is_terminal(before) else before
    lines = os.fdopen(reader, encoding="utf-8", errors="replace")
    pipe = os.fdopen(writer, "w", encoding="utf-8", errors="replace", buffering=1)
    wire, end = Wire(own), secrets.token_hex()
    listener = threading.Thread(target=_listen, args=(lines, end, wire), name="stderr", daemon=True)
    os.dup2(pipe.fileno(), 2)
    listener.start()
    try:
        with redirect_stderr(pipe):
            yield wire
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        pipe.write(f"\n{end}\n")  # other processes may keep their end of the pipe open
        listener.join()
        for file in (pipe, lines, *([own] if own is not before else [])):
            file.close()


def _listen(lines: TextIO, end: str, wire: Wire) -> None:
    for line in lines:
        text = _COLOURS.sub("", line).strip()
        if text == end:
            return
        if text:
            with suppress(OSError):  # nobody reads the events any more; who writes here must not wait
                wire.note(text)


def _is_terminal(stream: TextIO) -> bool:
    """Whether a stream writes to the process' own stderr, and is not a stand-in."""
    try:
        return stream.fileno() == 2
    except (OSError, ValueError):
        return False
