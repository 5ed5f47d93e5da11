"""Parts that keep less for their gradients, beside torch's own."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from talkcli.models.sparing import Attention, Dropout, attention, made_again, spared, sparing

ALMOST_NOTHING = 1e-9  # dropout that drops nothing, and yet takes the way of dropout


def make_heads(clips: int = 1, steps: int = 40) -> list[Tensor]:
    """Query, key and value (B, H, A, D / H)."""
    torch.manual_seed(0)
    return [torch.randn(clips, 2, steps, 8, requires_grad=True) for _ in range(3)]


@pytest.mark.parametrize("masked", [False, True])
def test_attention_and_its_gradients_are_those_of_torch(masked: bool) -> None:
    found: list[list[Tensor]] = []
    keys = torch.arange(40)[None, None, None] < torch.tensor([40, 25])[:, None, None, None] if masked else None
    for drop in (0.0, ALMOST_NOTHING):
        heads = make_heads(clips=2)
        out = attention(*heads, keys, drop)
        (out * torch.linspace(-1, 1, 8)).square().sum().backward()
        found.append([out, *(part.grad for part in heads if part.grad is not None)])
    assert len(found[0]) == 4
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(*found, strict=True))


def test_attention_keeps_a_byte_for_each_pair_of_steps() -> None:
    def kept(steps: int) -> int:
        seen: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        heads = make_heads(steps=steps)
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            out = attention(*heads, None, 0.1)
        assert out.requires_grad
        return sum(seen.values())

    pairs, heads = 2 * (200 * 200 - 100 * 100), 3 * 4 * 2 * 8 * (200 - 100)  # query, key and value are kept as well
    assert kept(200) - kept(100) == pairs + heads


def test_attention_drops_and_keeps_the_mean() -> None:
    query, key, _ = (part.detach() for part in make_heads(steps=200))
    out = attention(query, key, torch.ones(1, 2, 200, 8), None, 0.3)
    assert float(out.std()) > 0.01
    assert float(out.mean()) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("drop", [0.05, 0.1, 0.5, 1.0])
def test_as_much_is_spared_as_dropout_says(drop: float) -> None:
    torch.manual_seed(0)
    left = spared((500, 401), drop, torch.device("cpu"))
    assert left.dtype == torch.uint8
    assert float(left.float().mean()) == pytest.approx(1 - drop, abs=0.005)
    assert abs(float(torch.corrcoef(left[:, :400].reshape(-1, 4).T.float())[0].nan_to_num()[1:].abs().max())) < 0.02
    torch.manual_seed(0)
    assert torch.equal(left, spared((500, 401), drop, torch.device("cpu")))


def test_dropout_keeps_the_mean_and_lets_all_through_once_trained() -> None:
    torch.manual_seed(0)
    part, values = Dropout(0.25), torch.ones(100, 100, requires_grad=True)
    out = part(values)
    assert sorted(out.detach().unique().tolist()) == pytest.approx([0, 4 / 3])
    assert float(out.detach().mean()) == pytest.approx(1, abs=0.02)
    out.sum().backward()
    assert torch.equal(values.grad, out)
    assert torch.equal(part.eval()(values), values)
    assert not Dropout(1.0)(values).any()


def test_a_product_at_the_end_is_not_made_again() -> None:
    linear, values = nn.Linear(16, 8), torch.randn(4, 16, requires_grad=True)

    def part(values: Tensor) -> Tensor:
        return linear(F.gelu(values))

    counts = []
    for run in (part, lambda values: made_again(part, values)):
        with FlopCounterMode(display=False) as counter:
            run(values).sum().backward()
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("padded", [False, True])
def test_a_sparing_transformer_is_the_same_one(padded: bool) -> None:
    found: list[list[Tensor]] = []
    padding = torch.arange(12)[None] >= torch.tensor([12, 7])[:, None] if padded else None
    for change in (lambda module: module, sparing):
        torch.manual_seed(0)
        known = nn.Transformer(16, 2, 2, 2, 32, ALMOST_NOTHING, batch_first=True)
        module = change(known).train()
        values = torch.randn(2, 12, 16)  # so the change has drawn nothing
        out = module(
            values,
            values,
            src_key_padding_mask=padding,
            tgt_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        out.square().sum().backward()
        found.append([out, *(parameter.grad for parameter in module.parameters() if parameter.grad is not None)])
    assert isinstance(module.decoder.layers[1].multihead_attn, Attention)
    assert isinstance(module.encoder.layers[0].dropout1, Dropout)
    assert all(torch.allclose(one, other, atol=1e-4, rtol=1e-4) for one, other in zip(*found, strict=True))
