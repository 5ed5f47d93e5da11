"""What the terms of dual learning do to the animation, on clips that no run has heard. Prints one table.

usage: python benchmarks/duality.py --data data/synthetic [--runs runs/benchmark] [--seeds 3] [--clips 40]
                                    [--write benchmarks/duality.md]

The runs are those of `talk benchmark`. *Cycle error* is how differently the lips that were made and the recorded ones
are read (smooth L1 of standardised features), by the reader of the row `dualtalker` with the next seed, not by the one
that the model learned to please. *Latent* is how much the last hidden values change over a clip: their deviation over
time, of their root mean square. *Lips* is the deviation over time of the lip vertices in mm, and *recorded* that of the
recorded lips. Values are means over clips; ± is the deviation over seeds. Rows that lack a run are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from talkcli.audio import level
from talkcli.clip import Floats
from talkcli.models.base import TalkModel
from talkcli.models.checkpoint import load_checkpoint, load_reader
from talkcli.models.duality import nearness
from talkcli.models.lipreader import LipReader
from talkcli.prepared import ClipEntry, Corpus

ROWS = (
    "dualtalker-single",
    "dualtalker",
    "dualtalker-no-cycle",
    "dualtalker-no-duality",
    "dualtalker-no-consistency",
    "dualtalker-nce",
)
JUDGE = "dualtalker"


@dataclass(frozen=True)
class Found:
    """Of one clip."""

    cycle: float
    recorded_cycle: float  # that of a head that does not move
    latent: float
    lips_mm: float
    recorded_mm: float


def deviation(moved: Floats) -> float:
    """(T, L, 3) -> root mean square over vertices of the deviation over time."""
    return float(np.sqrt(np.square(moved - moved.mean(0)).sum(-1).mean()))


@torch.inference_mode()
def judged(model: TalkModel, reader: LipReader, corpus: Corpus, entry: ClipEntry) -> Found:
    seen: list[Tensor] = []
    hook = model.ends()[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    template = corpus.template(entry.subject)
    style = np.eye(len(model.corpus.subjects), dtype=np.float32)[0]
    made = model.animate(level(corpus.audio(entry)), template, style).vertices
    hook.remove()
    recorded = corpus.vertices(entry)
    frames = min(len(made), len(recorded))
    count = torch.tensor([frames])

    def read(vertices: Floats) -> Tensor:
        return reader(torch.from_numpy(reader.basis.encode(vertices - template))[None], count).told

    own, true = read(made[:frames]), read(recorded[:frames])
    still = read(np.repeat(template[None], frames, 0))
    latent = torch.cat(seen, 1)[0].double()  # (T, D)
    lips = corpus.info.topology.regions["lips"]
    millimetres = 1000 * corpus.info.metres
    return Found(
        cycle=float(nearness(own, true, count)),
        recorded_cycle=float(nearness(still, true, count)),
        latent=float(((latent - latent.mean(0)).square().mean() / latent.square().mean()).sqrt()),
        lips_mm=millimetres * deviation(made[:frames][:, lips]),
        recorded_mm=millimetres * deviation(recorded[:frames, lips]),
    )


def row(name: str, options: argparse.Namespace, corpus: Corpus) -> list[Found]:
    """The means over test clips, of each seed."""
    found = []
    for seed in range(options.seeds):
        model = load_checkpoint(str(options.runs / f"{name}-{seed}")).model
        reader = load_reader(str(options.runs / f"{JUDGE}-{(seed + 1) % options.seeds}")).reader
        each = [judged(model, reader, corpus, entry) for entry in corpus.part("test")[: options.clips]]
        found.append(Found(**{key: float(np.mean([vars(clip)[key] for clip in each])) for key in vars(each[0])}))
    return found


def told(seeds: Sequence[Found], key: str) -> str:
    values = [vars(seed)[key] for seed in seeds]
    spread = f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else ""
    return f"{np.mean(values):.4g}{spread}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    corpus = Corpus.open(options.data)
    keys = {"cycle": "cycle error", "latent": "latent", "lips_mm": "lips, mm", "recorded_mm": "recorded, mm"}
    lines = ["| row | " + " | ".join(keys.values()) + " |", "|" + "---|" * (1 + len(keys))]
    for name in ROWS:
        if not all((options.runs / f"{name}-{seed}" / "done").is_file() for seed in range(options.seeds)):
            continue
        seeds = row(name, options, corpus)
        lines.append(f"| `{name}` | " + " | ".join(told(seeds, key) for key in keys) + " |")
    lines += ["", f"A head that does not move has a cycle error of {told(seeds, 'recorded_cycle')}."]
    found = "\n".join(lines) + "\n"
    print(found, end="")
    if options.write:
        command = f"python benchmarks/duality.py --data {options.data}"
        about = (__doc__ or "").partition("\n\n")[2].partition("\n\n")[2]
        options.write.write_text(f"# What the terms of dual learning do\n\n`{command}`\n\n{found}\n{about}")


if __name__ == "__main__":
    main()
