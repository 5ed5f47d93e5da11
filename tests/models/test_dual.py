"""Dual learning around any method: who learns from what, and that the method itself stays what it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from talkcli import config as configs
from talkcli.errors import TalkError
from talkcli.models import METHODS
from talkcli.models.batch import Batch, Keys, Reading
from talkcli.models.checkpoint import load_checkpoint, load_reader, save_checkpoint
from talkcli.models.dual import Dual, DualConfig
from talkcli.models.places import READER
from tests.make_models import PLATE, gradient, make_batch, make_dual, make_info, make_method
from tests.models.test_encoders import save_hub

TERMS = ["reading", "duality", "cycle", "consistency"]
AR = ["decoder=ar"]
TIED = ["tie_motion=true"]
HOSTS: list[tuple[str, list[str]]] = [
    ("dualtalker", []),
    ("dualtalker", AR),
    ("dualtalker", TIED),
    ("faceformer", []),
    ("selftalk", []),
    ("kmtalk", ["schedule=joint"]),
]


def batch_for(dual: Dual, *seconds: float, seed: int = 0) -> Batch:
    batch = make_batch(dual.host, *seconds, seed=seed)  # type: ignore[arg-type]
    if dual.key_rule is None:
        return batch
    keys = torch.stack([torch.tensor([0, 4, 8]) for _ in seconds])
    return replace(batch, speech=replace(batch.speech, keys=Keys(keys)))


def learned(dual: Dual, name: str, batch: Batch) -> Dual:
    """The gradients of one term."""
    dual.zero_grad(set_to_none=True)
    dual.losses(batch)[name].backward()
    return dual


def of(part: torch.nn.Module) -> list[Tensor]:
    return list(part.parameters())


@pytest.mark.parametrize(("method", "model"), HOSTS)
def test_any_method_is_a_host_and_every_term_is_there(method: str, model: list[str]) -> None:
    dual = make_dual(method, "duality=cycle", model=model)
    terms = dual.losses(batch_for(dual, 0.5, 0.4))
    assert [name for name in terms if name in TERMS] == TERMS
    assert all(terms[name].isfinite() and terms[name] > 0 for name in TERMS)
    assert set(terms) - set(TERMS) == set(dual.host.losses(batch_for(dual, 0.5, 0.4)))


def test_every_method_is_among_the_hosts() -> None:
    assert {method for method, _ in HOSTS} == set(METHODS)


# -- gradient routing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "model"), HOSTS)
def test_the_cycle_teaches_the_animation_and_never_the_reader(method: str, model: list[str]) -> None:
    dual = make_dual(method, "duality=cycle", model=model)
    learned(dual, "cycle", batch_for(dual, 0.5, 0.4))
    ear, mouth = dual.host.ends()
    assert gradient(of(mouth)) > 0
    assert gradient(of(ear)) > 0
    shared = {id(p) for p in dual.host.parameters()}
    own = [p for p in dual.reader.parameters() if id(p) not in shared]
    assert own
    assert all(p.grad is None for p in own)
    assert all(p.requires_grad for p in own)


@pytest.mark.parametrize(("method", "model"), HOSTS)
def test_lip_reading_teaches_the_reader_and_not_the_animation(method: str, model: list[str]) -> None:
    dual = make_dual(method, model=model)
    learned(dual, "reading", batch_for(dual, 0.5, 0.4))
    assert gradient(of(dual.reader.layers)) > 0
    assert gradient(of(dual.reader.embed)) > 0
    read = {id(p) for p in dual.reader.parameters()}
    assert all(p.grad is None for p in dual.host.parameters() if id(p) not in read)


def test_the_duality_regulariser_teaches_both_branches() -> None:
    dual = make_dual()
    learned(dual, "duality", batch_for(dual, 0.5))
    assert gradient(of(dual.reader.layers)) > 0
    assert gradient(of(dual.host.parallel_decoder)) > 0  # type: ignore[arg-type]
    assert gradient(of(dual.host.vertice_map_r)) == 0  # type: ignore[arg-type]
    assert gradient(of(dual.reader.to_target)) == 0


def test_consistency_teaches_the_decoder_alone() -> None:
    dual = make_dual()
    learned(dual, "consistency", batch_for(dual, 0.5))
    assert gradient(of(dual.host.parallel_decoder)) > 0  # type: ignore[arg-type]
    assert gradient(of(dual.reader)) == 0


@pytest.mark.parametrize("changes", [(), ("reader.dropout=0.5",), ("reader.share_decoder=true",)])
def test_lips_that_are_as_recorded_are_read_as_recorded(changes: tuple[str, ...]) -> None:
    dual = make_dual("dualtalker", *changes, model=["dropout=0.5"])
    batch = batch_for(dual, 0.5)
    read = dual.reader(batch.motion, batch.frames).told
    assert dual.cycle(batch.motion, batch.motion, batch.frames, read).item() == pytest.approx(0, abs=1e-9)
    assert dual.cycle(batch.motion + 1, batch.motion, batch.frames) > 1e-4
    assert dual.reader.training


# -- shared encoders ------------------------------------------------------------------------------------------------


def test_a_method_that_looks_at_motion_shares_its_encoder_with_the_reader() -> None:
    for method, model in (("faceformer", []), ("dualtalker", AR)):
        dual = make_dual(method, model=model)
        assert dual.reader.embed is dual.host.vertice_map
    assert make_dual("dualtalker").host.motion_encoder is None


def test_a_tied_method_shares_its_last_layer_with_the_reader_as_well() -> None:
    dual = make_dual(model=TIED)
    assert dual.reader.embed is dual.host.vertice_map
    for term in ("reading", "duality", "cycle"):
        batch = batch_for(dual, 0.5)
        learned(make_dual("dualtalker", "duality=cycle", model=TIED), term, batch)
    learned(dual, "reading", batch_for(dual, 0.5))
    assert gradient(of(dual.host.vertice_map)) > 0  # type: ignore[arg-type]


def shared() -> Dual:
    return make_dual("dualtalker", "duality=cycle", "reader.share_decoder=true")


def test_one_decoder_can_serve_both_ways() -> None:
    dual = shared()
    assert dual.reader.decoder is dual.host.cross_decoder
    assert not len(dual.reader.layers)
    learned(dual, "reading", batch_for(dual, 0.5))
    assert gradient(of(dual.reader.decoder)) > 0
    assert gradient([dual.reader.modality]) > 0
    learned(dual, "cycle", batch_for(dual, 0.5))  # which teaches it by what it made, not by what it read of that
    assert gradient(of(dual.reader.decoder)) > 0
    assert dual.reader.modality.grad is None


def test_a_reader_that_shares_a_decoder_looks_as_far_as_it_says_and_brings_it_along(tmp_path: Path) -> None:
    dual = shared().eval()
    motion = torch.randn(1, 40, dual.reader.basis.coefficients)
    other = motion.clone()
    other[:, 20] += 1
    frames = torch.tensor([40])
    with torch.no_grad():
        changed = (dual.reader(motion, frames).told != dual.reader(other, frames).told).any(-1)[0]
    assert changed.nonzero()[:, 0].tolist() == list(range(20 - dual.reader.margin, 20 + dual.reader.margin + 1))
    save_checkpoint(tmp_path / "reader.safetensors", dual.reader, READER, {}, {})
    loaded = load_reader(str(tmp_path)).reader
    with torch.no_grad():
        assert torch.equal(loaded(motion, frames).told, dual.reader(motion, frames).told)


@pytest.mark.parametrize(("method", "model"), [("dualtalker", AR), ("selftalk", [])])
def test_a_decoder_that_cannot_read_is_not_shared(method: str, model: list[str]) -> None:
    with pytest.raises(TalkError, match="share_decoder"):
        make_dual(method, "reader.share_decoder=true", model=model)


def test_the_latents_are_those_of_the_hosts_own_layers() -> None:
    dual = make_dual("faceformer")
    batch = batch_for(dual, 0.5)
    told = dual.host.learn(batch)
    heard, moved = dual._latents(told)
    assert moved is not None
    assert torch.equal(dual.host.vertice_map_r(moved), told.motion)  # type: ignore[operator]
    assert heard.shape == moved.shape


# -- the method stays what it is ------------------------------------------------------------------------------------

NOTHING = ("reading_weight=0", "duality_weight=0", "consistency_weight=0")


@pytest.mark.parametrize(("method", "model"), HOSTS)
def test_without_weights_the_losses_and_random_numbers_are_the_hosts(method: str, model: list[str]) -> None:
    dual = make_dual(method, *NOTHING, model=[*model, "dropout=0.1"])
    batch = batch_for(dual, 0.5, 0.4)
    torch.manual_seed(3)
    terms, after = dual.losses(batch), torch.rand(1)
    torch.manual_seed(3)
    expected = dual.host.losses(batch)
    assert torch.equal(after, torch.rand(1))
    assert all(torch.equal(terms[name], value) for name, value in expected.items())


def test_validation_is_the_hosts() -> None:
    dual = make_dual().eval()
    batch = batch_for(dual, 0.5)
    terms, expected = dual.losses(batch), dual.host.losses(batch)
    assert list(terms) == list(expected)


@pytest.mark.parametrize(("method", "model"), HOSTS)
def test_what_is_exported_lacks_the_reader_alone_and_moves_the_same(
    method: str, model: list[str], tmp_path: Path
) -> None:
    dual = make_dual(method, model=model).eval()
    save_checkpoint(tmp_path / "a.safetensors", dual.host, method, {}, {})
    loaded = load_checkpoint(str(tmp_path / "a.safetensors")).model
    batch = batch_for(dual, 0.5)
    with torch.no_grad():
        one, other = (each.predict(batch.speech, batch.template, batch.style, 15) for each in (dual.host, loaded))
    assert torch.equal(one.vertices, other.vertices)
    kept = dual.host.training_only
    whole = sum(p.numel() for name, p in dual.host.named_parameters() if not name.startswith(kept))
    assert sum(p.numel() for p in loaded.parameters()) == whole
    read = {id(p): p.numel() for p in dual.reader.parameters()}
    shared = {id(p) for p in dual.host.parameters()}
    own = sum(count for key, count in read.items() if key not in shared)
    assert sum(p.numel() for p in dual.parameters()) == own + sum(p.numel() for p in dual.host.parameters())


@pytest.mark.parametrize("change", ["reader.recognizer.name=posteriors", "reader.recognizer.name=tiny"])
def test_the_reader_is_a_file_of_its_own(change: str, tmp_path: Path) -> None:
    dual = make_dual("faceformer", change, "reader.recognizer.tiny.width=16").eval()
    batch = batch_for(dual, 0.5)
    dual.measure([batch])
    save_checkpoint(tmp_path / f"{READER}.safetensors", dual.reader, READER, {}, {"seed": 3})
    found = load_reader(str(tmp_path))
    reader = found.reader
    assert found.provenance == {"seed": 3}
    assert found.name == tmp_path.name
    with torch.no_grad():
        one, other = (each(batch.motion, batch.frames).told for each in (dual.reader, reader))
    assert torch.equal(one, other)
    heard = dual.reader.heard(batch.speech)
    assert torch.equal(reader.target(reader.heard(batch.speech), batch.frames), dual.reader.target(heard, batch.frames))
    with pytest.raises(TalkError, match="is a lip reader, and animates nothing"):
        load_checkpoint(str(tmp_path / f"{READER}.safetensors"))
    save_checkpoint(tmp_path / "a.safetensors", dual.host, "faceformer", {}, {})
    with pytest.raises(TalkError, match="is no lip reader but a model of 'faceformer'"):
        load_reader(str(tmp_path / "a.safetensors"))


# -- schedule -------------------------------------------------------------------------------------------------------


def test_regularisers_come_in_slowly_and_reading_is_there_at_once() -> None:
    dual = make_dual("dualtalker", "ramp=[0.1, 0.3]", "duality=cycle")
    batch = batch_for(dual, 0.4)

    def at(progress: float) -> dict[str, float]:
        assert dual.at(progress) == 1.0
        return {name: value.item() for name, value in dual.losses(batch).items() if name in TERMS}

    none, half, whole = at(0.05), at(0.2), at(0.9)
    assert list(none) == list(half) == list(whole) == TERMS
    assert none["reading"] == half["reading"] == whole["reading"] > 0
    for name in TERMS[1:]:
        assert none[name] == 0
        assert half[name] == pytest.approx(whole[name] / 2, rel=1e-4)


def test_the_host_is_told_how_far_training_is() -> None:
    dual = make_dual("kmtalk", model=["schedule=staged"])
    assert dual.at(0.9) == pytest.approx(1 / 3)
    assert dual.host.progress == 0.9


def test_keys_alone_have_no_latent_of_all_frames() -> None:
    """KMTalk's first stage makes key motion only: nothing goes through the last layer for every frame."""
    dual = make_dual("kmtalk", "duality=cycle", model=["schedule=staged"])
    dual.at(0.0)
    terms = dual.losses(batch_for(dual, 0.5))
    assert terms["consistency"] == 0
    assert all(value.isfinite() for value in terms.values())


# -- targets, lengths -----------------------------------------------------------------------------------------------


def test_text_is_read_by_ctc() -> None:
    dual = make_dual("dualtalker", "reader.target=text", "reader.recognizer.name=tiny", "duality=cycle")
    said = torch.tensor([[5, 5, 0, 7, 7, 9, 0, 9], [3, 0, 3, 4, 0, 0, 0, 0]])
    reading = Reading(torch.randn(2, 8, 128), said, torch.tensor([8, 5]))
    batch = replace(batch_for(dual, 0.8, 0.6), reading=reading)
    terms = dual.losses(batch)
    assert dual.reader.to_target.out_features == 41
    assert all(terms[name].isfinite() for name in TERMS)
    learned(dual, "reading", batch)
    assert gradient(of(dual.reader.layers)) > 0


def test_what_a_listener_said_is_used() -> None:
    """As from a wav2vec2 that heard each clip once; its steps are stretched to the frames."""
    dual = make_dual("dualtalker")
    batch = batch_for(dual, 0.5)
    hidden = torch.randn(1, 50, 42)
    said = replace(batch, reading=Reading(hidden, torch.zeros(1, 50, dtype=torch.long), torch.tensor([50])))
    assert not torch.equal(dual.losses(batch)["reading"], dual.losses(said)["reading"])
    assert dual.reader.heard(said.speech, said.reading) is said.reading


@pytest.mark.parametrize("consistency", ["relational", "nce"])
@pytest.mark.parametrize("seconds", [1 / 30, 2 / 30])
def test_one_and_two_frames_are_enough(seconds: float, consistency: str) -> None:
    dual = make_dual("dualtalker", f"consistency={consistency}", "duality=cycle")
    terms = dual.losses(batch_for(dual, seconds))
    torch.stack(list(terms.values())).sum().backward()
    assert all(value.isfinite() for value in terms.values())
    assert all(p.grad is None or p.grad.isfinite().all() for p in dual.parameters())
    assert terms["consistency"].item() == pytest.approx(0, abs=1e-6)


def test_padding_does_not_change_the_terms() -> None:
    model = ["tiny.recurrent=false", "basis=none"]
    dual = make_dual("dualtalker", "duality=cycle", model=model, info=make_info(PLATE))
    batch = batch_for(dual, 0.6, 0.4)
    noise = torch.randn_like(batch.motion) * (torch.arange(18)[None] >= batch.frames[:, None])[..., None]
    one, other = dual.losses(batch), dual.losses(replace(batch, motion=batch.motion + noise))
    for name in TERMS:
        assert torch.allclose(one[name], other[name], atol=1e-7), name


# -- unpaired data --------------------------------------------------------------------------------------------------


def test_sound_without_meshes_teaches_the_animation_alone() -> None:
    dual = make_dual("dualtalker", "sounds=x")
    batch = replace(batch_for(dual, 0.5), sounds=batch_for(dual, 0.6, 0.4, seed=1))
    assert batch.sounds is not None
    silent = replace(batch.sounds, motion=torch.full_like(batch.sounds.motion, float("nan")))
    terms = dual.losses(replace(batch, sounds=silent))  # whose motion nobody looks at
    assert terms["sounds"] > 0
    learned(dual, "sounds", batch)
    assert gradient(of(dual.host.parallel_decoder)) > 0  # type: ignore[arg-type]
    assert all(p.grad is None for p in dual.reader.parameters())


def test_meshes_without_sound_teach_the_reader_alone() -> None:
    dual = make_dual("dualtalker", "meshes=x")
    batch = replace(batch_for(dual, 0.5), meshes=batch_for(dual, 0.6, 0.4, seed=1))
    assert batch.meshes is not None
    speech = replace(batch.meshes.speech, samples=torch.full_like(batch.meshes.speech.samples, float("nan")))
    terms = dual.losses(replace(batch, meshes=replace(batch.meshes, speech=speech)))  # which nobody hears
    assert terms["meshes"] > 0
    learned(dual, "meshes", batch)
    assert gradient(of(dual.reader.layers)) > 0
    assert all(p.grad is None for p in dual.host.parameters())


# -- what cannot be -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ((), r"set dual\.reader\.recognizer to model\.recognizer"),
        (("reader.recognizer.name=wav2vec2", "reader.recognizer.hub.source=b"), "ask two recognisers"),
    ],
)
def test_two_recognisers_are_one_too_many(
    changes: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_hub(tmp_path / "a", "wav2vec2")
    save_hub(tmp_path / "b", "wav2vec2")
    asking = ["recognizer.name=wav2vec2", "recognizer.hub.source=a", "interpreter_width=32"]
    with pytest.raises(TalkError, match=told):
        make_dual("selftalk", *changes, model=asking)


def test_what_the_lip_reader_was_told_is_not_what_a_host_that_asks_in_every_step_hears() -> None:
    host = make_dual("selftalk").host
    batch = make_batch(host, 0.5)  # type: ignore[arg-type]
    said = replace(
        batch, reading=Reading(torch.randn(1, 50, 7), torch.zeros(1, 50, dtype=torch.long), torch.tensor([50]))
    )
    torch.manual_seed(0)
    expected = host.losses(batch)
    torch.manual_seed(0)
    assert all(torch.equal(value, expected[name]) for name, value in host.losses(said).items())


def test_a_host_whose_keys_are_told_by_phones_hears_no_sounds_without() -> None:
    host = make_method("kmtalk", "schedule=joint", "keys.source=phones")
    host.hears_phones = False
    config = configs.load(DualConfig, overrides=["sounds=somewhere", "reader.recognizer.name=posteriors"])
    with pytest.raises(TalkError, match=r"dual\.sounds: the key frames of this model come from phones"):
        Dual(host, config)
    host.decodes_alone = False
    config = configs.load(DualConfig, overrides=["meshes=somewhere", "reader.recognizer.name=posteriors"])
    with pytest.raises(TalkError, match=r"dual\.meshes: a model with model\.host\.source"):
        Dual(host, config)


def test_a_reader_of_another_size_is_no_beginning() -> None:
    dual = make_dual("dualtalker")
    other = make_dual("dualtalker", "reader.layers=3").reader
    with pytest.raises(TalkError, match=r"dual\.init: 'there' is a lip reader of another size"):
        dual.start(other, "there")
    same = make_dual("dualtalker", model=["position_weight=2.0"]).reader
    torch.nn.init.ones_(same.motion_mean)
    dual.start(same, "there")
    dual.measure([batch_for(dual, 0.5)])
    assert torch.equal(dual.reader.motion_mean, torch.ones_like(same.motion_mean))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ramp=[0.5, 0.2]", r"dual\.ramp is \(0\.5, 0\.2\)"),
        ("reading_weight=-1.0", r"dual\.reading_weight is -1\.0: give 0 or more"),
    ],
)
def test_settings_that_make_no_sense_are_told(change: str, told: str) -> None:
    with pytest.raises(TalkError, match=told):
        make_dual("dualtalker", change)


def test_lips_are_read_better_after_training_than_by_the_mean_and_not_from_shuffled_motion() -> None:
    """A toy: motion that says what is heard. The reader learns it, and loses it when frames change places."""
    dual = make_dual("dualtalker", "duality_weight=0", "consistency_weight=0", "reading_weight=1.0")
    rng = torch.Generator().manual_seed(0)
    batch = batch_for(dual, *[1.0] * 8)
    sense = torch.randn(8, 30, 42, generator=rng)
    spread = torch.randn(42, dual.host.basis.coefficients, generator=rng)
    reading = Reading(sense, torch.zeros(8, 30, dtype=torch.long), torch.full((8,), 30))
    dual.reader.rate = dual.host.fps  # a step a frame
    batch = replace(batch, motion=sense @ spread, reading=reading)
    dual.measure([batch])
    optimizer = torch.optim.Adam(dual.reader.parameters(), 0.01)
    for _ in range(60):
        optimizer.zero_grad()
        dual.reader.error(dual.reader(batch.motion, batch.frames).told, reading, batch.frames).backward()
        optimizer.step()
    order = np.random.default_rng(0).permutation(30)
    true, shuffled = (
        dual.reader.error(dual.reader(moved, batch.frames).told, reading, batch.frames).item()
        for moved in (batch.motion, batch.motion[:, order])
    )
    assert true < 1.3 < 1.5 < shuffled
