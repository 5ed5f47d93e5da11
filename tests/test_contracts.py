"""What every entry of a table promises: a new method, encoder, exporter or data set is tested by being there."""

from __future__ import annotations

from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from talkcli import config as configs
from talkcli import export
from talkcli.clip import MotionClip, Phone
from talkcli.datasets import DATASETS
from talkcli.datasets.base import SPLITS, Source
from talkcli.export import EXPORTERS, ExportOptions
from talkcli.files.motion import READERS, open_motion
from talkcli.head import load_head
from talkcli.models import METHODS, method_class
from talkcli.models.base import TalkModel
from talkcli.models.checkpoint import load_checkpoint, save_checkpoint
from talkcli.models.encoders import ENCODERS, TinyConfig, build_encoder
from talkcli.models.pretrained import HubConfig
from talkcli.prepared import RATE
from tests.export.make_clips import target, written
from tests.make import make_tone
from tests.make_datasets import MINIATURES
from tests.make_models import PLATE, make_batch, make_info, make_speech_tensors, small_settings
from tests.models.test_encoders import save_hub

# -- methods --------------------------------------------------------------------------------------------------------


def small(method: str, *changes: str) -> TalkModel:
    """The method at a very small size, on a topology of six vertices."""
    torch.manual_seed(0)
    made = method_class(method)
    overrides = small_settings(method, "basis=none", *changes)
    return made(configs.load(made.Config, overrides=overrides), make_info(PLATE))


@pytest.mark.parametrize("method", METHODS)
def test_a_method_has_a_config_of_plain_leaves_that_comes_back(method: str) -> None:
    kind = method_class(method).Config
    assert is_dataclass(kind)
    config = kind()
    assert configs.from_dict(kind, configs.to_dict(config)) == config


@pytest.mark.parametrize("method", METHODS)
def test_a_method_loses_less_after_twenty_steps_on_two_clips(method: str) -> None:
    model = small(method)
    model.begin_training(lambda name, part: None)
    model.train()
    batch = make_batch(model, 0.6, 0.4)  # type: ignore[arg-type]  # whatever the method
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 0.01)
    totals = []
    for _ in range(21):
        total = torch.stack(list(model.losses(batch).values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert np.isfinite(totals).all()
    assert totals[-1] < 0.9 * totals[0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("frames", [1, 9, 40])
def test_a_method_predicts_the_right_shape(method: str, frames: int) -> None:
    model = small(method).eval()
    predicted = model.predict(make_speech_tensors(0.3, 0.2), torch.zeros(2, PLATE.vertices, 3), torch.eye(2), frames)
    assert predicted.vertices.shape == (2, frames, PLATE.vertices, 3)
    assert predicted.vertices.isfinite().all()
    for logits, width in ((predicted.phone_logits, 40), (predicted.contact_logits, 2)):
        if logits is not None:
            assert logits.shape[::2] == (2, width)
            assert predicted.rate > 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seconds", [0.001, 0.4])
def test_a_method_survives_save_and_load(method: str, seconds: float, tmp_path: Path) -> None:
    model = small(method)
    model.begin_training(lambda name, part: None)
    template = np.zeros((PLATE.vertices, 3), np.float32)
    save_checkpoint(tmp_path / "a.safetensors", model, method, {"sam": template}, {})
    loaded = load_checkpoint(str(tmp_path / "a.safetensors"))
    assert loaded.method == method
    expected, found = (
        each.animate(make_tone(seconds), template, np.array([1, 0], np.float32)).vertices[:]
        for each in (model, loaded.model)
    )
    assert expected.shape == (max(1, round(seconds * 30)), PLATE.vertices, 3)
    assert np.array_equal(found, expected)


# -- encoders -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of each pretrained kind, by the encoder's name."""
    folder = tmp_path_factory.mktemp("hubs")
    for name in set(ENCODERS) - {"tiny"}:
        save_hub(folder / name, name)
    return folder


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_gives_even_finite_steps_and_learns(name: str, hubs: Path) -> None:
    encoder = build_encoder(name, TinyConfig(width=16, dilations=(1,)), HubConfig(source=str(hubs / name)))
    heard = encoder(make_speech_tensors(1.0, 0.7, posteriors=encoder.wants_posteriors))
    assert heard.features.shape[::2] == (2, encoder.width)
    assert abs(heard.features.shape[1] - encoder.rate) <= 1
    assert heard.features.isfinite().all()
    heard.features.square().sum().backward()
    assert any(p.grad is not None and p.grad.any() for p in encoder.parameters())


# -- exporters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", EXPORTERS)
def test_an_exporter_writes_four_frames_in_two_chunks(suffix: str, tmp_path: Path) -> None:
    head = load_head()
    vertices = np.repeat(head.template[None], 4, 0)
    vertices[2:, head.topology.regions["lips"], 1] -= 0.002
    said = (Phone("AA", 0.0, 2 / 30),)
    chunks = [
        MotionClip(part, head.template, head.topology, 30.0, make_tone(2 / 30), phones=said)
        for part in (vertices[:2], vertices[2:])
    ]
    path = target(tmp_path, suffix)
    assert (
        export.write(iter(chunks), path, ExportOptions(size=(64, 64), renderer="software", targets="vertices"), 4) == 4
    )
    files = list(written(path).iterdir()) if EXPORTERS[suffix].sequence else [path]
    assert len(files) == (4 if EXPORTERS[suffix].sequence else 1)
    assert all(file.stat().st_size for file in files)
    beside = [path.with_suffix(extra).name for extra in EXPORTERS[suffix].beside]
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([written(path).name, *beside])
    if suffix in (*READERS, ".obj"):
        again = open_motion(written(path), head.topology.vertices, 30.0)
        assert again.vertices.shape == vertices.shape
        assert np.abs(again.vertices - vertices).max() <= 1e-5


# -- data sets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_tells_of_itself_and_makes_a_clip(name: str, tmp_path: Path) -> None:
    module, options, source_class = DATASETS[name]
    room = import_module(module)
    few = MINIATURES[name](tmp_path / "raw")
    assert isinstance(few, getattr(room, options))
    source: Source = getattr(room, source_class).open(few, tmp_path / "scratch")
    recipes = source.recipes()
    assert [recipe.name for recipe in recipes] == [recipe.name for recipe in source.recipes()]
    assert len({recipe.name for recipe in recipes}) == len(recipes)
    assert {recipe.split.partition("-")[0] for recipe in recipes} == set(SPLITS)
    assert {recipe.subject for recipe in recipes if recipe.split == "train"} <= set(source.info.subjects)
    raw = source.make(recipes[0])
    assert raw.audio.rate == RATE
    assert (raw.track is None) != (raw.vertices is None)
    motion = raw.track.values if raw.track is not None else raw.vertices
    assert motion is not None
    assert abs(len(motion) - raw.audio.seconds * source.info.fps) <= 1
    assert all(a.end <= b.start + 1e-6 for a, b in zip(raw.phones[:-1], raw.phones[1:], strict=True))
