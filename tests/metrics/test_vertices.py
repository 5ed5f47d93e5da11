"""The metrics of vertices give what the public evaluators gave, and what can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchmetrics.multimodal import LipVertexError

from talkcli.clip import Topology
from talkcli.metrics import METRICS, Pair, Settings
from talkcli.metrics.vertices import diversity

PARITY = Path(__file__).parents[1] / "parity" / "fixtures" / "metrics.npz"
CLIPS = ("F2_e37", "F2_e38", "M3_e37", "M3_e38")
LINE = Topology(
    "line", 4, np.zeros((0, 3), np.int32), {"lips": np.array([1, 2], np.int32), "upper_face": np.array([0], np.int32)}
)


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(PARITY) as data:
        return dict(data)


@pytest.fixture(scope="module")
def pairs(expected: dict[str, np.ndarray]) -> list[Pair]:
    regions = {"lips": expected["lip_region"], "upper_face": expected["upper_region"]}
    topology = Topology("sixty", 60, np.zeros((0, 3), np.int32), regions)
    found = []
    for name in CLIPS:
        target = expected[f"gt_{name}"]
        predicted = expected[f"pred_{name}"][: len(target)]
        found.append(Pair(predicted, target, expected[f"template_{name[:2]}"], topology, 25.0))
    return found


def over(name: str, pairs: list[Pair]) -> float:
    measured = [METRICS[name].measure(pair) for pair in pairs]
    known = [each for each in measured if each is not None]
    assert len(known) == len(pairs)
    return sum(each.value * each.weight for each in known) / sum(each.weight for each in known)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("lve", "codetalker_lve_sq"),
        ("lve_root", "unsquared_lve"),
        ("fdd", "codetalker_fdd_signed"),
        ("fdd_abs", "facediffuser_fdd_abs"),
        ("mve", "facediffuser_mve"),
        ("mve_clip", "mve_mean_of_sequences"),
    ],
)
def test_a_metric_gives_what_the_public_evaluator_gave(
    name: str, key: str, pairs: list[Pair], expected: dict[str, np.ndarray]
) -> None:
    assert over(name, pairs) == pytest.approx(float(expected[key]), rel=1e-9)


def test_each_sequence_gives_what_the_public_evaluators_gave(
    pairs: list[Pair], expected: dict[str, np.ndarray]
) -> None:
    for name, key in (("lve_clip", "lve_per_sequence_sq"), ("fdd", "fdd_per_sequence")):
        found = [over(name, [pair]) for pair in pairs]
        assert np.allclose(found, expected[key], rtol=1e-9, atol=0)
    assert sum(pair.frames for pair in pairs) == int(expected["frames"])


def test_diversity_gives_what_the_public_evaluator_gave(expected: dict[str, np.ndarray]) -> None:
    found = np.mean([diversity(clip) for clip in expected["diversity_samples"]])
    assert found == pytest.approx(float(expected["facediffuser_diversity"]), rel=1e-9)


def test_lve_is_that_of_torchmetrics(pairs: list[Pair]) -> None:
    for pair in pairs:
        oracle = LipVertexError(mouth_map=pair.topology.regions["lips"].tolist()).double()
        wanted = oracle(torch.from_numpy(np.array(pair.predicted)), torch.from_numpy(np.array(pair.target)))
        assert over("lve", [pair]) == pytest.approx(float(wanted), rel=1e-12)


def still(frames: int = 5) -> np.ndarray:
    return np.zeros((frames, 4, 3), np.float32)


def pair_of(predicted: np.ndarray, target: np.ndarray | None = None, **more: object) -> Pair:
    pair = Pair(predicted, still(len(predicted)) if target is None else target, np.zeros((4, 3)), LINE, 25.0)
    return replace(pair, **more)  # type: ignore[arg-type]  # fields of the pair


def value(name: str, pair: Pair) -> float:
    measured = METRICS[name].measure(pair)
    assert measured is not None
    return measured.value


def test_the_worst_lip_vertex_of_each_frame_counts_and_no_other_vertex() -> None:
    predicted = still(2)
    predicted[0, 1], predicted[0, 2], predicted[0, 3] = (3, 4, 0), (1, 0, 0), (99, 0, 0)
    predicted[1, 2] = (0, 0, 1)
    pair = pair_of(predicted)
    assert value("lve", pair) == (25 + 1) / 2
    assert value("lve_root", pair) == (5 + 1) / 2
    assert value("lip_distance_mm", replace(pair, metres=0.001)) == pytest.approx(3)
    assert value("mve", pair) == pytest.approx((5 + 1 + 99 + 1) / 8)


def test_centring_takes_out_what_moves_all_lips() -> None:
    predicted = still()
    predicted[:, 1:3] += 2
    assert value("lve_meshtalk", pair_of(predicted)) == 0
    assert value("lve", pair_of(predicted)) == pytest.approx(12)


def test_the_readable_share_depends_on_its_threshold() -> None:
    predicted = still(4)
    predicted[:, 1, 0] = [0, 0.004, 0.006, 0.02]
    assert value("lrp", pair_of(predicted)) == 50
    assert value("lrp", pair_of(predicted, settings=Settings(lrp_mm=10))) == 75


def test_too_still_an_upper_face_gives_a_positive_fdd() -> None:
    target = still(2)
    target[1, 0] = (2, 0, 0)
    assert value("fdd", pair_of(still(2), target)) == 2
    assert value("fdd", pair_of(target, still(2))) == -2
    assert value("fdd_abs", pair_of(target, still(2))) == 2


def test_pooled_frames_weigh_long_clips_more() -> None:
    short, long = still(1), still(3)
    short[:, 1, 0] = 2
    assert over("lve", [pair_of(short), pair_of(long)]) == 1
    assert over("lve_clip", [pair_of(short), pair_of(long)]) == 2


def test_velocity_error_sees_steps_and_no_constant_offset() -> None:
    assert value("velocity", pair_of(still() + 5)) == 0
    predicted = still(3)
    predicted[1, 0, 0] = 6
    assert value("velocity", pair_of(predicted)) == pytest.approx(2 * 36 / (2 * 12))


def test_jerk_is_that_of_the_prediction_less_the_targets() -> None:
    times = np.arange(6)[:, None, None] / 25
    cubic = (times**3 / 6 * np.array([1.0, 0, 0])) * np.ones((1, 4, 1))
    assert value("jerk", pair_of(cubic, still(6))) == pytest.approx(1, rel=1e-6)
    assert value("jerk", pair_of(still(6), cubic)) == pytest.approx(-1, rel=1e-6)


def nodding(shift: int) -> np.ndarray:
    vertices = np.zeros((60, 4, 3))
    vertices[..., 1] = np.sin(2 * np.pi * (np.arange(60) - shift) / 20)[:, None]
    return vertices


def test_beats_align_best_with_themselves() -> None:
    same = value("beat_alignment", pair_of(nodding(0), nodding(0)))
    near = value("beat_alignment", pair_of(nodding(2), nodding(0)))
    far = value("beat_alignment", pair_of(nodding(5), nodding(0)))
    assert same == 1
    assert same > near > far
    assert METRICS["beat_alignment"].measure(pair_of(still(60))) is None


@pytest.mark.parametrize("name", METRICS)
def test_what_a_topology_cannot_tell_is_no_number(name: str) -> None:
    bare = Topology("bare", 4, np.zeros((0, 3), np.int32))
    measured = METRICS[name].measure(pair_of(still(), topology=bare))
    assert measured is None or METRICS[name].region == "all vertices"
