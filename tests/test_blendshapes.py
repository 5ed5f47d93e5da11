"""Weights come back from the vertices that they made, and what shapes cannot make is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from talkcli.blendshapes import SHAPES, Distances, ShapeFit, descend, has_shapes, shapes
from talkcli.clip import Floats, MotionClip
from talkcli.head import ARKIT, load_head

SPOKEN = ("jawOpen", "mouthFunnel", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "browInnerUp", "tongueUp")


def make_weights(frames: int) -> Floats:
    """(T, K) of shapes that are moved apart from each other, slowly."""
    weights = np.zeros((frames, len(SHAPES)), np.float32)
    times = np.arange(frames)[:, None] / 30
    weights[:, [SHAPES.index(name) for name in SPOKEN]] = 0.5 - 0.5 * np.cos(times * np.arange(2, 2 + len(SPOKEN)))
    return weights


def make_clip(weights: Floats, subject: str = "ada") -> MotionClip:
    head = load_head()
    template = head.subject_template(subject)
    return MotionClip(template + np.tensordot(weights, shapes(), 1), template, head.topology, 30.0)


def test_the_shapes_are_arkits_and_two_for_the_tongue() -> None:
    assert SHAPES[:52] == ARKIT
    assert SHAPES[52:] == ("tongueUp", "tongueBack")
    assert shapes().any((1, 2)).all()


def test_weights_come_back_from_the_vertices_that_they_made_in_whatever_chunks() -> None:
    wanted = make_weights(60)
    clip = make_clip(wanted)
    fit = ShapeFit()
    parts = [fit.weights(replace(clip, vertices=clip.vertices[a:b])) for a, b in ((0, 1), (1, 30), (30, 60))]
    found = np.concatenate(parts)
    assert np.abs(found - wanted).max() < 0.05
    assert fit.distances.p99 < 0.05
    assert 0 <= found.min() <= found.max() <= 1


def test_the_heads_own_motion_is_near_and_a_turned_head_is_told() -> None:
    head = load_head()
    values = np.zeros((5, 55), np.float32)
    values[:, ARKIT.index("jawOpen")] = np.linspace(0, 0.6, 5)
    posed = MotionClip(head.pose(values, head.template), head.template, head.topology, 30.0)
    fit = ShapeFit()
    weights = fit.weights(posed)
    assert fit.distances.p99 < 0.5
    assert weights[:, SHAPES.index("jawOpen")] == pytest.approx(np.linspace(0, 0.6, 5), abs=0.05)
    turned = ShapeFit()
    turned.weights(posed.with_vertices(posed.vertices + np.float32([0.02, 0, 0])))
    assert turned.distances.p99 > 10


@pytest.mark.parametrize("frame", [0, 3])
def test_the_descent_ends_where_scipys_bounded_least_squares_does(frame: int) -> None:
    random = np.random.default_rng(frame)
    matrix = random.normal(size=(40, 6))
    rows = random.normal(size=(5, 40)) + matrix @ random.uniform(-1, 2, 6)
    found = descend(matrix.T @ matrix, rows @ matrix, np.ones(6))
    assert found[frame] == pytest.approx(lsq_linear(matrix, rows[frame], (0, 1), method="bvls").x, abs=1e-3)


def test_smoothing_joins_frames_and_what_was_before() -> None:
    wanted = np.array([[0.0], [1.0], [0.0]])
    near = descend(np.eye(1), wanted, np.ones(1), 1.0, np.ones(1))[:, 0]
    steps = np.array([[3.0, -1, 0], [-1, 3, -1], [0, -1, 2]])  # (1 + smooth * bends) x = wanted + smooth * before
    assert near == pytest.approx(np.linalg.solve(steps, [1.0, 1, 0]), abs=1e-3)


def test_distances_are_told_in_millimetres() -> None:
    distances = Distances()
    target = np.zeros((2, 100, 3), np.float32)
    moved = target.copy()
    moved[0, :, 0], moved[0, 0, 1] = 0.003, 0.004
    distances.add(moved, target)
    assert distances.p99 == pytest.approx(3.0, rel=0.012)
    assert str(distances) == "2.1 mm rms, 99 % below 3 mm, 5 mm at most"


def test_another_mesh_has_no_shapes() -> None:
    topology = load_head().topology
    assert has_shapes(topology)
    assert has_shapes(replace(topology, name="npz", faces=topology.faces.copy()))
    assert not has_shapes(replace(topology, faces=topology.faces[::-1]))
