"""The lip reader: what it sees, what it does not, and what it is to say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from talkcli import config as configs
from talkcli.errors import TalkError
from talkcli.models.batch import Batch, Reading
from talkcli.models.lipreader import LipReader, LipReaderConfig, Moments, ringed
from tests.make import make_tone
from tests.make_models import PLATE, make_batch, make_dual, make_info, make_method

SMALL = ("width=16", "time_map=time", "reader.heads=2", "reader.recognizer.name=posteriors", "reader.dropout=0.0")


def made(*changes: str, plate: bool = True) -> LipReader:
    torch.manual_seed(0)
    config = configs.load(LipReaderConfig, overrides=[*SMALL, *changes])
    return LipReader(config, make_info(PLATE if plate else None)).eval()


def test_a_region_has_a_ring_of_vertices_around_it() -> None:
    assert ringed(PLATE, torch.tensor([1])).tolist() == [0, 1, 2]
    assert ringed(replace(PLATE, faces=PLATE.faces[:0]), torch.tensor([1, 3])).tolist() == [1, 3]


def test_only_the_lips_are_read() -> None:
    info = make_info(replace(PLATE, regions={"lips": PLATE.regions["lips"][:1]}))  # vertices 0, 1, 2 with its ring
    motion = torch.randn(1, 9, 6, 3)
    elsewhere = motion.clone()
    elsewhere[:, :, 3:] += 1
    nine = torch.tensor([9])
    for region, same in (("lips", True), ("face", False)):
        config = configs.load(LipReaderConfig, overrides=[*SMALL, f"reader.region={region}"])
        reader = LipReader(config, info).eval()
        one, other = (reader(moved.flatten(2), nine).told for moved in (motion, elsewhere))
        assert torch.equal(one, other) == same


def test_in_a_basis_too_only_the_lips_are_read() -> None:
    reader = made("basis=rig", plate=False)
    basis, lips = reader.basis, ringed(reader.corpus.topology, reader.basis.indices("lips"))
    part = basis.matrix.reshape(basis.coefficients, -1, 3)[:, lips].flatten(1).double()  # type: ignore[operator,union-attr]
    values, vectors = torch.linalg.eigh(part @ part.T)
    unseen = vectors[:, values < 1e-9 * values.max()]  # motions that leave these vertices where they are
    assert unseen.shape[1] > 3
    motion = torch.randn(1, 9, basis.coefficients)
    moved = motion + torch.randn(1, 9, unseen.shape[1]) @ unseen.T.float()
    nine = torch.tensor([9])
    assert (basis.decode(moved) - basis.decode(motion)).abs().max() > 1e-3
    assert torch.allclose(reader(moved, nine).told, reader(motion, nine).told, atol=1e-3)


@pytest.mark.parametrize("basis", ["none", "rig"])
def test_any_motion_is_judged_by_its_lips(basis: str) -> None:
    """Also what the basis cannot hold, as another tool's turn of the head."""
    reader = made(f"basis={basis}", plate=False)
    region = ringed(reader.corpus.topology, reader.basis.indices("lips")).numpy()
    rng = np.random.default_rng(0)
    inside = reader.basis.decode(0.1 * torch.randn(9, reader.basis.coefficients)).numpy().astype(np.float32)
    moved = inside + 0.01 * rng.standard_normal(inside.shape).astype(np.float32)
    moved[:, region] = inside[:, region]
    samples = make_tone(0.3).samples
    one, other = (reader.judge(each, samples, 0)[0] for each in (inside, moved))
    assert np.allclose(one, other, atol=1e-5)
    own = torch.from_numpy(reader.basis.encode(inside))[None]
    assert np.allclose(one, reader(own, torch.tensor([9])).told[0].detach().numpy(), atol=1e-3)


def test_a_padded_clips_targets_are_its_own() -> None:
    reader = made()
    hidden = torch.randn(2, 30, 42)
    hidden[1, 20:] = 0
    steps = torch.tensor([30, 20])
    frames = torch.tensor([18, 12])
    together = reader.target(Reading(hidden, torch.zeros(2, 30, dtype=torch.long), steps), frames)
    alone = reader.target(Reading(hidden[1:, :20], torch.zeros(1, 20, dtype=torch.long), steps[1:]), frames[1:])
    assert torch.allclose(together[1, :12], alone[0])


def test_a_frame_sees_so_many_frames_on_either_side_and_no_more() -> None:
    reader = made("reader.reach=2", "reader.layers=2")
    motion = torch.randn(1, 20, 18)
    other = motion.clone()
    other[:, 10] += 1
    twenty = torch.tensor([20])
    moved = (reader(other, twenty).told - reader(motion, twenty).told).abs().amax(2)[0] > 1e-6
    assert moved.nonzero().flatten().tolist() == list(range(6, 15))


@pytest.mark.parametrize("train", [False, True])
def test_padding_is_not_read(train: bool) -> None:
    reader = made("reader.reach=3").train(train)
    motion, frames = torch.randn(2, 12, 18), torch.tensor([12, 7])
    together = reader(motion, frames)
    alone = reader(motion[1:, :7], frames[1:])
    assert torch.allclose(together.told[1, :7], alone.told[0], atol=1e-5)
    assert torch.allclose(together.latent[1, :7], alone.latent[0], atol=1e-5)
    assert together.told.isfinite().all()


def test_a_part_of_a_clip_is_read_as_in_the_whole() -> None:
    reader = made("reader.reach=2", "period=7")
    motion = torch.randn(1, 40, 18)
    whole = reader(motion, torch.tensor([40])).told
    part = reader(motion[:, 13:], torch.tensor([27]), first=13).told
    assert torch.allclose(part[:, 4:], whole[:, 17:], atol=1e-5)


def batches(reader: LipReader) -> list[Batch]:
    model = make_method("faceformer", "basis=none", info=make_info(PLATE))
    return [make_batch(model, seconds, seed=seed) for seed, seconds in enumerate((0.5, 0.4, 0.7))]  # type: ignore[arg-type]


def test_targets_have_no_mean_and_a_deviation_of_one_over_the_training_clips() -> None:
    reader = made()
    clips = batches(reader)
    reader.measure(clips)
    rows = torch.cat([reader.target(reader.heard(clip.speech), clip.frames)[0] for clip in clips])
    assert rows.mean(0).abs().max() < 1e-4
    varying = reader.target_deviation > 1e-3
    assert torch.allclose(rows.std(0, correction=0)[varying], torch.ones(int(varying.sum())), atol=1e-3)
    motion = torch.cat([clip.motion[0] for clip in clips])
    assert torch.allclose(reader.motion_mean, motion.mean(0), atol=1e-5)


def test_who_always_says_the_mean_is_one_and_a_half_wrong_and_who_is_right_is_not_wrong() -> None:
    reader = made()
    clips = batches(reader)
    reader.measure(clips)
    wrong = []
    for clip in clips:
        reading = reader.heard(clip.speech)
        target = reader.target(reading, clip.frames)
        assert reader.error(target, reading, clip.frames).item() == pytest.approx(0, abs=1e-5)
        wrong.append((reader.error(torch.zeros_like(target), reading, clip.frames), len(target[0])))
    mean = sum(float(each) * count for each, count in wrong) / sum(count for _, count in wrong)
    moving = float((reader.target_deviation > 1e-3).float().mean())
    assert mean == pytest.approx(1 + 0.5 * moving, abs=0.01)


def test_targets_never_learn() -> None:
    dual = make_dual("dualtalker", "reader.recognizer.name=tiny", "reader.recognizer.tiny.width=16")
    batch = make_batch(dual.host, 0.5)  # type: ignore[arg-type]
    assert not dual.reader.target(dual.reader.heard(batch.speech), batch.frames).requires_grad
    dual.losses(batch)["reading"].backward()
    assert all(p.grad is None and not p.requires_grad for p in dual.reader.recognizer.parameters())  # type: ignore[union-attr]
    assert not dual.reader.recognizer.training  # type: ignore[union-attr]


def test_moments_of_parts_are_those_of_the_whole() -> None:
    rows = torch.randn(50, 3) * 2 + 5
    moments = Moments()
    for part in rows.split(7):
        moments.add(part)
    assert torch.allclose(moments.mean.float(), rows.mean(0), atol=1e-5)
    assert torch.allclose(moments.variance.float(), rows.var(0, correction=0), atol=1e-4)


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(TalkError, match="spells nothing: choose tiny or wav2vec2"):
        made("reader.target=text")
    with pytest.raises(TalkError, match="no even multiple of the lip reader's heads 3"):
        made("reader.heads=3")
    with pytest.raises(TalkError, match=r"dropout of the lip reader is 1\.5"):
        made("reader.dropout=1.5")
    with pytest.raises(TalkError, match="targets never change"):
        made("reader.recognizer.targets=live")
    with pytest.raises(TalkError, match="layers of the lip reader is 0"):
        made("reader.layers=0")
