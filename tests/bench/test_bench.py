"""What is measured is the command itself, in fresh processes, stage by stage; mistakes are told before any run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from talkcli.bench import BenchOptions, Case, Measured, Run, bench, spoken
from talkcli.bench.memory import Watch
from talkcli.bench.tables import as_dict, case_table, spread
from talkcli.cli import main
from talkcli.errors import TalkError
from talkcli.stages import STAGES
from tests.make import make_checkpoint, make_tone, save_sound

CASE = Case(
    model="selftalk-tiny",
    seconds=10.0,
    size=(512, 512),
    format="mp4",
    phones="auto",
    device="cpu",
    precision="fp32",
    renderer="software",
)
RUNS = tuple(
    Run(wall, 2 * wall, {"render": wall / 2, "start": 1.0}, round(wall * 1e8)) for wall in (4.0, 5.0, 6.0, 7.0, 8.0)
)


def test_half_and_nineteen_of_twenty_runs_are_told() -> None:
    assert spread([3.0, 1.0, 2.0]) == pytest.approx((2.0, 2.9))
    assert spread([5.0]) == (5.0, 5.0)


def test_the_sound_is_said_again_until_it_is_long_enough() -> None:
    once = make_tone(1.0).samples
    found = spoken(once, 4.0)
    assert len(found) == 4 * 16000
    assert (found[:16000] == once).all()
    assert not found[16000:27200].any()  # the pause
    assert (found[27200 : 27200 + 16000] == once).all()
    assert (spoken(once, 0.5) == once[:8000]).all()


def test_the_table_has_seconds_and_real_time_factors() -> None:
    lines = case_table(Measured(CASE, RUNS)).splitlines()
    assert lines[0] == "selftalk-tiny: 10 s of sound to mp4 512x512, 5 runs"
    rows = {line[:13].strip(): line[13:].split() for line in lines[3:-1]}
    assert list(rows) == ["start", "render", "whole command"]  # in the order of STAGES
    assert rows["whole command"] == ["6.00", "7.80", "0.600", "0.780"]
    assert rows["render"] == ["3.00", "3.90", "0.300", "0.390"]
    assert lines[-1] == "CPU 12.0 s; peak memory 800 MB"


def test_a_case_without_pictures_tells_no_size() -> None:
    runs = [replace(RUNS[0], stages={"start": 1.0}, memory=None)]
    table = case_table(Measured(replace(CASE, format="npz"), tuple(runs)))
    assert table.startswith("selftalk-tiny: 10 s of sound to npz, 1 run\n")
    assert table.endswith("peak memory: this system has no /proc to tell it")


def test_json_has_the_same_numbers_and_every_run() -> None:
    told = json.loads(json.dumps(as_dict(Measured(CASE, RUNS))))
    assert told["wall"] == {"p50": 6.0, "p95": 7.8, "p50_rtf": 0.6, "p95_rtf": 0.78}
    assert told["stages"]["render"]["p50_rtf"] == 0.3
    assert told["peak_bytes"] == 800_000_000
    assert [run["wall"] for run in told["runs"]] == [4.0, 5.0, 6.0, 7.0, 8.0]
    assert (told["case"]["model"], told["case"]["size"]) == ("selftalk-tiny", [512, 512])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")
def test_memory_is_that_of_a_process_and_of_its_children() -> None:
    grow = "import time; held = bytearray(b'x' * 60_000_000)"
    code = f"import subprocess, sys; {grow}; subprocess.run([sys.executable, '-c', '''{grow}; time.sleep(0.5)'''])"
    with subprocess.Popen([sys.executable, "-c", code]) as process, Watch(process.pid) as watch:
        assert process.wait() == 0
    assert watch.peak is not None
    assert 120_000_000 < watch.peak < 250_000_000


def test_memory_is_not_told_where_nothing_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkcli.bench.memory.PROC", tmp_path / "proc")
    with Watch(1) as watch:
        pass
    assert watch.peak is None


@pytest.mark.slow
def test_a_film_goes_through_every_stage() -> None:
    options = BenchOptions(seconds=[1.0], sizes=[(64, 64)], repeats=1, device="cpu", renderer="software")
    (measured,) = bench(options)
    (run,) = measured.runs
    assert run.stages.keys() == STAGES.keys()
    assert all(seconds > 0 for seconds in run.stages.values())
    beside = ("recogniser", "render", "encode")  # in other threads
    assert sum(seconds for name, seconds in run.stages.items() if name not in beside) < run.wall
    assert run.cpu > 0.5
    assert run.memory is None or run.memory > 100_000_000


def test_motion_is_measured_without_pictures_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    model, sound = make_checkpoint(tmp_path / "small.safetensors"), save_sound(tmp_path / "a.wav", make_tone(1).samples)
    words = ["--seconds", "0.5", "--repeats", "1", "--format", ".npz", "--phones", "head", "--device", "cpu", "--json"]
    assert main(["bench", "--model", str(model), "--sound", str(sound), *words]) == 0
    told = json.loads(capsys.readouterr().out)
    (case,) = told["cases"]
    assert case["case"]["format"] == "npz"
    assert {"start", "load sound", "hear", "load model", "network", "motion", "write"} <= case["stages"].keys()
    assert not {"render", "encode", "recogniser"} & case["stages"].keys()
    assert told["cores"] >= 1
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("talk")) == []


# -- mistakes --------------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> Run:
        raise AssertionError("a run was begun")

    monkeypatch.setattr("talkcli.bench._run", run)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seconds", "five"], "--seconds 'five': give seconds such as 5"),
        (["--seconds", "5,,20"], "--seconds '5,,20': give one or several, with commas"),
        (["--seconds", "0"], "--seconds 0: give more than 0"),
        (["--seconds", "nan"], "--seconds nan: give more than 0"),
        (["--seconds", "1e9"], "at most 36000"),
        (["--size", "big"], "--size 'big': write pixels"),
        (["--size", "511"], "511"),
        (["--format", "exe"], "Nothing here writes .exe"),
        (["--format", "json"], "could be several things"),
        (["--model", "nowhere"], "no model 'nowhere'"),
        (["--sound", "nowhere.wav"], "nowhere.wav does not exist"),
        (["--renderer", "pencil"], "There is no renderer 'pencil'"),
    ],
)
@pytest.mark.usefixtures("nothing_runs")
def test_a_mistake_is_one_line_before_any_run(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err
    assert told.err.count("\n") == 1


@pytest.mark.usefixtures("nothing_runs")
def test_a_sound_without_samples_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound = save_sound(tmp_path / "empty.wav", np.zeros(0, np.float32))
    assert main(["bench", "--sound", str(sound)]) == 2
    assert "has no samples" in capsys.readouterr().err


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Makes the process of a case run other code."""

    def run(code: str) -> None:
        script = tmp_path / "python"
        script.write_text(f"#!{sys.executable}\n{code}\n")
        script.chmod(0o755)
        monkeypatch.setattr("talkcli.bench.sys.executable", str(script))

    return run


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; print('note', file=sys.stderr); sys.exit('error: the disk is full')", "the disk is full"),
        ("import os; os._exit(7)", "its process ended with exit code 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "its process ended with exit code -11"),
    ],
)
def test_a_case_that_fails_is_told(code: str, said: str, child: Callable[[str], None]) -> None:
    child(code)
    with pytest.raises(TalkError, match=f"5 s of sound to .mp4 with selftalk-tiny failed: {said}"):
        list(bench(BenchOptions(seconds=[5.0], repeats=1)))


def test_the_document_explains_every_stage() -> None:
    text = (Path(__file__).parents[2] / "docs" / "bench.md").read_text("utf-8")
    explained = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert explained[1 : 1 + len(STAGES)] == list(STAGES)
