"""Shards share a batch out without a gap; Slurm's variables tell the same, or are told to make no sense."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkcli.batch.shards import Shard, parse_shard, slurm_shard
from talkcli.errors import TalkError


@given(items=st.integers(0, 40), count=st.integers(1, 12))
def test_every_item_is_in_exactly_one_shard_and_none_has_two_more_than_another(items: int, count: int) -> None:
    shards = [parse_shard(f"{index}/{count}").of(range(items)) for index in range(1, count + 1)]
    assert sorted(item for shard in shards for item in shard) == list(range(items))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@pytest.mark.parametrize(
    "text", ["", "1", "0/3", "4/3", "1/0", "-1/3", "a/b", "1/2/3", "1.0/2", " 1/2", "1/" + "9" * 20]
)
def test_a_shard_that_is_none_is_told(text: str) -> None:
    with pytest.raises(TalkError, match=f"^--shard '{re.escape(text)}': write which of how many"):
        parse_shard(text)


def slurm(**variables: object) -> Shard | None:
    return slurm_shard({f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in variables.items()})


@pytest.mark.parametrize(
    ("variables", "shard"),
    [
        ({"ID": 0, "MIN": 0, "MAX": 9, "COUNT": 10, "STEP": 1}, "1/10"),
        ({"ID": 9, "MIN": 0, "MAX": 9, "COUNT": 10, "STEP": 1}, "10/10"),
        ({"ID": 5, "MIN": 1, "MAX": 7, "COUNT": 4, "STEP": 2}, "3/4"),
        ({"ID": 5, "MIN": 1, "MAX": 8, "STEP": 2}, "3/4"),  # --array=1-8:2 ends with 7
        ({"ID": 12, "MIN": 10, "COUNT": 4}, "3/4"),
        ({"ID": 12, "MIN": 10, "MAX": 12}, "3/3"),
        ({"ID": 4, "MIN": 4, "MAX": 4, "COUNT": 1, "STEP": 1}, "1/1"),
    ],
)
def test_a_task_of_an_array_is_a_shard(variables: dict[str, int], shard: str) -> None:
    found = slurm(**variables)
    assert str(found) == shard
    assert found is not None
    assert found.source == f"Slurm's array task {variables['ID']}"


def test_outside_of_an_array_there_is_no_shard() -> None:
    assert slurm_shard({"SLURM_JOB_ID": "7"}) is None


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"ID": "x", "MIN": 0, "MAX": 3}, "SLURM_ARRAY_TASK_ID is 'x', which is no number"),
        ({"ID": -1, "MIN": 0, "MAX": 3}, "SLURM_ARRAY_TASK_ID is '-1', which is no number"),
        ({"ID": 2, "MIN": "", "MAX": 3}, "SLURM_ARRAY_TASK_MIN is '', which is no number"),
        ({"ID": 2, "MAX": 3}, "SLURM_ARRAY_TASK_MIN is not"),
        ({"ID": 2, "MIN": 0}, "neither SLURM_ARRAY_TASK_MAX nor SLURM_ARRAY_TASK_COUNT"),
        ({"ID": 4, "MIN": 0, "MAX": 3}, "SLURM_ARRAY_TASK_ID is '4', which is none of 4 from 0 on in steps of 1"),
        ({"ID": 2, "MIN": 1, "MAX": 7, "STEP": 2}, "which is none of 4 from 1 on in steps of 2"),
        ({"ID": 1, "MIN": 1, "MAX": 7, "STEP": 0}, "SLURM_ARRAY_TASK_STEP is '0', which must be at least 1"),
        ({"ID": 3, "MIN": 1, "MAX": 7, "COUNT": 3, "STEP": 1}, "of an array that has gaps"),  # --array=1,3,7
        ({"ID": 3, "MIN": 5, "MAX": 4}, "which is none of 0"),
    ],
)
def test_variables_that_make_no_sense_are_told(variables: dict[str, object], told: str) -> None:
    with pytest.raises(TalkError, match=re.escape(told) + ".*: give --shard$"):
        slurm(**variables)
