"""SelfTalk against its paper and the authors' released model."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from talkcli.errors import TalkError
from talkcli.models.batch import Heard, Speech
from talkcli.models.losses import position, velocity
from talkcli.models.selftalk import SelfTalk, SelfTalkConfig
from tests.make_models import PLATE, gradient, make_batch, make_config, make_info, make_model, make_speech_tensors


class Ears(nn.Module):
    """An encoder that hears whatever it is told."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features, self.width, self.rate, self.wants_posteriors = features, features.shape[2], 30.0, False

    def forward(self, speech: Speech) -> Heard:
        return Heard(self.features)


@pytest.fixture
def learning() -> SelfTalk:
    """A model with all that only training needs."""
    model = make_model()
    model.begin_training(lambda name, part: None)
    return model.train()


# -- the paper's ----------------------------------------------------------------------------------------------------


def test_the_defaults_are_the_papers() -> None:
    config = SelfTalkConfig()
    weights = config.position_weight, config.velocity_weight, config.latent_weight, config.ctc_weight
    assert weights == (1000.0, 1000.0, 0.001, 0.0001)
    assert (config.lip_weight, config.phone_weight, config.contact_weight) == (0.0, 0.0, 0.0)
    assert (config.encoder, config.time_map, config.basis) == ("wav2vec2", "front", "none")
    assert (config.width, config.heads, config.dropout) == (512, 4, 0.1)
    interpreter = config.interpreter_width, config.interpreter_heads, config.interpreter_layers
    assert interpreter == (1024, 8, 6)
    assert config.interpreter_feed_forward == 2048
    assert config.hub.source == config.recognizer.hub.source == "jonatasgrosman/wav2vec2-large-xlsr-53-english"
    assert config.hub.freeze_convolutions
    assert config.recognizer.name == "wav2vec2"


def test_the_weights_have_the_released_names_and_shapes() -> None:
    width, lips = 16, len(PLATE.regions["lips"])
    model = make_model("basis=none", "interpreter_layers=2", info=make_info(PLATE))
    model.begin_training(lambda name, part: None)
    found = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    own = {name: shape for name, shape in found.items() if not name.startswith(("audio_encoder.", "text_encoder."))}
    expected = {
        "audio_feature_map.weight": (width, 16),
        "audio_feature_map.bias": (width,),
        "vertice_map_r.weight": (3 * PLATE.vertices, width),
        "vertice_map_r.bias": (3 * PLATE.vertices,),
        "lip_map.weight": (16, 3 * lips),
        "lip_map.bias": (16,),
        "lm_head.weight": (41, 16),
        "lm_head.bias": (41,),
        **layer_shapes("transformer_decoder.layers.0", width, 2 * width, ("self_attn", "multihead_attn")),
    }
    for layer in range(2):
        expected |= layer_shapes(f"transformer.encoder.layers.{layer}", 16, 16, ("self_attn",))
        expected |= layer_shapes(f"transformer.decoder.layers.{layer}", 16, 16, ("self_attn", "multihead_attn"))
    for part in ("encoder", "decoder"):  # there is no transformer_decoder.norm
        expected |= {f"transformer.{part}.norm.weight": (16,), f"transformer.{part}.norm.bias": (16,)}
    assert own == expected


def layer_shapes(name: str, width: int, feed_forward: int, attentions: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """The weights of a post-norm transformer layer."""
    shapes: dict[str, tuple[int, ...]] = {
        "linear1.weight": (feed_forward, width),
        "linear1.bias": (feed_forward,),
        "linear2.weight": (width, feed_forward),
        "linear2.bias": (width,),
    }
    for attention in attentions:
        shapes |= {f"{attention}.in_proj_weight": (3 * width, width), f"{attention}.in_proj_bias": (3 * width,)}
        shapes |= {f"{attention}.out_proj.weight": (width, width), f"{attention}.out_proj.bias": (width,)}
    for norm in range(1, len(attentions) + 2):
        shapes |= {f"norm{norm}.weight": (width,), f"norm{norm}.bias": (width,)}
    return {f"{name}.{part}": shape for part, shape in shapes.items()}


def test_an_untrained_model_gives_the_template_itself() -> None:
    for model in (SelfTalk(make_config(), make_info()), SelfTalk(make_config("basis=none"), make_info(PLATE))):
        template = torch.randn(1, model.corpus.topology.vertices, 3)
        predicted = model.eval().predict(make_speech_tensors(0.3), template, torch.zeros(1, 2), 9)
        assert torch.equal(predicted.vertices, template[:, None].expand(-1, 9, -1, -1))


def test_style_is_ignored_and_the_template_is_added() -> None:
    model, speech = make_model("basis=none", info=make_info(PLATE)).eval(), make_speech_tensors(0.3)
    one, other = torch.randn(2, 1, PLATE.vertices, 3)
    first = model.predict(speech, one, torch.tensor([[1.0, 0.0]]), 9).vertices
    second = model.predict(speech, other, torch.tensor([[0.0, 1.0]]), 9).vertices
    assert torch.allclose(first - one[:, None], second - other[:, None], atol=1e-6)
    assert (first - one[:, None]).abs().max() > 0.01


def hearing(features: Tensor) -> SelfTalk:
    model = make_model("basis=none", "time_map=ends", info=make_info(PLATE)).eval()
    model.audio_encoder = Ears(features)
    return model


def test_the_decoder_has_neither_mask_nor_position_code() -> None:
    features = torch.randn(1, 8, 16)
    order = torch.randperm(8)
    speech = make_speech_tensors(0.2)
    straight, *_ = hearing(features).tell(speech, torch.zeros(1, 2), torch.tensor([8]))
    shuffled, *_ = hearing(features[:, order]).tell(speech, torch.zeros(1, 2), torch.tensor([8]))
    assert torch.allclose(shuffled, straight[:, order], atol=1e-5)


def test_every_frame_hears_the_whole_clip_and_no_frame_waits_for_another() -> None:
    """Not autoregressive: what is said last moves the first frame."""
    features = torch.randn(1, 8, 16)
    other = features.clone()
    other[:, -1] += 1
    speech = make_speech_tensors(0.2)
    eight = torch.tensor([8])
    moved = (
        hearing(features).tell(speech, torch.zeros(1, 2), eight)[0]
        - hearing(other).tell(speech, torch.zeros(1, 2), eight)[0]
    )
    assert (moved.abs().amax(2) > 1e-4).all()


def test_any_length_will_do() -> None:
    model = hearing(torch.randn(1, 1300, 16))
    assert model.tell(make_speech_tensors(0.2), torch.zeros(1, 2), torch.tensor([1300]))[0].shape == (
        1,
        1300,
        3 * PLATE.vertices,
    )


# -- its losses -----------------------------------------------------------------------------------------------------


def test_terms_are_named_and_weighted_as_the_config_says() -> None:
    changes = ("position_weight=5.0", "velocity_weight=7.0", "lip_weight=2.0", "phone_weight=0.0")
    model = make_model("basis=none", *changes, info=make_info(PLATE)).eval()
    batch = make_batch(model, 0.5, 0.3)
    terms = model.losses(batch)
    motion, *_ = model.tell(batch.speech, batch.style, batch.frames)
    error = motion - batch.motion
    assert list(terms) == ["position", "velocity", "lips", "phones", "contacts"]
    assert torch.allclose(terms["position"], 5 * position(model.basis, error, batch))
    assert torch.allclose(terms["velocity"], 7 * velocity(model.basis, error, batch))
    lips = 5 * position(model.basis, error, batch, "lips") + 7 * velocity(model.basis, error, batch, "lips")
    assert torch.allclose(terms["lips"], 2 * lips)
    assert terms["phones"].item() == 0.0


def test_no_lip_term_without_its_weight() -> None:
    model = make_model("lip_weight=0.0").eval()
    assert "lips" not in model.losses(make_batch(model, 0.3))


def test_reading_belongs_to_training(learning: SelfTalk) -> None:
    batch = make_batch(learning, 0.4, 0.3)
    assert {"latent", "ctc"} <= set(learning.losses(batch))
    assert not {"latent", "ctc"} & set(learning.eval().losses(batch))


def test_the_readers_gradient_reaches_the_animator_and_never_the_recogniser(learning: SelfTalk) -> None:
    batch = make_batch(learning, 0.4, 0.3)
    terms = learning.losses(batch)
    (terms["latent"] + terms["ctc"]).backward()
    for part in (learning.vertice_map_r, learning.transformer_decoder, learning.audio_encoder):
        assert gradient(list(part.parameters())) > 0
    for part in (learning.lip_map, learning.transformer, learning.lm_head):
        assert gradient(list(part.parameters())) > 0
    assert all(p.grad is None and not p.requires_grad for p in learning.text_encoder.parameters())


def test_the_recogniser_listens_in_evaluation_mode(learning: SelfTalk) -> None:
    learning.losses(make_batch(learning, 0.3))
    assert not learning.text_encoder.training
    assert learning.transformer.training


def test_the_interpreter_sees_displacements_of_the_lips_alone() -> None:
    model = make_model("basis=none", info=make_info(PLATE))
    model.begin_training(lambda name, part: None)
    model.eval()
    motion = torch.randn(1, 6, PLATE.vertices, 3)
    elsewhere = motion.clone()
    elsewhere[:, :, [0, 2, 5]] += 1
    frames, steps = torch.tensor([6]), torch.tensor([10])
    features, read = model.interpret(motion.flatten(2), frames, steps)
    assert features.shape == (1, 10, 16)
    assert read.shape == (1, 10, 41)
    assert torch.equal(model.interpret(elsewhere.flatten(2), frames, steps)[0], features)


def test_padding_is_not_read(learning: SelfTalk) -> None:
    learning.eval()
    motion = torch.randn(2, 9, learning.basis.coefficients)
    frames, steps = torch.tensor([6, 9]), torch.tensor([10, 15])
    together = learning.interpret(motion, frames, steps)[0]
    for row, (count, length) in enumerate(zip(frames.tolist(), steps.tolist(), strict=True)):
        alone = learning.interpret(motion[row : row + 1, :count], frames[row : row + 1], steps[row : row + 1])[0]
        assert torch.allclose(together[row, :length], alone[0], atol=1e-5)


def test_a_padded_clip_moves_as_it_does_alone() -> None:
    model = make_model("basis=none", "tiny.recurrent=false", info=make_info(PLATE)).eval()
    both = make_speech_tensors(0.8, 1.2)
    both.samples[0, 8000:] = 0
    assert both.posteriors is not None
    alone = Speech(both.samples[:1, :12800], both.lengths[:1], both.posteriors[:1, :81])
    together = model.tell(both, torch.zeros(1, 2), torch.tensor([24, 36]))[0][0]
    single = model.tell(alone, torch.zeros(1, 2), torch.tensor([24]))[0][0]
    assert torch.allclose(together[:18], single[:18], atol=0.05 * single.abs().max().item())


def test_the_recogniser_is_trained_first_where_it_is_the_tiny_one() -> None:
    model = make_model()
    asked: list[tuple[str, bool]] = []
    model.begin_training(lambda name, part: asked.append((name, all(p.requires_grad for p in part.parameters()))))
    assert asked == [("recognizer", True)]
    assert not any(p.requires_grad for p in model.text_encoder.parameters())


def test_a_width_that_is_not_the_recognisers_is_told() -> None:
    with pytest.raises(TalkError, match=r"model\.interpreter_width is 8; it must be the recogniser's, 16"):
        make_model("interpreter_width=8").begin_training(lambda name, part: None)
