"""How long `talk --help` and a Tab take, and what other commands load before they begin: the best of several.

usage: python benchmarks/startup.py
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time

TAB = (
    "import os; os.environ.update(_TALK_COMPLETE='complete_bash', COMP_WORDS={line!r}, COMP_CWORD='{last}'); "
    "from talkcli.cli import main; main([])"
)


def tab(line: str) -> str:
    """What a shell runs when Tab is pressed at the end of a line."""
    return TAB.format(line=line, last=len(line.split(" ")) - 1)


STARTS = {
    "python": "pass",
    "talk --version": "from talkcli.cli import main; main(['--version'])",
    "talk --help": "from talkcli.cli import main; main(['--help'])",
    "talk models": "from talkcli.cli import main; main(['models'])",
    "Tab after `talk `": tab("talk "),
    "Tab after `talk animate --model `": tab("talk animate --model "),
    "Tab after `talk animate --view `": tab("talk animate --view "),
    "Tab after `talk animate --subject `": tab("talk animate --subject "),
    "Tab after `talk animate --out face`": tab("talk animate --out face"),
    "import talkcli.animate": "import talkcli.animate",
    "import torchaudio": "import talkcli, torchaudio",
}
RUNS = 5


def seconds(code: str) -> tuple[float, float]:
    """Seconds of one Python that runs the code: by the clock, and of the CPU."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    print(f"load {os.getloadavg()[0]:.1f} before\n\n| start | s | CPU s |\n|---|---|---|")
    for name, code in STARTS.items():
        runs = [seconds(code) for _ in range(RUNS)]
        print(f"| {name} | {min(wall for wall, _ in runs):.2f} | {min(cpu for _, cpu in runs):.2f} |")
