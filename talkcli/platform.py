"""What this machine has, and the guard that lets torchaudio live beside a CPU-only torch.

Every published x86-64 wheel of torchaudio 2.11 links CUDA's libraries, so beside a CPU build of torch its compiled
extension cannot load, and `import torchaudio` (which transformers does too) fails. The guard stands in for that
extension alone: resampling, mel spectrograms and filters are plain torch and need none of it.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

_EXTENSION = "torchaudio._extension"
_CUDA_LIBRARY = "libc10_cuda.so"


class _CpuTorchaudio:
    """Finds torchaudio's extension module, and only where its compiled form cannot load beside this torch."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _EXTENSION or not path or torch_has_cuda() or not _links_cuda(Path(path[0])):
            return None
        # a loader by its two methods: deriving from importlib.abc.Loader would cost every start 20 ms
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """None: an ordinary, empty module will do."""

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(
            _IS_TORCHAUDIO_EXT_AVAILABLE=False, _IS_ALIGN_AVAILABLE=False, fail_if_no_align=_unavailable
        )


def guard_torchaudio() -> None:
    """From now on torchaudio imports beside a CPU-only torch, less its compiled functions; costs nothing till then."""
    if not any(isinstance(finder, _CpuTorchaudio) for finder in sys.meta_path):
        sys.meta_path.insert(0, _CpuTorchaudio())


def end_with_parent() -> None:
    """In a worker process: end as soon as the process that started it is gone, which may have had no time to say so."""
    from multiprocessing import parent_process
    from threading import Thread

    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os._exit(1)

    Thread(target=wait, name="end with parent", daemon=True).start()


@contextmanager
def threads_each(count: int) -> Iterator[None]:
    """Processes started now leave the other cores to each other: their numerical libraries read this as they load."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def usable_cores() -> int:
    """The cores that this process may run on: of a job on a cluster, those it was given."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not a system with affinities
        return os.cpu_count() or 1


def free_memory() -> int | None:
    """Bytes that programs could still take, as far as the system tells."""
    try:
        told = Path("/proc/meminfo").read_text("utf-8")
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in told.splitlines() if line.startswith("MemAvailable:")), None)


def with_these_modules() -> dict[str, str]:
    """The environment of another Python that is to find the same modules as this one, wherever they came from."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}


def give_back_memory() -> None:
    """Gives what has been freed back to the system, where the C library keeps it (glibc): arrays of many sizes leave
    holes, and a long sound would need ever more."""
    if sys.platform == "linux":
        import ctypes

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def open_to_readers(path: Path) -> None:
    """Gives a file the permissions of any newly written one; safetensors keeps what it writes to the owner."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)


@cache
def cpu_knows_bfloat16() -> bool:
    """Whether this processor multiplies in bfloat16, as far as the system tells."""
    try:
        told = Path("/proc/cpuinfo").read_text("utf-8").split()
    except OSError:
        return False
    return "avx512_bf16" in told or "amx_bf16" in told


def torch_has_cuda() -> bool:
    """Whether the installed torch is a CUDA build; tells without importing it."""
    spec = importlib.util.find_spec("torch")
    return bool(spec and spec.origin and (Path(spec.origin).parent / "lib" / _CUDA_LIBRARY).exists())


def _links_cuda(torchaudio: Path) -> bool:
    """Whether a compiled library in this package folder needs CUDA's; their names differ from release to release."""
    try:
        return any(_CUDA_LIBRARY.encode() in library.read_bytes() for library in (torchaudio / "lib").glob("*.so"))
    except OSError:
        return False


def _unavailable(function: Callable[..., Any]) -> Callable[..., NoReturn]:
    """In place of a compiled function: says why it cannot be called."""

    def stub(*_arguments: Any, **_options: Any) -> NoReturn:
        raise RuntimeError(f"torchaudio's {function.__name__} is compiled for CUDA and this torch is a CPU build")

    return stub
