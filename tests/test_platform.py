"""The guard that lets torchaudio live beside a CPU-only torch, and workers that do not outlive their work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from talkcli import platform
from talkcli.platform import free_memory, guard_torchaudio, open_to_readers, threads_each, usable_cores

EXTENSION = "torchaudio._extension"


@pytest.fixture
def finder() -> object:
    """The guard as it was installed when talkcli was imported."""
    (found,) = (finder for finder in sys.meta_path if type(finder).__module__ == platform.__name__)
    return found


@pytest.fixture(params=["libtorchaudio.abi3.so", "_torchaudio.so"])  # of 2.11.0 and of 2.11.1
def library(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A torchaudio's compiled library that links CUDA."""
    (tmp_path / "lib").mkdir()
    path = tmp_path / "lib" / request.param
    path.write_bytes(b"ELF libtorch.so libc10_cuda.so")
    return path


@pytest.fixture
def package(library: Path) -> str:
    """The package's folder."""
    return str(library.parents[1])


def test_the_guard_is_installed_once(finder: object) -> None:
    guard_torchaudio()
    assert sys.meta_path.count(finder) == 1
    assert sum(type(other) is type(finder) for other in sys.meta_path) == 1


def test_the_guard_stands_in_only_for_a_cuda_torchaudio_beside_a_cpu_torch(
    finder: platform._CpuTorchaudio, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "torch_has_cuda", lambda: False)
    assert finder.find_spec(EXTENSION, [package]) is not None
    assert finder.find_spec("torchaudio", [package]) is None
    monkeypatch.setattr(platform, "torch_has_cuda", lambda: True)
    assert finder.find_spec(EXTENSION, [package]) is None


def test_a_cpu_torchaudio_or_a_broken_one_is_left_alone(
    finder: platform._CpuTorchaudio, package: str, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "torch_has_cuda", lambda: False)
    library.write_bytes(b"ELF libtorch.so")
    assert finder.find_spec(EXTENSION, [package]) is None
    library.unlink()
    assert finder.find_spec(EXTENSION, [package]) is None


def test_a_compiled_function_says_why_it_cannot_be_called(finder: platform._CpuTorchaudio) -> None:
    module = ModuleType(EXTENSION)
    finder.exec_module(module)
    assert module._IS_TORCHAUDIO_EXT_AVAILABLE is False

    @module.fail_if_no_align
    def forced_align() -> None: ...

    with pytest.raises(RuntimeError, match="torchaudio's forced_align is compiled for CUDA"):
        forced_align()


def test_workers_end_with_a_process_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "boss.py"
    script.write_text(
        "import multiprocessing, os, time\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from talkcli.platform import end_with_parent\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    with ProcessPoolExecutor(1, context, end_with_parent) as pool:\n"
        "        print(pool.submit(os.getpid).result(), flush=True)\n"
        "        time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as boss:
        assert boss.stdout is not None
        assert int(boss.stdout.readline()) != boss.pid
        boss.kill()
        assert boss.communicate(timeout=30)[0] == ""  # its end comes when the worker, too, has let go of it


def test_a_file_kept_to_its_owner_is_opened_to_readers(tmp_path: Path) -> None:
    file, usual = tmp_path / "private", tmp_path / "usual"
    usual.touch()
    file.touch(mode=0o600)
    open_to_readers(file)
    assert file.stat().st_mode == usual.stat().st_mode


def test_processes_started_meanwhile_are_told_how_many_threads_are_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with threads_each(3):
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "3"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_cores_are_those_that_this_process_may_use() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    code += "from talkcli.platform import usable_cores; print(usable_cores())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"1\n"
    assert usable_cores() >= 1


def test_free_memory_is_part_of_all_memory() -> None:
    found = free_memory()
    assert found is not None
    assert 0 < found < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
