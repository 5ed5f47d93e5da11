"""benchmarks/lips.py: what it reads, and the table it prints."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.lips import recordings, row
from talkcli.errors import TalkError
from talkcli.metrics.lips import LipScore, Share
from tests.make import make_tone, save_sound

TABLE = "start_s\tend_s\tphone\n0.0\t0.2\tSIL\n0.2\t0.5\taa1\n"


def test_recordings_are_grouped_by_the_letters_of_their_names(tmp_path: Path) -> None:
    for name in ("en01_m", "en02_f", "de01"):
        (tmp_path / f"{name}.phones.tsv").write_text(TABLE)
        save_sound(tmp_path / f"{name}.{'flac' if name == 'de01' else 'wav'}", make_tone(0.5).samples)
    found = [(recording.name, recording.groups) for recording in recordings(tmp_path)]
    assert found == [("de01", ("de",)), ("en01_m", ("en",)), ("en02_f", ("en",))]


def test_a_table_without_its_sound_is_told(tmp_path: Path) -> None:
    (tmp_path / "en01.phones.tsv").write_text(TABLE)
    with pytest.raises(TalkError, match=r"en01\.wav or en01\.flac"):
        list(recordings(tmp_path))


def test_a_row_has_shares_with_their_counts() -> None:
    score = LipScore(Share(3, 4), Share(0, 0), 0.7312, -0.01, math.nan)
    assert row("en", [score]) == "| en | 1 | 75.0 % (3/4) | - | 0.731 | -10 | - |"
