"""Tab completes commands, options and values, in each shell that is installed here and by the protocol itself."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import pytest

from talkcli.animate import Phones
from talkcli.cli import main
from talkcli.commands import values
from talkcli.export import EXPORTERS
from talkcli.head import load_head
from talkcli.models.checkpoint import save_checkpoint
from tests.make import make_checkpoint
from tests.make_models import PLATE, make_info, make_model, make_template

TALK = f"#!{sys.executable}\nimport sys\nfrom talkcli.cli import main\nsys.exit(main())\n"
PROMPT = "next> "
PATIENCE = 30.0  # seconds that a shell may take on a busy machine
HEAVY = ("torch", "scipy", "numba", "transformers", "soundfile")


def offered(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What bash is told when Tab is pressed at the end of a line."""
    words = line.split(" ")
    monkeypatch.setenv("_TALK_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "\n".join(words))
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    assert main([]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out.split()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user is: a run that is finished, two that have no checkpoint, one of them a lip reader, and a file."""
    monkeypatch.chdir(tmp_path)
    make_checkpoint(tmp_path / "runs" / "first" / "best.safetensors")
    (tmp_path / "runs" / "begun").mkdir()
    (tmp_path / "runs" / "begun" / "run.json").touch()
    (tmp_path / "runs" / "judge").mkdir()
    for name in ("run.json", "reader.safetensors"):
        (tmp_path / "runs" / "judge" / name).touch()
    (tmp_path / "speech.wav").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("talk mod", ["models"]),
        ("talk completion ", ["bash", "zsh", "fish"]),
        ("talk preprocess v", ["vocaset"]),
        ("talk animate speech.wav --backg", ["--background"]),
        ("talk preprocess folder --in", ["--init"]),
        ("talk animate --model s", ["selftalk-tiny"]),
        ("talk animate --model r", ["runs/first"]),
        ("talk evaluate r", ["runs/first"]),
        ("talk score speech.wav face.npz --reader l", ["lips-tiny"]),
        ("talk evaluate runs/first --reader r", ["runs/judge"]),
        ("talk evaluate runs/first --protocol f", ["faceformer", "facediffuser"]),
        ("talk train --method d", ["dualtalker"]),
        ("talk train --preset t", ["tiny"]),
        ("talk train --method kmtalk --preset p", ["paper-biwi", "paper-vocaset", "paper"]),
        ("talk convert face.npz --view t", ["three-quarter"]),
        ("talk animate --background gr", ["green"]),
        ("talk animate --renderer s", ["software"]),
        ("talk animate --device c", ["cpu", "cuda"]),
        ("talk animate --precision b", ["bf16"]),
        ("talk animate --phones a", ["auto", "asr", "allphone"]),
        ("talk animate --subject ad", ["ada"]),
        ("talk animate --style b", ["ben"]),
        ("talk animate --out face.us", ["face.usda", "face.usdc"]),
        ("talk animate --out out.2/face.ark", ["out.2/face.arkit.csv", "out.2/face.arkit.json"]),
        ("talk animate --out a.b.mp", ["a.b.mp4"]),
        ("talk animate --out ", []),  # files and folders are the shell's
        ("talk animate --out sp", []),
        ("talk animate --out runs/", []),
        ("talk animate --model nowhere --subject a", []),
        ("talk animate --model speech.wav --style a", []),
        ("talk animate sp", []),
        ("talk nonsense --mod", []),
    ],
)
def test_what_can_be_typed_is_offered(
    line: str,
    expected: list[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert offered(line, monkeypatch, capsys) == expected


def test_every_file_has_its_suffix_offered(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = [f"new{suffix}" for suffix, form in EXPORTERS.items() if not form.sequence]
    assert offered("talk animate --out new", monkeypatch, capsys) == whole


def test_subjects_and_styles_are_those_of_the_model_that_was_typed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offered("talk animate --subject ", monkeypatch, capsys) == list(load_head().subjects)
    model = make_model("basis=none", info=make_info(PLATE))
    save_checkpoint(folder / "plate.safetensors", model, "selftalk", {"zoe": make_template(PLATE)}, {})
    assert offered("talk animate --model plate.safetensors --subject ", monkeypatch, capsys) == ["zoe"]
    assert offered("talk animate --model plate.safetensors --style ", monkeypatch, capsys) == list(
        make_info(PLATE).subjects
    )


def test_the_sources_of_phones_are_all_offered() -> None:
    assert {name for name, _ in values.phones(None, "")} == set(get_args(Phones))


@pytest.mark.parametrize("line", ["talk ", "talk animate --model ", "talk animate --subject ", "talk animate --out f"])
def test_a_tab_loads_nothing_heavy(line: str, folder: Path) -> None:
    words = line.split(" ")
    asked = {"_TALK_COMPLETE": "complete_bash", "COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    told = f"print(*({{*{HEAVY}}} & {{*sys.modules}}), file=sys.stderr)"
    code = f"import sys; from talkcli.cli import main; main([]); {told}"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip()
    assert done.stderr.strip() == ""


# -- the shells themselves -------------------------------------------------------------------------------------------


@pytest.fixture
def typing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a shell finds `talk`."""
    place = folder / "bin"
    place.mkdir()
    (place / "talk").write_text(TALK)
    (place / "talk").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path or "." for path in sys.path))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("PS1", PROMPT)
    monkeypatch.setenv("HOME", str(folder))
    return folder


def needed(shell: str) -> str:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")
    return path


class Terminal:
    """A shell in a terminal of its own, in which keys can be pressed."""

    def __init__(self, *command: str) -> None:
        self._keys, other = pty.openpty()
        self._shell = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, start_new_session=True)
        os.close(other)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_error: object) -> None:
        self._shell.kill()
        self._shell.wait()
        os.close(self._keys)

    def press(self, keys: str, until: str) -> None:
        """Presses keys, and waits for what must then be shown."""
        os.write(self._keys, keys.encode())
        shown, end = "", time.monotonic() + PATIENCE
        while not re.search(until, shown):
            ready, _, _ = select.select([self._keys], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{keys!r} showed {shown!r} and not {until!r}"
            shown += os.read(self._keys, 1 << 16).decode(errors="replace")


def complete(terminal: Terminal) -> None:
    """A command, a value and a file, each by a Tab."""
    for typed, whole in (
        ("talk mod", "talk models "),
        ("talk animate --model runs/f", "talk animate --model runs/first "),
        ("talk animate spe", "talk animate speech.wav "),
    ):
        terminal.press(f"{typed}\t", re.escape(whole))
        terminal.press('\x15echo don""e\n', f"done[^>]*{PROMPT}")  # the line is cleared, and the next can be typed


def test_bash_completes(typing: Path) -> None:
    with Terminal(needed("bash"), "--norc", "--noprofile", "-i") as terminal:
        terminal.press('eval "$(talk completion bash)"; echo don""e\n', f"done[^>]*{PROMPT}")
        complete(terminal)


@pytest.mark.parametrize(
    "setup",
    [
        'autoload -Uz compinit; compinit -u; eval "$(talk completion zsh)"',
        "talk completion zsh > bin/_talk; fpath=($PWD/bin $fpath); autoload -Uz compinit; compinit -u",
    ],
    ids=["evaluated", "in fpath"],
)
def test_zsh_completes(setup: str, typing: Path) -> None:
    with Terminal(needed("zsh"), "-f", "-i") as terminal:
        terminal.press(f'{setup}; echo don""e\n', f"done[^>]*{PROMPT}")
        complete(terminal)


def test_fish_completes(typing: Path) -> None:
    asked = ("talk mod", "talk animate --model r", "talk animate spe")
    script = "talk completion fish | source; " + "; ".join(f"complete -C '{line}'" for line in asked)
    done = subprocess.run([needed("fish"), "--no-config", "-c", script], capture_output=True, text=True, check=True)
    found = [line.partition("\t") for line in done.stdout.splitlines()]
    assert [value for value, _, _ in found] == ["models", "runs/first", "speech.wav"]
    assert found[1][2] == "run"


def test_a_shell_that_is_not_known_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "'tcsh' is not one of" in said.err
