"""What preparing a data set costs: memory as it grows, and time beside a plain copy of the same bytes.

usage: python benchmarks/preprocess.py [--gigabytes 1 4] [--jobs 2] [--folder DIR] [--write benchmarks/preprocess.md]

Makes a raw VOCASET in the format of the download: FLAME's 5023 vertices at 60 frames a second, sentences of 4 s.
"""

from __future__ import annotations

import argparse
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from talkcli.datasets.vocaset import FACTS

VERTICES, FRAMES, RATE = 5023, 240, 22000
NOTE = (
    "Peak memory is that of the largest process. The copy is `cp -r` of what was prepared: as many bytes as were read\n"
    "and written to make it. Both begin with the files out of the page cache and end with all written to the disk."
)


def make_raw(folder: Path, gigabytes: float) -> int:
    """The four files of the download; returns the number of sequences."""
    folder.mkdir(parents=True)
    size = FRAMES * VERTICES * 3 * 4
    sequences = FACTS.sequences
    count = max(3, round(gigabytes * 1e9 / size))
    chosen = [sequences[round(i * (len(sequences) - 1) / (count - 1))] for i in range(count)]
    rng = np.random.default_rng(0)
    template = rng.uniform(-0.1, 0.1, (VERTICES, 3)).astype(np.float32)
    motion = template + 0.001 * rng.standard_normal((FRAMES, VERTICES, 3)).astype(np.float32)
    shape = (count * FRAMES, VERTICES, 3)
    verts = np.lib.format.open_memmap(folder / "data_verts.npy", "w+", np.float32, shape)
    index: dict[str, dict[str, dict[int, int]]] = {}
    sounds: dict[str, dict[str, dict[str, object]]] = {}
    for number, sequence in enumerate(chosen):
        first = number * FRAMES
        verts[first : first + FRAMES] = motion + np.float32(1e-5 * number)
        rows = {frame: first + frame for frame in range(FRAMES)}
        index.setdefault(sequence.subject, {})[sequence.sentence] = rows
        noise = rng.integers(-9000, 9000, RATE * FRAMES // 60).astype(np.int16)
        sounds.setdefault(sequence.subject, {})[sequence.sentence] = {"audio": noise, "sample_rate": RATE}
    verts.flush()
    templates = {subject: template.astype(np.float64) for subject in index}
    for name, value in (("subj_seq_to_idx", index), ("raw_audio_fixed", sounds), ("templates", templates)):
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(value, protocol=2))
    return count


def forget(folder: Path) -> None:
    """Writes what waits to be written, and drops the folder's files from the page cache: the disk is read again."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def timed(command: list[str | Path], reads: Path) -> tuple[float, float, float]:
    """Seconds with the disk written, CPU seconds, and the peak memory of its largest process in MB, in a process."""
    forget(reads)
    code = (
        "import os, resource, subprocess, sys, time; start = time.perf_counter(); "
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); os.sync(); "
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, *map(str, command)], check=True, capture_output=True, text=True)
    wall, cpu, peak = map(float, done.stdout.split())
    return wall, cpu, peak


def row(place: Path, gigabytes: float, jobs: int) -> str:
    """A line of the table."""
    raw, data, copy = place / "raw", place / "data", place / "copy"
    clips = make_raw(raw, gigabytes)
    talk = Path(sys.executable).with_name("talk")
    wall, cpu, peak = timed([talk, "preprocess", "vocaset", "--raw", raw, "--out", data, "--jobs", str(jobs)], raw)
    written = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
    plain, _, _ = timed(["cp", "-r", data, copy], data)
    for folder in (raw, data, copy):
        shutil.rmtree(folder)
    return (
        f"| {gigabytes:g} GB | {clips} | {written / 1e9:.1f} GB | {peak:.0f} MB | {cpu:.0f} s | {wall:.1f} s | "
        f"{written / 1e6 / wall:.0f} MB/s | {plain:.1f} s | {wall / plain:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[1.0, 4.0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    table = (
        "| raw | clips | prepared | peak memory | CPU | time | written | plain copy of that | times as long |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    for gigabytes in options.gigabytes:
        with tempfile.TemporaryDirectory(dir=options.folder) as place:
            table += row(Path(place), gigabytes, options.jobs) + "\n"
    print(table, end="")
    if options.write:
        sizes = " ".join(f"{size:g}" for size in options.gigabytes)
        command = f"python benchmarks/preprocess.py --gigabytes {sizes} --jobs {options.jobs}"
        options.write.write_text(f"# Preparing a data set\n\n`{command}`\n\n{NOTE}\n\n{table}", encoding="utf-8")


if __name__ == "__main__":
    main()
