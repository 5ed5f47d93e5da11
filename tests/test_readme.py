"""The README's commands, run as they stand; only what would take hours or needs a trained model is stood in for."""

from __future__ import annotations

import io
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talkcli.audio import load_audio
from talkcli.cli import app, main
from talkcli.clip import MotionClip
from talkcli.commands.keys import KEYED_MODEL
from talkcli.export import write
from talkcli.models.checkpoint import save_checkpoint
from talkcli.resources import DEFAULT_MODEL
from talkcli.score import summary
from tests.make import MOUTH, make_checkpoint, make_tone, sample_speech, save_sound
from tests.make_models import make_corpus, make_keyed

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = [line.partition("  #")[0].strip() for line in re.findall(r"^ {4}((?:talk|make) .*)$", README, re.MULTILINE)]


def lines(start: str) -> list[str]:
    return [line for line in LINES if line.startswith(start)]


def without_out(start: str) -> list[str]:
    return [line for line in lines(start) if "--out" not in line]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small untrained model, in place of the shipped one and of a finished run."""
    return make_checkpoint(tmp_path_factory.mktemp("run") / "best.safetensors").read_bytes()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: bytes) -> Path:
    """A folder as the README's reader has it: half a second of sound in two forms, and a run."""
    for suffix, subtype in (("wav", "PCM_16"), ("mp3", "MPEG_LAYER_III")):
        save_sound(tmp_path / f"speech.{suffix}", make_tone(0.5).samples, subtype=subtype)
    for path in (
        tmp_path / "runs" / "first" / "best.safetensors",
        tmp_path / "shipped" / f"{DEFAULT_MODEL}.safetensors",
    ):
        path.parent.mkdir(parents=True)
        path.write_bytes(model)
    save_checkpoint(tmp_path / "shipped" / f"{KEYED_MODEL}.safetensors", make_keyed(), "kmtalk", {}, {})
    monkeypatch.setattr("talkcli.resources.MODELS", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_shows_every_command() -> None:
    shown = {line.split()[1] for line in lines("talk ")}
    assert shown == {command.name for command in app.registered_commands} | {"preprocess"}


def save_sentence(folder: Path) -> None:
    """speech.wav and what is said in it."""
    save_sound(folder / "speech.wav", load_audio(sample_speech()).part(0.0, 2.45).samples)
    (folder / "speech.txt").write_text("Hello, I am a head made of numbers.")


@pytest.mark.parametrize("line", [line for line in lines("talk animate") if "--out-dir" not in line])
def test_animate_writes_what_the_readme_says(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "--text-file" in line:
        save_sentence(folder)
    if "--keys" in line:
        assert main(["keys", "speech.wav", "--out", "keys.json"]) == 0
    command, _, source = (part.strip() for part in line.partition("<"))
    if source:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((folder / source).read_bytes())))
    arguments = shlex.split(command)[1:]
    assert main(arguments) == 0
    outs = [arguments[place + 1] for place, word in enumerate(arguments) if word == "--out"]
    assert min((folder / out).stat().st_size for out in outs) > (1000 if len(outs) == 1 else 50)


@pytest.mark.parametrize("line", [line for line in lines("talk animate") if "--out-dir" in line])
def test_animate_writes_a_folder_as_the_readme_says(line: str, folder: Path) -> None:
    (folder / "voices").mkdir()
    for name in ("other.wav", "voices/speech.wav"):
        shutil.copy(folder / "speech.wav", folder / name)
    words = shlex.split(line, comments=True)[1:]
    typed = [path for word in words for path in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
    assert main([*typed, "--phones", "head", "--size", "64"]) == 0
    formats = words[words.index("--format") + 1].split(",")
    assert all((folder / "out" / f"speech.{suffix}").stat().st_size > 1000 for suffix in formats)


@pytest.mark.parametrize("line", lines("talk convert"))
def test_convert_writes_what_the_readme_says(line: str, folder: Path) -> None:
    assert main(["animate", "speech.wav", "--out", "face.npz", "--phones", "head"]) == 0
    arguments = shlex.split(line)[1:]
    assert main(arguments) == 0
    outs = [arguments[place + 1] for place, word in enumerate(arguments) if word == "--out"]
    assert min((folder / out).stat().st_size for out in outs) > 10000


@pytest.mark.parametrize("line", lines("talk align"))
def test_align_writes_what_the_readme_says(line: str, folder: Path) -> None:
    save_sentence(folder)
    arguments = shlex.split(line, comments=True)[1:]
    assert main(arguments) == 0
    assert (folder / arguments[arguments.index("--out") + 1]).stat().st_size > 100


@pytest.mark.parametrize("line", lines("talk keys"))
def test_keys_writes_what_the_readme_says(line: str, folder: Path) -> None:
    assert main(shlex.split(line, comments=True)[1:]) == 0
    assert (folder / "keys.json").stat().st_size > 100


@pytest.mark.parametrize("line", lines("talk boost"))
def test_boost_writes_what_the_readme_says(line: str, folder: Path) -> None:
    corpus = make_corpus(folder / "data" / "synthetic")
    (entry,) = corpus.part("test")
    (folder / "predictions").mkdir()
    np.save(folder / "predictions" / f"{entry.name}.npy", corpus.vertices(entry))
    assert main(shlex.split(line, comments=True)[1:]) == 0
    assert (folder / "boosted" / f"{entry.name}.npy").is_file()


@pytest.mark.parametrize("line", lines("talk models"))
def test_models_lists_the_default_model(line: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(line)[1:]) == 0
    assert DEFAULT_MODEL in capsys.readouterr().out


@pytest.mark.parametrize("line", lines("talk completion"))
def test_completion_prints_a_script(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(line)[1:]) == 0
    assert "_TALK_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize("line", [*lines("talk info"), *without_out("talk preprocess")])
def test_what_only_looks_or_writes_an_example_runs(line: str, folder: Path) -> None:
    clip = MotionClip(np.zeros((1, 2, 3), np.float32), np.zeros((2, 3), np.float32), MOUTH, 30.0)
    write([clip], folder / "face.npz")
    make_corpus(folder / "data" / "synthetic")
    assert main(shlex.split(line)[1:]) == 0


@pytest.mark.parametrize(
    "line", [line for line in (*lines("talk preprocess"), *lines("talk train")) if line not in without_out("talk")]
)
def test_preprocess_and_train_are_asked_as_the_readme_says(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They take hours; tests/test_cli.py runs both for real, on seconds of speech."""
    asked: list[Any] = []
    monkeypatch.setattr("talkcli.preprocess.preprocess", lambda *options: asked.extend(options))
    monkeypatch.setattr("talkcli.train.train", lambda options: asked.append(options) or "best")
    words = shlex.split(line, comments=True)
    assert main(words[1:]) == 0
    assert words[words.index("--out") + 1] in re.split(r"[\s'\"()]+", " ".join(map(str, asked)))


@pytest.mark.parametrize("line", lines("talk evaluate"))
def test_evaluate_says_or_writes_what_it_found(line: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_corpus(folder / "data" / "synthetic")
    words = shlex.split(line, comments=True)[1:]
    assert main([*words, "--phones", "head"]) == 0
    said = capsys.readouterr().out
    assert "lip_distance_mm" in said
    assert ("readability" in said) == ("--reader" in words)
    if "--out" in words:
        report = folder / words[words.index("--out") + 1]
        assert (report / "report.html").stat().st_size > 10000
        assert (report / "result.json").is_file()


@pytest.mark.parametrize("line", lines("talk benchmark"))
def test_benchmark_is_asked_as_the_readme_says(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes hours; tests/test_benchmark.py has the parts."""
    asked: list[Any] = []
    monkeypatch.setattr("talkcli.benchmark.benchmark", lambda options: asked.append(options) or options.table)
    assert main(shlex.split(line)[1:]) == 0
    assert str(asked[0].data) == "data/synthetic"


@pytest.mark.parametrize("line", lines("talk bench "))
def test_bench_is_asked_as_the_readme_says(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes minutes; tests/bench has a run."""
    asked: list[Any] = []
    monkeypatch.setattr("talkcli.bench.bench", lambda options: asked.append(options) or iter(()))
    assert main(shlex.split(line, comments=True)[1:]) == 0
    assert (asked[0].seconds, asked[0].sizes) == ([5.0, 20.0], [(256, 256), (512, 512)])
    assert "cores, load" in capsys.readouterr().out


@pytest.mark.parametrize("line", lines("talk score"))
def test_score_is_asked_as_the_readme_says(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader takes an hour to train; tests/test_score.py has the parts."""
    asked: list[Any] = []
    said = np.random.default_rng(0).standard_normal((30, 5)).astype(np.float32)
    found = summary(said, said, np.ones(30, bool), 30.0, "judge")
    monkeypatch.setattr("talkcli.score.score", lambda *options: asked.extend(options) or found)
    assert main(shlex.split(line, comments=True)[1:]) == 0
    assert asked[:2] == ["speech.wav", Path("face.npz")]
    assert (folder / "lips.png").is_file()


@pytest.mark.parametrize("line", lines("make "))
def test_make_knows_what_the_readme_asks_of_it(line: str) -> None:
    subprocess.run([*shlex.split(line), "--dry-run"], cwd=ROOT, check=True, capture_output=True)


def test_the_python_example_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("0.0 (15, ")


def test_files_that_the_readme_links_are_there() -> None:
    linked = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert linked
    assert [link for link in linked if not (ROOT / link).exists()] == []
