"""Which numbers there are: every file of the folder is tried, and every case in it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import NUMBERS
from tests.parity.cases import Numbers

TRANSCRIPTS, COUNTS = "selftalk_ctc_targets", "frame_counts"
CASES = {
    "selftalk_numbers": r"(audio)_a_raw",
    "selftalk_sound": r"predict_([a-z]+)_vertices",
    "selftalk_pair": r"forward_([a-z]+)_([a-z]+)_vertices_out",
    "faceformer_numbers": r"(audio)_a_raw",
    "faceformer_sound": r"predict_([a-z]+)_s(\d+)_vertices",
    "faceformer_pair": r"forward_([a-z]+)_([a-z]+)_(tf|ar)_vertices_out",
    "transcript": r"in_(\w+)",
    "counts": r"(table)",
}  # what a test asks for, and the names of the arrays that are a case of it
FILES = {"transcript": TRANSCRIPTS, "counts": COUNTS}

known = cache(Numbers)  # each file is read once


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    folder: Path = metafunc.config.stash[NUMBERS]
    for name in CASES.keys() & set(metafunc.fixturenames):
        paths = sorted(folder.glob(f"{FILES.get(name, name.partition('_')[0] + '_*')}.npz"))
        cases = [
            (known(path), *match.groups())
            for path in paths
            if path.stem != TRANSCRIPTS or name == "transcript"
            for key in known(path).arrays
            if (match := re.fullmatch(CASES[name], key))
        ]
        metafunc.parametrize(name, cases, ids=["-".join([case[0].path.stem, *case[1:]]) for case in cases])
