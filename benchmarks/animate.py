"""How long does a sound take to become a film? Runs `talk animate` as it is typed, and prints a table.

usage: python benchmarks/animate.py SOUND [--text-file FILE] [--runs 3]

wall: seconds from the command to its end, with the start of Python, of torch and of the recogniser's process; CPU:
seconds of all its processes together; speed: seconds of sound a second of wall. The best of the runs.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from talkcli.audio import load_audio


def measure(sound: Path, out: Path, options: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one command."""
    command = [sys.executable, "-c", "from talkcli.cli import main; raise SystemExit(main())", "animate", str(sound)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run([*command, "--out", str(out), "--force", *options], check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sound", type=Path)
    parser.add_argument("--text-file", type=Path, help="what is spoken, for a row with its alignment")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    seconds = load_audio(given.sound).seconds
    rows = {"`--phones head`": ["--phones", "head"], "`--phones auto`": ["--phones", "auto"]}
    if given.text_file:
        rows["`--text-file`"] = ["--text-file", str(given.text_file)]
    load = os.getloadavg()[0]
    print(f"{seconds:.1f} s of sound, {os.cpu_count()} cores, load {load:.1f} before\n")
    print("| | .mp4: wall s | CPU s | .npz: wall s | CPU s | speed |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, options in rows.items():
            film, motion = (
                min(measure(given.sound, Path(folder) / f"out.{suffix}", options) for _ in range(given.runs))
                for suffix in ("mp4", "npz")
            )
            speed = seconds / motion[0]
            print(f"| {name} | {film[0]:.1f} | {film[1]:.1f} | {motion[0]:.1f} | {motion[1]:.1f} | {speed:.1f} |")


if __name__ == "__main__":
    main()
