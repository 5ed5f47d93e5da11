"""Speech encoders: even steps of finite features, whatever the sound."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from talkcli.errors import TalkError
from talkcli.models.batch import RATE, Heard, Speech
from talkcli.models.encoders import Tiny, TinyConfig, build_encoder, check_time_map, frame_count, listen
from talkcli.models.layers import TimeMap
from talkcli.models.pretrained import HubConfig, normal
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


@pytest.fixture(scope="module")
def hubs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A random model of each kind in a folder of its own."""
    folder = tmp_path_factory.mktemp("hubs")
    return {kind: save_hub(folder / kind, kind) for kind in HUBS}


def make_tiny(**changes: object) -> Tiny:
    torch.manual_seed(0)
    config = replace(TinyConfig(width=16, dilations=(1, 2)), **changes)
    return Tiny(config).eval()


def save_hub(folder: Path, kind: str, **changes: object) -> Path:
    """A random model of this kind as `save_pretrained` leaves it."""
    import transformers

    names = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert", "wavlm": "WavLM"}
    torch.manual_seed(0)
    config = getattr(transformers, f"{names[kind]}Config")(**SIZES | changes)
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
    convolutions = list(hub.feature_extractor.parameters())
    assert not gradient(convolutions)
    assert not any(p.requires_grad for p in convolutions)
    assert gradient(list(hub.encoder.parameters())) > 0
    whole = HubConfig(source=str(tmp_path), freeze_convolutions=False)
    assert all(p.requires_grad for p in build_encoder("wav2vec2", TinyConfig(), whole).parameters())


@pytest.mark.parametrize("kind", HUBS)
@pytest.mark.parametrize("time_map", ["front", "stack"])
def test_a_clip_in_a_batch_is_heard_as_it_is_alone(kind: str, time_map: TimeMap, hubs: dict[str, Path]) -> None:
    hub = build_encoder(kind, TinyConfig(), HubConfig(source=str(hubs[kind]))).eval()
    both = make_speech_tensors(0.8, 1.1, posteriors=False)
    frames = torch.tensor([20, 26])
    fps = 25.0
    together = listen(hub, both, frames, fps, time_map)
    assert together.features.shape == (2, int(together.frames.max()), 1 if time_map == "front" else 2, 16)
    for row, count in enumerate(together.frames.tolist()):
        alone = Speech(both.samples[row : row + 1, : both.lengths[row]], both.lengths[row : row + 1])
        single = listen(hub, alone, frames[row : row + 1], fps, time_map)
        assert single.frames.tolist() == [count]
        assert torch.allclose(together.features[row, :count], single.features[0], atol=1e-4)


def test_the_shortest_sound_makes_a_frame(hubs: dict[str, Path]) -> None:
    hub = build_encoder("wav2vec2", TinyConfig(), HubConfig(source=str(hubs["wav2vec2"]))).eval()
    speech = Speech(torch.randn(1, 1), torch.tensor([1]))
    for fps, time_map in ((30.0, "front"), (25.0, "stack")):
        frames = frame_count(hub, 1, fps, time_map)
        assert frames == 1
        assert listen(hub, speech, torch.tensor([frames]), fps, time_map).features.isfinite().all()


def test_time_maps_that_cannot_be_are_told(hubs: dict[str, Path]) -> None:
    with pytest.raises(TalkError, match=r"time_map=front needs wav2vec2, .*model\.time_map=time"):
        check_time_map(make_tiny(), "front", 30.0)
    hub = build_encoder("wav2vec2", TinyConfig(), HubConfig(source=str(hubs["wav2vec2"])))
    with pytest.raises(TalkError, match="time_map=stack needs 25 frames a second, not 30"):
        check_time_map(hub, "stack", 30.0)


def test_torchs_own_files_load_as_safetensors_do(hubs: dict[str, Path], tmp_path: Path) -> None:
    weights = load_file(hubs["wav2vec2"] / "model.safetensors")
    shutil.copy(hubs["wav2vec2"] / "config.json", tmp_path)
    torch.save(weights, tmp_path / "pytorch_model.bin")
    one, other = (
        build_encoder("wav2vec2", TinyConfig(), HubConfig(source=str(f))) for f in (tmp_path, hubs["wav2vec2"])
    )
    drawn = "masked_spec_embed"  # this model was made without it
    named = {name: tensor for name, tensor in other.state_dict().items() if name != drawn}
    assert all(torch.equal(one.state_dict()[name], tensor) for name, tensor in named.items())
    assert one.state_dict()[drawn].isfinite().all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"config.json": "{"}, "its config.json is broken"),
        ({"config.json": '{"model_type": "hubert"}'}, "it holds a hubert model, not a wav2vec2"),
        ({"model.safetensors": "nonsense"}, r"model\.safetensors: "),
        ({"model.safetensors": None}, "it has no model.safetensors or pytorch_model.bin"),
    ],
)
def test_a_folder_with_something_else_is_told(
    change: dict[str, str | None], sentence: str, hubs: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(hubs["wav2vec2"], tmp_path / "hub"))
    for name, text in change.items():
        (folder / name).unlink() if text is None else (folder / name).write_text(text)
    with pytest.raises(TalkError, match=sentence) as error:
        build_encoder("wav2vec2", TinyConfig(), HubConfig(source=str(folder)))
    assert "\n" not in str(error.value)


def test_weights_that_are_missing_or_do_not_fit_are_told(hubs: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(hubs["wav2vec2"], tmp_path / "hub"))
    weights = load_file(folder / "model.safetensors")
    name = "wav2vec2.encoder.layer_norm.weight"
    save_file({**weights, name: torch.ones(3)}, folder / "model.safetensors")
    with pytest.raises(TalkError, match=r"does not fit its config: .*encoder\.layer_norm\.weight"):
        build_encoder("wav2vec2", TinyConfig(), HubConfig(source=str(folder)))
    weights.pop(name)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(TalkError, match=r"lacks 1 weights, the first is encoder\.layer_norm\.weight"):
        build_encoder("wav2vec2", TinyConfig(), HubConfig(source=str(folder)))


def test_a_hub_model_that_is_not_here_is_told_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(TalkError, match=r"cannot load the speech encoder 'nobody/nothing'.*while online") as error:
        build_encoder("wav2vec2", TinyConfig(), HubConfig(source="nobody/nothing"))
    assert "\n" not in str(error.value)


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
    assert torch.allclose(logits, recognizer.lm_head(hidden), atol=1e-5)
    assert (recognizer.width, recognizer.symbols) == (16, 9)
    assert recognizer.steps(speech).tolist() == [49]


def test_a_missing_recogniser_is_told(tmp_path: Path) -> None:
    config = RecognizerConfig(hub=HubConfig(source=str(tmp_path / "nowhere")))
    with pytest.raises(TalkError, match=r"cannot load the speech recogniser .*recognizer\.name=tiny"):
        build_recognizer(config)
