"""How long `talk --help` takes, and what other commands load before they begin: CPU seconds, best of several.

usage: python benchmarks/startup.py
"""

from __future__ import annotations

import resource
import subprocess
import sys

STARTS = {
    "python": "pass",
    "talk --version": "from talkcli.cli import main; main(['--version'])",
    "talk --help": "from talkcli.cli import main; main(['--help'])",
    "import talkcli.animate": "import talkcli.animate",
    "import torchaudio": "import talkcli, torchaudio",
}
RUNS = 5


def cpu_seconds(code: str) -> float:
    """User and system time of one Python that runs the code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    print("| start | CPU s |\n|---|---|")
    for name, code in STARTS.items():
        print(f"| {name} | {min(cpu_seconds(code) for _ in range(RUNS)):.2f} |")
