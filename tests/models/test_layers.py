"""Parts that more than one method uses."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from talkcli.models.layers import ChannelNorm, DilatedBlock, length_mask, match_frames


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
