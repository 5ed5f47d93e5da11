"""The process that tries checks, and tells each as a line of JSON before it begins the next."""

from __future__ import annotations

import json
import os
import sys
import time

from talkcli.doctor import CHECKS, DoctorOptions, Finding, Report
from talkcli.doctor.base import reason
from talkcli.errors import TalkError


def main() -> None:
    """Tries the checks that the first argument names."""
    told = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    for name in told["names"]:
        print(json.dumps(tried(name, DoctorOptions(**told["options"])).as_dict()), file=answers, flush=True)


def tried(name: str, options: DoctorOptions) -> Report:
    """A check's report; whatever it raises is a finding, and the others go on."""
    began = time.perf_counter()
    try:
        findings = CHECKS[name].run(options)
    except TalkError as error:
        findings = [Finding("broken", reason(error), "do as it says")]
    except Exception as error:  # whatever it is
        what = f"{type(error).__name__}: {reason(error)}"
        findings = [
            Finding("broken", what, "install talk and what it needs anew: pip install --force-reinstall talkcli")
        ]
    return Report(name, tuple(findings), time.perf_counter() - began)


if __name__ == "__main__":
    main()
