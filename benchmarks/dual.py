"""What the dual task costs: a step of training with it and without, and animating, each method by itself.

    python benchmarks/dual.py data/synthetic

Steps are taken in turns, and seconds are those of the processor: what else the machine does slows both alike. Medians
are told. With OMP_NUM_THREADS=1 they are what a step takes on an idle core.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from talkcli.models import METHODS, method_class
from talkcli.models.base import TalkModel
from talkcli.models.batch import Batch
from talkcli.models.dual import Dual
from talkcli.prepared import Corpus
from talkcli.train import TrainOptions, read_config
from talkcli.train.batches import Order, loader, sample
from talkcli.train.data import Clips
from talkcli.train.features import Recipe, Store
from talkcli.train.loop import autocast

STEPS, SECONDS = 24, 10.0


def made(method: str, data: Path, dual: bool) -> tuple[Dual | TalkModel, Clips]:
    options = TrainOptions(method=method, data=data, out=Path("nowhere"), preset="benchmark")
    config, corpus = read_config(options), Corpus.open(data)
    torch.manual_seed(0)
    host = method_class(method)(config.model, corpus.info)
    learner = Dual(host, config.dual) if dual else host
    store = Store(Recipe(data, config.model.basis, 0, 0, True))
    store.make(1)
    clips = Clips(
        data,
        store,
        "train",
        host.label_rate,
        crop_seconds=config.data.crop_seconds,
        copies=0,
        seed=0,
        keys=host.key_rule,
    )
    learner.begin_training(lambda name, part: None)
    if isinstance(learner, Dual):
        learner.measure(sample(clips, 16))
    return learner.train(), clips


def stepper(learner: Dual | TalkModel) -> Callable[[Batch], float]:
    parameters = [p for p in learner.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, 1e-4, fused=True)
    learner.at(1.0)

    def step(batch: Batch) -> float:
        start = time.process_time()
        optimizer.zero_grad(set_to_none=True)
        with autocast(torch.device("cpu"), "auto"):
            terms = learner.losses(batch)
        torch.stack(list(terms.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return time.process_time() - start

    return step


@torch.inference_mode()
def animating(model: TalkModel) -> float:
    """Seconds for SECONDS of sound."""
    sound = (0.05 * np.random.default_rng(0).standard_normal(round(SECONDS * 16000))).astype(np.float32)
    speech, rest = model.eval().hear(sound), torch.zeros(1, model.corpus.topology.vertices, 3)
    style = torch.zeros(1, len(model.corpus.subjects))
    start = time.process_time()
    model.predict(speech, rest, style, model.frame_count(len(sound)))
    return time.process_time() - start


def main(data: Path) -> None:
    print("| method | a step alone, s | with the dual task, s | times | 10 s of speech alone, s | exported, s |")
    print("|---|---|---|---|---|---|")
    for method in METHODS:
        (single, clips), (dual, _) = made(method, data, False), made(method, data, True)
        assert isinstance(single, TalkModel)
        assert isinstance(dual, Dual)
        steps = stepper(single), stepper(dual)
        taken: tuple[list[float], list[float]] = ([], [])
        for batch in loader(clips, Order(len(clips), 12, 0, 0, STEPS), 0):
            for step, times in zip(steps, taken, strict=True):
                times.append(step(batch))  # type: ignore[arg-type]
        alone, both = (statistics.median(times[4:]) for times in taken)
        spoken = [[animating(model) for _ in range(5)] for model in (single, dual.host)]
        used = [statistics.median(times) for times in spoken]
        print(
            f"| `{method}` | {alone:.3f} | {both:.3f} | {both / alone:.2f} | {used[0]:.3f} | {used[1]:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
