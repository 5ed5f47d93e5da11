"""A checkpoint is one file that is enough, and says what is wrong with any other."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from talkcli.clip import Floats
from talkcli.errors import TalkError
from talkcli.head import load_head
from talkcli.models import checkpoint
from talkcli.models.checkpoint import find_checkpoint, load_checkpoint, save_checkpoint
from talkcli.models.selftalk import SelfTalk
from talkcli.resources import shipped_models
from tests.make import make_tone
from tests.make_models import PLATE, make_info, make_model, make_template
from tests.models.test_encoders import save_hub

MADE = {"command": "talk train", "step": 3}


def vertices(model: SelfTalk) -> Floats:
    template = make_template(model.corpus.topology)
    return model.animate(make_tone(0.4), template, np.array([1, 0], np.float32)).vertices[:]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "best.safetensors"
    save_checkpoint(path, make_model(), "selftalk", {}, MADE)
    return path


def told(path: Path, **changes: object) -> Path:
    """The same file with other words in its head."""
    with safe_open(path, framework="pt") as file:
        words = json.loads(file.metadata()["talk"]) | changes
    save_file(load_file(path), path, {"talk": json.dumps(words)})
    return path


@pytest.mark.parametrize("device", [None, torch.device("cpu")])
def test_what_is_loaded_moves_as_what_was_saved(saved: Path, device: torch.device | None) -> None:
    loaded = load_checkpoint(str(saved), device)
    assert isinstance(loaded.model, SelfTalk)
    assert np.array_equal(vertices(loaded.model), vertices(make_model()))
    assert loaded.model.config == make_model().config
    assert not loaded.model.training
    assert not any(p.requires_grad for p in loaded.model.parameters())
    assert (loaded.name, loaded.method, loaded.provenance) == ("run", "selftalk", MADE)
    assert list(loaded.templates) == list(load_head().subjects)
    assert loaded.model.corpus == make_info()


def test_a_pretrained_encoder_is_not_needed_any_more(tmp_path: Path) -> None:
    source = save_hub(tmp_path / "hub", "wav2vec2")
    model = make_model("encoder=wav2vec2", f"hub.source={source}", "phone_weight=0.0", "contact_weight=0.0")
    save_checkpoint(tmp_path / "best.safetensors", model, "selftalk", {}, MADE)
    shutil.rmtree(source)
    loaded = load_checkpoint(str(tmp_path / "best.safetensors")).model
    assert isinstance(loaded, SelfTalk)
    assert np.array_equal(vertices(loaded), vertices(model))


def test_half_precision_is_the_pretrained_encoders_alone_and_moves_nearly_the_same(tmp_path: Path) -> None:
    source = save_hub(tmp_path / "hub", "wav2vec2")
    model = make_model("encoder=wav2vec2", f"hub.source={source}", "phone_weight=0.0", "contact_weight=0.0")
    save_checkpoint(tmp_path / "best.safetensors", model, "selftalk", {}, MADE)
    loaded = load_checkpoint(str(tmp_path / "best.safetensors"), precision="bf16").model
    assert isinstance(loaded, SelfTalk)
    kinds = {name.partition(".")[0]: tensor.dtype for name, tensor in loaded.state_dict().items()}
    assert kinds.pop("audio_encoder") == torch.bfloat16
    assert set(kinds.values()) == {torch.float32}
    expected, found = vertices(model), vertices(loaded)
    assert found.dtype == np.float32
    assert 0 < np.abs(found - expected).max() < 0.1 * np.abs(expected - expected.mean(0)).max()


@pytest.mark.parametrize(("known", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_is_half_precision_where_the_processor_knows_it(
    known: bool, dtype: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "cpu_knows_bfloat16", lambda: known)
    source = save_hub(tmp_path / "hub", "wav2vec2")
    model = make_model("encoder=wav2vec2", f"hub.source={source}", "phone_weight=0.0", "contact_weight=0.0")
    save_checkpoint(tmp_path / "best.safetensors", model, "selftalk", {}, MADE)
    loaded = load_checkpoint(str(tmp_path / "best.safetensors"), precision="auto").model
    assert next(loaded.audio_encoder.parameters()).dtype == dtype


def test_what_only_training_needs_is_left_out(tmp_path: Path) -> None:
    model = make_model()
    without = set(model.state_dict())
    model.begin_training(lambda name, part: None)
    save_checkpoint(tmp_path / "a.safetensors", model, "selftalk", {}, {})
    assert set(load_file(tmp_path / "a.safetensors")) == {f"model.{name}" for name in without}
    assert np.array_equal(vertices(load_checkpoint(str(tmp_path / "a.safetensors")).model), vertices(model))


def test_other_weights_may_stand_in(tmp_path: Path) -> None:
    other = make_model(seed=1)
    save_checkpoint(tmp_path / "a.safetensors", make_model(), "selftalk", {}, {}, other.state_dict())
    assert np.array_equal(vertices(load_checkpoint(str(tmp_path / "a.safetensors")).model), vertices(other))


def test_another_topology_travels_with_its_faces_regions_and_people(tmp_path: Path) -> None:
    model = make_model("basis=none", info=make_info(PLATE))
    templates = {"sam": make_template(PLATE, 1), "zoe": make_template(PLATE, 2)}
    save_checkpoint(tmp_path / "plate.safetensors", model, "selftalk", templates, {})
    loaded = load_checkpoint(str(tmp_path / "plate.safetensors"))
    topology = loaded.model.corpus.topology
    assert (topology.name, topology.vertices, topology.landmarks) == ("plate", 6, {"chin": 5})
    assert np.array_equal(topology.faces, PLATE.faces)
    regions = {name: region.tolist() for name, region in topology.regions.items()}
    assert regions == {"lips": [1, 3, 4], "upper_face": [0]}
    assert sorted(loaded.templates) == ["sam", "zoe"]
    assert all(np.array_equal(loaded.templates[name], template) for name, template in templates.items())
    assert loaded.name == "plate"
    assert np.array_equal(vertices(loaded.model), vertices(model))


def test_the_corpus_keeps_its_frame_rate_unit_and_people(tmp_path: Path) -> None:
    info = replace(make_info(), fps=25.0, unit="unit area", metres=0.18, subjects=("ada", "ben", "sam"), name="other")
    save_checkpoint(tmp_path / "a.safetensors", make_model(info=info), "selftalk", {}, {})
    assert load_checkpoint(str(tmp_path / "a.safetensors")).model.corpus == info


def test_saving_leaves_one_file_and_replaces_an_older_one(saved: Path) -> None:
    save_checkpoint(saved, make_model(seed=1), "selftalk", {}, {})
    assert [path.name for path in saved.parent.iterdir()] == ["best.safetensors"]
    assert np.array_equal(vertices(load_checkpoint(str(saved)).model), vertices(make_model(seed=1)))


# -- finding it -----------------------------------------------------------------------------------------------------


def test_a_runs_folder_means_its_best_and_else_its_last(saved: Path) -> None:
    assert find_checkpoint(str(saved.parent)) == saved
    last = saved.rename(saved.with_name("last.safetensors"))
    assert find_checkpoint(str(saved.parent)) == last
    assert load_checkpoint(str(saved.parent)).name == "run"


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"holds no best\.safetensors or last\.safetensors"):
        load_checkpoint(str(tmp_path))


def test_an_unknown_name_is_told_with_the_names_there_are() -> None:
    with pytest.raises(TalkError, match="no model 'nobody'") as error:
        load_checkpoint("nobody")
    assert all(name in str(error.value) for name in shipped_models())


# -- files that are no checkpoint -----------------------------------------------------------------------------------


def test_a_file_of_another_kind_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(TalkError, match=r"notes\.txt is not a checkpoint of talk"):
        load_checkpoint(str(tmp_path / "notes.txt"))


@pytest.mark.parametrize("metadata", [None, {"talk": "{"}, {"talk": "[]"}, {"format": "pt"}])
def test_somebody_elses_safetensors_are_told(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    save_file({"x": torch.zeros(2)}, tmp_path / "a.safetensors", metadata)
    with pytest.raises(TalkError, match="is not a checkpoint of talk"):
        load_checkpoint(str(tmp_path / "a.safetensors"))


def test_a_file_cut_short_is_told(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-1000])
    with pytest.raises(TalkError, match="is not a checkpoint of talk"):
        load_checkpoint(str(saved))


def test_a_newer_format_is_told(saved: Path) -> None:
    with pytest.raises(TalkError, match="has checkpoint format 99; this version reads 1"):
        load_checkpoint(str(told(saved, format=99)))


def test_an_unknown_method_is_told(saved: Path) -> None:
    with pytest.raises(TalkError, match="unknown method 'newer'"):
        load_checkpoint(str(told(saved, method="newer")))


@pytest.mark.parametrize("change", [{"config": {"nonsense": 1}}, {"config": {"width": "wide"}}, {"corpus": {}}])
def test_words_that_do_not_fit_are_told(saved: Path, change: dict[str, object]) -> None:
    with pytest.raises(TalkError, match=r"best\.safetensors"):
        load_checkpoint(str(told(saved, **change)))


def test_missing_weights_are_told(saved: Path) -> None:
    tensors = load_file(saved)
    tensors.pop("model.vertice_map_r.weight")
    with safe_open(saved, framework="pt") as file:
        words = file.metadata()
    save_file(tensors, saved, words)
    with pytest.raises(TalkError, match="is damaged or was made by another version"):
        load_checkpoint(str(saved))


def test_every_shipped_model_loads_by_its_name_and_says_how_it_was_made() -> None:
    for name in shipped_models():
        loaded = load_checkpoint(name)
        assert loaded.name == name
        assert loaded.provenance["command"].startswith("talk train")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TalkError, match="cannot write the checkpoint"):
        save_checkpoint(tmp_path / "file" / "a.safetensors", make_model(), "selftalk", {}, {})
