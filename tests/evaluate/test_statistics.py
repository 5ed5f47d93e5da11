"""Means and their confidence: what can be worked out, and that intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from talkcli.evaluate.statistics import interval, paired, weighted_mean


def test_the_mean_counts_each_value_as_often_as_its_weight() -> None:
    assert weighted_mean(np.array([1.0, 4.0]), np.array([2.0, 1.0])) == 2


def test_an_interval_of_equal_values_is_a_point() -> None:
    found = interval(np.full(9, 3.0), np.arange(1.0, 10.0))
    assert (found.low, found.high) == (3, 3)


def test_an_interval_holds_the_true_mean_about_nineteen_times_of_twenty() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        values = rng.normal(5, 2, 40)
        found = interval(values, np.ones(40))
        hits += found.low <= 5 <= found.high
    assert 180 <= hits <= 198


def test_clips_of_one_subject_that_are_alike_make_the_interval_over_subjects_the_wider() -> None:
    rng = np.random.default_rng(1)
    subjects = [f"s{i // 20}" for i in range(80)]
    values = np.repeat(rng.normal(0, 1, 4), 20) + 0.1 * rng.standard_normal(80)
    over_clips, over_subjects = interval(values, np.ones(80)), interval(values, np.ones(80), subjects)
    assert over_subjects.high - over_subjects.low > 2 * (over_clips.high - over_clips.low)


def test_the_same_values_give_the_same_interval() -> None:
    values = np.random.default_rng(2).random(30)
    assert interval(values, np.ones(30)) == interval(values, np.ones(30))


def test_two_models_that_are_the_same_do_not_differ() -> None:
    values = np.random.default_rng(3).random(20)
    mean, limits, p = paired(values, values, np.ones(20))
    assert (mean, limits.low, limits.high, p) == (0, 0, 0, 1)


def test_a_small_but_steady_difference_is_found_because_clips_are_paired() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(0, 10, 40)
    mean, limits, p = paired(values + 0.5 + 0.1 * rng.standard_normal(40), values, np.ones(40))
    assert mean == pytest.approx(0.5, abs=0.05)
    assert limits.low > 0
    assert p < 1e-6
