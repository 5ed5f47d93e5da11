"""A few components give the motion back, however it was cut, and say how well."""

from __future__ import annotations

import numpy as np
import pytest

from talkcli.clip import Floats
from talkcli.errors import TalkError
from talkcli.export import components
from talkcli.export.components import BLOCK, Collector, Components

HEIGHT = 0.25  # metres, so that the tolerance is 0.05 mm


def make_template(vertices: int = 60) -> Floats:
    template = np.random.default_rng(1).uniform(0, HEIGHT, (vertices, 3)).astype(np.float32)
    template[:2, 1] = 0, HEIGHT
    return template


def make_motion(template: Floats, frames: int, ways: int, size: float = 0.01) -> Floats:
    rng = np.random.default_rng(2)
    shapes = rng.normal(0, size, (ways, *template.shape)) * (0.5 ** np.arange(ways))[:, None, None]
    curves = np.sin(np.arange(frames)[:, None] * rng.uniform(0.05, 0.4, ways))
    return (template + np.tensordot(curves, shapes, 1)).astype(np.float32)


def collect(template: Floats, vertices: Floats, cuts: tuple[int, ...] = ()) -> tuple[Collector, Components]:
    collector = Collector(template)
    for piece in np.split(vertices, cuts):
        collector.add(piece)
    return collector, collector.components()


def rebuilt(template: Floats, found: Components) -> Floats:
    return template + np.tensordot(found.weights * found.scales, found.shapes.astype(np.float32), 1)


@pytest.mark.parametrize("cuts", [(), (1, 7, 90), (BLOCK,), (199,)])
def test_motion_comes_back_within_the_tolerance(cuts: tuple[int, ...]) -> None:
    template = make_template()
    vertices = make_motion(template, 200, ways=9)
    collector, found = collect(template, vertices, cuts)
    worst = np.linalg.norm(rebuilt(template, found) - vertices, axis=2).max()
    assert collector.tolerance == pytest.approx(5e-5)
    assert worst <= found.error * 1.01 <= 1.5 * collector.tolerance
    assert 5 <= found.weights.shape[1] <= 9
    strength = np.abs(found.weights * found.scales).max(0) * np.abs(found.shapes).max((1, 2))
    assert strength[0] > strength[-1]


def test_a_head_that_never_moves_needs_no_component() -> None:
    template = make_template()
    _, found = collect(template, np.repeat(template[None], 5, 0))
    assert (found.weights.shape, found.shapes.shape, found.error) == ((5, 0), (0, 60, 3), 0)


def test_strong_motion_is_not_clipped_by_the_numbers_that_hold_it() -> None:
    template = make_template()
    vertices = template + np.linspace(0, 40 * HEIGHT, 50, dtype=np.float32)[:, None, None]
    _, found = collect(template, vertices)
    assert np.abs(rebuilt(template, found) - vertices).max() < 1e-4 * 40 * HEIGHT


def test_noise_in_every_vertex_stops_at_the_most_and_the_error_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "MOST", 20)
    template = make_template(80)
    noise = np.random.default_rng(3).normal(0, 0.001, (100, 80, 3)).astype(np.float32)
    collector, found = collect(template, template + noise)
    worst = np.linalg.norm(rebuilt(template, found) - template - noise, axis=2).max()
    assert found.weights.shape[1] == 20
    assert 10 * collector.tolerance < worst <= found.error


def test_a_frame_without_numbers_is_named() -> None:
    template = make_template()
    vertices = make_motion(template, 80, ways=3)
    vertices[70, 4] = np.nan
    with pytest.raises(TalkError, match="frame 70 "):
        collect(template, vertices, (30,))


def test_frames_are_kept_as_they_came_evenly_and_never_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "SAMPLES", 10)
    template = make_template()
    vertices = make_motion(template, 333, ways=3)
    collector = Collector(template)
    for piece in np.split(vertices, [5, 6, 150]):
        collector.add(piece)
    numbers, frames = collector.kept()
    assert 10 <= len(numbers) <= 20
    assert len(set(np.diff(numbers).tolist())) == 1
    assert numbers[0] == 0
    assert numbers[-1] > 333 - 34
    assert np.array_equal(frames, vertices[numbers] - template)
