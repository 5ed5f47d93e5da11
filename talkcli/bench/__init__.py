"""How fast `talk animate` is here: seconds of each stage, and peak memory, of fresh processes as a user has them.

Shape letters: S samples.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talkcli import resources
from talkcli.audio import RATE, load_audio
from talkcli.bench.memory import Watch
from talkcli.clip import Floats
from talkcli.console import progress
from talkcli.errors import TalkError
from talkcli.export import find_format
from talkcli.models.places import find_checkpoint
from talkcli.platform import with_these_modules

if TYPE_CHECKING:
    from talkcli.animate import Phones
    from talkcli.models.checkpoint import Precision

PAUSE = 0.7  # seconds between repetitions of the sound


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """What is measured: every model with every length, size and format, repeats times each.

    seconds of sound, which is the packaged sample, or the given one, said again and again; sizes are width and height.
    """

    seconds: Sequence[float] = (5.0, 20.0, 60.0)
    sizes: Sequence[tuple[int, int]] = ((512, 512),)
    models: Sequence[str] = (resources.DEFAULT_MODEL,)
    formats: Sequence[str] = ("mp4",)
    repeats: int = 5
    sound: Path | None = None
    phones: Phones = "auto"
    device: str = "auto"
    precision: Precision = "fp32"
    renderer: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One command to measure; its fields are what the process that runs it is told."""

    model: str
    seconds: float
    size: tuple[int, int]
    format: str
    phones: Phones
    device: str
    precision: Precision
    renderer: str

    @property
    def out(self) -> str:
        """The name of the file to write, for a file a frame in a folder."""
        sequence = find_format(Path(f"0/%05d.{self.format}")).sequence
        return f"face/%05d.{self.format}" if sequence else f"face.{self.format}"


@dataclass(frozen=True)
class Run:
    """One run of a case: seconds by the clock, of the CPU, and of each stage; peak bytes, None where none can tell."""

    wall: float
    cpu: float
    stages: dict[str, float]
    memory: int | None


@dataclass(frozen=True)
class Measured:
    """A case and its runs."""

    case: Case
    runs: tuple[Run, ...]


def check_options(options: BenchOptions) -> None:
    """Raises TalkError for what could only fail later, after minutes perhaps."""
    for model in options.models:
        find_checkpoint(model)
    for name in options.formats:
        form = find_format(Path(f"0/%05d.{name}"))
        if form.check:
            form.check(Path(f"face.{name}"))


def bench(options: BenchOptions) -> Iterator[Measured]:
    """Measures case after case, after one run that does not count: it compiles, and fills the disk's cache.

    Raises:
        TalkError: an option is wrong, the sound cannot be read, or a case fails.
    """
    check_options(options)
    cases = [
        Case(
            model=model,
            seconds=seconds,
            size=size,
            format=name,
            phones=options.phones,
            device=options.device,
            precision=options.precision,
            renderer=options.renderer,
        )
        for model, name, size, seconds in product(options.models, options.formats, options.sizes, options.seconds)
    ]
    audio = load_audio(options.sound or resources.SPEECH, RATE)
    if not len(audio.samples):
        raise TalkError(f"{options.sound} has no samples: there is nothing to measure with")
    with tempfile.TemporaryDirectory(prefix="talk-bench-") as folder:
        place = Path(folder)
        for seconds in options.seconds:
            _save(place / _sound(seconds), spoken(audio.samples, seconds))
        with progress("runs", 1 + len(cases) * options.repeats) as step:
            _run(min(cases, key=lambda case: case.seconds), place)
            step()
            for case in cases:
                runs = []
                for _ in range(options.repeats):
                    runs.append(_run(case, place))
                    step()
                yield Measured(case, tuple(runs))


def spoken(samples: Floats, seconds: float) -> Floats:
    """(S,) at RATE: the sound and a pause, again and again, and cut at the end."""
    once = np.concatenate([samples, np.zeros(round(PAUSE * RATE), np.float32)])
    return np.resize(once, max(1, round(seconds * RATE)))


def _sound(seconds: float) -> str:
    return f"speech-{seconds:g}.flac"


def _save(path: Path, samples: Floats) -> None:
    import soundfile

    soundfile.write(path, samples, RATE)


def _run(case: Case, folder: Path) -> Run:
    """One run in a process of its own, whose file is thrown away."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        told = json.dumps(
            asdict(case) | {"sound": str(folder / _sound(case.seconds)), "out": str(Path(out) / case.out)}
        )
        command = [sys.executable, "-m", "talkcli.bench.case", told]
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        with (
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=with_these_modules(), text=True
            ) as process,
            Watch(process.pid) as watch,
        ):
            try:
                answer, words = process.communicate()
            finally:
                process.kill()  # where this was stopped
        ended, after = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise _failed(case, process.returncode, words)
    stages: dict[str, Any] = json.loads(answer.splitlines()[-1])
    stages["start"] = stages.pop("began") - began
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(ended - began, cpu, stages, watch.peak)


def _failed(case: Case, code: int, words: str) -> TalkError:
    lines = [line for line in words.splitlines() if line.strip()]
    reason = lines[-1].removeprefix("error: ") if lines else f"its process ended with exit code {code}"
    return TalkError(f"{case.seconds:g} s of sound to .{case.format} with {case.model} failed: {reason}")


__all__ = ["BenchOptions", "Case", "Measured", "Run", "bench", "check_options", "spoken"]
