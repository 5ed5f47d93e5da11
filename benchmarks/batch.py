"""What a batch saves: ten sounds of 5 s one command each, in one batch, and in one with two workers.

usage: python benchmarks/batch.py [--format mp4] [--size 512] [--write benchmarks/batch.md]

One command warms the disk; then the ways are measured in turn, ROUNDS times. The least counts, since other work on the
machine only ever adds.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from talkcli.audio import load_audio

SAMPLE = Path(__file__).parents[1] / "assets" / "sample.flac"
SOUNDS, SECONDS, ROUNDS = 10, 5.0, 3
TALK = [sys.executable, "-c", "from talkcli.cli import main; raise SystemExit(main())", "animate"]


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, and of all cores together."""

    wall: float
    cpu: float


def sounds(folder: Path) -> list[Path]:
    """The sample, begun each time at another place."""
    audio = load_audio(SAMPLE)
    paths = [folder / f"sound{number}.wav" for number in range(SOUNDS)]
    for number, path in enumerate(paths):
        turned = np.roll(audio.samples, -number * audio.rate // 2)
        soundfile.write(path, turned[: round(SECONDS * audio.rate)], audio.rate)
    return paths


def cost(commands: list[list[str]]) -> Cost:
    """Of commands, one after another."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    for command in commands:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - began, cpu)


def measured(ways: dict[str, list[list[str]]], rounds: int) -> dict[str, Cost]:
    """The least of each way's costs."""
    found: dict[str, list[Cost]] = {name: [] for name in ways}
    cost(next(iter(ways.values()))[:1])
    for _ in range(rounds):
        for name, commands in ways.items():
            found[name].append(cost(commands))
    return {name: Cost(min(c.wall for c in costs), min(c.cpu for c in costs)) for name, costs in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--format", default="mp4")
    parser.add_argument("--size", default="512")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "in").mkdir()
        paths = sounds(folder / "in")
        more = ["--size", asked.size, "--force"]
        single = [[*TALK, str(path), "--out", str(folder / f"{path.stem}.{asked.format}"), *more] for path in paths]
        batch = [*TALK, str(folder / "in"), "--out-dir", str(folder / "out"), "--format", asked.format, *more]
        ways = {
            "ten commands": single,
            "`--jobs 1`": [[*batch, "--jobs", "1"]],
            "`--jobs 2`": [[*batch, "--jobs", "2"]],
        }
        found = measured(ways, asked.rounds)
    first = found["ten commands"]
    table = "| | time | CPU time | of ten commands' time | of their CPU time |\n|---|---|---|---|---|\n"
    for name, taken in found.items():
        shares = f"{taken.wall / first.wall:.2f} | {taken.cpu / first.cpu:.2f}"
        table += f"| {name} | {taken.wall:.0f} s | {taken.cpu:.0f} s | {shares} |\n"
    after = os.getloadavg()[0]
    table += f"\n{os.cpu_count()} cores, load {load:.1f} at the beginning and {after:.1f} at the end: on a busy "
    table += "machine the shares say more than the seconds.\n"
    print(table, end="")
    if asked.write:
        command = f"python benchmarks/batch.py --format {asked.format} --size {asked.size} --rounds {asked.rounds}"
        asked.write.write_text(f"# Batches\n\n`{command}`\n\n{table}", encoding="utf-8")


if __name__ == "__main__":
    main()
