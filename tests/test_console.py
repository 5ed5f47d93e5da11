"""Notes and progress: to the terminal, or to whoever listens in its place; results stay where they are piped."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from talkcli import console


class Heard:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps: list[tuple[str, int | None, int]] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def progress(self, title: str, total: int | None) -> console.Step:
        return lambda count=1: self.steps.append((title, total, count))


def test_a_listener_hears_notes_and_steps_in_place_of_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    heard = Heard()
    with console.told_to(heard):
        console.note("[one]")
        with console.progress("work", 3) as step:
            step()
            step(2)
    console.note("[two]")
    assert heard.notes == ["[one]"]
    assert heard.steps == [("work", 3, 1), ("work", 3, 2)]
    assert capsys.readouterr().err == "[two]\n"


def test_results_that_are_piped_do_not_go_to_the_terminal_with_the_progress_bar() -> None:
    code = """
from talkcli.console import progress
with progress("work", 1) as step:
    print("a result")
    step()
"""
    terminal, end = pty.openpty()
    able = {**os.environ, "TERM": "xterm"}  # to draw a bar
    try:
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=end, env=able, check=True)
        os.close(end)
        assert done.stdout == b"a result\n"
        assert b"work" in os.read(terminal, 1 << 16)
    finally:
        os.close(terminal)
