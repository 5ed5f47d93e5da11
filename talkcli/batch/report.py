"""What people and programs see of a batch: a line an item, and how it ended."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from talkcli.batch.events import Ended, Event, Failed, Finished, Noted, Skipped
from talkcli.batch.plan import Item
from talkcli.batch.wire import Wire
from talkcli.console import counted, say
from talkcli.errors import TalkError

ENDS: tuple[type[Ended], ...] = (Finished, Skipped, Failed)
Echo = Callable[[str], None]  # a line of results, on stdout


class Face(Protocol):
    """One way to show events."""

    def show(self, event: Event, item: Item, counts: Mapping[str, int]) -> None: ...
    def end(self, report: Report, taken: float) -> None: ...


class Report:
    """Counts what happens to the items, and shows it; events come from any thread."""

    def __init__(self, items: Sequence[Item], face: Face) -> None:
        self._items = {item.name: item for item in items}
        self._face = face
        self._lock = threading.Lock()
        self._ended: dict[str, Ended] = {}

    def tell(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Ended):
                self._ended[event.item] = event
            self._face.show(event, self._items[event.item], self.counts())

    def counts(self) -> dict[str, int]:
        """How many items there are, and how many are done, skipped and failed."""
        ended = [event.status for event in self._ended.values()]
        return {"total": len(self._items), **{kind.status: ended.count(kind.status) for kind in ENDS}}

    @property
    def seconds(self) -> float:
        """Of sound that was made."""
        return sum((event.seconds for event in self._ended.values() if isinstance(event, Finished)), 0.0)

    def failures(self) -> list[str]:
        """What went wrong with each item that failed, in a line that names it."""
        found = [(self._items[name], event) for name, event in self._ended.items() if isinstance(event, Failed)]
        return [_naming(item, event.error) for item, event in found]

    def end(self, taken: float) -> None:
        """Shows how all went, in so many seconds.

        Raises:
            TalkError: an item failed.
        """
        self._face.end(self, taken)
        failed = len(self.failures())
        if failed:
            raise TalkError(f"{failed} of {counted(len(self._items), 'sound')} failed")


class People:
    """Lines on stderr; on stdout, the paths that were written."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo

    def show(self, event: Event, item: Item, counts: Mapping[str, int]) -> None:
        match event:
            case Noted():
                say(_naming(item, event.note))
            case Finished():
                say(f"{item.source}: {_speed(event.seconds, event.taken)}")
                for path in item.outputs:
                    self._echo(str(path))
            case Skipped():
                say(f"{item.source}: skipped, it is finished")
            case Failed():
                say(f"{event.trace}{item.source}: failed")

    def end(self, report: Report, taken: float) -> None:
        for line in report.failures():
            say(f"failed: {line}")
        counts = report.counts()
        made = f"{counted(counts.pop(Finished.status), 'sound')} made"
        made += f", {_speed(report.seconds, taken)}" if report.seconds else ""
        say("; ".join([made, *(f"{counts[kind.status]} {kind.status}" for kind in ENDS[1:] if counts[kind.status])]))


class Programs:
    """Events on stderr; on stdout, a JSON object an item."""

    def __init__(self, echo: Echo, wire: Wire) -> None:
        self._echo, self._wire = echo, wire

    def show(self, event: Event, item: Item, counts: Mapping[str, int]) -> None:
        fields = {name: value for name, value in vars(event).items() if name != "item" and value != ""}
        self._wire.write(event.kind, source=str(item.source), **fields, **counts)
        if isinstance(event, Ended):
            self._echo(json.dumps(_result(event, item)))

    def end(self, report: Report, taken: float) -> None:
        self._wire.write("ended", seconds=report.seconds, taken=round(taken, 3), **report.counts())


def _result(event: Ended, item: Item) -> dict[str, Any]:
    made = isinstance(event, Finished | Skipped)
    return {
        "source": str(item.source),
        "status": event.status,
        "outputs": [str(path) for path in item.outputs] if made else [],
        "seconds": event.seconds if isinstance(event, Finished | Skipped) else None,
        "frames": event.frames if isinstance(event, Finished | Skipped) else None,
        "taken": event.taken if isinstance(event, Finished) else None,
        "error": event.error if isinstance(event, Failed) else None,
    }


def _speed(seconds: float, taken: float) -> str:
    return f"{seconds:.2f} s of sound in {taken:.2f} s, {seconds / max(taken, 1e-9):.2f} times as fast as speech"


def _naming(item: Item, text: str) -> str:
    """The text, and whose it is where it does not tell."""
    return text if str(item.source) in text else f"{item.source}: {text}"
