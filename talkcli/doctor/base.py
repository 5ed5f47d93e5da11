"""What a check gives: findings, each a state, what was seen, and what to do about it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from talkcli import resources

# ok: tried, and it works; info: nothing to try, or no need of it; missing: something more could be had; broken: tried,
# and it fails
State = Literal["ok", "info", "missing", "broken"]
STATES: tuple[State, ...] = ("ok", "info", "missing", "broken")  # from best to worst
AGAIN = "pip install --force-reinstall"


@dataclass(frozen=True)
class Finding:
    """mend is the sentence that says what to do, empty where nothing needs doing."""

    state: State
    what: str
    mend: str = ""


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """model is the one that the film is tried with; runs and data are looked for in the current folder."""

    model: str = resources.DEFAULT_MODEL


Run = Callable[[DoctorOptions], list[Finding]]


@dataclass(frozen=True)
class Check:
    """A check, and the process that it is tried in, which those of the same group share; film: a film needs it."""

    run: Run
    group: str
    film: bool = False


@dataclass(frozen=True)
class Report:
    """A check's findings, and how many seconds they took."""

    name: str
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def state(self) -> State:
        """The worst of the findings'."""
        return max((finding.state for finding in self.findings), key=STATES.index, default="info")

    def as_dict(self) -> dict[str, Any]:
        found = [{"state": one.state, "what": one.what, "mend": one.mend} for one in self.findings]
        return {"name": self.name, "state": self.state, "seconds": round(self.seconds, 2), "findings": found}


def reason(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(str(error).split())[:400].rstrip(".") or type(error).__name__


def ended(code: int) -> str:
    """How a process ended."""
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
