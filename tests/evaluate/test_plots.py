"""Plots show what they are given, and the same data gives the same bytes."""

from __future__ import annotations

import io

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from numpy.typing import NDArray

from talkcli.clip import Phone
from talkcli.evaluate import plots
from talkcli.evaluate.results import Score
from talkcli.evaluate.statistics import Interval
from tests.render.make_heads import ball_head


def pixels(data: bytes) -> NDArray[np.float32]:
    """(H, W, 4)."""
    assert data.startswith(b"\x89PNG")
    return np.asarray(matplotlib.image.imread(io.BytesIO(data), format="png"))


def amount(data: bytes, color: str) -> int:
    """How many pixels are opaque and of this colour."""
    wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    seen = pixels(data)
    return int(((np.abs(seen[..., :3] - wanted).max(-1) < 0.02) & (seen[..., 3] > 0.98)).sum())


def score(value: float, subjects: bool = True) -> Score:
    around = Interval(value * 0.9, value * 1.1)
    return Score(value, around, around if subjects else None, 10, 100, 5)


def test_openings_have_a_curve_for_each_model_and_mark_where_lips_must_meet() -> None:
    time = np.arange(30) / 30
    curve = 5 + 4 * np.sin(9 * time)
    phones = [Phone("SIL", 0, 0.2), Phone("B", 0.2, 0.4), Phone("AA", 0.4, 0.9)]
    with_phones = plots.openings(curve, {"a": curve[::-1]}, 30, phones)
    without = plots.openings(curve, {"a": curve[::-1]}, 30)
    assert with_phones == plots.openings(curve, {"a": curve[::-1]}, 30, phones)
    assert amount(without, plots.COLORS[0]) > 100
    assert (pixels(with_phones)[..., 3] > 0).sum() > (pixels(without)[..., 3] > 0).sum() + 5000


def test_a_model_keeps_its_colour_where_another_is_absent() -> None:
    drawn = plots.scores("LVE", "m", {"b": score(1.0)}, ["a", "b"])
    assert amount(drawn, plots.COLORS[1]) > 50
    assert amount(drawn, plots.COLORS[0]) == 0


def test_the_users_own_settings_of_matplotlib_change_nothing() -> None:
    found = {"a": score(1.0), "$b_{": score(2.0, subjects=False)}
    before = plots.scores("LVE, squared", "m²", found)
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red", "savefig.dpi": 30}):
        assert plots.scores("LVE, squared", "m²", found) == before


def test_a_distribution_is_as_high_as_it_has_groups() -> None:
    few = plots.distribution("LVE", "m", {"a": {"ada": [1.0, 2.0]}})
    many = plots.distribution("LVE", "m", {"a": {f"s{i}": [1.0 + i] for i in range(12)}, "b": {"s0": [2.0]}})
    assert len(pixels(many)) > 2 * len(pixels(few))
    assert amount(many, plots.COLORS[0]) > 0


def test_the_heat_map_colours_the_vertices_that_err_on_a_clear_ground() -> None:
    topology, template = ball_head()
    errors = np.where(template[:, 1] < 0, 10.0, 0.0)
    drawn = pixels(plots.heat(topology, template, errors, 10.0))
    height = len(drawn)
    head = drawn[:, : plots.HEAD[0]]
    assert drawn.shape[:2] == (plots.HEAD[1], drawn.shape[1])
    assert head[2, 2, 3] == 0
    upper, lower = head[height // 4, plots.HEAD[0] // 2], head[3 * height // 4, plots.HEAD[0] // 2]
    assert upper[3] == lower[3] == 1
    assert upper[:3].mean() > 2 * lower[:3].mean()


@pytest.mark.parametrize(
    ("value", "end"), [(0.0, 1.0), (0.9, 1.0), (1.0, 1.0), (1.2, 1.5), (8.0, 10.0), (0.031, 0.05), (np.nan, 1.0)]
)
def test_a_scale_ends_at_a_round_number(value: float, end: float) -> None:
    assert plots.round_up(value) == pytest.approx(end)
