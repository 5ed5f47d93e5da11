"""A frozen recogniser is asked once for each clip, and training then loses what it would if it were asked each time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from talkcli import config as configs
from talkcli.errors import TalkError
from talkcli.models.batch import Batch, Listener
from talkcli.models.selftalk import SelfTalk, SelfTalkConfig
from talkcli.train import TrainOptions, train
from talkcli.train.batches import loader
from talkcli.train.data import Clips
from talkcli.train.features import Store
from talkcli.train.readings import Readings
from tests.make_models import SMALL, make_info
from tests.models.test_encoders import save_hub

HERE = torch.device("cpu")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_hub(tmp_path_factory.mktemp("hub"), "wav2vec2")


def make_reader(hub: Path, targets: str) -> SelfTalk:
    changes = ("recognizer.name=wav2vec2", f"recognizer.hub.source={hub}", f"recognizer.targets={targets}")
    torch.manual_seed(0)
    model = SelfTalk(configs.load(SelfTalkConfig, overrides=[*SMALL, *changes]), make_info())
    model.begin_training(lambda name, part: None)
    return model


@pytest.fixture
def clips(prepared: Path, store: Store) -> Clips:
    return Clips(prepared, store, "train", 50.0, crop_seconds=0.0, copies=1, seed=0, whole=True)


def batch_of(clips: Clips) -> Batch:
    (batch,) = loader(clips, [[(0, 0), (1, 1)]], 0)
    assert isinstance(batch, Batch)
    return batch


def reading_terms(model: SelfTalk, batch: Batch) -> dict[str, float]:
    torch.manual_seed(1)
    terms = model.train().losses(batch)
    return {name: terms[name].item() for name in ("latent", "ctc")}


def test_what_was_kept_gives_the_losses_of_asking_again(hub: Path, clips: Clips) -> None:
    cached, fresh = make_reader(hub, "cached"), make_reader(hub, "fresh")
    assert not hasattr(cached, "text_encoder")
    assert fresh.listener is None
    cached.load_state_dict({n: t for n, t in fresh.state_dict().items() if not n.startswith("text_encoder.")})
    expected = reading_terms(fresh, batch_of(clips))
    assert cached.listener is not None
    clips.readings = Readings(clips.store.speech, cached.listener.key)
    clips.readings.make(cached.listener, clips, HERE)
    assert reading_terms(cached, batch_of(clips)) == pytest.approx(expected, rel=1e-5)


def test_live_targets_are_noisy_as_released(hub: Path, clips: Clips) -> None:
    fresh, live, batch = make_reader(hub, "fresh"), make_reader(hub, "live"), batch_of(clips)
    live.load_state_dict(fresh.state_dict())
    assert reading_terms(live, batch)["latent"] != pytest.approx(reading_terms(fresh, batch)["latent"], rel=1e-3)
    assert live.text_encoder.training
    assert not fresh.text_encoder.training


def test_nobody_is_asked_twice(hub: Path, clips: Clips) -> None:
    listener = make_reader(hub, "cached").listener
    assert listener is not None
    readings = Readings(clips.store.speech, listener.key)
    readings.make(listener, clips, HERE)
    lost = readings.file("train-0", 1)
    lost.unlink()
    before = {path: path.stat().st_mtime_ns for path in readings.folder.rglob("*") if path.is_file()}
    readings.make(listener, clips, HERE)
    assert lost.is_file()
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())

    def never(device: torch.device) -> object:
        raise AssertionError

    readings.make(Listener(listener.key, never), clips, HERE)  # type: ignore[arg-type]


def test_other_weights_and_other_sounds_have_other_files(hub: Path, clips: Clips, tmp_path: Path) -> None:
    one, other = (make_reader(folder, "cached").listener for folder in (hub, save_hub(tmp_path, "wav2vec2")))
    assert one is not None
    assert other is not None
    assert one.key != other.key
    speech = clips.store.speech
    folders = {
        Readings(sound, key).folder for sound in (speech, speech.with_name("speech-x")) for key in (one.key, other.key)
    }
    assert len(folders) == 4


def test_a_run_with_kept_readings_trains_and_has_no_recogniser(hub: Path, prepared: Path, tmp_path: Path) -> None:
    changes = (
        *(f"model.{text}" for text in SMALL),
        "model.recognizer.name=wav2vec2",
        f"model.recognizer.hub.source={hub}",
        "data.batch=2",
        "data.workers=1",
        "data.copies=1",
        "optim.steps=2",
    )
    options = TrainOptions(
        method="selftalk", data=prepared, out=tmp_path / "run", preset="paper", overrides=changes, device="cpu"
    )
    with pytest.raises(TalkError, match=r"hears whole clips: set data\.crop_seconds=0"):
        train(replace(options, overrides=(*changes, "data.crop_seconds=0.5")))
    assert not options.out.exists()
    train(options)
    head = (tmp_path / "run" / "model.csv").read_text().splitlines()[0].split(",")
    assert {"latent", "ctc"} <= set(head)
    state = torch.load(tmp_path / "run" / "model.state.pt", weights_only=True)
    assert not any(name.startswith("text_encoder.") for name in state["learner"])
