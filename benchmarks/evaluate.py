"""How long metrics take: `talk evaluate` beside a plain numpy statement of CodeTalker's evaluator, on the same files.

usage: python benchmarks/evaluate.py [--clips 40] [--jobs 2] [--folder DIR] [--write benchmarks/evaluate.md]

Makes data of BIWI's size: 23370 vertices, 25 frames a second, 4.7 s a clip, the regions of the public evaluators (4996
and 7784 vertices). Each way is a process of its own; the plain one is what `--plain DIR` runs.
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

from talkcli.clip import Audio, CorpusInfo, Topology
from talkcli.prepared import RATE, ClipEntry
from talkcli.preparing import Writer, save_clip

VERTICES, FRAMES, FPS = 23370, 117, 25.0
LIPS, UPPER = np.arange(4996, dtype=np.int32) * 2, np.arange(7784, dtype=np.int32) * 2 + 1
REPEATS = 3


def make(folder: Path, clips: int) -> None:
    """Prepared data, the same targets as plain .npy, and predictions, flat as other tools write them."""
    rng = np.random.default_rng(0)
    template = rng.uniform(-0.5, 0.5, (VERTICES, 3)).astype(np.float32)
    topology = Topology("biwi", VERTICES, np.zeros((0, 3), np.int32), {"lips": LIPS, "upper_face": UPPER})
    writer = Writer(folder / "data", CorpusInfo("biwi", topology, FPS, ("F2",), "unit", 0.18), {"F2": template})
    audio = Audio(np.zeros(round(FRAMES / FPS * RATE), np.float32), RATE)
    entries = []
    for sub in ("targets", "predictions"):
        (folder / sub).mkdir()
    np.save(folder / "template.npy", template)
    for number in range(clips):
        name = f"F2_e{number:02d}"
        target = template + 0.01 * rng.standard_normal((FRAMES, VERTICES, 3), np.float32)
        predicted = target + 0.01 * rng.standard_normal((FRAMES, VERTICES, 3), np.float32)
        np.save(folder / "targets" / f"{name}.npy", target.reshape(FRAMES, -1))
        np.save(folder / "predictions" / f"{name}.npy", predicted.reshape(FRAMES, -1))
        save_clip(folder / "data", name, audio, [], target, {})
        entries.append(ClipEntry(name, "F2", "test", "F2", FRAMES, len(audio.samples)))
    writer.finish(entries, {})


def plain(folder: Path) -> tuple[float, float]:
    """LVE and FDD as the formulas read: every frame of every clip in memory, vertex after vertex."""
    template = np.load(folder / "template.npy")
    targets, predictions, deviations = [], [], []
    for path in sorted((folder / "targets").iterdir()):
        target = np.load(path).reshape(-1, VERTICES, 3)
        predicted = np.load(folder / "predictions" / path.name).reshape(-1, VERTICES, 3)[: len(target)]
        dynamics = []
        for motion in (target - template, predicted - template):
            squares = np.array([np.square(motion[:, vertex, :]) for vertex in UPPER])  # (U, T, 3)
            dynamics.append(np.std(np.sum(np.transpose(squares, (1, 0, 2)), axis=2), axis=0).mean())
        deviations.append(dynamics[0] - dynamics[1])
        targets.extend(list(target))
        predictions.extend(list(predicted))
    every_target, every_prediction = np.array(targets), np.array(predictions)
    squares = np.array([np.square(every_target[:, v, :] - every_prediction[:, v, :]) for v in LIPS])  # (L, T, 3)
    worst = np.max(np.sum(np.transpose(squares, (1, 0, 2)), axis=2), axis=1)
    return float(worst.mean()), float(np.mean(deviations))


def timed(command: list[str | Path]) -> tuple[float, float, str]:
    """Least seconds of some runs, the peak memory of its largest process in MB, and what it printed last."""
    seconds, said = [], ""
    for _ in range(REPEATS):
        start = time.perf_counter()
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds.append(time.perf_counter() - start)
    return min(seconds), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, said


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    parser.add_argument("--plain", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.plain:
        print(*plain(options.plain))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        make(folder, options.clips)
        os.sync()
        talk = Path(sys.executable).with_name("talk")
        ours: list[str | Path] = [talk, "evaluate", folder / "predictions", "--data", folder / "data"]
        ours += ["--protocol", "codetalker", "--jobs", str(options.jobs)]
        fast, memory, _ = timed(ours)
        slow, most, numbers = timed([sys.executable, __file__, "--plain", folder])
        said = subprocess.run([*ours, "--json"], check=True, capture_output=True, text=True).stdout
    table = (
        "| way | seconds | peak memory | times as fast |\n|---|---|---|---|\n"
        f"| plain numpy | {slow:.1f} | {most:.0f} MB | 1 |\n"
        f"| `talk evaluate`, {options.jobs} jobs | {fast:.1f} | {memory:.0f} MB | {slow / fast:.1f} |\n"
    )
    print(table, end="")
    compare(numbers, said)
    if options.write:
        command = f"python benchmarks/evaluate.py --clips {options.clips} --jobs {options.jobs}"
        text = (
            f"# Metrics\n\n`{command}`: LVE and FDD by CodeTalker's protocol on {options.clips} clips of BIWI's size,\n"
            f"whole processes, the best of {REPEATS} runs, files in the page cache.\n\n{table}"
        )
        options.write.write_text(text, encoding="utf-8")


def compare(numbers: str, said: str) -> None:
    """Both ways must give the same numbers, to what float32 leaves of the plain one."""
    import json

    (scores,) = (model["scores"] for model in json.loads(said)["models"].values())
    for value, metric in zip(map(float, numbers.split()), ("lve", "fdd"), strict=True):
        found = scores[metric]["value"]
        if not np.isclose(found, value, rtol=1e-3, atol=1e-9):
            raise SystemExit(f"{metric}: {found} and {value} differ")


if __name__ == "__main__":
    main()
