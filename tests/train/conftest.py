"""What the tests of training share: one prepared corpus with its features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import torch

from talkcli.train import features
from talkcli.train.features import Recipe, Store
from tests.make_models import make_corpus


class Here:
    """Work in this very process: a new one takes seconds to start."""

    def __init__(self, jobs: int, context: object, start: Callable[..., None], arguments: tuple[object, ...]) -> None:
        self._threads = torch.get_num_threads()
        start(*arguments)

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *error: object) -> None:
        torch.set_num_threads(self._threads)

    def map(self, work: Callable[..., object], jobs: Iterable[object], chunksize: int) -> Iterator[object]:
        return map(work, jobs)


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "ProcessPoolExecutor", Here)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared data on the packaged head with its features, one copy of each training clip among them."""
    folder = tmp_path_factory.mktemp("prepared") / "data"
    make_corpus(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "ProcessPoolExecutor", Here)
        Store(recipe(folder)).make(jobs=1)
    return folder


def recipe(folder: Path) -> Recipe:
    return Recipe(folder, "rig", 1, 0, True)


@pytest.fixture(scope="session")
def store(prepared: Path) -> Store:
    return Store(recipe(prepared))
