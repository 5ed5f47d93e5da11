"""Batches: sound, posteriors, labels and motion of one clip stay side by side however it is cut or sped up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from talkcli.clip import Audio, Phone, Topology
from talkcli.errors import TalkError
from talkcli.models.batch import RATE, Batch
from talkcli.phones import INDEX, PHONES, labels_at
from talkcli.prepared import ClipEntry, Corpus
from talkcli.preparing import Writer, save_clip
from talkcli.train.batches import Order, collate, loader
from talkcli.train.data import Clips, Example, contact_labels
from talkcli.train.features import Features, Recipe, Store
from tests.make import make_phones
from tests.make_models import make_info, make_template

FPS, LABEL_RATE, SECONDS = 30.0, 50.0, 6.1
DOT = Topology("dot", 1, np.zeros((0, 3), np.int32), {"lips": np.array([0], np.int32)})
SPOKEN = tuple(name for name in PHONES if name != "SIL")


def phones_of_a_tenth(seconds: float) -> list[Phone]:
    """One phone after another, 0.1 s each: the number of a phone tells the time."""
    return make_phones(*[(SPOKEN[i % len(SPOKEN)], 0.1) for i in range(round(seconds * 10))])


def save_speech(store: Store, clip: str, copy: int, speed: float) -> None:
    """Sound and posteriors that say, at each place, the time in the recording, in units of 10 s."""
    count = round(SECONDS * RATE / speed)
    samples = np.arange(count) / RATE * speed / 10
    posteriors = np.repeat((np.arange(count // 160 + 1) / 100 * speed / 10)[:, None], 42, 1)
    path = store.speech_file(clip, copy)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        "samples": (samples * 32767).astype(np.int16),
        "posteriors": posteriors.astype(np.float32),
        "speed": np.array([speed]),
    }
    save_file(arrays, path)


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Store]:
    """Prepared data in which everything tells its own time; copy 1 is faster, copy 2 slower."""
    folder = tmp_path_factory.mktemp("timed")
    info = make_info(DOT, FPS)
    frames = round(SECONDS * FPS)
    entries = []
    writer = Writer(folder, info, {name: make_template(DOT) for name in info.subjects})
    for index, split in enumerate(("train", "train", "val")):
        name = f"{split}-{index}"
        silence = Audio(np.zeros(round(SECONDS * RATE), np.float32), RATE)
        save_clip(folder, name, silence, phones_of_a_tenth(SECONDS), np.zeros((frames, 1, 3), np.float32), {})
        subject = "nobody" if split == "val" else info.subjects[index]
        entries.append(ClipEntry(name, subject, split, "v", frames, len(silence.samples)))
    writer.finish(entries, {})
    store = Store(Recipe(folder, "none", 2, 0, True))
    for entry in entries:
        for copy, speed in enumerate((1.0, 1.16, 0.87)):
            save_speech(store, entry.name, copy, speed)
        path = store.target_file(entry.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        motion = np.repeat((np.arange(frames) / FPS).astype(np.float32)[:, None], 3, 1)
        save_file({"motion": motion, "outside": np.array([0.25])}, path)
    return folder, store


@pytest.fixture
def clips(timed: tuple[Path, Store], monkeypatch: pytest.MonkeyPatch) -> Clips:
    folder, store = timed
    monkeypatch.setattr(Corpus, "template", lambda self, subject: make_template(DOT))
    return Clips(folder, store, "train", LABEL_RATE, crop_seconds=4.0, copies=2, seed=0)


def times(example: Example, speed: float) -> tuple[NDArray[np.float64], ...]:
    """When sound, posteriors, labels and motion begin, in seconds of the recording."""
    assert example.posteriors is not None
    number = np.array([SPOKEN.index(PHONES[i]) if i > 0 else -1 for i in example.phones])
    return (
        example.samples.astype(np.float64) * 10,
        example.posteriors[:, 0].astype(np.float64) * 10,
        number / 10.0,
        example.motion[:, 0].astype(np.float64),
    )


def speed_of(example: Example) -> float:
    """How much faster the sound of an example runs than the recording."""
    return float((example.samples[-1] - example.samples[0]) * 10 / ((len(example.samples) - 1) / RATE))


def test_crops_keep_sound_posteriors_labels_and_motion_side_by_side(clips: Clips) -> None:
    starts = set()
    for epoch in range(12):
        for index in range(len(clips)):
            example = clips[index, epoch]
            speed = speed_of(example)
            sound, heard, said, motion = times(example, speed)
            seconds = len(example.motion) / FPS
            assert seconds == pytest.approx(4.0)
            assert len(example.samples) == round(seconds * RATE)
            assert len(example.phones) == len(example.contacts) == round(seconds * LABEL_RATE)
            assert example.posteriors is not None
            assert len(example.posteriors) == len(example.samples) // 160 + 1
            frames, steps = np.arange(len(motion)) / FPS, np.arange(len(said)) / LABEL_RATE
            at = np.arange(len(heard)) / 100
            assert np.abs(motion - (sound[0] + frames * speed)).max() < 2e-3
            assert np.abs(heard - (sound[0] + at * speed)).max() < 2e-3
            expected = (sound[0] + steps * speed) % 3.9  # 39 phones, then again
            late = (expected - said) % 3.9
            assert ((late < 0.1 + 2e-3) | (late > 3.9 - 2e-3)).mean() == 1.0
            starts.add(round(float(sound[0]), 2))
    assert len(starts) > 8


def test_a_crop_starts_on_the_grid_that_all_rates_share(clips: Clips) -> None:
    assert clips.grid == pytest.approx(0.1)  # 3 frames, 5 labels, 10 posteriors
    for epoch in range(0, 12, 3):
        for index in range(len(clips)):
            example = clips[index, epoch]
            if abs(speed_of(example) - 1) < 1e-3:
                start = float(example.samples[0]) * 10
                assert start / 0.1 == pytest.approx(round(start / 0.1), abs=0.02)


@pytest.mark.parametrize(("fps", "grid"), [(25.0, 0.04), (60.0, 0.1), (50.0, 0.02), (23.976, 0.0)])
def test_the_grid_of_other_frame_rates(timed: tuple[Path, Store], fps: float, grid: float) -> None:
    from talkcli.train.data import _grid

    assert _grid(fps, LABEL_RATE) == pytest.approx(grid)


def test_whole_clips_come_as_they_are(timed: tuple[Path, Store], clips: Clips) -> None:
    whole = Clips(*timed, "train", LABEL_RATE, crop_seconds=0.0, copies=0, seed=0)
    example = whole[0]
    assert len(example.motion) == round(SECONDS * FPS)
    assert len(example.phones) == round(SECONDS * LABEL_RATE)
    assert len(example.samples) == round(SECONDS * RATE)
    assert example.outside == 0.25
    assert example.style == 0


@pytest.mark.usefixtures("clips")
def test_whole_clips_keep_what_motion_or_sound_has_more(timed: tuple[Path, Store]) -> None:
    folder, store = timed
    long = round(SECONDS * RATE) + 4000
    store = Store(store.recipe)
    store.features = lambda clip, copy: Features(np.zeros(long, np.float32), None, 1.0)  # type: ignore[method-assign]
    whole, cut = (
        Clips(folder, store, "val", LABEL_RATE, crop_seconds=0.0, copies=0, seed=0, whole=whole)[0]
        for whole in (True, False)
    )
    assert (len(whole.samples), len(cut.samples)) == (long, round(SECONDS * RATE))
    assert len(whole.motion) == len(cut.motion) == round(SECONDS * FPS)


def test_copies_at_another_speed_move_and_speak_at_that_speed(timed: tuple[Path, Store], clips: Clips) -> None:
    copied = Clips(*timed, "train", LABEL_RATE, crop_seconds=0.0, copies=2, seed=0)
    speeds = {}
    for epoch in range(3):
        example = copied[0, epoch]
        speed = speed_of(example)
        speeds[round(speed, 2)] = len(example.motion)
        assert len(example.motion) == pytest.approx(SECONDS * FPS / speed, abs=1)
    assert sorted(speeds) == [0.87, 1.0, 1.16]


def test_what_comes_depends_on_seed_epoch_and_clip_alone(timed: tuple[Path, Store], clips: Clips) -> None:
    again = Clips(*timed, "train", LABEL_RATE, crop_seconds=4.0, copies=2, seed=0)
    other = Clips(*timed, "train", LABEL_RATE, crop_seconds=4.0, copies=2, seed=1)
    clips[1, 0]  # what was asked before changes nothing
    assert np.array_equal(clips[0, 3].motion, again[0, 3].motion)
    assert any(not np.array_equal(clips[0, e].motion, other[0, e].motion) for e in range(3))
    assert not np.array_equal(clips[0, 0].motion, clips[0, 3].motion)


def test_a_subject_that_was_not_trained_on_has_no_style(timed: tuple[Path, Store], clips: Clips) -> None:
    valid = Clips(*timed, "val", LABEL_RATE, crop_seconds=0.0, copies=0, seed=0)
    assert valid[0].style == -1
    assert collate([valid[0], clips[0, 0]], 2).style.tolist() == [[0, 0], [1, 0]]


def test_labels_are_the_phone_at_each_time() -> None:
    phones = make_phones(("AA", 0.1), ("P", 0.05), ("F", 0.05))
    found = labels_at(phones, np.array([0.0, 0.05, 0.1, 0.12, 0.16, 0.199, 0.21, 9.0]), outside=-1)
    assert found.tolist() == [INDEX[n] for n in ("AA", "AA", "P", "P", "F", "F")] + [-1, -1]
    assert labels_at([], np.array([0.0]), outside=-1).tolist() == [-1]


def test_contact_labels_are_closures_and_bites() -> None:
    found = contact_labels(np.array([*(INDEX[name] for name in ("AA", "P", "V", "M")), -1]))
    assert found.tolist() == [[0, 0], [1, 0], [0, 1], [1, 0], [0, 0]]


def test_batches_are_padded_to_the_longest(timed: tuple[Path, Store], clips: Clips) -> None:
    examples = [clips[0, 0], Clips(*timed, "train", LABEL_RATE, crop_seconds=0.0, copies=0, seed=0)[1]]
    batch = collate(examples, 2)
    assert batch.frames.tolist() == [120, 183]
    assert batch.speech.lengths.tolist() == [64000, 97600]
    assert batch.motion.shape == (2, 183, 3)
    assert not batch.motion[0, 120:].any()
    assert not batch.speech.samples[0, 64000:].any()
    assert (batch.phones[0, 200:] == -1).all()
    assert not batch.contacts[0, 200:].any()
    assert batch.outside.tolist() == [0.25, 0.25]
    assert batch.template.shape == (2, 1, 3)


# -- the order ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("clips_", "batch"), [(8, 2), (9, 3), (5, 1), (2, 4)])
def test_an_epoch_has_every_clip_once(clips_: int, batch: int) -> None:
    steps = Order.per_epoch(clips_, batch)
    told = list(Order(clips_, batch, 0, 0, 2 * steps))
    for epoch in range(2):
        seen = [index for step in told[epoch * steps : (epoch + 1) * steps] for index, _ in step]
        assert sorted(seen) == list(range(clips_))
        assert {e for step in told[epoch * steps : (epoch + 1) * steps] for _, e in step} == {epoch}
    assert told[:steps] != told[steps:] or clips_ == 1


def test_a_smaller_last_batch_is_left_to_the_next_shuffle() -> None:
    assert Order.per_epoch(10, 3) == 3
    told = list(Order(10, 3, 0, 0, 30))
    assert all(len(step) == 3 for step in told)
    assert {index for step in told for index, _ in step} == set(range(10))


def test_the_order_goes_on_in_the_middle_as_if_unbroken() -> None:
    whole = list(Order(7, 2, 5, 0, 20))
    assert whole == [*Order(7, 2, 5, 0, 11), *Order(7, 2, 5, 11, 20)]
    assert len(Order(7, 2, 5, 11, 20)) == 9
    assert whole != list(Order(7, 2, 6, 0, 20))


def test_processes_share_every_batch() -> None:
    whole = list(Order(7, 4, 5, 0, 6))
    shares = [list(Order(7, 4, 5, 0, 6, rank, 2)) for rank in range(2)]
    for batch, one, other in zip(whole, *shares, strict=True):
        assert len(one) == len(other) == 2
        assert sorted(batch) == sorted(one + other)


def test_batches_that_cannot_be_shared_alike_are_told() -> None:
    with pytest.raises(TalkError, match=r"2 processes cannot share batches of 3 clips alike: set data\.batch"):
        Order(7, 3, 0, 0, 6, 0, 2)
    with pytest.raises(TalkError, match="batches of 1 clips"):
        Order(1, 4, 0, 0, 6, 0, 2)


def test_the_loader_gives_batches_in_that_order(clips: Clips) -> None:
    order = Order(len(clips), 2, 0, 0, 3)
    found = list(loader(clips, order, 0))
    assert len(found) == 3
    for keys, batch in zip(order, found, strict=True):
        assert isinstance(batch, Batch)
        assert torch.equal(batch.motion, collate([clips[key] for key in keys], 2).motion)
