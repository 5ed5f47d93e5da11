"""The losses that methods share, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from talkcli.models.basis import BASES, OutputBasis
from talkcli.models.batch import Batch, Speech
from talkcli.models.losses import contact_error, masked_mean, phone_error, position, velocity
from tests.make_models import PLATE, make_info

SPOKEN = torch.tensor([[3, 5, -1]])


def basis() -> OutputBasis:
    return BASES["none"](make_info(PLATE))


def batch_of(frames: list[int], outside: list[float]) -> Batch:
    """Only what these losses look at."""
    none = torch.zeros(0)
    return Batch(Speech(none, none), none, torch.tensor(frames), torch.tensor(outside), none, none, none.long(), none)


def moved(*heights: float) -> Tensor:
    """(1, T, K): an error of this much in every coordinate of frame after frame."""
    return torch.tensor(heights)[None, :, None].expand(1, len(heights), 3 * PLATE.vertices)


def padded(error: Tensor, frames: int) -> Tensor:
    """(B, T, K) with nonsense behind."""
    return torch.cat([error, torch.full((error.shape[0], frames - error.shape[1], error.shape[2]), 9.0)], 1)


def test_the_masked_mean_leaves_out_what_is_outside() -> None:
    values = torch.tensor([[1.0, 2.0, 100.0], [6.0, 100.0, 100.0]])
    inside = torch.tensor([[True, True, False], [True, False, False]])
    assert masked_mean(values, inside).item() == pytest.approx(3.0)
    assert masked_mean(values, torch.zeros_like(inside)).item() == 0.0


def test_position_is_the_mean_square_over_frames_and_coordinates() -> None:
    assert position(basis(), moved(1.0, 2.0, 3.0), batch_of([3], [0.0])).item() == pytest.approx(14 / 3)


def test_position_counts_what_the_basis_leaves_out_by_frames() -> None:
    error = torch.cat([moved(1.0, 1.0, 1.0), padded(moved(1.0), 3)])
    found = position(basis(), error, batch_of([3, 1], [0.4, 0.8]))
    assert found.item() == pytest.approx(1.0 + (3 * 0.4 + 0.8) / 4)


def test_position_of_a_region_is_that_of_its_vertices() -> None:
    error = torch.zeros(1, 1, PLATE.vertices, 3)
    error[0, 0, 3] = 2.0  # one of three lip vertices
    batch = batch_of([1], [0.5])
    assert position(basis(), error.flatten(2), batch, "lips").item() == pytest.approx(4 / 3)
    assert position(basis(), error.flatten(2), batch, "upper_face").item() == 0.0


def test_velocity_is_the_mean_square_of_differences() -> None:
    assert velocity(basis(), moved(1.0, 2.0, 4.0), batch_of([3], [7.0])).item() == pytest.approx((1 + 4) / 2)
    assert velocity(basis(), moved(5.0, 5.0), batch_of([2], [7.0])).item() == 0.0
    assert velocity(basis(), moved(5.0), batch_of([1], [7.0])).item() == 0.0  # one frame has no difference


def test_padding_changes_no_loss() -> None:
    error, batch = moved(1.0, 2.0, 4.0), batch_of([3], [0.3])
    for loss in (position, velocity):
        for region in (None, "lips"):
            expected = loss(basis(), error, batch, region)
            assert torch.allclose(loss(basis(), padded(error, 8), batch, region), expected)


def test_the_phone_error_leaves_out_unknown_steps_and_padding() -> None:
    logits = torch.randn(1, 3, 40)
    known = torch.nn.functional.cross_entropy(logits[0, :2], SPOKEN[0, :2], label_smoothing=0.05)
    assert torch.allclose(phone_error(logits, SPOKEN), known)
    assert torch.allclose(phone_error(torch.cat([logits, torch.randn(1, 2, 40)], 1), SPOKEN), known)


def test_the_phone_error_is_zero_where_no_phone_is_known() -> None:
    assert phone_error(torch.randn(1, 3, 40), torch.full((1, 3), -1)).item() == 0.0


def test_contacts_weigh_three_times_and_unknown_steps_nothing() -> None:
    contacts = torch.tensor([[[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]])
    even = torch.log(torch.tensor(2.0)).item()  # the cross entropy of a logit of 0
    assert contact_error(torch.zeros(1, 3, 2), contacts, SPOKEN).item() == pytest.approx(even * (3 + 1 + 1 + 1) / 4)


def test_contact_logits_may_be_one_step_longer_than_labels() -> None:
    logits, contacts = torch.randn(1, 4, 2), torch.zeros(1, 3, 2)
    assert torch.allclose(contact_error(logits, contacts, SPOKEN), contact_error(logits[:, :3], contacts, SPOKEN))


def test_a_batch_moves_as_one() -> None:
    batch = batch_of([1], [0.0])
    moved_batch = replace(batch, motion=torch.zeros(1)).to(torch.device("meta"))
    assert moved_batch.motion.is_meta
    assert moved_batch.speech.samples.is_meta
    assert moved_batch.speech.posteriors is None
