"""`talk align` as it is typed: the same phones in every form, and one line with exit code 2 for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from talkcli.audio import load_audio
from talkcli.cli import main
from talkcli.phones.files import read_phones
from tests.make import RATE, make_silence, sample_speech, save_sound

WORDS = "Hello, I am a head made of numbers."


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("speech") / "hello.wav"
    return save_sound(path, load_audio(sample_speech()).part(0.0, 2.45).samples)


def align(*arguments: object) -> int:
    return main(["align", *map(str, arguments)])


def test_phones_are_written_converted_and_printed(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, grid = tmp_path / "hello.json", tmp_path / "hello.TextGrid"
    assert align(speech, "--text", WORDS, "--out", made) == 0
    assert capsys.readouterr().out == f"{made}\n"
    assert json.loads(made.read_text())["source"] == "text"
    assert align("--phones", made, "--out", grid) == 0
    assert [phone.name for phone in read_phones(grid)] == [phone.name for phone in read_phones(made)]
    capsys.readouterr()
    assert align(speech, "--phones", grid) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2 + len(read_phones(made))
    assert printed.err == "by file\n"


def test_a_text_from_a_file_and_words_by_rule_are_told(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hello.txt").write_text(WORDS.replace("head", "hedd"), encoding="utf-16")
    assert align(speech, "--text-file", tmp_path / "hello.txt") == 0
    assert "note: not in the dictionary, said by rule: hedd (HH EH D)" in capsys.readouterr().err


def test_silence_is_told_and_strict_makes_it_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silence = save_sound(tmp_path / "silence.wav", make_silence(0.5).samples)
    assert align(silence) == 0
    assert "note: nobody is heard to speak" in capsys.readouterr().err
    assert align(silence, "--strict-keys", "--out", tmp_path / "a.tsv") == 2
    assert capsys.readouterr().err.startswith("error: nobody is heard to speak")
    assert not (tmp_path / "a.tsv").exists()


GRID = (
    'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n1\n<exists>\n1\n"IntervalTier"\n"phones"\n0\n1\n3\n0\n'
)


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.tsv", "0\t0.5\tM\n0.3\t0.6\tAA\n", "'AA' at 0.3 s starts before 'M' ends at 0.5 s"),
        ("a.tsv", "0.5\t0.6\tM\n0.1\t0.2\tAA\n", "'AA' at 0.1 s starts before 'M' ends at 0.6 s"),
        ("a.tsv", "0\t9\tM\n", "last 9.00 s and the sound only 2.45 s"),
        ("a.tsv", "0\t1\tqqq\n", "a phone 'qqq' at 0 s, a name of no known set"),
        ("a.TextGrid", GRID, "cannot be read as phones with times"),
        ("a.wav", "", "is no file of phones that can be read"),
    ],
)
def test_phones_that_are_wrong_are_told_in_one_line(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, line: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    check_error(capsys, line, speech, "--phones", tmp_path / name, "--out", tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--text", ""], "the transcript holds no words"),
        (["--text", "?!"], "the transcript holds no words"),
        (["--text", "привет"], "has 'п', a letter that English words are not written with"),
        (["--text", "The quick brown fox jumps over the lazy dog and sleeps."], "does not fit the sound"),
        (["--text", "a", "--text-file", "b.txt"], "are both given"),
        (["--text-file", "nowhere.txt"], "cannot read 'nowhere.txt'"),
        (["--source", "ctc"], "name it, or its folder, with --ctc-model"),
        (["--ctc-model", "./nowhere"], "cannot load the speech recogniser './nowhere'"),
        (["--out", "phones.docx"], "phones are not written as '.docx'"),
    ],
)
def test_mistakes_are_told_in_one_line(
    speech: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    check_error(capsys, line, speech, *arguments)


def test_what_is_nothing_and_what_is_there_already_are_told(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_error(capsys, "there is nothing to align")
    (tmp_path / "a.tsv").write_text("mine")
    check_error(capsys, "exists already; use --force", speech, "--out", tmp_path / "a.tsv")
    assert (tmp_path / "a.tsv").read_text() == "mine"
    empty = save_sound(tmp_path / "empty.wav", np.zeros(0, np.float32), RATE)
    check_error(capsys, "has no samples: there is nothing to align", empty)


def check_error(capsys: pytest.CaptureFixture[str], line: str, *arguments: object) -> None:
    capsys.readouterr()
    assert align(*arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert line in said.err
