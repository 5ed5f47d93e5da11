"""Python, processor, memory, and torch on them."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import talkcli
from talkcli.console import counted
from talkcli.doctor.base import AGAIN, DoctorOptions, Finding, reason
from talkcli.files.paths import describe_bytes
from talkcli.platform import cpu_knows_bfloat16, free_memory, torch_has_cuda, usable_cores

NEEDED = 1_500_000_000  # bytes that a film takes, with the recogniser's and ffmpeg's processes
CARDS = ("/dev/nvidiactl", "/dev/dxg", "/proc/driver/nvidia/version")  # how an NVIDIA card shows itself
CUDA_TORCH = "for training on it, install a torch with CUDA, as PyPI's own is: pip install --force-reinstall torch"


@dataclass(frozen=True)
class Limits:
    """What a container or a cluster's job may take: cores and bytes; None where nothing limits it."""

    cores: float | None
    memory: int | None


def python(_options: DoctorOptions) -> list[Finding]:
    """Which Python runs which talk."""
    system = f"{platform.system()} {platform.release()} on {platform.machine()}"
    where = Path(talkcli.__file__).parent
    return [Finding("ok", f"Python {platform.python_version()}, talk {talkcli.__version__} in {where}, {system}")]


def machine(_options: DoctorOptions) -> list[Finding]:
    """Cores and memory that may be used, whoever limits them."""
    limit, cores = limits(), usable_cores()
    share = "" if limit.cores is None else f", limited to the time of {limit.cores:g}"
    told = f"{cores} of {counted(os.cpu_count() or 1, 'core')} may be used{share}; load {os.getloadavg()[0]:.1f}"
    findings = [Finding("info", told)]
    free = free_memory()
    room = min((size for size in (free, limit.memory) if size is not None), default=None)
    if room is None:
        return [*findings, Finding("info", "this system does not tell how much memory is free")]
    capped = "" if limit.memory is None else f", and a limit of {describe_bytes(limit.memory)} on this process"
    memory = f"{'unknown' if free is None else describe_bytes(free)} of memory free{capped}"
    if room < NEEDED:
        mend = (
            f"a film takes about {describe_bytes(NEEDED)}: end other programs, raise the limit, or give --phones head"
        )
        return [*findings, Finding("missing", memory, mend)]
    return [*findings, Finding("info", memory)]


def limits(root: Path = Path("/")) -> Limits:
    """The limits of this process' control groups, of version 1 or 2, and of the groups around them."""
    cores: list[float] = []
    memory: list[int] = []
    for folder in _groups(root):
        quota, period = _words(folder / "cpu.max"), ["100000"]  # "max 100000" or "50000 100000"
        if len(quota) == 2:
            quota, period = quota[:1], quota[1:]
        else:
            quota, period = _words(folder / "cpu.cfs_quota_us"), _words(folder / "cpu.cfs_period_us")
        if quota and period and quota[0].isdigit() and int(period[0]):
            cores.append(int(quota[0]) / int(period[0]))
        for name in ("memory.max", "memory.limit_in_bytes"):
            most = _words(folder / name)
            if most and most[0].isdigit() and int(most[0]) < 1 << 60:  # version 1 writes a huge number for no limit
                memory.append(int(most[0]))
    return Limits(min(cores, default=None), min(memory, default=None))


def _groups(root: Path) -> list[Path]:
    """The folders of this process' control groups, and of those that hold them."""
    found = []
    try:
        lines = (root / "proc/self/cgroup").read_text("utf-8").splitlines()
    except OSError:
        return []
    for line in lines:
        _, kinds, place = line.split(":", 2)
        base = root / "sys/fs/cgroup" / kinds  # version 2 has no kinds
        inner = base / place.lstrip("/")
        found += [folder for folder in (inner, *inner.parents) if folder == base or base in folder.parents]
    return found


def _words(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").split()
    except OSError:
        return []


def torch(_options: DoctorOptions) -> list[Finding]:
    """Whether torch computes, with how many threads, and in bfloat16."""
    import torch as library

    square = library.ones(64, 64)
    if float((square @ square).sum()) != 64.0**3:
        return [Finding("broken", f"torch {library.__version__} computes wrongly", f"{AGAIN} torch")]
    threads, cores = library.get_num_threads(), limits().cores or usable_cores()
    told = f"torch {library.__version__} computes, with {counted(threads, 'thread')}"
    if threads > max(1, round(cores)):
        mend = f"set OMP_NUM_THREADS={max(1, round(cores))}: more threads than cores wait for each other"
        findings = [Finding("missing", f"{told} on {cores:g} cores", mend)]
    else:
        findings = [Finding("ok", told)]
    halves = (square.bfloat16() @ square.bfloat16()).float().sum()
    quick = "does so itself" if cpu_knows_bfloat16() else "does not know it, so that --precision auto leaves it out"
    if float(halves) != 64.0**3:
        return [*findings, Finding("broken", "torch computes wrongly in bfloat16", f"{AGAIN} torch")]
    return [*findings, Finding("info", f"torch computes in bfloat16; the processor {quick}")]


def torchaudio(_options: DoctorOptions) -> list[Finding]:
    """Whether torchaudio makes what the encoders hear, beside a CPU build of torch too."""
    try:
        import torch as base
        import torchaudio as library
        from torchaudio.transforms import MelSpectrogram

        spectrum = MelSpectrogram(16000, n_fft=512, n_mels=80)(base.ones(1600))
    except (ImportError, OSError, AttributeError) as error:
        mend = "install the version that belongs to your torch: pip install --upgrade torch torchaudio"
        return [Finding("broken", f"torchaudio makes no spectrogram beside this torch: {reason(error)}", mend)]
    beside = "a torch with CUDA" if torch_has_cuda() else "a CPU build of torch"
    return [
        Finding(
            "ok", f"torchaudio {library.__version__} makes a spectrogram of {tuple(spectrum.shape)} beside {beside}"
        )
    ]


def gpu(_options: DoctorOptions) -> list[Finding]:
    """Whether torch computes on a GPU; none is needed to animate."""
    import torch as library

    card = any(map(os.path.exists, CARDS))
    build = library.version.cuda or library.version.hip
    if not build:
        if card:
            return [Finding("missing", "an NVIDIA GPU is here, and torch is a CPU build", CUDA_TORCH)]
        return [Finding("info", "none, and none is needed to animate: torch is a CPU build")]
    if not library.cuda.is_available():
        told = f"torch knows CUDA {build}, and finds no GPU that it can use"
        mend = "let nvidia-smi list it first: install NVIDIA's driver, or give the container its GPUs (--gpus all)"
        return [Finding("missing", told, mend) if card else Finding("info", f"{told}; none is needed to animate")]
    return [_device(number) for number in range(library.cuda.device_count())]


def _device(number: int) -> Finding:
    """One GPU, tried."""
    import torch as library

    name = f"cuda:{number}"
    try:
        told = library.cuda.get_device_properties(number)
        free, total = library.cuda.mem_get_info(number)
        square = library.ones(64, 64, device=name)
        right = float((square @ square).sum()) == 64.0**3
    except RuntimeError as error:
        mend = f"update NVIDIA's driver for CUDA {library.version.cuda}, or leave it out with CUDA_VISIBLE_DEVICES"
        return Finding("broken", f"{name} does not compute: {reason(error)}", mend)
    if not right:
        return Finding("broken", f"{name} {told.name} computes wrongly", "leave it out with CUDA_VISIBLE_DEVICES")
    memory = f"{describe_bytes(free)} of {describe_bytes(total)} free"
    return Finding("ok", f"{name} {told.name} computes, {memory}, compute capability {told.major}.{told.minor}")
