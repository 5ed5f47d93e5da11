"""Builders of small models and of small prepared corpora.

Shape letters: B clips, T frames, V vertices, K coefficients, S samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from talkcli import config as configs
from talkcli.articulation import controls
from talkcli.audio.posteriors import phone_posteriors
from talkcli.clip import Audio, CorpusInfo, Floats, Phone, Topology
from talkcli.head import load_head
from talkcli.models import method_class
from talkcli.models.base import TalkModel
from talkcli.models.batch import RATE, Batch, Speech
from talkcli.models.dual import Dual, DualConfig
from talkcli.models.kmtalk import KMTalk, KMTalkConfig
from talkcli.models.selftalk import SelfTalk, SelfTalkConfig
from talkcli.phones import INDEX, PHONES
from talkcli.prepared import ClipEntry, Corpus
from talkcli.preparing import Writer, save_clip

SMALL = (
    "encoder=tiny",
    "time_map=time",
    "basis=rig",
    "width=16",
    "heads=2",
    "dropout=0.0",
    "tiny.width=16",
    "tiny.dilations=[1, 2]",
    "tiny.dropout=0.0",
    "tiny.mask_bands=0",
    "tiny.mask_steps=0",
    "phone_weight=0.5",
    "contact_weight=0.5",
    "lip_weight=0.3",
    "interpreter_width=16",
    "interpreter_heads=2",
    "interpreter_layers=1",
    "interpreter_feed_forward=16",
    "recognizer.name=tiny",
    "recognizer.tiny.width=16",
    "recognizer.tiny.dilations=[1]",
)  # of a SelfTalk's config: --set without `model.`
SPLITS = ("train", "train", "val", "test")

PLATE = Topology(
    name="plate",
    vertices=6,
    faces=np.array([[0, 1, 2], [3, 4, 5]], np.int32),
    regions={"lips": np.array([1, 3, 4], np.int32), "upper_face": np.array([0], np.int32)},
    landmarks={"chin": 5},
)


def small_settings(method: str, *changes: str) -> list[str]:
    """Those of SMALL, and of changes, that a method's config knows."""
    known = {field.name for field in fields(method_class(method).Config)}
    return [text for text in (*SMALL, *changes) if text.partition("=")[0].partition(".")[0] in known]


def make_info(topology: Topology | None = None, fps: float = 30.0) -> CorpusInfo:
    """Two people on the packaged head, or on another topology."""
    head = load_head()
    return CorpusInfo("made", topology or head.topology, fps, head.subjects[:2])


def make_config(*changes: str) -> SelfTalkConfig:
    return configs.load(SelfTalkConfig, overrides=[*SMALL, *changes])


def make_model(*changes: str, info: CorpusInfo | None = None, seed: int = 0) -> SelfTalk:
    """A very small SelfTalk whose weights, the last layer's too, are random; changes as after --set."""
    torch.manual_seed(seed)
    model = SelfTalk(make_config(*changes), info or make_info())
    torch.nn.init.normal_(model.vertice_map_r.weight, std=0.3)
    return model


def make_method(method: str, *changes: str, info: CorpusInfo | None = None, seed: int = 0) -> TalkModel:
    """Any method at a very small size."""
    torch.manual_seed(seed)
    made = method_class(method)
    return made(configs.load(made.Config, overrides=small_settings(method, *changes)), info or make_info())


def make_dual(
    method: str = "dualtalker", *changes: str, model: Sequence[str] = (), info: CorpusInfo | None = None
) -> Dual:
    """A very small method with the dual task, all of whose weights are random; changes are those of a DualConfig."""
    host = make_method(method, *model, info=info)
    settings = [
        "reader.recognizer.name=posteriors",
        "reader.heads=2",
        "reader.dropout=0.0",
        "ramp=[0.0, 0.0]",
        *changes,
    ]
    dual = Dual(host, configs.load(DualConfig, overrides=settings))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for name, parameter in host.named_parameters():
            if name.endswith(("vertice_map_r.weight", "vertice_map_r.factor", "to_motion.weight")):
                torch.nn.init.normal_(parameter, std=0.3)
    dual.begin_training(lambda name, part: None)
    return dual.train()


def make_keyed(*changes: str, seed: int = 0) -> KMTalk:
    """A very small KMTalk on the packaged head whose last layers, as if trained, are random."""
    torch.manual_seed(seed)
    settings = small_settings("kmtalk", "completion_layers=1", *changes)
    model = KMTalk(configs.load(KMTalkConfig, overrides=settings), make_info())
    for name, parameter in model.named_parameters():
        if name.endswith("to_motion.weight"):
            torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def make_speech_tensors(*seconds: float, posteriors: bool = True) -> Speech:
    """Noise as a model hears it, padded to the longest."""
    rng = np.random.default_rng(0)
    sounds = [(0.05 * rng.standard_normal(round(s * RATE))).astype(np.float32) for s in seconds]
    rows = [torch.from_numpy(phone_posteriors(sound)) for sound in sounds]
    pad = torch.nn.utils.rnn.pad_sequence
    return Speech(
        pad([torch.from_numpy(sound) for sound in sounds], batch_first=True),
        torch.tensor([len(sound) for sound in sounds]),
        pad(rows, batch_first=True) if posteriors else None,
    )


def make_batch(model: SelfTalk, *seconds: float, seed: int = 0) -> Batch:
    """Clips of noise that say random phones and move off to one side, trembling."""
    rng = torch.Generator().manual_seed(seed)
    speech = make_speech_tensors(*seconds, posteriors=model.wants_posteriors)
    frames = torch.tensor([max(1, round(s * model.fps)) for s in seconds])
    steps = round(max(seconds) * model.label_rate)
    motion = 1 + 0.3 * torch.randn(len(seconds), int(frames.max()), model.basis.coefficients, generator=rng)
    inside = torch.arange(motion.shape[1]) < frames[:, None]
    count = len(model.corpus.subjects)
    return Batch(
        speech=speech,
        motion=motion * inside[..., None] * (1.0 if model.config.basis == "rig" else 0.1),
        frames=frames,
        outside=torch.zeros(len(seconds)),
        template=torch.randn(len(seconds), model.corpus.topology.vertices, 3, generator=rng),
        style=torch.eye(count)[torch.arange(len(seconds)) % count],
        phones=torch.randint(0, len(PHONES), (len(seconds), steps), generator=rng),
        contacts=torch.randint(0, 2, (len(seconds), steps, 2), generator=rng).float(),
    )


def random_phones(rng: np.random.Generator, seconds: float) -> list[Phone]:
    """Phones of 0.1 s between two silences."""
    count = max(1, round(seconds / 0.1) - 2)
    names = ["SIL", *rng.choice(PHONES[1:], count), "SIL"]
    edges = np.linspace(0, seconds, len(names) + 1)
    return [Phone(str(n), float(a), float(b)) for n, a, b in zip(names, edges[:-1], edges[1:], strict=True)]


def make_buzz(phones: Sequence[Phone], rng: np.random.Generator) -> Audio:
    """A sound in which every phone has its own pitch and silence is faint noise."""
    total = round(phones[-1].end * RATE)
    samples = 0.001 * rng.standard_normal(total)
    for phone in phones:
        first, last = round(phone.start * RATE), min(total, round(phone.end * RATE))
        pitch = 100 + 60 * INDEX[phone.name]
        if phone.name != "SIL":
            samples[first:last] += 0.2 * np.sin(2 * np.pi * pitch * np.arange(last - first) / RATE)
    return Audio(samples.astype(np.float32), RATE)


def make_corpus(
    folder: Path, splits: Sequence[str] = SPLITS, *, seconds: float = 1.0, topology: Topology | None = None
) -> Corpus:
    """Prepared data of one clip for each split named; on another topology than the head's, two vertices wave."""
    info = make_info(topology)
    templates = None if topology is None else {s: make_template(topology, i) for i, s in enumerate(info.subjects)}
    writer, entries = Writer(folder, info, templates), []
    for index, split in enumerate(splits):
        rng = np.random.default_rng(index)
        phones = random_phones(rng, seconds + 0.1 * index)
        audio = make_buzz(phones, rng)
        frames = round(audio.seconds * info.fps)
        subject = info.subjects[index % 2]
        motion = controls(phones, info.fps, frames) if templates is None else _wave(templates[subject], frames)
        name = f"{split}-{index}"
        save_clip(folder, name, audio, phones, motion, {"made": index})
        entries.append(ClipEntry(name, subject, split, "buzz", frames, len(audio.samples), "text"))
    writer.finish(entries, {})
    return Corpus.open(folder)


def make_template(topology: Topology, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((topology.vertices, 3)).astype(np.float32)


def _wave(template: Floats, frames: int) -> Floats:
    vertices = np.repeat(template[None], frames, 0)
    vertices[:, 1:3, 1] += 0.01 * np.sin(np.arange(frames))[:, None]
    return vertices.astype(np.float32)


def gradient(parameters: Sequence[Tensor]) -> float:
    """The sum of all gradients' absolute values, 0 where there is none."""
    return float(sum(p.grad.abs().sum() for p in parameters if p.grad is not None))
