"""Workers on this machine: what they make, what one that dies costs, and that none outlives the batch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from talkcli.batch import local
from talkcli.batch.events import Event, Started
from talkcli.batch.manifest import FOLDER
from talkcli.batch.report import Report
from tests.batch.conftest import Fails, Talk, begin, json_lines, made
from tests.make import make_tone, save_sound
from tests.processes import is_dead

LONG = 20.0  # seconds of sound that are in the middle of being made for a while
HANGS = 300.0  # seconds after which nothing will come any more


def half_written(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.part*") if path.parent.name != FOLDER]


def wait_for(what: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    last = time.monotonic() + HANGS
    while not what():
        assert time.monotonic() < last, "it did not come"
        assert process is None or process.poll() is None, "the command ended"
        time.sleep(0.01)


def has_finished(name: str) -> bool:
    manifests = [json.loads(path.read_text()) for path in Path("out", FOLDER).glob(f"{name}-*.json")]
    return any("sha256" in entry for manifest in manifests for entry in manifest["outputs"].values())


def caught(process: int, name: str) -> bool:
    """Whether a process is held in the middle of an item now; one that has finished it first goes on."""
    while not has_finished(name):
        os.kill(process, signal.SIGSTOP)
        if any(path.name.startswith(f".{name}.") for path in half_written(Path("out"))):
            return True
        os.kill(process, signal.SIGCONT)
        time.sleep(0.01)
    return False


def test_a_worker_that_is_killed_costs_its_item_and_the_rest_goes_on(
    talk: Talk, voices: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save_sound(voices / "a.wav", make_tone(LONG).samples)
    tell = Report.tell
    used: set[int] = set()

    def kill(self: Report, event: Event) -> None:
        tell(self, event)
        if isinstance(event, Started):
            used.add(event.process)
            if event.item == "a":
                assert caught(event.process, "a")
                os.kill(event.process, signal.SIGKILL)
                wait_for(lambda: is_dead(event.process))  # or the other worker may end first, and make all of the rest

    with monkeypatch.context() as patch:
        patch.setattr(Report, "tell", kill)
        assert talk("voices", "--out-dir", "out", "--format", "npz,glb", "--jobs", 2, "--json") == 2
    said = capsys.readouterr()
    results = {Path(result["source"]).stem: result for result in json_lines(said.out)}
    assert {name: result["status"] for name, result in results.items()} == {
        "a": "failed",
        "one": "done",
        "two": "done",
        "three": "done",
    }
    assert results["a"]["error"] == (
        "the worker process was killed (SIGKILL) while it was animating voices/a.wav: "
        "where memory is short, try fewer --jobs"
    )
    assert len(used) == 3
    assert os.getpid() not in used
    events = json_lines(said.err)
    assert [event["event"] for event in events if event["event"] in ("failed", "finished")].count("finished") == 3
    assert not list(Path("out").rglob("*.part*"))
    assert not list(Path("out").glob("a.*"))
    assert len(list(Path("out/.talk").iterdir())) == 3
    assert talk("voices/one.wav", "--out", "one.npz") == 0
    one, alone = (np.load(path)["vertices"] for path in ("out/one.npz", "one.npz"))
    assert np.abs(one - alone).max() < 1e-6  # another number of threads


def test_what_a_worker_finished_before_it_was_killed_is_made(
    talk: Talk, voices: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hear = local._Pool._hear

    def deaf(self: local._Pool, worker: local._Worker) -> None:
        if worker.item is None or worker.item.name != "two" or not has_finished("two"):
            hear(self, worker)
            return
        worker.process.kill()
        with suppress(EOFError, OSError):
            while True:  # what it said last is lost
                worker.connection.recv()
        self._bury(worker)

    monkeypatch.setattr(local._Pool, "_hear", deaf)
    assert talk("voices", "--out-dir", "out", "--format", "npz", "--jobs", 2, "--json") == 0
    results = json_lines(capsys.readouterr().out)
    assert [result["status"] for result in results] == ["done"] * 3
    (two,) = (result for result in results if Path(result["source"]).stem == "two")
    assert two["seconds"] == 0.3
    assert not list(Path("out").rglob("*.part*"))


@pytest.mark.parametrize(("asked", "threads"), [("", 4), ("3", 3), ("16", 4), ("4,2", 4), ("0", 1)])
def test_a_worker_has_its_share_of_the_cores_or_fewer_if_asked(
    asked: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "usable_cores", lambda: 9)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert local._threads(2) == threads


def test_what_is_wrong_with_every_item_is_told_once_by_workers_too(voices: Path, fails: Fails) -> None:
    assert "unknown style 'nobody'" in fails("voices", "--out-dir", "out", "--style", "nobody", "--jobs", 2)


def test_control_c_ends_all_workers_and_leaves_nothing_half_written(
    typed: Callable[..., list[str]], talk: Talk, voices: Path
) -> None:
    for name in ("long", "longer"):
        save_sound(voices / f"{name}.wav", make_tone(LONG).samples)
    words = typed("voices", "--out-dir", "out", "--format", "npz,mp4", "--size", 64, "--jobs", 2)
    with begin(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_for(lambda: len({path.name.split(".")[1] for path in half_written(Path("out"))}) == 2, process)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    wait_for(lambda: _gone(process.pid))  # Python's own resource tracker is the last
    assert not list(Path().rglob("*.part*"))
    assert not list(Path().glob("out/long*"))
    assert sorted(out.split()) == sorted(str(path) for path in Path().rglob("*.[nm]p[z4]"))


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_batch_that_was_killed_is_resumed_to_the_same_bytes(
    jobs: int, typed: Callable[..., list[str]], voices: Path
) -> None:
    save_sound(voices / "tall.wav", make_tone(LONG).samples)  # the third of four
    words = typed("voices", "--format", "npz,glb,cues.json", "--jobs", jobs)
    with begin([*words, "--out-dir", "out"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: any("tall" in path.name for path in half_written(Path("out"))), process)
        process.kill()
    wait_for(lambda: _gone(process.pid))
    assert half_written(Path("out"))
    results = json_lines(run([*words, "--out-dir", "out", "--resume", "--json"]))
    run([*words, "--out-dir", "whole"])
    assert made(Path("out")) == made(Path("whole"))
    found = {Path(result["source"]).stem: result["status"] for result in results}
    assert set(found) == {"one", "two", "three", "tall"}
    assert found["tall"] == "done"
    assert jobs > 1 or [found["three"], found["one"], found["two"]] == ["skipped", "skipped", "done"]


def run(words: list[str]) -> str:
    """What a command says on stdout that must succeed."""
    with begin(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        said, _ = process.communicate(timeout=200)
    assert process.returncode == 0
    return said


def _gone(session: int) -> bool:
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return True
    return False


def test_as_many_workers_as_cores_and_memory_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, memory, jobs in ((1, None, 1), (8, None, 4), (8, 4 << 30, 2), (64, 1 << 20, 1)):
        monkeypatch.setattr(local, "usable_cores", lambda cores=cores: cores)
        monkeypatch.setattr(local, "free_memory", lambda memory=memory: memory)
        assert local.likely_jobs() == jobs
