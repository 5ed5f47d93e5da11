"""flite and festival by their command lines: here small programs of our own that answer as they do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from talkcli.clip import Phone
from talkcli.datasets import festvox
from talkcli.errors import TalkError
from tests.make import make_tone, save_sound


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is the whole search path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    festvox.flite_voices.cache_clear()
    festvox.festival_voices.cache_clear()
    yield tmp_path
    festvox.flite_voices.cache_clear()
    festvox.festival_voices.cache_clear()


def put(folder: Path, name: str, script: str) -> None:
    tool = folder / name
    tool.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n", encoding="utf-8")
    tool.chmod(0o755)


def test_without_the_programs_there_are_no_voices(tools: Path) -> None:
    assert festvox.flite_voices() == festvox.festival_voices() == frozenset()


def test_voices_are_read_from_what_the_programs_list(tools: Path) -> None:
    put(tools, "flite", "echo 'Voices available: kal rms slt '")
    put(tools, "festival", "echo '(ked_diphone kal_diphone)'")
    assert festvox.flite_voices() == {"kal", "rms", "slt"}
    assert festvox.festival_voices() == {"ked_diphone", "kal_diphone"}


def test_flite_tells_where_each_phone_ends(tools: Path) -> None:
    save_sound(tools / "tone.wav", make_tone(0.5).samples)
    put(tools, "flite", f'for last; do :; done; cp {tools}/tone.wav "$last"; echo "pau:0.1 b:0.2 ax:0.3 el:0.5 "')
    samples, rate, phones = festvox.flite("a", "rms", stretch=1.0, pitch=100, spread=10)
    assert (len(samples), rate) == (8000, 16000)
    assert phones[:3] == [Phone("SIL", 0.0, 0.1), Phone("B", 0.1, 0.2), Phone("AH", 0.2, 0.3)]
    assert [phone.name for phone in phones[3:]] == ["AH", "L"]


def test_what_a_program_says_when_it_fails_is_told(tools: Path) -> None:
    put(tools, "flite", "echo 'no such voice' >&2; exit 1")
    with pytest.raises(TalkError, match="'flite' failed: no such voice"):
        festvox.flite("a", "nobody", stretch=1.0, pitch=100, spread=10)


def test_festival_that_makes_nothing_is_an_error(tools: Path) -> None:
    put(tools, "festival", "exit 0")
    with pytest.raises(TalkError, match="made no sound of 'a'"):
        festvox.festival("a", "ked_diphone", stretch=1.0)
