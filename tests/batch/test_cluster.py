"""A batch on a Ray cluster: what dies is made again, nothing is lost, and nothing is made twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.batch.conftest import Fails, begin, json_lines, made
from tests.batch.test_local import HANGS, LONG, caught, half_written, run, wait_for
from tests.make import make_tone, save_sound

STORE = 80 << 20  # bytes, about the least that Ray takes
LAST = 2 * HANGS  # seconds after which a command hangs
ON_RAY = ("voices", "--out-dir", "out", "--format", "npz,glb,cues.json", "--engine", "ray")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes on this machine, with a core each."""
    from ray.cluster_utils import Cluster

    needs = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    environment = {
        "PYTHONPATH": os.pathsep.join(part or "." for part in sys.path),  # the nodes' processes find the package
        "OMP_NUM_THREADS": "1",  # as in `begin`
        "RAY_memory_monitor_refresh_ms": "0",  # Ray kills no worker of its own accord
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        nodes = Cluster(initialize_head=True, head_node_args=needs)
        try:
            nodes.add_node(**needs)
            yield nodes
        finally:
            nodes.shutdown()


@contextmanager
def driven(words: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A command that does not outlive its time."""
    with begin(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        limit = threading.Timer(LAST, process.kill)
        limit.start()
        try:
            yield process
        finally:
            limit.cancel()
            process.kill()


def events_of(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stderr is not None
    for line in process.stderr:
        yield json.loads(line)


@pytest.mark.slow
def test_control_c_stops_the_cluster_in_the_middle_and_leaves_nothing_half_written(
    cluster: Any, typed: Callable[..., list[str]], voices: Path
) -> None:
    save_sound(voices / "a.wav", make_tone(LONG).samples)
    with driven(typed(*ON_RAY, "--address", cluster.address)) as process:
        wait_for(lambda: half_written(Path("out")), process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not list(Path().rglob("*.part*"))
    assert not list(Path().glob("out/a.*"))


def is_of(process: int, ancestor: int) -> bool:
    """Whether one process is below another."""
    while process > 1 and process != ancestor:
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return process == ancestor


@pytest.mark.slow
def test_a_worker_and_a_machine_that_die_cost_nothing(
    cluster: Any, typed: Callable[..., list[str]], tmp_path: Path
) -> None:
    Path("voices").mkdir()
    for name in "abcd":
        save_sound(tmp_path / "voices" / f"{name}.wav", make_tone(LONG).samples)
    (node,) = cluster.worker_nodes
    raylet = node.all_processes["raylet"][0].process.pid
    died: list[str] = []
    started: Counter[str] = Counter()
    finished: dict[str, dict[Path, int]] = {}
    with driven(typed(*ON_RAY, "--address", cluster.address, "--json")) as process:
        for event in events_of(process):
            name = Path(event.get("source", "")).stem
            if event["event"] == "started":
                started[name] += 1
                worker = event["process"]
                if len(died) < 2 and (not died or is_of(worker, raylet)) and caught(worker, name):
                    if died:  # this time the machine, and with it what runs there
                        cluster.remove_node(node, allow_graceful=False)
                    os.kill(worker, signal.SIGKILL)
                    died.append(name)
            elif event["event"] == "finished":
                assert name not in finished
                finished[name] = {path: path.stat().st_mtime_ns for path in Path("out").rglob(f"{name}[.-]*")}
        assert process.stdout is not None
        results = json_lines(process.stdout.read())
    assert process.wait() == 0
    assert sorted(Path(result["source"]).stem for result in results) == [*"abcd"]
    assert {result["status"] for result in results} == {"done"}
    assert len(died) == 2
    assert started == Counter([*"abcd", *died])
    assert [len(files) for files in finished.values()] == [5] * 4  # a manifest, and the sound beside the .glb
    assert all(path.stat().st_mtime_ns == time for files in finished.values() for path, time in files.items())
    run(typed("voices", "--out-dir", "whole", "--format", "npz,glb,cues.json", "--jobs", 1))
    assert made(Path("out")) == made(Path("whole"))


@pytest.mark.slow
def test_without_a_cluster_this_machine_is_one_while_it_lasts(
    typed: Callable[..., list[str]], voices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (voices / "bad.wav").write_bytes(b"no sound at all")
    with driven(typed(*ON_RAY, "--address", "local", "--jobs", 1)) as process:
        _, err = process.communicate()
    assert process.returncode == 2
    lines = err.splitlines()
    assert lines[0] == "this machine is the Ray cluster while it lasts: --address names another"
    assert "bad.wav is not sound that can be read" in lines[-3]
    assert lines[-2].startswith("3 sounds made, 0.90 s of sound in ")
    assert lines[-1] == "error: 1 of 4 sounds failed"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with driven(typed(*ON_RAY, "--address", "local", "--resume", "--device", "cuda")) as process:
        _, err = process.communicate()
    assert err.splitlines()[-1] == "error: --device cuda: Ray finds no GPU on this machine; leave it out"


# -- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1 ("),
        ("nowhere.invalid:6379", "no Ray cluster answers at nowhere.invalid:6379 ("),
        ("127.0.0.1:99999999", "no Ray cluster answers at 127.0.0.1:99999999 ("),
        ("ray://127.0.0.1:10001", "give the host:port of the cluster's head"),
        ("nonsense", "there is no Ray cluster at nonsense (Invalid address format: nonsense)"),
    ],
)
def test_an_address_at_which_no_cluster_is_is_told(address: str, told: str, voices: Path, fails: Fails) -> None:
    assert told in fails(*ON_RAY, "--address", address)


def test_without_ray_one_line_says_what_to_install(voices: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert fails(*ON_RAY) == "error: --engine ray needs Ray, which is not installed: pip install 'talkcli[ray]'\n"
