"""A stage counts for itself alone, in its own thread, and only while somebody listens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from time import sleep

import pytest

from talkcli import stages
from talkcli.stages import each, listening, stage

Told = list[tuple[str, float]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which only the test moves."""
    now = [100.0]
    monkeypatch.setattr(stages, "perf_counter", lambda: now[0])
    return now


@pytest.fixture
def told() -> Iterator[Told]:
    found: Told = []
    with listening(lambda name, seconds: found.append((name, seconds))):
        yield found


def test_a_stage_within_another_is_not_counted_twice(clock: list[float], told: Told) -> None:
    with stage("outer"):
        clock[0] += 1
        for _ in range(2):
            with stage("inner"):
                clock[0] += 10
                with stage("innermost"):
                    clock[0] += 100
        clock[0] += 2
    assert told == [("innermost", 100), ("inner", 10), ("innermost", 100), ("inner", 10), ("outer", 3)]


def test_a_stage_without_a_name_is_nobodys(clock: list[float], told: Told) -> None:
    with stage("outer"):
        clock[0] += 1
        with stage(""):
            clock[0] += 10
    assert told == [("outer", 1)]


def test_a_function_is_a_stage_and_stays_itself(clock: list[float], told: Told) -> None:
    @stage("work")
    def work(amount: float) -> float:
        """Works."""
        clock[0] += amount
        return 2 * amount

    assert (work(3), work.__name__, work.__doc__) == (6, "work", "Works.")
    assert told == [("work", 3)]


def test_items_are_made_within_a_stage_and_used_outside_it(clock: list[float], told: Told) -> None:
    def made() -> Iterator[int]:
        for number in range(2):
            clock[0] += 1
            yield number

    for _ in each("make", made()):
        clock[0] += 50
    assert told == [("make", 1), ("make", 1), ("make", 0)]


def test_a_stage_that_fails_has_ended(clock: list[float], told: Told) -> None:
    @stage("inner")
    def fail() -> None:
        clock[0] += 5
        raise ZeroDivisionError

    with stage("outer"):
        with pytest.raises(ZeroDivisionError):
            fail()
        clock[0] += 1
    assert told == [("inner", 5), ("outer", 1)]


def test_threads_do_not_take_from_each_other(told: Told) -> None:
    def beside() -> None:
        with stage("beside"):
            sleep(0.05)

    with stage("outer"):
        thread = threading.Thread(target=beside)
        thread.start()
        thread.join()
    found = dict(told)
    assert found["beside"] >= 0.05
    assert found["outer"] >= found["beside"]


def test_nobody_is_told_before_or_after_listening(clock: list[float]) -> None:
    found: Told = []
    outer = stage("outer")
    outer.__enter__()  # nobody listens yet
    with listening(lambda name, seconds: found.append((name, seconds))):
        outer.__exit__(None, None, None)
        begun = stage("begun")
        begun.__enter__()
    begun.__exit__(None, None, None)  # nobody listens any more
    with stage("later"):
        pass
    assert found == []
    assert stages._open.began == []


def test_one_listens_at_a_time(told: Told) -> None:
    with pytest.raises(ValueError, match="somebody listens"), listening(lambda *_: None):
        pass
    with stage("still"):
        pass
    assert [name for name, _ in told] == ["still"]
