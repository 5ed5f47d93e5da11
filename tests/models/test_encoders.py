"""Speech encoders: even steps of finite features, whatever the sound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from talkcli.errors import TalkError
from talkcli.models.base import RATE, Speech
from talkcli.models.encoders import Heard, HubConfig, Tiny, TinyConfig, build_encoder, normal
from talkcli.models.recognizer import RecognizerConfig, build_recognizer
from tests.make_models import gradient, make_speech_tensors

SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": [8] * 7,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "vocab_size": 9,
    "mask_time_prob": 0.0,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
}
HUBS = ["wav2vec2", "hubert", "wavlm"]


def make_tiny(**changes: object) -> Tiny:
    torch.manual_seed(0)
    config = replace(TinyConfig(width=16, dilations=(1, 2)), **changes)
    return Tiny(config).eval()


def save_hub(folder: Path, kind: str) -> Path:
    """A random model of this kind as `save_pretrained` leaves it."""
    import transformers

    names = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert", "wavlm": "WavLM"}
    torch.manual_seed(0)
    config = getattr(transformers, f"{names[kind]}Config")(**SIZES)
    getattr(transformers, f"{names[kind]}ForCTC")(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("samples", [1, 159, 160, 16000, 16001, 16160, 16320])
def test_tiny_gives_fifty_steps_a_second_for_any_length(samples: int) -> None:
    heard = make_tiny()(make_speech_tensors(samples / RATE))
    steps = -(-(samples // 160 + 1) // 2)
    assert heard.features.shape == (1, steps, 16)
    assert heard.phone_logits.shape == (1, steps, 40)
    assert heard.contact_logits.shape == (1, steps, 2)
    assert heard.features.isfinite().all()


@pytest.mark.parametrize(("recurrent", "end", "away"), [(False, 6, 1e-4), (True, 25, 5e-3)])
def test_tiny_hears_a_clip_in_a_batch_as_it_hears_it_alone(recurrent: bool, end: int, away: float) -> None:
    tiny = make_tiny(recurrent=recurrent)
    both = make_speech_tensors(0.8, 1.1)
    count = int(both.lengths[0])
    both.samples[0, count - 4800 :] = 0  # a clip ends in silence
    assert both.posteriors is not None
    alone = Speech(both.samples[:1, :count], both.lengths[:1], both.posteriors[:1, : count // 160 + 1])
    together, single = tiny(both).features[0], tiny(alone).features[0]
    kept = len(single) - end  # the convolutions look past the end, the GRU far past it
    assert torch.allclose(together[:kept], single[:kept], atol=away)


@pytest.mark.parametrize("recurrent", [False, True])
def test_tiny_stays_finite_in_silence(recurrent: bool) -> None:
    speech = make_speech_tensors(0.5)
    silent = replace(speech, samples=torch.zeros_like(speech.samples))
    heard = make_tiny(recurrent=recurrent)(silent)
    assert heard.features.isfinite().all()
    assert heard.phone_logits.isfinite().all()


def test_tiny_hears_the_same_at_any_level() -> None:
    """But for the floor of the logarithm: loud against very loud."""
    tiny, speech = make_tiny(), make_speech_tensors(0.5)
    loud = replace(speech, samples=10 * speech.samples)
    louder = replace(speech, samples=20 * speech.samples)
    assert torch.allclose(tiny(loud).features, tiny(louder).features, atol=0.05)


def test_training_hides_bands_and_stretches_of_different_clips() -> None:
    tiny = make_tiny(mask_bands=40, mask_steps=30)
    heard = torch.ones(3, 80 + 42, 100)
    masked = tiny._mask(heard)
    assert set(masked.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(masked[0], masked[1])
    unmasked_time = masked[:, 80:].amax(1)  # (B, P): posteriors are hidden in time alone
    assert ((unmasked_time == 0).sum(1) <= 60).all()
    assert torch.equal(make_tiny(mask_bands=0, mask_steps=0)._mask(heard), heard)


def test_tiny_without_posteriors_is_a_bug() -> None:
    with pytest.raises(ValueError, match="posteriors"):
        make_tiny()(make_speech_tensors(0.2, posteriors=False))


def test_an_unknown_encoder_is_told() -> None:
    with pytest.raises(TalkError, match="unknown encoder 'ear'; choose from: tiny, wav2vec2, hubert, wavlm"):
        build_encoder("ear", TinyConfig(), HubConfig())


# -- encoders of Hugging Face's kind ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", HUBS)
def test_a_local_folder_of_any_kind_loads_through_one_door(kind: str, tmp_path: Path) -> None:
    hub = build_encoder(kind, TinyConfig(), HubConfig(source=str(save_hub(tmp_path, kind)))).eval()
    heard: Heard = hub(make_speech_tensors(1.0, posteriors=False))
    assert (hub.width, hub.rate, hub.wants_posteriors) == (16, 50.0, False)
    assert heard.features.shape == (1, 49, 16)
    assert heard.phone_logits is None
    assert heard.contact_logits is None


def test_only_the_convolutions_are_frozen(tmp_path: Path) -> None:
    hub = build_encoder("wav2vec2", TinyConfig(), HubConfig(source=str(save_hub(tmp_path, "wav2vec2"))))
    hub(make_speech_tensors(0.5, posteriors=False)).features.square().sum().backward()
    convolutions = list(hub.model.feature_extractor.parameters())
    assert not gradient(convolutions)
    assert not any(p.requires_grad for p in convolutions)
    assert gradient(list(hub.model.encoder.parameters())) > 0
    whole = HubConfig(source=str(tmp_path), freeze_convolutions=False)
    assert all(p.requires_grad for p in build_encoder("wav2vec2", TinyConfig(), whole).parameters())


def test_sound_is_brought_to_mean_0_and_variance_1_by_its_own_length() -> None:
    speech = make_speech_tensors(0.5, 0.9, posteriors=False)
    found = normal(replace(speech, samples=3 * speech.samples + 0.1 * (speech.samples != 0)))
    for row, count in zip(found, speech.lengths.tolist(), strict=True):
        assert row[:count].mean().item() == pytest.approx(0.0, abs=1e-5)
        assert row[:count].var(correction=0).item() == pytest.approx(1.0, abs=1e-3)
        assert not row[count:].any()
    assert normal(make_silent()).abs().max() == 0.0


def make_silent() -> Speech:
    return Speech(torch.zeros(1, 800), torch.tensor([800]))


@pytest.mark.parametrize("kind", HUBS)
def test_a_missing_folder_is_one_error(kind: str, tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"cannot load the speech encoder .*encoder=tiny"):
        build_encoder(kind, TinyConfig(), HubConfig(source=str(tmp_path / "nowhere")))
    with pytest.raises(TalkError, match="cannot load the speech encoder"):
        build_encoder(kind, TinyConfig(), HubConfig(source=str(tmp_path)))  # a folder that holds none


def test_the_hub_recogniser_gives_the_last_states_and_symbols_of_normal_sound(tmp_path: Path) -> None:
    source = str(save_hub(tmp_path, "wav2vec2"))
    recognizer = build_recognizer(RecognizerConfig(hub=HubConfig(source=source))).eval()
    speech = make_speech_tensors(1.0, posteriors=False)
    hidden, logits = recognizer(speech)
    encoder = build_encoder("wav2vec2", TinyConfig(), HubConfig(source=source)).eval()
    assert torch.allclose(hidden, encoder(speech).features, atol=1e-5)
    assert torch.allclose(logits, recognizer.model.lm_head(hidden), atol=1e-5)
    assert (recognizer.width, recognizer.symbols) == (16, 9)
    assert recognizer.steps(speech).tolist() == [49]


def test_a_missing_recogniser_is_told(tmp_path: Path) -> None:
    config = RecognizerConfig(hub=HubConfig(source=str(tmp_path / "nowhere")))
    with pytest.raises(TalkError, match=r"cannot load the speech recogniser .*recognizer\.name=tiny"):
        build_recognizer(config)
