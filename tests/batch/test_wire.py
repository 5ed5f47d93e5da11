"""Nothing but JSON on stderr: notes, mistakes, and whatever libraries and other processes write there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from talkcli import console
from talkcli.batch.wire import open_wire
from talkcli.errors import TalkError


def events(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_whatever_is_written_to_stderr_becomes_a_note(capfd: pytest.CaptureFixture[str]) -> None:
    with open_wire() as wire:
        console.note("[a] note")
        wire.write("mine", number=3)
        sys.stderr.write("from Python\n")
        os.write(2, b"\x1b[33mfrom C\x1b[0m, and \xff no text\n\n")
        subprocess.run([sys.executable, "-c", "import logging; logging.warning('from another process')"], check=True)
    found = events(capfd)
    assert {event.get("note") for event in found if event["event"] == "note"} == {
        "[a] note",
        "from Python",
        "from C, and \ufffd no text",
        "WARNING:root:from another process",
    }
    assert [event["number"] for event in found if event["event"] == "mine"] == [3]
    assert all(abs(event["time"] - found[0]["time"]) < 60 for event in found)


def test_stderr_is_itself_again_at_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    before = sys.stderr
    with open_wire():
        assert not sys.stderr.isatty()
    assert sys.stderr is before
    os.write(2, b"plain\n")
    console.note("note")
    assert capfd.readouterr().err == "plain\nnote\n"


def test_more_than_a_pipe_holds_is_no_trouble(capfd: pytest.CaptureFixture[str]) -> None:
    with open_wire():
        for number in range(3000):
            sys.stderr.write(f"{number} {'x' * 100}\n")
    assert [int(event["note"].split()[0]) for event in events(capfd)] == list(range(3000))


def test_a_mistake_is_an_event_and_exit_code_2(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, open_wire():
        raise TalkError("no such thing")
    assert ended.value.code == 2
    assert [(event["event"], event["error"]) for event in events(capfd)] == [("error", "no such thing")]


def test_an_interruption_is_told_and_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), open_wire():
        raise KeyboardInterrupt
    assert [event["event"] for event in events(capfd)] == ["interrupted"]


def test_a_process_that_outlives_the_wire_holds_nothing_up() -> None:
    code = """
import subprocess, sys
from talkcli.batch.wire import open_wire
with open_wire():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("ended")
child.kill()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True)
    assert (done.stdout, done.stderr) == ("ended\n", "")
