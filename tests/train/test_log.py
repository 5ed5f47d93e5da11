"""What a run tells: TensorBoard's event files beside the table, and curves at the end."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from talkcli.train.log import Log, draw_curves


def told(folder: Path) -> Iterator[tuple[str, int, float]]:
    """(name, step, value) of all events, in the order of their files."""
    from tensorboardX.proto.event_pb2 import Event

    for path in sorted((folder / "events").iterdir(), key=lambda path: path.stat().st_mtime_ns):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            event = Event.FromString(data[place + 12 : place + 12 + length])
            place += length + 16
            for value in event.summary.value:
                yield value.tag, event.step, value.simple_value


def write(log: Log, *steps: int) -> None:
    for step in steps:
        log.write(step, {"position": torch.tensor(2.0 / step), "ctc": torch.tensor(0.5)}, 1.0 / step, 1e-4)


def test_events_say_what_the_table_says(tmp_path: Path) -> None:
    log = Log(tmp_path, "model", 0)
    write(log, 5, 10)
    log.close()
    found = {(name, step): value for name, step, value in told(tmp_path)}
    assert {name for name, _ in found} == {f"model/{name}" for name in ("position", "ctc", "total", "validation", "lr")}
    assert {step for _, step in found} == {5, 10}
    assert found["model/total", 5] == pytest.approx(0.9)
    assert found["model/validation", 10] == pytest.approx(0.1)
    assert found["model/lr", 10] == pytest.approx(1e-4)
    assert (tmp_path / "model.csv").read_text().splitlines()[1] == "5,0.4,0.5,0.9,0.2"


def test_events_are_there_without_a_last_word(tmp_path: Path) -> None:
    """A killed run has no time to close its files."""
    log = Log(tmp_path, "model", 0)
    write(log, 5)
    assert ("model/ctc", 5, 0.5) in list(told(tmp_path))
    log.close()


def test_a_run_that_goes_on_strikes_out_what_came_after_its_last_state(tmp_path: Path) -> None:
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    killed = Log(tmp_path, "model", 0)
    write(killed, 5, 10)
    killed.close()
    log = Log(tmp_path, "model", 5)
    write(log, 10)
    log.close()
    assert [line.partition(",")[0] for line in (tmp_path / "model.csv").read_text().splitlines()] == ["step", "5", "10"]
    (path,) = (tmp_path / "events").glob("*.model.5.*")
    newest = path.read_bytes()
    starts, place = [], 0
    while place < len(newest):
        (length,) = struct.unpack_from("<Q", newest, place)
        event = Event.FromString(newest[place + 12 : place + 12 + length])
        place += length + 16
        starts += [event.step] if event.session_log.status == SessionLog.START else []
    assert starts == [6]


def test_curves_are_a_picture(tmp_path: Path) -> None:
    for stage in ("model", "recognizer"):
        log = Log(tmp_path, stage, 0)
        write(log, 5, 10, 15)
        log.close()
    path = draw_curves(tmp_path)
    assert path == tmp_path / "curves.png"
    assert path.read_bytes().startswith(b"\x89PNG")


def test_no_curves_of_nothing(tmp_path: Path) -> None:
    assert draw_curves(tmp_path) is None
    (tmp_path / "model.csv").touch()
    assert draw_curves(tmp_path) is None
