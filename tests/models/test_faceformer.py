"""FaceFormer against its paper and the authors' released model; tests/parity has their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from talkcli import config as configs
from talkcli.errors import TalkError
from talkcli.models.batch import Batch
from talkcli.models.faceformer import FaceFormer, FaceFormerConfig
from talkcli.models.layers import periodic_code, temporal_bias
from tests.make_models import PLATE, gradient, make_info

SMALL = ("encoder=tiny", "tiny.width=16", "tiny.dilations=[1]", "time_map=time", "width=8", "heads=2", "period=3")


def make_former(*changes: str) -> FaceFormer:
    """A very small one on a topology of six vertices, whose last layer is random too."""
    torch.manual_seed(0)
    model = FaceFormer(configs.load(FaceFormerConfig, overrides=[*SMALL, *changes]), make_info(PLATE))
    nn.init.normal_(model.vertice_map_r.weight, std=0.3)
    nn.init.normal_(model.vertice_map_r.bias, std=0.3)
    return model.eval()


def make_memory(frames: int, steps: int = 1) -> Tensor:
    return torch.randn(1, frames, steps, 8, generator=torch.Generator().manual_seed(1))


STYLE = torch.tensor([[0.0, 1.0]])


def test_the_defaults_are_the_papers() -> None:
    config = FaceFormerConfig()
    assert (config.encoder, config.time_map, config.basis) == ("wav2vec2", "front", "none")
    assert (config.width, config.heads, config.dropout, config.period) == (64, 4, 0.1, 30)
    assert (config.position_weight, config.lip_weight, config.phone_weight, config.contact_weight) == (1, 0, 0, 0)
    assert config.hub.source == "facebook/wav2vec2-base-960h"
    assert config.feeding == "predicted"


def plainly(model: FaceFormer, memory: Tensor, style: Tensor) -> Tensor:
    """Autoregression as the paper tells it: at every frame everything again, through PyTorch's own layer."""
    frames, steps = memory.shape[1:3]
    layer = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True).eval()
    layer.load_state_dict(model.transformer_decoder.layer.state_dict())
    looks = torch.arange(frames * steps)[None] // steps != torch.arange(frames)[:, None]  # (T, T k)
    bias = temporal_bias(2, frames, model.config.period)
    styled = model.obj_vector(style)[:, None]
    tokens = styled
    for frame in range(frames):
        count = frame + 1
        coded = tokens + periodic_code(count, 8, model.config.period)
        hidden = layer(coded, memory.flatten(1, 2), tgt_mask=bias[:, :count, :count], memory_mask=looks[:count])
        motion = model.vertice_map_r(hidden)
        tokens = torch.cat([tokens, model.vertice_map(motion[:, -1:]) + styled], 1)
    return motion


@pytest.mark.parametrize("steps", [1, 2])
def test_keeping_the_past_gives_the_frames_of_computing_it_again(steps: int) -> None:
    model, memory = make_former(), make_memory(11, steps)
    expected = plainly(model, memory, STYLE)
    assert torch.allclose(model.told_by_itself(memory, STYLE), expected, atol=1e-5)


def test_keeping_the_past_gives_the_gradients_of_computing_it_again() -> None:
    model, memory = make_former(), make_memory(7)
    gradients = []
    for motion in (plainly(model, memory, STYLE), model.told_by_itself(memory, STYLE)):
        model.zero_grad()
        motion.square().mean().backward()
        gradients.append(
            [p.grad for name, p in model.named_parameters() if p.grad is not None and "decoder" not in name]
        )
    assert len(gradients[0]) == 5  # the two maps, and the styles
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-6) for a, b in zip(*gradients, strict=True))


def test_recorded_and_own_frames_give_the_same_where_they_are_the_same() -> None:
    """But for the first token, which has the bias of `vertice_map` only where it is told by a recording."""
    model, memory = make_former(), make_memory(9)
    nn.init.zeros_(model.vertice_map.bias)
    motion = model.told_by_itself(memory, STYLE)
    assert torch.allclose(model.told_by_recording(memory, STYLE, motion), motion, atol=1e-5)
    nn.init.ones_(model.vertice_map.bias)
    motion = model.told_by_itself(memory, STYLE)
    assert not torch.allclose(model.told_by_recording(memory, STYLE, motion), motion, atol=1e-3)


def test_no_frame_hears_what_is_said_later() -> None:
    model, memory = make_former(), make_memory(8)
    other = memory.clone()
    other[:, 5:] += 1
    moved = (model.told_by_itself(memory, STYLE) - model.told_by_itself(other, STYLE)).abs().amax(2)[0]
    assert (moved[:5] == 0).all()
    assert (moved[5:] > 1e-4).all()


def test_there_is_no_longest_clip() -> None:
    model = make_former()
    with torch.no_grad():
        assert model.told_by_itself(make_memory(900), STYLE).isfinite().all()
        assert model.told_by_recording(make_memory(900), STYLE, torch.zeros(1, 900, 18)).isfinite().all()


def test_the_style_is_heard() -> None:
    model, memory = make_former(), make_memory(5)
    one, other = (model.told_by_itself(memory, style[None]) for style in torch.eye(2))
    assert (one - other).abs().max() > 1e-3


@pytest.fixture
def fed() -> Iterator[list[str]]:
    """Which path was taken."""
    taken: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("told_by_itself", "told_by_recording"):
            real = getattr(FaceFormer, name)

            def spy(*arguments: object, name: str = name, real: object = real) -> object:
                taken.append(name)
                return real(*arguments)  # type: ignore[operator]

            patch.setattr(FaceFormer, name, spy)
        yield taken


def make_batch(model: FaceFormer) -> Batch:
    from tests.make_models import make_batch as make

    return make(model, 0.5, 0.3)  # type: ignore[arg-type]  # whatever the method


def test_training_feeds_what_the_config_says_and_validation_recorded_frames(fed: list[str]) -> None:
    for feeding in ("predicted", "recorded"):
        model = make_former(f"feeding={feeding}")
        batch = make_batch(model)
        model.train().losses(batch)
        model.eval().losses(batch)
    assert fed == ["told_by_itself", "told_by_recording", "told_by_recording", "told_by_recording"]


def test_gradients_go_through_all_frames() -> None:
    model, memory = make_former(), make_memory(6).requires_grad_()
    model.told_by_itself(memory, STYLE)[:, -1].sum().backward()
    assert memory.grad is not None
    reached = memory.grad.abs().amax((0, 2, 3))
    assert (reached > 0).all()
    assert gradient([model.vertice_map.weight]) > 0


def test_terms_are_named_and_weighted_as_the_config_says() -> None:
    changes = ("position_weight=5.0", "lip_weight=2.0", "phone_weight=0.0", "contact_weight=1.0", "basis=none")
    model = make_former(*changes)
    plain = make_former("position_weight=1.0")
    batch = make_batch(model)
    terms = model.losses(batch)
    assert list(terms) == ["position", "lips", "phones", "contacts"]
    assert terms["position"].item() == pytest.approx(5 * plain.losses(batch)["position"].item(), rel=1e-5)
    assert terms["phones"].item() == 0.0
    assert list(make_former("lip_weight=0.0").losses(batch)) == ["position", "phones", "contacts"]


@pytest.mark.parametrize("change", ["heads=3", "width=7", "period=0"])
def test_sizes_that_cannot_be_are_told(change: str) -> None:
    with pytest.raises(TalkError, match=r"no even multiple|period is 0"):
        make_former(change)


def test_slopes_of_any_number_of_heads_fall() -> None:
    found = temporal_bias(8, 4, 1)[:, 1, 0].tolist()
    assert all(a < b < 0 for a, b in pairwise(found))
