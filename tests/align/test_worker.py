"""Phones come from a process of its own, in order; its end is one clear line, and the next request starts another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from talkcli.align import Found, Request, find_phones, worker
from talkcli.align.worker import Worker, found_ahead
from talkcli.audio import load_audio
from talkcli.clip import Audio, Phone
from talkcli.errors import TalkError
from tests.make import make_silence, sample_speech
from tests.processes import ends

TEXT = Request(text="Hello, I am a head made of numbers.")


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A worker for one test."""
    one = Worker()
    monkeypatch.setattr(worker, "_IDLE", [one])
    yield one
    one.close()


def speech() -> Audio:
    return load_audio(sample_speech()).part(0.0, 2.45)


def test_another_process_finds_the_same(own: Worker) -> None:
    assert own.find(speech(), TEXT) == find_phones(speech(), TEXT)


def test_mistakes_are_told_and_the_next_request_works(own: Worker) -> None:
    with pytest.raises(TalkError, match="the transcript holds no words"):
        own.find(speech(), Request(text=""))
    assert own.find(make_silence(0.3), Request(source="asr")).phones == (Phone("SIL", 0.0, 0.3),)


def test_a_bug_brings_its_traceback(own: Worker) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)in the process that finds phones: Traceback.*ValueError"):
        own.find(Audio(make_silence(0.1).samples, 8000), Request(source="asr"))  # all are made for 16 kHz


def test_parts_get_their_share_of_a_text_in_the_time_of_the_whole(own: Worker) -> None:
    parts = [(0.0, 1.0), (0.9, 2.45)]
    with found_ahead(speech(), parts, TEXT) as answers:
        first, second = (answer() for answer in answers)
    whole = find_phones(speech(), TEXT)
    assert first == whole.part(0.0, 1.0)
    assert second.phones[-1].end == pytest.approx(2.45)
    assert second.phones[0].start < 0.9 < second.phones[0].end


def test_parts_are_listened_to_one_by_one_in_the_time_of_the_whole(own: Worker) -> None:
    with found_ahead(make_silence(3.0), [(0.0, 1.0), (1.0, 3.0)], Request(source="asr")) as answers:
        assert answers[1]().phones == (Phone("SIL", 1.0, 3.0),)
        assert answers[0]().phones == (Phone("SIL", 0.0, 1.0),)


def test_who_asks_for_nothing_starts_no_process(own: Worker) -> None:
    with found_ahead(speech(), [(0.0, 1.0)], None) as answers:
        assert answers[0]() == Found((), (), "head")
    assert own._process is None


def test_a_killed_process_is_told_in_one_line_and_replaced(own: Worker) -> None:
    own.find(make_silence(0.1), Request(source="asr"))
    assert own._process is not None
    own._process.kill()
    with pytest.raises(
        TalkError, match=r"ended before it was done \(SIGKILL\): free some memory and try again"
    ) as told:
        own.find(speech(), TEXT)
    assert "\n" not in str(told.value)
    assert own.find(make_silence(0.1), Request(source="asr")).source == "asr"


def test_who_leaves_early_does_not_wait(own: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    answered: list[Found] = []

    def find(audio: Audio, request: Request) -> Found:
        answered.append(Worker.find(own, audio, request))
        return answered[-1]

    monkeypatch.setattr(own, "find", find)
    with pytest.raises(KeyError), found_ahead(load_audio(sample_speech()), [(0.0, 8.0)] * 9, Request(source="asr")):
        raise KeyError
    assert not answered
    with found_ahead(make_silence(0.2), [(0.0, 0.2)], Request(source="asr")) as answers:  # and the next one works
        assert answers[0]().phones == (Phone("SIL", 0.0, 0.2),)


def test_an_answer_that_came_before_its_process_was_ended_leaves_no_dead_process(
    own: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, ended = threading.Event(), threading.Event()

    def find(audio: Audio, request: Request) -> Found:
        found = Worker.find(own, audio, request)
        answered.set()
        ended.wait()
        return found

    def stop() -> None:
        Worker.stop(own)
        ended.set()

    with monkeypatch.context() as patch:
        patch.setattr(own, "find", find)
        patch.setattr(own, "stop", stop)
        with found_ahead(make_silence(0.2), [(0.0, 0.2)], Request(source="asr")):
            answered.wait()
    with found_ahead(make_silence(0.2), [(0.0, 0.2)], Request(source="asr")) as answers:
        assert answers[0]().phones == (Phone("SIL", 0.0, 0.2),)


def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    code = """
import time
from talkcli.align import Request
from talkcli.align.worker import Worker
from tests.make import make_silence
own = Worker()
own.find(make_silence(0.1), Request(source="asr"))
print(own._process.pid, flush=True)
time.sleep(60)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    assert ends(child)
