"""A folder of short sounds, a small model, and `talk animate` as it is typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from talkcli.cli import main
from tests.make import make_checkpoint, make_tone, save_sound

Talk = Callable[..., int]
Fails = Callable[..., str]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("model") / "small.safetensors")


@pytest.fixture(autouse=True)
def anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a folder of one's own, not on Slurm, and on a machine whose cores are one worker's."""
    monkeypatch.setattr("talkcli.batch.local.usable_cores", lambda: 2)
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    """Three sounds, one of them in a sub-folder."""
    folder = tmp_path / "voices"
    (folder / "more").mkdir(parents=True)
    for place, name in enumerate(("one", "two", "more/three")):
        save_sound(folder / f"{name}.wav", make_tone(0.3, hertz=200.0 + 50 * place).samples)
    return folder


@pytest.fixture
def typed(model: Path) -> Callable[..., list[str]]:
    """The words of a command line that animates quickly."""

    def words(*arguments: object) -> list[str]:
        return ["animate", "--model", str(model), "--phones", "head", *map(str, arguments)]

    return words


@pytest.fixture
def talk(typed: Callable[..., list[str]]) -> Talk:
    return lambda *arguments: main(typed(*arguments))


@pytest.fixture
def fails(talk: Talk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Fails:
    """A command line that is a mistake: one line, exit code 2, and nothing is written. Gives the line."""

    def run(*arguments: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        capsys.readouterr()
        assert talk(*arguments) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1
        assert sorted(tmp_path.rglob("*")) == before
        return said.err

    return run


def begin(words: list[str], **more: Any) -> subprocess.Popen[str]:
    """The command in a process of its own, in a session of its own, with one thread."""
    code = "from talkcli.cli import main; raise SystemExit(main())"
    path = os.pathsep.join(part or "." for part in sys.path)
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *words]
    return subprocess.Popen(command, env=environment, text=True, start_new_session=True, **more)


def made(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by their paths in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]
