"""KMTalk's exact properties: what an untrained model says, what keys fix, and what does not matter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from talkcli import config as configs
from talkcli.clip import Phone
from talkcli.errors import TalkError
from talkcli.models.batch import Batch, Guide, Keys, Speech
from talkcli.models.checkpoint import load_checkpoint, save_checkpoint
from talkcli.models.hosts import HostConfig
from talkcli.models.key_motion import NO_KEY, at_keys, interpolated
from talkcli.models.kmtalk import KMTalk, KMTalkConfig
from tests.make_models import (
    make_batch,
    make_info,
    make_keyed,
    make_model,
    make_speech_tensors,
    small_settings,
)

STYLE = torch.tensor([[1.0, 0.0]])
KEYS = torch.tensor([[0, 4, 9, 10, 17, 23]])
FRAMES = 24


def untrained() -> KMTalk:
    return KMTalk(configs.load(KMTalkConfig, overrides=small_settings("kmtalk")), make_info()).eval()


def speech(seconds: float = FRAMES / 30, keys: Tensor = KEYS) -> Speech:
    return replace(make_speech_tensors(seconds), keys=Keys(keys))


def told(model: KMTalk, heard: Speech, style: Tensor = STYLE) -> Tensor:
    frames = torch.round(heard.lengths / 16000 * 30).long()
    with torch.no_grad():
        return model.tell(heard, style.expand(len(frames), -1), frames).motion


def own_keys(model: KMTalk, heard: Speech) -> Tensor:
    with torch.no_grad():
        framed = model.listen(heard, torch.round(heard.lengths / 16000 * 30).long())
        return model.acquire(framed, STYLE.expand(len(framed.frames), -1))


def batch_of(model: KMTalk, *seconds: float, keys: Tensor) -> Batch:
    batch = make_batch(model, *seconds)  # type: ignore[arg-type]
    return replace(batch, speech=replace(batch.speech, keys=Keys(keys)))


# -- exact properties ---------------------------------------------------------------------------------------------


def test_an_untrained_model_rests() -> None:
    assert not told(untrained(), speech()).any()


@pytest.mark.parametrize("change", ["policy=soft", "completion_audio=false"])
def test_an_untrained_completion_draws_straight_lines(change: str) -> None:
    model = make_keyed(change)
    torch.nn.init.zeros_(model.completion.to_motion.weight)  # type: ignore[union-attr]
    keys = own_keys(model, speech())
    assert keys.abs().max() > 0.1
    expected = torch.from_numpy(
        np.stack([np.interp(np.arange(FRAMES), KEYS[0].numpy(), column) for column in keys[0].T.double().numpy()], 1)
    )
    assert torch.allclose(told(model, speech())[0].double(), expected, atol=1e-5)


def test_hard_keys_come_out_bit_for_bit_and_soft_ones_do_not() -> None:
    for policy in ("hard", "soft"):
        model = make_keyed(f"policy={policy}")
        keys = own_keys(model, speech())
        assert torch.equal(told(model, speech())[:, KEYS[0]], keys) == (policy == "hard")


def test_with_all_frames_as_hard_keys_the_completion_has_no_say() -> None:
    heard = speech(keys=torch.arange(FRAMES)[None])
    model = make_keyed("policy=hard")
    assert torch.equal(told(model, heard), own_keys(model, heard))


def test_known_motion_stands_in_for_the_models_own() -> None:
    model = make_keyed()
    motion = torch.randn(1, 6, 56)
    known = torch.tensor([[False, True, False, False, True, False]])
    heard = replace(speech(), keys=Keys(KEYS, motion, known, known))
    found = told(model, heard)
    assert torch.equal(found[:, [4, 17]], motion[:, [1, 4]])
    assert not torch.equal(found[:, 9], motion[:, 2])
    assert not torch.equal(found, told(model, speech()))


@pytest.mark.parametrize("audio", ["true", "false"])
def test_the_completion_is_the_same_in_use_as_in_training(audio: str) -> None:
    model = make_keyed("heads=2", "dropout=0", f"completion_audio={audio}")
    heard = speech(3.0, torch.tensor([[0, 12, 40, 89]]))  # of few frames torch's short cut makes what it should
    used = told(model, heard)
    model.completion.train()
    assert torch.allclose(told(model, heard), used, atol=1e-5)


@pytest.mark.parametrize("audio", ["true", "false"])
def test_padding_changes_nothing(audio: str) -> None:
    model = make_keyed("heads=2", "key_layers=2", "completion_layers=2", f"completion_audio={audio}")
    short, long = 20 / 30, 1.2
    heard = make_speech_tensors(short, long)
    one, other = torch.tensor([0, 5, 11, 19, NO_KEY, NO_KEY]), torch.tensor([0, 7, 14, 21, 28, 35])
    both = told(model, replace(heard, keys=Keys(torch.stack([one, other]))))
    alone = Speech(
        heard.samples[:1, : int(heard.lengths[0])],
        heard.lengths[:1],
        heard.posteriors[:1, :67] if heard.posteriors is not None else None,
    )
    # the encoder's own borders are another matter: it hears zeros past a clip's end in a batch
    with torch.no_grad():
        framed = model.listen(replace(heard, keys=Keys(torch.stack([one, other]))), torch.tensor([20, 36]))
        cut = framed._replace(
            features=framed.features[:1, :20], frames=framed.frames[:1], keys=Keys(torch.tensor([[0, 5, 11, 19]]))
        )
        assert torch.allclose(model.decode(cut, STYLE)[0], both[0, :20], atol=1e-5)
    assert alone.samples.shape[1] == round(short * 16000)


def test_moving_sound_and_keys_by_a_period_moves_the_motion() -> None:
    model = make_keyed("period=6", "window=2")
    features = torch.randn(1, 60, 16)
    later = torch.cat([torch.zeros(1, 6, 16), features[:, :-6]], 1)
    keys = torch.tensor([[0, 20, 24, 28, 33, 59]])
    moved = torch.tensor([[0, 26, 30, 34, 39, 59]])
    frames = torch.tensor([60])
    with torch.no_grad():
        layer = model.key_decoder.layers[0]  # type: ignore[union-attr]
        torch.nn.init.zeros_(layer.self_attn.out_proj.weight)  # type: ignore[union-attr, arg-type]  # the edges' keys stay put
        first = model.key_decoder(keys, features, frames, torch.zeros(1, 1, 1))  # type: ignore[misc]
        second = model.key_decoder(moved, later, frames, torch.zeros(1, 1, 1))  # type: ignore[misc]
    assert torch.allclose(first[:, 1:5], second[:, 1:5], atol=1e-5)


def test_a_key_hears_no_further_than_its_window() -> None:
    model = make_keyed("window=2")
    layer = model.key_decoder.layers[0]  # type: ignore[union-attr]
    torch.nn.init.zeros_(layer.self_attn.out_proj.weight)  # type: ignore[union-attr, arg-type]
    features, frames = torch.randn(1, 24, 16), torch.tensor([24])
    other = features.clone()
    other[:, 13:] += 1
    style = torch.zeros(1, 1, 1)
    one, two = (model.key_decoder(KEYS, each, frames, style) for each in (features, other))  # type: ignore[misc]
    same = (one - two).abs().amax(2)[0] < 1e-6
    assert same.tolist() == [True, True, True, True, False, False]


def test_interpolation_hits_keys_and_holds_after_the_last() -> None:
    motion = torch.tensor([[[0.0], [4.0], [2.0], [9.0]]])
    found = interpolated(motion, torch.tensor([[0, 4, 6, NO_KEY]]), 9)[0, :, 0]
    assert found.tolist() == [0, 1, 2, 3, 4, 3, 2, 2, 2]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_breath_of_sound_has_its_frames(frames: int) -> None:
    model = make_keyed()
    heard = replace(make_speech_tensors(frames / 30))
    vertices = model.predict(heard, torch.zeros(1, 8494, 3), STYLE, frames).vertices
    assert vertices.shape == (1, frames, 8494, 3)
    assert bool(vertices.isfinite().all())


# -- switches -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["completion_audio=false", "key_layers=0", "start=mask", "style=none", "window=0"])
def test_every_switch_changes_the_motion_and_can_be_trained(change: str) -> None:
    plain, model = make_keyed(), make_keyed(change)
    assert not torch.allclose(told(plain, speech()), told(model, speech()))
    batch = batch_of(model, FRAMES / 30, keys=KEYS)
    model.train()
    sum(model.losses(batch).values()).backward()  # type: ignore[union-attr]
    lacking = [name for name, p in model.named_parameters() if p.grad is None]
    assert not lacking


def test_without_sound_the_completion_is_deaf() -> None:
    model = make_keyed("completion_audio=false")
    assert model.completion.layers[0].__class__ is torch.nn.TransformerEncoderLayer
    one, other = torch.randn(2, 1, FRAMES, 16)
    motion, frames, style = torch.randn(1, 6, 56), torch.tensor([FRAMES]), torch.zeros(1, 1, 1)
    found = [model.completion(motion, KEYS, each, frames, style, None) for each in (one, other)]
    assert torch.equal(*found)


def test_style_tells_subjects_apart() -> None:
    model = make_keyed()
    assert not torch.allclose(told(model, speech()), told(model, speech(), torch.tensor([[0.0, 1.0]])))
    assert not make_keyed("style=none").takes_style


def test_keys_come_from_the_phone_head_where_nobody_says_which() -> None:
    model, heard = make_keyed(), make_speech_tensors(FRAMES / 30)
    head = model.audio_encoder.to_phones
    torch.nn.init.zeros_(head.weight)
    framed = model.listen(heard, torch.tensor([FRAMES]))
    assert framed.keys is not None
    assert framed.keys.frames.tolist() == [[0, 11, 23]]  # one phone all along, and a key where the gap is too long


def test_tied_heads_are_saved_once(tmp_path: Path) -> None:
    model = make_keyed("tie_heads=true")
    assert not [name for name in model.state_dict() if name.startswith("completion.to_motion")]
    save_checkpoint(tmp_path / "tied.safetensors", model, "kmtalk", {}, {})
    assert torch.equal(told(load_checkpoint(str(tmp_path / "tied.safetensors")).model, speech()), told(model, speech()))  # type: ignore[arg-type]


# -- training step by step ----------------------------------------------------------------------------------------


def graded(model: KMTalk, progress: float) -> set[str]:
    """The parts that learn at this point of a training."""
    model.zero_grad(set_to_none=True)
    model.at(progress)
    terms = model.losses(batch_of(model, FRAMES / 30, keys=KEYS))
    sum(term for name, term in terms.items() if name in ("keys", "position", "velocity", "lips")).backward()  # type: ignore[union-attr]
    return {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is not None and bool(p.grad.any())}


def test_a_staged_training_learns_keys_then_completion_then_both() -> None:
    model = make_keyed("schedule=staged").train()
    hearing = {"audio_encoder", "audio_feature_map", "style_map"}
    assert graded(model, 0.1) == hearing | {"key_decoder"}
    assert graded(model, 0.5) == {"completion"}
    assert graded(model, 0.9) == hearing | {"key_decoder", "completion"}
    assert [model.at(p) for p in (0.1, 0.5, 0.9)] == [1, 1, 1 / 3]


def test_a_joint_training_learns_everything_at_once() -> None:
    model = make_keyed("schedule=joint").train()
    assert graded(model, 0.0) == {"audio_encoder", "audio_feature_map", "style_map", "key_decoder", "completion"}
    assert model.at(0.9) == 1


def test_recorded_motion_at_recorded_keys_costs_nothing() -> None:
    model = make_keyed("policy=hard", "phone_weight=0", "contact_weight=0")
    batch = batch_of(model, FRAMES / 30, keys=torch.arange(FRAMES)[None])
    own = own_keys(model, batch.speech)
    batch = replace(batch, motion=own)
    losses = model.losses(batch)
    for name in ("keys", "position", "velocity", "lips"):
        assert losses[name].item() == pytest.approx(0, abs=1e-9)
    worse = model.losses(replace(batch, motion=own + 0.5))
    assert worse["keys"].item() > 0
    assert worse["position"].item() > 0


def test_the_key_loss_counts_keys_alone() -> None:
    model = make_keyed()
    batch = batch_of(model, FRAMES / 30, keys=KEYS)
    elsewhere = batch.motion.clone()
    between = [frame for frame in range(FRAMES) if frame not in KEYS[0].tolist()]
    elsewhere[:, between] += 1
    one, other = (model.losses(replace(batch, motion=motion)) for motion in (batch.motion, elsewhere))
    assert one["keys"].item() == other["keys"].item()
    assert one["position"].item() != other["position"].item()


# -- hosts --------------------------------------------------------------------------------------------------------


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A SelfTalk that somebody trained."""
    path = tmp_path / "host.safetensors"
    save_checkpoint(path, make_model(seed=3), "selftalk", {}, {})
    return path


@pytest.mark.parametrize("mode", ["posthoc", "native"])
def test_a_host_tells_the_keys(host: Path, mode: str) -> None:
    model = make_keyed(f"host.source={host}", f"host.mode={mode}", "policy=hard")
    assert model.key_decoder is None
    theirs = load_checkpoint(str(host)).model
    with torch.no_grad():
        framed = theirs.listen(speech(), torch.tensor([FRAMES]))
        if mode == "posthoc":
            expected = at_keys(theirs.decode(framed, STYLE), KEYS)
        else:
            heard = framed._replace(features=at_keys(framed.features, KEYS), frames=torch.tensor([6]))
            expected = theirs.decode(heard, STYLE)
    assert torch.allclose(told(model, speech())[:, KEYS[0]], expected, atol=1e-6)


def test_a_frozen_host_learns_nothing_and_a_free_one_does(host: Path) -> None:
    for freeze in ("true", "false"):
        model = make_keyed(f"host.source={host}", "schedule=joint", f"host.freeze={freeze}").train()
        assert model.host is not None
        assert model.host.model.training == (freeze == "false")
        terms = model.losses(batch_of(model, FRAMES / 30, keys=KEYS))
        assert ("keys" in terms) == (freeze == "false")
        sum(terms.values()).backward()  # type: ignore[union-attr]
        learned = any(p.grad is not None for p in model.host.parameters())
        assert learned == (freeze == "false")


def test_a_checkpoint_brings_its_host_along(host: Path, tmp_path: Path) -> None:
    model = make_keyed(f"host.source={host}")
    save_checkpoint(tmp_path / "plugged.safetensors", model, "kmtalk", {}, {})
    before = told(model, speech())
    host.unlink()
    loaded = load_checkpoint(str(tmp_path / "plugged.safetensors")).model
    assert torch.equal(told(loaded, speech()), before)  # type: ignore[arg-type]


def test_a_host_of_other_heads_is_refused(host: Path) -> None:
    config = configs.load(KMTalkConfig, overrides=small_settings("kmtalk", "basis=none"))
    with pytest.raises(TalkError, match="output basis"):
        KMTalk(replace(config, host=HostConfig(source=str(host))), make_info())


# -- guides -------------------------------------------------------------------------------------------------------


def test_phones_guide_the_keys() -> None:
    guide = Guide(phones=[Phone("M", 0.1, 0.3), Phone("AA", 0.3, 0.5)])
    keys = make_keyed().guided(guide, np.zeros((8494, 3), np.float32), FRAMES)
    assert keys is not None
    assert keys.frames.tolist() == [[0, 3, 9, 15, 23]]
    assert make_keyed().guided(Guide(), np.zeros((8494, 3), np.float32), FRAMES) is None


def test_a_pose_that_somebody_made_is_kept() -> None:
    model = make_keyed()
    template = np.zeros((8494, 3), np.float32)
    wanted = model.basis.decode(torch.randn(1, 1, 56)).numpy()[0, 0]
    keys = model.guided(Guide(poses={6: wanted, 12: None}, locked=frozenset({6})), template, FRAMES)
    assert keys is not None
    assert keys.frames.tolist() == [[0, 6, 12, 23]]
    motion = told(model, replace(make_speech_tensors(FRAMES / 30), keys=keys))
    found = model.basis.decode(motion).numpy()[0, 6]
    assert np.abs(found - wanted).max() < 1e-5


def test_another_models_motion_is_completed_from_its_keys() -> None:
    model = make_keyed()
    template = np.zeros((8494, 3), np.float32)
    motion = torch.randn(1, FRAMES, 56)
    vertices = model.basis.decode(motion).numpy()[0]
    guide = Guide(phones=[Phone("M", 0.1, 0.3)], host=vertices)
    keys = model.guided(guide, template, FRAMES)
    assert keys is not None
    assert keys.motion is not None
    assert torch.allclose(keys.motion, at_keys(motion, keys.frames), atol=1e-3)
    with pytest.raises(TalkError, match="phones"):
        model.guided(Guide(host=vertices), template, FRAMES)


@pytest.mark.parametrize("frame", [-1, FRAMES])
def test_a_key_outside_the_clip_is_refused(frame: int) -> None:
    with pytest.raises(TalkError, match=f"frame {frame} of {FRAMES}"):
        make_keyed().guided(Guide(poses={frame: None}), np.zeros((8494, 3), np.float32), FRAMES)
