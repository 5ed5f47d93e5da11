"""tools/setup: a missing tool is one clear sentence, nothing is half made, and what is made is found again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A fresh clone, as far as the set-up looks at it."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "setup", tmp_path / "tools")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def set_up(tree: Path, python: str, *extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tree / "tools" / "setup", *extra],
        env=os.environ | {"PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )


def interpreter(path: Path, script: str) -> str:
    """A program that stands in for Python."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (None, "no Python 3.11 or newer found"),
        ("exit 1", "no Python 3.11 or newer found"),
        (f'case "$2" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"', "has no venv: install it"),
    ],
)
def test_what_is_missing_is_one_sentence(tree: Path, script: str | None, sentence: str) -> None:
    python = interpreter(tree / "python", script) if script else "no-such-python"
    done = set_up(tree, python)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr
    assert not (tree / ".venv").exists()


def made(tree: Path) -> None:
    """Makes what a finished set-up leaves behind, without downloading it."""
    fake = f"""
case "$*" in
  *"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python && cp "$0" .venv/bin/talk;;
  *"-m pip"*) echo "$*" >> asked;;
  *) exec {sys.executable} "$@";;
esac"""
    done = set_up(tree, interpreter(tree / "python", fake), "dev")
    assert done.returncode == 0, done.stderr


def test_a_second_run_does_nothing(tree: Path) -> None:
    made(tree)
    assert "--editable .[dev]" in (tree / "asked").read_text()
    for extra in ([], ["dev"]):
        done = set_up(tree, "no-such-python", *extra)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_changed_pyproject_is_installed_again(tree: Path) -> None:
    made(tree)
    with (tree / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    made(tree)
    assert (tree / "asked").read_text().count("--editable") == 2


def test_a_tree_that_was_moved_is_set_up_anew(tree: Path) -> None:
    made(tree)
    moved = tree.rename(tree.with_name(f"{tree.name}-moved"))
    (moved / ".venv" / "old").touch()
    made(moved)
    assert not (moved / ".venv" / "old").exists()


def test_an_installation_that_fails_is_no_installation(tree: Path) -> None:
    made(tree)
    for stamp in (tree / ".venv").glob(".ready*"):
        stamp.unlink()
    interpreter(
        tree / ".venv" / "bin" / "python", f'case "$*" in *"-m pip"*) exit 1;; esac; exec {sys.executable} "$@"'
    )
    done = set_up(tree, sys.executable)
    assert done.returncode == 2
    assert "pip could not install" in done.stderr
    assert not list((tree / ".venv").glob(".ready*"))


def test_a_wheel_brings_all_that_is_read_at_run_time() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["talkcli"]
    package = ROOT / "talkcli"
    taken = {path for pattern in told for path in package.glob(pattern.replace("**", "**/*"))}
    left = [p for p in package.rglob("*") if p.is_file() and p.suffix != ".py" and "__pycache__" not in p.parts]
    assert set(left) <= taken
