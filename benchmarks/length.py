"""Does length cost memory? Animates the sample speech, said again and again, to a film, and prints what that took.

usage: python benchmarks/length.py [--minutes 60] [--size 128] [--model NAME] [--write benchmarks/length.md]

The recogniser is left out (--phones head): it costs time in proportion to length, and no memory.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile

from talkcli.audio import RATE, load_audio
from talkcli.bench import spoken
from talkcli.resources import DEFAULT_MODEL

SAMPLE = Path(__file__).parents[1] / "assets" / "sample.flac"


def row(minutes: float, size: int, model: str) -> str:
    """A line of the table; memory is the largest process', time all processes'."""
    with tempfile.TemporaryDirectory() as folder:
        sound, film = Path(folder) / "long.flac", Path(folder) / "long.mp4"
        soundfile.write(sound, spoken(load_audio(SAMPLE).samples, 60 * minutes), RATE)
        talk = Path(sys.executable).with_name("talk")
        command = [talk, "animate", sound, "--out", film, "--size", str(size), "--model", model, "--phones", "head"]
        started = time.perf_counter()
        subprocess.run(command, check=True)
        wall = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    speed = 60 * minutes / wall
    return f"| {minutes:g} min | {size}x{size} | {used.ru_maxrss / 1024:.0f} MB | {cpu:.0f} s | {speed:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    table = "| sound | picture | peak memory | CPU | times as fast as speech |\n|---|---|---|---|---|\n"
    table += row(options.minutes, options.size, options.model) + "\n"
    print(table, end="")
    if options.write:
        command = f"python benchmarks/length.py --minutes {options.minutes:g} --size {options.size}"
        options.write.write_text(f"# Long sound\n\n`{command}`\n\n{table}", encoding="utf-8")


if __name__ == "__main__":
    main()
