"""Parts that more than one method uses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from talkcli.models.layers import (
    ChannelNorm,
    DilatedBlock,
    WithoutRandomWeights,
    length_mask,
    match_frames,
    mesh_frames,
    periodic_code,
    reading_steps,
    stretch,
    temporal_bias,
)


@pytest.mark.parametrize("frames", [1, 2, 9, 10, 17])
def test_ends_puts_first_on_first_and_last_on_last(frames: int) -> None:
    features = torch.randn(2, 10, 3)
    found = match_frames(features, 50.0, frames, 30.0, "ends")
    expected = F.interpolate(features.transpose(1, 2), size=frames, mode="linear", align_corners=True)
    assert torch.equal(found, expected.transpose(1, 2))
    assert torch.allclose(found[:, 0], features[:, 0])
    if frames > 1:
        assert torch.allclose(found[:, -1], features[:, -1], atol=1e-5)


@pytest.mark.parametrize("fps", [23.976, 24.0, 25.0, 30.0, 50.0, 60.0])
def test_time_takes_each_frame_at_its_own_time(fps: float) -> None:
    steps = torch.arange(200.0)[None, :, None] / 50.0  # features that say their own time
    frames = int(3.9 * fps)
    found = match_frames(steps, 50.0, frames, fps, "time")[0, :, 0]
    assert torch.allclose(found, torch.arange(frames) / fps, atol=1e-5)


def test_time_holds_the_last_step_beyond_the_sound() -> None:
    features = torch.randn(1, 5, 2)
    found = match_frames(features, 50.0, 12, 50.0, "time")
    assert torch.equal(found[0, 4:], features[0, 4].expand(8, 2))


def test_time_takes_a_single_step() -> None:
    assert torch.equal(match_frames(torch.ones(1, 1, 2), 50.0, 3, 30.0, "time"), torch.ones(1, 3, 2))


def test_stretching_a_batch_stretches_each_clip_alone() -> None:
    features, lengths, targets = torch.randn(3, 10, 4), torch.tensor([10, 6, 1]), torch.tensor([7, 9, 3])
    found = stretch(features, lengths, targets)
    assert found.shape == (3, 9, 4)
    for row, length, target in zip(range(3), lengths, targets, strict=True):
        alone = match_frames(features[row : row + 1, :length], 50.0, int(target), 30.0, "ends")
        assert torch.equal(found[row, :target], alone[0])
        assert not found[row, target:].any()


@pytest.mark.parametrize(("steps", "frames"), [(49, 29), (205, 122), (410, 245), (499, 299)])
def test_frames_are_cut_off_in_double_precision(steps: int, frames: int) -> None:
    assert mesh_frames(steps, 50.0, 30.0, "front") == frames
    assert mesh_frames(steps, 50.0, 25.0, "stack") == steps // 2


@pytest.mark.parametrize(
    ("frames", "fps", "steps"), [(69, 30.0, 114), (123, 30.0, 204), (29, 25.0, 57), (58, 25.0, 115)]
)
def test_reading_steps_are_cut_off_in_double_precision(frames: int, fps: float, steps: int) -> None:
    assert reading_steps(frames, fps, 50.0) == steps


@pytest.mark.parametrize("period", [1, 3, 25])
def test_temporal_bias_matches_the_formula_entry_by_entry(period: int) -> None:
    bias = temporal_bias(heads=4, frames=8, period=period)
    for h, i, j in np.ndindex(4, 8, 8):
        expected = -math.inf if j > i else -(2.0 ** (-2 * (h + 1))) * ((i - j) // period)
        assert bias[h, i, j].item() == pytest.approx(expected)


def test_the_periodic_code_is_sines_and_cosines_that_come_again() -> None:
    code = periodic_code(70, 6, 30)
    assert torch.equal(code[30:60], code[:30])
    for frame, channel in np.ndindex(30, 6):
        angle = frame / 10000 ** (channel // 2 * 2 / 6)
        expected = math.cos(angle) if channel % 2 else math.sin(angle)
        assert code[frame, channel].item() == pytest.approx(expected, abs=1e-5)


def test_without_random_weights_none_are_drawn() -> None:
    before = torch.get_rng_state()
    with WithoutRandomWeights():
        nn.Sequential(nn.Linear(3, 4), nn.GRU(2, 2), nn.MultiheadAttention(4, 2))
    assert torch.equal(torch.get_rng_state(), before)
    nn.Linear(3, 4)
    assert not torch.equal(torch.get_rng_state(), before)


def test_the_length_mask_is_true_inside() -> None:
    assert length_mask(torch.tensor([0, 2, 3]), 3).tolist() == [[False] * 3, [True, True, False], [True] * 3]


def test_the_channel_norm_is_a_layer_norm_of_each_step() -> None:
    x = torch.randn(2, 6, 5)
    assert torch.allclose(ChannelNorm(6)(x), F.layer_norm(x.transpose(1, 2), (6,)).transpose(1, 2))


@pytest.mark.parametrize("dilation", [1, 2, 8])
def test_a_dilated_block_reaches_as_far_as_its_dilation(dilation: int) -> None:
    block = DilatedBlock(4, dilation, 0.0)
    x = torch.randn(1, 4, 40)
    other = x.clone()
    other[:, :, 20] += torch.randn(4)
    moved = (block(x) - block(other)).abs().amax((0, 1)).nonzero().flatten().tolist()
    assert set(moved) == {20 - dilation, 20, 20 + dilation}
