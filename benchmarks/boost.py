"""Does completing an over-smoothed host from its key frames bring its motion back? Prints one table.

usage: python benchmarks/boost.py --data data/synthetic [--model kmtalk-tiny] [--frames 7] [--clips 40]
                                  [--write benchmarks/boost.md]

The host is the recorded motion of test clips, each frame the mean of as many around it. `talk boost` keeps its key
frames, and the model completes the rest from the sound.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from talkcli.boost import BoostOptions, boost
from talkcli.clip import Floats
from talkcli.evaluate import EvaluateOptions, evaluate
from talkcli.prepared import Corpus

SHOWN = {"lve": "LVE, m²", "fdd_abs": "FDD, m²", "opening_correlation": "opening correlation", "mod_mm": "MOD, mm"}


def smoothed(vertices: Floats, frames: int) -> Floats:
    """(T, V, 3) means over so many frames, those at the ends held."""
    half = frames // 2
    padded = np.pad(vertices, ((half, half), (0, 0), (0, 0)), mode="edge")
    return np.mean([padded[place : place + len(vertices)] for place in range(frames)], axis=0, dtype=np.float32)


def table(options: argparse.Namespace, folder: Path) -> str:
    corpus = Corpus.open(options.data)
    host, boosted = folder / "host", folder / "boosted"
    host.mkdir()
    for entry in list(corpus.part("test"))[: options.clips]:
        np.save(host / f"{entry.name}.npy", smoothed(corpus.vertices(entry), options.frames))
    boost(BoostOptions(host=str(host), model=options.model, data=options.data, out=boosted))
    sources = [str(host), str(boosted)]
    found = evaluate(EvaluateOptions(sources=sources, data=options.data, keep_going=True, phones="head"))
    lines = ["| | " + " | ".join(SHOWN.values()) + " |", "|" + "---|" * (1 + len(SHOWN))]
    for name in ("host", "boosted"):
        lines.append(f"| {name} | " + " | ".join(f"{found.scores[name][metric].value:.4g}" for metric in SHOWN) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="kmtalk-tiny")
    parser.add_argument("--frames", type=int, default=7)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = table(options, Path(folder))
    print(found, end="")
    if options.write:
        command = f"python benchmarks/boost.py --data {options.data}"
        about = (__doc__ or "").rpartition("\n\n")[2]
        options.write.write_text(f"# Boosting an over-smoothed host\n\n`{command}`\n\n{found}\n{about}")


if __name__ == "__main__":
    main()
