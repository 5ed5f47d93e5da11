"""Clips of these tests are made in the process that tests; tests/test_preprocess.py and test_cli.py have workers."""

from __future__ import annotations

import pytest

from tests.make_datasets import inline


@pytest.fixture(autouse=True)
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    inline(monkeypatch)
