"""The terms of dual learning at their fixed points, and what does not matter to them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from talkcli.models.duality import contrast, held, likeness, nearness, relational

FRAMES = torch.tensor([20])


def latent(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_nearness_is_zero_for_the_same_and_trains_the_first_alone() -> None:
    told, meant = latent(1, 20, 8).requires_grad_(), latent(1, 20, 8, seed=1).requires_grad_()
    assert nearness(told, told, FRAMES) == 0
    nearness(told, meant, FRAMES).backward()
    assert meant.grad is None
    assert told.grad is not None
    assert told.grad.abs().sum() > 0


def test_what_is_turned_round_is_as_consistent_as_itself() -> None:
    heard = latent(1, 20, 8)
    turn, _ = torch.linalg.qr(latent(8, 8, seed=1))
    moved = heard @ turn + 3.0
    assert relational(moved, heard, FRAMES).item() == pytest.approx(0, abs=1e-9)
    assert relational(latent(1, 20, 8, seed=2), heard, FRAMES) > 0.05


def test_what_stands_still_while_the_sound_changes_is_not_consistent_and_its_gradient_is_finite() -> None:
    still = torch.ones(1, 20, 8, requires_grad=True)
    heard = latent(1, 20, 8).requires_grad_()
    term = relational(still, heard, FRAMES)
    assert term > 0.05
    term.backward()
    assert still.grad is not None
    assert still.grad.isfinite().all()
    assert heard.grad is None


def test_consistency_looks_no_further_than_its_reach() -> None:
    """The term is the mean over frames as far apart as that, and over no others."""
    moved, heard = torch.randn(1, 40, 4), torch.randn(1, 40, 4)
    frames = torch.tensor([40])
    away = (likeness(moved, frames) - likeness(heard, frames)).square()[0]
    now = torch.arange(40)
    near = (now[:, None] - now).abs() <= 12
    assert torch.allclose(relational(moved, heard, frames), away[near].mean())
    assert not torch.allclose(away[near].mean(), away.mean(), atol=1e-4)


def test_swapping_two_distant_frames_is_noticed_by_the_contrast() -> None:
    heard = latent(1, 20, 8)
    order = torch.arange(20)
    order[[2, 15]] = order[[15, 2]]
    straight, swapped = contrast(heard, heard, FRAMES), contrast(heard[:, order], heard, FRAMES)
    assert swapped > straight + 0.1


def test_neighbours_are_no_negatives() -> None:
    heard = latent(1, 3, 8)
    twin = heard.clone()
    twin[:, 1] = heard[:, 0]  # as like as can be, and next to it
    three = torch.tensor([3])
    own = torch.nn.functional.normalize(twin, dim=-1)
    scores = (own @ own.transpose(1, 2) / 0.1)[0]
    ends = -(scores[0, 0] - torch.logsumexp(scores[0, [0, 2]], 0)) - (
        scores[2, 2] - torch.logsumexp(scores[2, [0, 2]], 0)
    )
    assert contrast(twin, twin, three).item() == pytest.approx(ends.item() / 3, abs=1e-5)


@pytest.mark.parametrize("term", [nearness, relational, contrast])
def test_padding_does_not_matter(term: object) -> None:
    moved, heard = latent(2, 20, 8), latent(2, 20, 8, seed=1)
    frames = torch.tensor([20, 11])
    noise = latent(2, 20, 8, seed=2) * (torch.arange(20)[None] >= frames[:, None])[..., None]
    assert callable(term)
    together = term(moved, heard, frames)
    assert torch.allclose(term(moved + noise, heard - noise, frames), together, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("term", [nearness, relational, contrast])
def test_one_and_two_frames_are_enough(term: object, frames: int) -> None:
    moved, heard = latent(1, frames, 8).requires_grad_(), latent(1, frames, 8, seed=1)
    assert callable(term)
    found = term(moved, heard, torch.tensor([frames]))
    found.backward()
    assert moved.grad is not None
    assert moved.grad.isfinite().all()
    if term is not nearness:
        assert found.item() == pytest.approx(0, abs=1e-6)


def test_what_is_held_does_not_learn_and_passes_gradients_on() -> None:
    layer, frozen = nn.Linear(4, 4), nn.Linear(4, 4).requires_grad_(False)
    x = torch.ones(1, 4, requires_grad=True)
    with held(layer, frozen):
        out = frozen(layer(x)).sum()
    out.backward()
    assert layer.weight.grad is None
    assert layer.weight.requires_grad
    assert not frozen.weight.requires_grad
    assert x.grad is not None
