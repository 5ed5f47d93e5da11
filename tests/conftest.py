"""Settings that all tests share."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Time is no test of a shared machine; the same examples every time make a failure one that comes back.
settings.register_profile("talk", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("talk")

# What a shell starts in the background ignores Ctrl-C, and hands that on to what the tests start and want to end.
signal.signal(signal.SIGINT, signal.default_int_handler)

PARITY = Path(__file__).parent / "parity"
NUMBERS = pytest.StashKey[Path]()  # the folder whose numbers tests/parity reproduces


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """`pytest tests/parity --fixtures DIR`: other numbers than the project's own.

    pytest has a switch of that name, which lists fixtures, and takes DIR for a place of tests; with a folder behind it,
    the switch means ours.
    """
    config.stash[NUMBERS] = PARITY / "fixtures"
    words = list(config.invocation_params.args)
    if "--fixtures" not in words[:-1]:
        return
    folder = str(words[words.index("--fixtures") + 1])
    if not Path(folder).is_dir():
        raise pytest.UsageError(f"--fixtures {folder}: there is no such folder")
    if not any(Path(folder).glob("*.npz")):
        raise pytest.UsageError(f"--fixtures {folder}: it holds no .npz")
    config.option.showfixtures = False
    config.stash[NUMBERS] = Path(folder)
    config.args[:] = [place for place in config.args if place != folder] or [str(PARITY)]
