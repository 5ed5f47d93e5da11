"""How fast SelfTalk and FaceFormer are, beside a plain re-statement of what the originals compute.

    python -m benchmarks.methods                          # 24 GB of memory, some minutes
    python -m benchmarks.methods --only faceformer-biwi

Full-size architectures with random weights, a clip of 10 s, 2 threads. Every row is a process of its own; those that
are compared take turns, one repetition each, so that what else the machine does troubles all alike (where SelfTalk
trains, memory would not do for all: they take turns with processes of two repetitions). Seconds are the median of the
repetitions after a process' first, and how much faster is the median of the ratios of those that belong together.
Memory is the most that the process ever held, torch itself and, where ours predicts, reading the checkpoint included.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.originals import BASE, LARGE, FaceFormer, SelfTalk

SAMPLES = 160000
SIZES = {"vocaset": (5023, 254, 30, 299), "biwi": (23370, 4996, 25, 249)}  # vertices, lips, fps, frames of the clip
SUBJECTS = {"vocaset": 8, "biwi": 6}
TASKS = {  # task -> kinds of computation, the re-statement first
    "selftalk-vocaset predict": ("plain fp32", "talk fp32", "talk bf16"),
    "selftalk-biwi predict": ("plain fp32", "talk fp32", "talk bf16"),
    "faceformer-vocaset predict": ("plain fp32", "talk fp32", "talk bf16"),
    "faceformer-biwi predict": ("plain fp32", "talk fp32", "talk bf16"),
    "selftalk-vocaset train": (
        "plain fp32",
        "talk fp32",
        "talk bf16",
        "talk fp32 checkpointed",
        "talk bf16 checkpointed",
    ),
    "faceformer-vocaset train": ("plain fp32", "talk fp32", "talk bf16"),
}
GOALS = {
    ("selftalk-vocaset predict", "talk fp32"): "1.4x, 55 %",
    ("selftalk-vocaset predict", "talk bf16"): "2.5x, 40 %",
    ("faceformer-biwi predict", "talk fp32"): "5x",
    ("selftalk-vocaset train", "talk fp32"): "1.5x, 70 %",
    ("selftalk-vocaset train", "talk bf16"): "2x",
    ("faceformer-vocaset train", "talk fp32"): "3x",
}


def make_sound() -> Tensor:
    """A tone in noise, of mean 0 and variance 1."""
    times = torch.arange(SAMPLES) / 16000
    sound = torch.sin(2 * torch.pi * 220 * times) + 0.3 * torch.randn(SAMPLES)
    return ((sound - sound.mean()) / sound.std())[None]


def make_plain(method: str, data: str) -> Any:
    vertices, lips, fps, _ = SIZES[data]
    if method == "selftalk":
        return SelfTalk(vertices, 512 if data == "vocaset" else 1024, torch.arange(lips), data == "biwi")
    return FaceFormer(vertices, 64 if data == "vocaset" else 128, SUBJECTS[data], fps, data == "biwi")


def make_ours(method: str, data: str, checkpointed: bool = False) -> Any:
    """Ours at the same size, as a preset of the paper has it, with random weights; checkpointed forgets the inside of
    whole layers till their gradients are due."""
    import numpy as np

    from talkcli.clip import CorpusInfo, Topology
    from talkcli.config import load
    from talkcli.models import method_class
    from talkcli.train.config import preset_path, run_config

    vertices, lips, fps, _ = SIZES[data]
    regions = {"lips": np.arange(lips, dtype=np.int32)}
    topology = Topology(data, vertices, np.zeros((0, 3), np.int32), regions)
    subjects = tuple(str(index) for index in range(SUBJECTS[data]))
    architecture = json.dumps(LARGE if method == "selftalk" else BASE)
    config = load(
        run_config(method),
        overrides=[
            f"model.hub.architecture={architecture}",
            f"model.hub.gradient_checkpointing={str(checkpointed).lower()}",
        ],
        preset=preset_path(method, f"paper-{data}"),
    )
    model: Any = method_class(method)(config.model, CorpusInfo(data, topology, float(fps), subjects))
    torch.nn.init.normal_(model.vertice_map_r.weight, std=1e-4)
    return model


def save_ours(task: str, path: Path) -> None:
    """A checkpoint to predict with."""
    from talkcli.models.checkpoint import save_checkpoint

    torch.manual_seed(0)
    method, _, data = task.partition(" ")[0].partition("-")
    save_checkpoint(path, make_ours(method, data), method, {}, {})


def predicting(method: str, data: str, kind: str, checkpoint: Path) -> Callable[[], object]:
    vertices, _, _, frames = SIZES[data]
    sound, template, style = make_sound(), torch.zeros(1, vertices, 3), torch.eye(SUBJECTS[data])[:1]
    if kind.startswith("plain"):
        plain = make_plain(method, data).eval()
        told = (style,) if method == "faceformer" else ()
        return torch.inference_mode()(lambda: plain.predict(sound, template.flatten(1)[:, None], *told, frames))
    from talkcli.models.batch import Speech
    from talkcli.models.checkpoint import load_checkpoint

    model = load_checkpoint(str(checkpoint), precision="bf16" if kind == "talk bf16" else "fp32").model
    speech = Speech(sound, torch.tensor([SAMPLES]))
    assert model.frame_count(SAMPLES) == frames
    return torch.inference_mode()(lambda: model.predict(speech, template, style, frames))


def training(method: str, data: str, kind: str) -> Callable[[], object]:
    vertices, _, _, frames = SIZES[data]
    sound, style = make_sound(), torch.eye(SUBJECTS[data])[:1]
    target = 0.001 * torch.randn(1, frames, 3 * vertices)
    if kind.startswith("plain"):
        plain = make_plain(method, data).train()
        optimizer = torch.optim.Adam([p for p in plain.parameters() if p.requires_grad], 1e-4)
        told = (style,) if method == "faceformer" else ()
        template = torch.zeros(1, 1, 3 * vertices)

        def step() -> None:
            loss = plain.loss(sound, template, *told, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return step
    _, precision, *more = kind.split()
    model = make_ours(method, data, "checkpointed" in more).train()
    return our_step(model, sound, style, target, precision)


def our_step(model: Any, sound: Tensor, style: Tensor, target: Tensor, precision: str) -> Callable[[], object]:
    """A step as the training loop makes it; what SelfTalk's recogniser said of the clip was kept."""
    from talkcli.models.batch import Batch, Reading, Speech
    from talkcli.models.recognizer import LETTERS, Spelling
    from talkcli.train.loop import autocast, step_in_backward

    reading = None
    if hasattr(model, "add_interpreter"):
        model.add_interpreter(1024, len(LETTERS))
        model.spelling = Spelling(LETTERS)
        model.train()
        reading = Reading(torch.randn(1, 499, 1024), torch.randint(0, 33, (1, 499)), torch.tensor([499]))
    batch = Batch(
        speech=Speech(sound, torch.tensor([SAMPLES])),
        motion=target,
        frames=torch.tensor([target.shape[1]]),
        outside=torch.zeros(1),
        template=torch.zeros(1, target.shape[2] // 3, 3),
        style=style,
        phones=torch.zeros(1, 1, dtype=torch.long),
        contacts=torch.zeros(1, 1, 2),
        reading=reading,
    )
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, 1e-4, fused=True)
    step_in_backward(optimizer, parameters)

    def step() -> None:
        with autocast(torch.device("cpu"), precision):
            terms = model.losses(batch)
        torch.stack(list(terms.values())).sum().backward()

    return step


def work(task: str, kind: str, checkpoint: Path) -> None:
    """One row, in this process: a repetition for each line that comes in, and a line about each."""
    torch.manual_seed(0)
    torch.set_num_threads(2)
    name, _, what = task.partition(" ")
    method, _, data = name.partition("-")
    predicts = what == "predict"
    run = predicting(method, data, kind, checkpoint) if predicts else training(method, data, kind)
    for _ in sys.stdin:
        started, spent = time.perf_counter(), time.process_time()
        run()
        took = time.perf_counter() - started, time.process_time() - spent
        status = Path("/proc/self/status").read_text().splitlines()
        peak = next(line for line in status if line.startswith("VmHWM")).split()[1]
        print(json.dumps([*took, int(peak) / 2**20]), flush=True)


def command(task: str, kind: str, checkpoint: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.methods", "--checkpoint", str(checkpoint), "--row", task, kind]


class Row:
    """A task computed in one way, in a process of its own, or in one after another."""

    def __init__(self, task: str, kind: str, checkpoint: Path) -> None:
        self.command = command(task, kind, checkpoint)
        self.told: list[list[float]] = []  # wall seconds, CPU seconds and the peak in GiB, of each repetition

    def start(self) -> None:
        """A process; its first repetition does not count."""
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.repeat()
        self.told.pop()

    def repeat(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("again\n")
        self.process.stdin.flush()
        self.told.append(json.loads(self.process.stdout.readline()))

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    @property
    def seconds(self) -> list[float]:
        return [seconds for seconds, _, _ in self.told]

    @property
    def peak(self) -> float:
        return max(peak for _, _, peak in self.told)


def compared(task: str, kinds: Sequence[str], repetitions: int, checkpoint: Path) -> list[Row]:
    """The rows of a task, measured in turns: one repetition each, or, where memory would not do for all, two each in a
    process that then makes room."""
    rows = [Row(task, kind, checkpoint) for kind in kinds]
    if task == "selftalk-vocaset train":
        for _ in range((repetitions + 1) // 2):
            for row in rows:
                row.start()
                row.repeat()
                row.repeat()
                row.end()
        return rows
    for row in rows:
        row.start()
    for _ in range(repetitions):
        for row in rows:
            row.repeat()
    for row in rows:
        row.end()
    return rows


def line(task: str, kind: str, row: Row, plain: Row) -> str:
    """A line of the table."""
    seconds, peak = row.seconds, row.peak
    faster = statistics.median(a / b for a, b in zip(plain.seconds, seconds, strict=True))
    cells = (
        task,
        kind,
        f"{statistics.median(seconds):.2f} ({min(seconds):.2f}-{max(seconds):.2f})",
        f"{statistics.median(cpu for _, cpu, _ in row.told):.1f}",
        f"{peak:.2f}",
        f"{faster:.2f}x",
        f"{100 * peak / plain.peak:.0f} %",
        GOALS.get((task, kind), ""),
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="tasks whose name has this in it")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--checkpoint", type=Path, default=None)
    parser.add_argument("--row", nargs=2, default=None, help="work for one row, when told on stdin")
    options = parser.parse_args()
    if options.row and options.row[1] == "save":
        save_ours(options.row[0], options.checkpoint)
        return
    if options.row:
        work(*options.row, options.checkpoint)
        return
    print("| task | computed by | seconds (least-most) | CPU s | memory GiB | faster | memory | goal |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "model.safetensors"
        for task, kinds in TASKS.items():
            if options.only not in task:
                continue
            if task.endswith("predict"):
                subprocess.run(command(task, "save", checkpoint), check=True)
            rows = compared(task, kinds, options.repetitions, checkpoint)
            for kind, row in zip(kinds, rows, strict=True):
                print(line(task, kind, row, rows[0]), flush=True)


if __name__ == "__main__":
    main()
