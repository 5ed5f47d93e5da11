"""Which part of a batch is this machine's: `--shard i/n`, or a job array of Slurm."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from talkcli.errors import TalkError

T = TypeVar("T")
_ARRAY = "SLURM_ARRAY_TASK_"


@dataclass(frozen=True)
class Shard:
    """Part index, from 1 on, of count; source says who told it, for a note."""

    index: int = 1
    count: int = 1
    source: str = ""

    def of(self, items: Sequence[T]) -> list[T]:
        """Every count-th item: all shards together have each item once."""
        return list(items[self.index - 1 :: self.count])

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


WHOLE = Shard()


def parse_shard(text: str) -> Shard:
    """The shard of "2/10".

    Raises:
        TalkError: anything else.
    """
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    index, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= index <= count:
        raise TalkError(f"--shard '{text}': write which of how many, from 1/10 to 10/10")
    return Shard(index, count)


def slurm_shard(environment: Mapping[str, str]) -> Shard | None:
    """The shard of a task in a Slurm job array, from the variables that Slurm sets; None outside of one.

    Raises:
        TalkError: a variable is missing or makes no sense, or the array has gaps.
    """
    if _ARRAY + "ID" not in environment:
        return None
    own, first = _number(environment, "ID"), _number(environment, "MIN")
    step = _number(environment, "STEP") if _ARRAY + "STEP" in environment else 1
    if step < 1:
        raise _wrong("STEP", environment, "must be at least 1")
    told = _number(environment, "COUNT") if _ARRAY + "COUNT" in environment else None
    if _ARRAY + "MAX" in environment:
        count = (_number(environment, "MAX") - first) // step + 1
        if told is not None and told != count:
            raise _wrong("COUNT", environment, f"of an array that has gaps, {count} tasks without them")
    elif told is not None:
        count = told
    else:
        raise TalkError(f"{_ARRAY}ID is set, but neither {_ARRAY}MAX nor {_ARRAY}COUNT: give --shard")
    index, off = divmod(own - first, step)
    if off or not 0 <= index < count:
        raise _wrong("ID", environment, f"is none of {count} from {first} on in steps of {step}")
    return Shard(index + 1, count, f"Slurm's array task {own}")


def _number(environment: Mapping[str, str], name: str) -> int:
    if _ARRAY + name not in environment:
        raise TalkError(f"{_ARRAY}ID is set, but {_ARRAY}{name} is not: give --shard")
    if not re.fullmatch(r"\d{1,9}", environment[_ARRAY + name]):
        raise _wrong(name, environment, "is no number")
    return int(environment[_ARRAY + name])


def _wrong(name: str, environment: Mapping[str, str], why: str) -> TalkError:
    return TalkError(f"{_ARRAY}{name} is '{environment[_ARRAY + name]}', which {why}: give --shard")
