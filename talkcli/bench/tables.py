"""What was measured, for people and for programs."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np

import talkcli
from talkcli.bench import Case, Measured, Run
from talkcli.console import counted, table
from talkcli.stages import STAGES

Both = tuple[float, float]  # the median, and what 19 of 20 runs stay below


def spread(values: Sequence[float]) -> Both:
    """p50 and p95."""
    return float(np.percentile(values, 50)), float(np.percentile(values, 95))


def stage_spread(runs: Sequence[Run]) -> dict[str, Both]:
    """Seconds of each stage that had any, in the order of STAGES."""
    used = [name for name in STAGES if any(run.stages.get(name) for run in runs)]
    return {name: spread([run.stages.get(name, 0.0) for run in runs]) for name in used}


def case_table(measured: Measured) -> str:
    """A case's stages as a table under a line that tells the case, and its memory beneath."""
    case, runs = measured.case, measured.runs
    stages = stage_spread(runs)
    rows = [_row(name, both, case.seconds) for name, both in stages.items()]
    rows.append(_row("whole command", spread([run.wall for run in runs]), case.seconds))
    lines = [
        f"{_title(case, 'render' in stages)}, {counted(len(runs), 'run')}",
        table(("stage", "p50 s", "p95 s", "p50 s/s", "p95 s/s"), rows),
        f"CPU {spread([run.cpu for run in runs])[0]:.1f} s; {_memory(runs)}",
    ]
    return "\n".join(lines)


def _title(case: Case, drawn: bool) -> str:
    picture = f" {case.size[0]}x{case.size[1]}" if drawn else ""
    return f"{case.model}: {case.seconds:g} s of sound to {case.format}{picture}"


def _row(name: str, both: Both, seconds: float) -> list[str]:
    return [name, *(f"{value:.2f}" for value in both), *(f"{value / seconds:.3f}" for value in both)]


def _memory(runs: Sequence[Run]) -> str:
    peaks = [run.memory for run in runs if run.memory is not None]
    return f"peak memory {max(peaks) / 1e6:.0f} MB" if peaks else "peak memory: this system has no /proc to tell it"


def machine() -> dict[str, Any]:
    """Where it was measured."""
    return {
        "talk": talkcli.__version__,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }


def as_dict(measured: Measured) -> dict[str, Any]:
    """A case as plain values: seconds, real-time factors, and every run."""
    case, runs = measured.case, measured.runs
    wall, cpu = spread([run.wall for run in runs]), spread([run.cpu for run in runs])
    return {
        "case": {
            **{name: getattr(case, name) for name in ("model", "seconds", "format", "phones", "device", "precision")},
            "size": list(case.size),
        },
        "stages": {name: _numbers(both, case.seconds) for name, both in stage_spread(runs).items()},
        "wall": _numbers(wall, case.seconds),
        "cpu": _numbers(cpu, case.seconds),
        "peak_bytes": max((run.memory for run in runs if run.memory is not None), default=None),
        "runs": [_run(run) for run in runs],
    }


def _run(run: Run) -> dict[str, Any]:
    stages = {name: round(seconds, 4) for name, seconds in run.stages.items()}
    return {"wall": round(run.wall, 4), "cpu": round(run.cpu, 4), "peak_bytes": run.memory, "stages": stages}


def _numbers(both: Both, seconds: float) -> dict[str, float]:
    half, most = both
    told = {"p50": half, "p95": most, "p50_rtf": half / seconds, "p95_rtf": most / seconds}
    return {name: round(value, 4) for name, value in told.items()}
