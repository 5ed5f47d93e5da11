"""Our wav2vec2 against transformers' at a very small size, and what transformers' has no test for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from talkcli.errors import TalkError
from talkcli.models.wav2vec2 import Wav2Vec2, Wav2Vec2Config, _spans, conv_steps

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "conv_dim": [16] * 7,
    "vocab_size": 33,
}
BASE: dict[str, Any] = {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False}
LARGE: dict[str, Any] = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
KINDS = pytest.mark.parametrize("kind", [BASE, LARGE], ids=["base", "large"])


def make_ours(**changes: Any) -> Wav2Vec2:
    torch.manual_seed(0)
    return Wav2Vec2(Wav2Vec2Config.read(SIZES | changes)).eval()


def theirs(kind: Mapping[str, Any]) -> tuple[Any, Wav2Vec2]:
    """A random model of transformers, and ours with its weights."""
    import transformers

    torch.manual_seed(0)
    model = transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**SIZES, **kind)).eval()
    for parameter in model.parameters():  # norms and biases too: none is left at 0 or 1
        torch.nn.init.normal_(parameter, 1.0 if parameter.ndim == 1 else 0.0, 0.2)
    ours = make_ours(**json.loads(model.config.to_json_string()))
    ours.load_state_dict(model.state_dict())
    return model, ours


@KINDS
@pytest.mark.parametrize("samples", [400, 720, 8000, 16001])
def test_hidden_states_are_those_of_transformers(kind: Mapping[str, Any], samples: int) -> None:
    model, ours = theirs(kind)
    sound = torch.randn(2, samples)
    with torch.no_grad():
        expected = model(sound)
        front = ours.front(sound)
        found = ours.body(front)
    assert front.shape[1] == ours.steps(samples) == conv_steps(samples)
    assert (found - expected.last_hidden_state).abs().max() < 2e-5


@KINDS
def test_gradients_are_those_of_transformers(kind: Mapping[str, Any]) -> None:
    model, ours = theirs(kind)
    sound = torch.randn(1, 8000)
    for found in (model(sound).last_hidden_state, ours.body(ours.front(sound))):
        (found * torch.linspace(0, 1, 32)).square().mean().backward()
    named = dict(ours.named_parameters())
    for name, parameter in model.named_parameters():
        for theirs_, ours_ in {"original0": "weight_g", "original1": "weight_v"}.items():
            name = name.replace(f"parametrizations.weight.{theirs_}", ours_)
        if parameter.grad is not None:
            assert torch.allclose(named[name].grad, parameter.grad, rtol=1e-3, atol=1e-6), name


@KINDS
def test_weights_have_the_names_of_transformers(kind: Mapping[str, Any]) -> None:
    model, ours = theirs(kind)
    found = {name: tuple(tensor.shape) for name, tensor in ours.state_dict().items()}
    assert {name.rpartition(".")[2] for name in found if "pos_conv" in name} == {"weight_g", "weight_v", "bias"}
    plain = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if "pos_conv" not in name}
    assert {name: shape for name, shape in found.items() if "pos_conv" not in name} == plain


def test_both_names_of_the_normed_convolution_load() -> None:
    one, other = make_ours(), make_ours()
    old = {name: tensor + torch.rand_like(tensor) for name, tensor in one.state_dict().items()}
    start = "encoder.pos_conv_embed.conv."
    new = dict(old)
    new[f"{start}parametrizations.weight.original0"] = new.pop(f"{start}weight_g")
    new[f"{start}parametrizations.weight.original1"] = new.pop(f"{start}weight_v")
    one.load_state_dict(old)
    other.load_state_dict(new)
    assert all(torch.equal(other.state_dict()[name], tensor) for name, tensor in one.state_dict().items())


@KINDS
def test_padding_is_not_heard(kind: Mapping[str, Any]) -> None:
    ours = make_ours(**kind)
    features = torch.randn(2, 40, 16)
    inside = torch.ones(2, 40, dtype=torch.bool)
    inside[0, 25:] = False
    together = ours.body(features, inside)
    assert torch.allclose(together[0, :25], ours.body(features[:1, :25])[0], atol=1e-5)
    assert torch.allclose(together[1], ours.body(features[1:])[0], atol=1e-5)


@KINDS
def test_checkpointing_changes_neither_states_nor_gradients(kind: Mapping[str, Any]) -> None:
    gradients: list[list[Tensor]] = []
    for on in (False, True):
        ours = make_ours(**kind).train()
        ours.encoder.checkpointing = on
        torch.manual_seed(1)  # dropout, LayerDrop and SpecAugment draw the same
        ours.body(torch.randn(1, 30, 16)).square().sum().backward()
        gradients.append([p.grad for p in ours.parameters() if p.grad is not None])
    assert len(gradients[0]) == len(gradients[1]) > 20
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*gradients, strict=True))


def test_bfloat16_hears_nearly_the_same() -> None:
    ours, sound = make_ours(**LARGE), torch.randn(1, 16000)
    with torch.no_grad():
        expected = ours.body(ours.front(sound)).flatten()
        half = ours.bfloat16()
        found = half.body(half.front(sound)).float().flatten()
    assert torch.nn.functional.cosine_similarity(found, expected, dim=0) > 0.999


@pytest.mark.parametrize(
    ("told", "sentence"),
    [({"model_type": "hubert"}, "a hubert model, not a wav2vec2"), ({"hidden_act": "relu"}, "hidden_act is 'relu'")],
)
def test_another_kind_of_model_is_told(told: dict[str, str], sentence: str) -> None:
    with pytest.raises(TalkError, match=sentence):
        Wav2Vec2Config.read(told)


def test_a_config_comes_back_from_its_json() -> None:
    config = Wav2Vec2Config.read(SIZES | LARGE)
    assert Wav2Vec2Config.read(json.loads(json.dumps(config.plain()))) == config


def test_the_defaults_are_those_of_transformers() -> None:
    import transformers

    known = json.loads(transformers.Wav2Vec2Config().to_json_string(use_diff=False))
    ours = json.loads(json.dumps(Wav2Vec2Config().plain()))
    assert ours == {key: known[key] for key in ours}


def test_spans_cover_about_the_share_and_stay_inside() -> None:
    torch.manual_seed(0)
    masked = _spans([200, 60, 12, 5], 200, 0.3, 10, 2)
    assert 20 <= masked[0].sum() <= 70
    assert 10 <= masked[1].sum() <= 20
    assert masked[2].sum() == 10  # no more than fit
    assert not masked[3].any()
    assert not masked[1, 60:].any()


def test_training_hides_stretches_and_drops_layers() -> None:
    ours, features = make_ours(), torch.randn(1, 60, 16)
    evaluated = ours.body(features)
    torch.manual_seed(0)
    first = ours.train().body(features)
    torch.manual_seed(0)
    assert torch.equal(ours.body(features), first)
    assert not torch.allclose(first, evaluated)


def test_it_imports_without_transformers() -> None:
    code = "import sys, talkcli.models.wav2vec2; print('transformers' in sys.modules, 'torchaudio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
