"""One iterator serves several readers, and whatever goes wrong stops all of them and is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from talkcli.export.share import share


def total(items: Iterator[int]) -> int:
    return sum(items)


def slow(items: Iterator[int]) -> int:
    return sum(item for item in items if time.sleep(0.002) is None)


def only_two(items: Iterator[int]) -> int:
    return next(items) + next(items)


def test_every_reader_gets_every_item_and_one_may_stop_early() -> None:
    assert share(iter(range(20)), [total, slow, only_two]) == [190, 190, 1]
    assert share(iter([]), [total, total]) == [0, 0]
    assert share(iter(range(4)), [total]) == [6]


def test_items_are_made_no_faster_than_the_slowest_reader_takes_them() -> None:
    made, taken, ahead = 0, 0, []

    def items() -> Iterator[int]:
        nonlocal made
        for item in range(30):
            made += 1
            ahead.append(made - taken)
            yield item

    def count(items: Iterator[int]) -> int:
        nonlocal taken
        for _ in items:
            time.sleep(0.002)
            taken += 1
        return taken

    assert share(items(), [total, count]) == [435, 30]
    assert max(ahead) <= 4


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_what_the_source_raises_stops_the_readers(error: BaseException) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise error

    with pytest.raises(type(error)):
        share(items(), [total, slow])
    assert threading.active_count() == 1 or not [t for t in threading.enumerate() if t.name.startswith("export")]


def test_what_a_reader_raises_stops_the_source_and_the_others() -> None:
    made = []

    def items() -> Iterator[int]:
        for item in range(1000):
            made.append(item)
            yield item

    def fails(items: Iterator[int]) -> int:
        next(items)
        raise ValueError("the disk is full")

    with pytest.raises(ValueError, match="disk is full"):
        share(items(), [slow, fails])
    assert len(made) < 20
