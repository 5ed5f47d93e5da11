"""The process that runs one case as `talk animate` would, and tells the seconds of each stage as a line of JSON."""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from threading import Lock
from typing import Any

from talkcli.console import stderr
from talkcli.errors import TalkError
from talkcli.stages import listening


def main() -> int:
    """Runs the case of the first argument; the JSON has each stage's seconds, and when the work began."""
    case = json.loads(sys.argv[1])
    told: defaultdict[str, float] = defaultdict(float)
    lock = Lock()

    def listen(name: str, seconds: float) -> None:
        with lock:
            told[name] += seconds

    try:
        began = _animate(case, listen)
    except TalkError as error:
        stderr().print(f"error: {error}", markup=False)
        return 2
    except KeyboardInterrupt:
        return 130
    print(json.dumps({**told, "began": began}), flush=True)  # noqa: T201, another process reads it
    return 0


def _animate(case: dict[str, Any], listen: Any) -> float:
    from talkcli.animate import AnimateOptions, animate_file
    from talkcli.export import ExportOptions

    out = Path(case["out"])
    began = time.monotonic()
    with listening(listen):
        animate_file(
            case["sound"],
            [out],
            model=case["model"],
            options=AnimateOptions(phones=case["phones"]),
            export_options=ExportOptions(size=tuple(case["size"]), renderer=case["renderer"]),
            device=case["device"],
            precision=case["precision"],
        )
    return began


if __name__ == "__main__":
    raise SystemExit(main())
