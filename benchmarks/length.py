"""Does length cost memory? Animates the sample speech, said again and again, to each format, and prints what it took.

usage: python benchmarks/length.py [--minutes 10 60] [--formats mp4 glb npz+npy] [--size 128] [--fps 30] [--model NAME]
                                   [--folder DIR] [--write benchmarks/length.md]

Formats joined by + come from one pass, as several --out do. The recogniser is left out (--phones head): it costs time
in proportion to length, and no memory. Vertices of an hour take 11 GB at 30 frames a second, and as .obj 57 GB, so
--folder names a place that has room; what is written is removed again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile

from talkcli.audio import RATE, load_audio
from talkcli.bench import spoken
from talkcli.export import EXPORTERS
from talkcli.resources import DEFAULT_MODEL

SAMPLE = Path(__file__).parents[1] / "assets" / "sample.flac"
FORMATS = [
    "mp4",
    "webm",
    "gif",
    "png",
    "html",
    "npz",
    "npy",
    "pc2",
    "obj",
    "glb",
    "usda",
    "usdc",
    "arkit.csv",
    "arkit.json",
    "cues.tsv",
]
TALK = [sys.executable, "-c", "from talkcli.cli import main; raise SystemExit(main())"]
HEAD = "| sound | format | peak memory | CPU | times as fast as speech | written |\n|---|---|---|---|---|---|\n"


def outputs(folder: Path, names: str) -> list[Path]:
    """What to write for formats such as mp4+png."""
    suffixes = [f".{name}" for name in names.split("+")]
    return [
        folder / suffix[1:] / f"%06d{suffix}" if EXPORTERS[suffix].sequence else folder / f"long{suffix}"
        for suffix in suffixes
    ]


def row(sound: Path, minutes: float, names: str, options: argparse.Namespace) -> str:
    """A line of the table; memory is the largest process', time all processes'."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        outs = outputs(Path(folder), names)
        command = [*TALK, "animate", sound, "--size", options.size, "--fps", options.fps, "--model", options.model]
        command += ["--phones", "head", *(word for out in outs for word in ("--out", out))]
        started = time.perf_counter()
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)  # of this run, and of those that it started
        wall = time.perf_counter() - started
        if status:
            raise SystemExit(f"{names} of {minutes:g} minutes failed")
        written = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    cpu = used.ru_utime + used.ru_stime
    told = f"{used.ru_maxrss / 1024:.0f} MB | {cpu:.0f} s | {60 * minutes / wall:.1f} | {written / 1e6:.0f} MB |"
    return f"| {minutes:g} min | {', '.join(f'`.{name}`' for name in names.split('+'))} | {told}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[10.0, 60.0])
    parser.add_argument("--formats", nargs="+", default=FORMATS)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--fps", default="30")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    table = HEAD
    print(table, end="", flush=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for minutes in options.minutes:
            sound = Path(folder) / "long.flac"
            soundfile.write(sound, spoken(load_audio(SAMPLE).samples, 60 * minutes), RATE)
            for names in options.formats:
                line = row(sound, minutes, names, options) + "\n"
                print(line, end="", flush=True)
                table += line
    if options.write:
        command = f"python {' '.join(['benchmarks/length.py', *sys.argv[1:]])}"
        options.write.write_text(f"# Long sound\n\n`{command}`\n\n{table}", encoding="utf-8")


if __name__ == "__main__":
    main()
