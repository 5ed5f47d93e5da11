"""Builders of small test data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from talkcli.clip import Audio, Floats, MotionClip, Phone, Topology

RATE = 16000

MOUTH = Topology(
    name="mouth",
    vertices=2,
    faces=np.array([[0, 1, 1]], np.int32),
    regions={"lips": np.array([0, 1], np.int32)},
    landmarks={"lip_inner_upper": 0, "lip_inner_lower": 1},
)


def make_mouth(gap: ArrayLike, fps: float = 100.0) -> MotionClip:
    """Two lips that stand this far apart, in metres, in each frame."""
    gaps = np.asarray(gap, np.float32)
    vertices = np.zeros((len(gaps), 2, 3), np.float32)
    vertices[:, 0, 1] = gaps
    return MotionClip(vertices, np.zeros((2, 3), np.float32), MOUTH, fps)


def make_phones(*spoken: tuple[str, float]) -> list[Phone]:
    """Phones one after another, each given as (name, seconds)."""
    phones, start = [], 0.0
    for name, seconds in spoken:
        phones.append(Phone(name, start, start + seconds))
        start += seconds
    return phones


def make_tone(seconds: float, rate: int = RATE, hertz: float = 220.0) -> Audio:
    """A tone that swells and fades four times a second: as loud as speech, and without a word."""
    times = np.arange(round(seconds * rate)) / rate
    loudness = 0.3 * (1 - np.cos(2 * np.pi * 4 * times)) / 2
    return Audio((loudness * np.sin(2 * np.pi * hertz * times)).astype(np.float32), rate)


def make_silence(seconds: float, rate: int = RATE) -> Audio:
    return Audio(np.zeros(round(seconds * rate), np.float32), rate)


def save_sound(path: Path, samples: Floats, rate: int = RATE, subtype: str = "PCM_16") -> Path:
    """Writes a sound file (S,) or (S, channels); the suffix picks the format."""
    import soundfile

    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def sample_speech() -> Path:
    """The sample that comes with the project."""
    return Path(__file__).parents[1] / "assets" / "sample.flac"


def names(phones: Sequence[Phone]) -> list[str]:
    return [phone.name for phone in phones]


def make_checkpoint(path: Path) -> Path:
    """A small untrained model on the packaged head: it keeps the mouth as it is, so its motion is the head at rest."""
    import torch

    from talkcli.clip import CorpusInfo
    from talkcli.head import load_head
    from talkcli.models.checkpoint import save_checkpoint
    from talkcli.models.encoders import TinyConfig
    from talkcli.models.selftalk import SelfTalk, SelfTalkConfig

    torch.manual_seed(0)
    head = load_head()
    corpus = CorpusInfo("made", head.topology, 30.0, head.subjects[:2])
    tiny = TinyConfig(width=16, dilations=(1, 2), recurrent=False)
    model = SelfTalk(SelfTalkConfig(encoder="tiny", tiny=tiny, time_map="time", basis="rig", width=16, heads=2), corpus)
    templates = {name: head.subject_template(name) for name in head.subjects}
    save_checkpoint(path, model, "selftalk", templates, {"command": "make_checkpoint"})
    return path
