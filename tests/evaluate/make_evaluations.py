"""Small evaluations made by hand, with the motion behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Audio, CorpusInfo, Floats, MotionClip, Phone, Topology
from talkcli.evaluate.results import ClipResult, Evaluation, ModelResult
from talkcli.metrics import Settings
from talkcli.metrics.base import Measured
from tests.render.make_heads import ball_head

METRICS = ("lve", "lrp", "fdd", "closure_recall")
FPS = 20.0
FRAMES = 4


def make_topology() -> tuple[Topology, Floats]:
    topology, template = ball_head()
    landmarks = {"lip_inner_upper": 100, "lip_inner_lower": 40}
    return Topology("ball", topology.vertices, topology.faces, topology.regions, landmarks), template


def make_info(topology: Topology, unit: str = "m", metres: float = 1.0) -> CorpusInfo:
    return CorpusInfo("made", topology, FPS, ("ada", "ben"), unit, metres)


def make_result(name: str, values: Sequence[float], vertices: int, **left_out: object) -> ModelResult:
    """A model with one clip for each value of its LVE; its LRP falls as that rises, and it has no closures."""
    clips = [
        ClipResult(
            f"clip-{place}",
            ("ada", "ben")[place % 2],
            f"sentence {place // 2}",
            FRAMES,
            {"lve": Measured(value, FRAMES), "lrp": Measured(90 - value), "fdd": Measured(0.1 - value)},
        )
        for place, value in enumerate(values)
    ]
    return ModelResult(name, clips, np.linspace(0, 0.004, vertices), **left_out)  # type: ignore[arg-type]


def make_evaluation(models: Sequence[ModelResult], topology: Topology, unit: str = "m") -> Evaluation:
    return Evaluation(
        models,
        METRICS,
        "made",
        "test",
        "talk",
        unit,
        {"lips": 12, "all vertices": topology.vertices},
        Settings(),
        {"command": "talk evaluate <runs>", "version": "0.1.0", "data": {"folder": "d"}},
    )


@dataclass(frozen=True, eq=False)
class Still:
    """Motion for any clip: heads that stand still, a model's a little to the side."""

    topology: Topology
    template: Floats
    aside: float = 0.002

    def target(self, clip: str) -> MotionClip:
        vertices = np.repeat(self.template[None], FRAMES, 0)
        sound = Audio(np.zeros(3200, np.float32), 16000)
        phones = (Phone("B", 0.0, 0.1), Phone("AA", 0.1, 0.2))
        return MotionClip(vertices, self.template, self.topology, FPS, sound, phones=phones)

    def predicted(self, model: str, clip: str) -> NDArray[np.floating]:
        return self.target(clip).vertices[:-1] + np.float32(self.aside)
