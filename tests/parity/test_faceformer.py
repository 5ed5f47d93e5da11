"""FaceFormer makes what its authors' code makes, told by itself and told by recordings."""

from __future__ import annotations

import pytest
import torch

from talkcli.models.layers import temporal_bias
from tests.parity.cases import Numbers, differs, encoded
from tests.parity.test_selftalk import compare_gradients


def one_hot(numbers: Numbers, style: int) -> torch.Tensor:
    return torch.eye(numbers.weights["obj_vector.weight"].shape[1])[style : style + 1]


@torch.no_grad()
def test_sound_becomes_the_authors_vertices_in_every_style(faceformer_sound: tuple[Numbers, str, str]) -> None:
    numbers, sound, style = faceformer_sound
    model, speech = numbers.faceformer, numbers.speech(sound)
    expected = numbers.tensor(f"predict_{sound}_s{style}_vertices")
    frames = model.frame_count(speech.samples.shape[1])
    assert frames == expected.shape[1]
    found = model.predict(speech, numbers.template, one_hot(numbers, int(style)), frames).vertices
    assert differs(found.flatten(2), expected) <= 1e-5
    memory, _, heard, *_ = model.listen(speech, torch.tensor([frames]))
    assert memory.shape[1] == frames
    assert encoded(heard.features, numbers.tensor(f"predict_{sound}_audio_hidden")) <= 1e-4


@torch.no_grad()
def test_training_gives_the_authors_vertices_and_loss(faceformer_pair: tuple[Numbers, str, str, str]) -> None:
    numbers, sound, length, feeding = faceformer_pair
    model, batch = numbers.faceformer, numbers.batch(sound, length, numbers.tensor("one_hot_forward"))
    memory, frames, *_ = model.listen(batch.speech, batch.frames)
    batch = batch.cut(frames)
    motion = (
        model.told_by_recording(memory, batch.style, batch.motion)
        if feeding == "tf"
        else model.told_by_itself(memory, batch.style)
    )
    vertices = (model.basis.decode(motion) + batch.template[:, None]).flatten(2)
    expected = numbers.tensor(f"forward_{sound}_{length}_{feeding}_vertices_out")
    assert differs(vertices, expected) <= 1e-5
    loss = (motion - batch.motion).square().mean().item()
    assert loss == pytest.approx(float(numbers.arrays[f"forward_{sound}_{length}_{feeding}_loss"]), rel=1e-5)
    if feeding == "tf":
        assert model.losses(batch)["position"].item() == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("feeding", ["tf", "ar"])
def test_gradients_are_the_authors(faceformer_numbers: tuple[Numbers, str], feeding: str) -> None:
    numbers, _ = faceformer_numbers
    model, batch = numbers.faceformer, numbers.batch("a", "exact", numbers.tensor("one_hot_forward"))
    model.zero_grad()
    memory, frames, *_ = model.listen(batch.speech, batch.frames)
    batch = batch.cut(frames)
    motion = (
        model.told_by_recording(memory, batch.style, batch.motion)
        if feeding == "tf"
        else model.told_by_itself(memory, batch.style)
    )
    (motion - batch.motion).square().mean().backward()
    compare_gradients(dict(model.named_parameters()), numbers, f"grad_norms_{feeding}")


def test_the_temporal_bias_is_the_authors(faceformer_numbers: tuple[Numbers, str]) -> None:
    numbers, _ = faceformer_numbers
    expected = numbers.tensor("biased_mask_corner")
    found = temporal_bias(expected.shape[0], expected.shape[1], numbers.faceformer.config.period)
    assert torch.equal(torch.isinf(found), torch.isinf(expected))
    assert torch.allclose(found, expected)
