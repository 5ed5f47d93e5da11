"""How long does a sound take to become a film? Runs `talk animate` as it is typed, and prints a table.

usage: python benchmarks/animate.py [SOUND] [--text-file FILE] [--runs 3] [--write benchmarks/animate.md]

SOUND is by default the sample speech, said again until ten seconds are full.

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

import numpy as np
import soundfile

from talkcli.audio import load_audio

SAMPLE = Path(__file__).parents[1] / "assets" / "sample.flac"
ABOUT = """From the command to its end, with the start of Python and of torch: the best of three runs. The recogniser
listens in a process of its own from the first moment, while torch and the model are loaded.
"""


def measure(sound: Path, out: Path, options: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one command."""
    command = [sys.executable, "-c", "from talkcli.cli import main; raise SystemExit(main())", "animate", str(sound)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run([*command, "--out", str(out), "--force", *options], check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ten_seconds(path: Path) -> Path:
    """Writes the sample, and again its beginning after half a second."""
    speech = load_audio(SAMPLE)
    once = np.concatenate([speech.samples, np.zeros(speech.rate // 2, np.float32)])
    soundfile.write(path, np.resize(once, 10 * speech.rate), speech.rate)
    return path


def table(sound: Path, text: Path | None, runs: int, folder: Path) -> str:
    """Markdown: a row a way of finding phones."""
    seconds, load = load_audio(sound).seconds, os.getloadavg()[0]
    rows = {"`--phones head`": ["--phones", "head"], "`--phones auto`": ["--phones", "auto"]}
    if text:
        rows["`--text-file`"] = ["--text-file", str(text)]
    lines = [
        f"{seconds:.1f} s of sound, {os.cpu_count()} cores, load {load:.1f} before",
        "",
        "| | .mp4: wall s | CPU s | .npz: wall s | CPU s | speed |",
        "|---|---|---|---|---|---|",
    ]
    for name, options in rows.items():
        film, motion = (
            min(measure(sound, folder / f"out.{suffix}", options) for _ in range(runs)) for suffix in ("mp4", "npz")
        )
        speed = seconds / motion[0]
        lines.append(f"| {name} | {film[0]:.1f} | {film[1]:.1f} | {motion[0]:.1f} | {motion[1]:.1f} | {speed:.1f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sound", type=Path, nargs="?")
    parser.add_argument("--text-file", type=Path, help="what is spoken, for a row with its alignment")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sound = given.sound or ten_seconds(Path(folder) / "ten.wav")
        found = table(sound, given.text_file, given.runs, Path(folder))
    print(found, end="")
    if given.write:
        given.write.write_text(f"# A sound to a film\n\nMade by `python benchmarks/animate.py`:\n\n{found}\n{ABOUT}")


if __name__ == "__main__":
    main()
