"""DualTalker's animation branch: its two decoders, and what they are fed with."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from talkcli.errors import TalkError
from talkcli.models.batch import Batch, Framed, Heard
from talkcli.models.dualtalker import DualTalker, DualTalkerConfig
from talkcli.models.faceformer import FaceFormer
from tests.make_models import make_batch, make_method, make_speech_tensors

STYLE = torch.tensor([[1.0, 0.0]])


def made(*changes: str, trained: bool = True) -> DualTalker:
    model = make_method("dualtalker", *changes)
    assert isinstance(model, DualTalker)
    if trained:
        torch.nn.init.normal_(model.vertice_map_r.weight, std=0.3)
    return model.eval()


def batch_for(model: DualTalker, *seconds: float) -> Batch:
    return make_batch(model, *seconds)  # type: ignore[arg-type]


def framed(features: Tensor, *frames: int) -> Framed:
    return Framed(features, torch.tensor(frames), Heard(features))


@pytest.mark.parametrize("tied", ["true", "false"])
@pytest.mark.parametrize("decoder", ["parallel", "ar"])
def test_an_untrained_model_gives_the_template_itself(decoder: str, tied: str) -> None:
    model = made(f"decoder={decoder}", f"tie_motion={tied}", trained=False)
    template = torch.randn(1, model.corpus.topology.vertices, 3)
    predicted = model.predict(make_speech_tensors(0.3), template, STYLE, 9)
    assert torch.equal(predicted.vertices, template[:, None].expand(-1, 9, -1, -1))


def test_the_parallel_decoder_looks_at_no_motion_and_the_other_at_what_was() -> None:
    names = {name.partition(".")[0] for name in made().state_dict()}
    assert "vertice_map" not in names
    assert {"parallel_decoder", "vertice_map_r", "obj_vector"} <= names
    assert "vertice_map" in {name.partition(".")[0] for name in made("decoder=ar").state_dict()}


def test_the_other_decoder_is_faceformers() -> None:
    one = made("decoder=ar")
    other = make_method("faceformer")
    assert isinstance(other, FaceFormer)
    other.load_state_dict(one.state_dict())
    other.eval()
    with torch.no_grad():
        told = [m.tell(make_speech_tensors(0.4), STYLE, torch.tensor([12])).motion for m in (one, other)]
    assert torch.equal(*told)


@pytest.mark.parametrize("decoder", ["parallel", "ar"])
def test_a_tied_last_layer_is_the_motion_encoder_the_other_way_round(decoder: str) -> None:
    model = make_method("dualtalker", f"decoder={decoder}", "tie_motion=true").eval()
    hidden, encoder = torch.randn(2, 5, 16), model.motion_encoder
    assert encoder is not None
    last = model.ends()[1]
    with torch.no_grad():
        last.factor.fill_(0.5)
        last.bias.normal_()
        told = last(hidden)
        assert torch.allclose(told, 0.5 * hidden @ encoder.weight + last.bias, atol=1e-6)
        encoder.weight.mul_(2)
        assert torch.allclose(last(hidden) - last.bias, 2 * (told - last.bias), atol=1e-5)
    owned = {name for name, _ in model.named_parameters()}
    assert {"vertice_map.weight", "vertice_map_r.factor", "vertice_map_r.bias"} <= owned
    assert "vertice_map_r.weight" not in owned


def test_style_and_sound_move_the_head() -> None:
    model = made()
    features = torch.randn(1, 10, 1, 16)
    one = model.decode(framed(features, 10), STYLE)
    assert not torch.allclose(model.decode(framed(features, 10), STYLE.flip(1)), one)
    assert not torch.allclose(model.decode(framed(features + 1, 10), STYLE), one)


@pytest.mark.parametrize("steps", [1, 2])
def test_a_padded_clip_moves_as_it_does_alone(steps: int) -> None:
    model = made()
    features = torch.randn(2, 20, steps, 16)
    together = model.decode(framed(features, 20, 13), STYLE.expand(2, -1))
    alone = model.decode(framed(features[1:, :13], 13), STYLE)
    assert together.isfinite().all()
    assert torch.allclose(together[1, :13], alone[0], atol=1e-5)


def test_early_training_is_fed_with_trembling_records_and_the_last_part_with_its_own() -> None:
    model = made("decoder=ar", "dropout=0.0", "noise=0.05").train()
    batch = batch_for(model, 0.5)
    framed = model.listen(batch.speech, batch.frames)
    recorded = model.told_by_recording(framed.features, batch.style, batch.motion)
    own = model.told_by_itself(framed.features, batch.style)
    assert model.at(0.5) == 1.0
    early = model.learn(batch).motion
    assert not torch.allclose(early, recorded, atol=1e-6)
    assert (early - recorded).abs().mean() < (own - recorded).abs().mean()
    model.at(0.95)
    assert torch.allclose(model.learn(batch).motion, own, atol=1e-6)
    model.at(0.5)
    model.eval()
    assert torch.allclose(model.learn(batch).motion, own, atol=1e-6)  # what is validated is what is shown


def test_no_weights_of_the_authors_are_known() -> None:
    with pytest.raises(KeyError, match="no published weights"):
        DualTalker.published({})


def test_settings_that_make_no_sense_are_told() -> None:
    with pytest.raises(TalkError, match="noise is -1"):
        DualTalkerConfig(noise=-1.0)
