"""The benchmark of methods: what is there stays, what is missing is run, and the table tells both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from talkcli import benchmark as room
from talkcli.benchmark import ROWS, BenchmarkOptions, benchmark, missing
from talkcli.benchmark.tables import BEGIN, END, HEADLINES, cell, read_results, reading_table, table
from talkcli.errors import TalkError
from talkcli.metrics import METRICS
from talkcli.models import METHODS
from talkcli.train.config import preset_path


def make_result(row: str, seed: int, value: float = 1.0) -> dict[str, Any]:
    clips = {"a": [value, 2.0], "b": [value + 3, 1.0]}
    return {"row": row, "seed": seed, "train_seconds": 120.0, "clips": {"lve": clips, "mod_mm": clips}}


def save(folder: Path, row: str, seed: int, value: float = 1.0) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{row}-{seed}.json"
    path.write_text(json.dumps(make_result(row, seed, value)), encoding="utf-8")
    return path


def options(tmp_path: Path, **more: Any) -> BenchmarkOptions:
    places = {"results": tmp_path / "results", "table": tmp_path / "docs" / "benchmark.md", "runs": tmp_path / "runs"}
    return BenchmarkOptions(data=tmp_path, **places, **more)


def test_every_method_has_a_row_and_every_row_a_preset() -> None:
    assert {row.method for row in ROWS.values()} == set(METHODS)
    assert all(preset_path(row.method, "benchmark") for row in ROWS.values())
    assert set(HEADLINES) <= set(METRICS)


def test_only_what_is_missing_is_run_one_seed_of_all_rows_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = list(ROWS)[:2]
    save(tmp_path / "results", rows[0], 0)
    chosen = options(tmp_path, rows=rows, seeds=2)
    assert list(missing(chosen)) == [(rows[1], 0), (rows[0], 1), (rows[1], 1)]
    asked = []

    def stand_in(given: BenchmarkOptions, name: str, seed: int) -> dict[str, Any]:
        asked.append((name, seed))
        return make_result(name, seed)

    monkeypatch.setattr(room, "run", stand_in)
    assert benchmark(chosen) == chosen.table
    assert asked == [(rows[1], 0), (rows[0], 1), (rows[1], 1)]
    assert list(missing(chosen)) == []
    assert chosen.table.read_text(encoding="utf-8").count("| 2 | 2.0 min |") == 2


def test_the_table_stands_between_its_marks_and_other_words_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = next(iter(ROWS))
    save(tmp_path / "results", row, 0)
    chosen = options(tmp_path, rows=[row], seeds=1)
    chosen.table.parent.mkdir()
    chosen.table.write_text(f"# Ours\n\nBefore.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n", encoding="utf-8")
    benchmark(chosen)
    text = chosen.table.read_text(encoding="utf-8")
    assert text.startswith("# Ours\n\nBefore.\n")
    assert text.endswith("\n\nAfter.\n")
    assert "old" not in text
    assert f"| `{row}` | 1 |" in text
    chosen.table.write_text("# No place\n", encoding="utf-8")
    with pytest.raises(TalkError, match="has no place for the table"):
        benchmark(chosen)


def test_a_cell_is_the_mean_over_seeds_of_the_weighted_mean_over_clips() -> None:
    found = cell([make_result("x", 0, 1.0), make_result("x", 1, 3.0)], "lve")
    assert found is not None
    assert found.value == pytest.approx(((1 * 2 + 4) / 3 + (3 * 2 + 6) / 3) / 2)
    assert found.deviation == pytest.approx(2**0.5)
    assert found.limits.low <= found.value <= found.limits.high
    assert cell([make_result("x", 0)], "fdd") is None
    assert "± " not in table({"x": [make_result("x", 0)]})


def test_lip_readers_have_a_table_of_their_own() -> None:
    read = make_result("dualtalker", 0)
    read["clips"] |= {name: {"a": [value, 1.0]} for name, value in (("reading", 1.1), ("shuffled", 1.7), ("mean", 1.5))}
    found = {"selftalk": [make_result("selftalk", 0)], "dualtalker": [read]}
    lines = reading_table(found).splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("| `dualtalker` | 1 | 1.1 ")
    assert "selftalk" not in lines[2]
    assert reading_table({"selftalk": found["selftalk"]}) == ""


def test_dual_and_single_rows_differ_in_the_dual_task_alone() -> None:
    for name in ("", "-half", "-quarter"):
        dual, single = ROWS[f"dualtalker{name}"], ROWS[f"dualtalker-single{name}"]
        assert set(single.overrides) - set(dual.overrides) == {"dual.on=false"}


def test_an_unknown_row_and_a_broken_result_are_told(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match="the benchmark has no row 'magic'; choose from: "):
        benchmark(options(tmp_path, rows=["magic"]))
    path = save(tmp_path / "results", next(iter(ROWS)), 0)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(TalkError, match="is no result of the benchmark"):
        read_results(tmp_path / "results")
