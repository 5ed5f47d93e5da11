"""The training loop: it learns, keeps the best, says when it cannot go on, and goes on after a kill as if unbroken."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from talkcli.errors import TalkError
from talkcli.models.batch import Batch
from talkcli.train.config import DataConfig, OptimConfig
from talkcli.train.data import Clips
from talkcli.train.features import Store
from talkcli.train.loop import Average, Stage, autocast, fit, gradient_norms, rate, step_in_backward, validate


class Line(nn.Module):
    """Learns the mean of all motion; noise in training shows whether random numbers come again."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.mean, self.factor = nn.Parameter(torch.full((56,), 2.0)), factor
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)

    def at(self, progress: float) -> float:
        return 1.0

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        noise = 0.1 * torch.randn(56) if self.training else torch.zeros(56)
        away = (batch.motion.mean((0, 1)) + noise - self.mean[: batch.motion.shape[2]]).square().mean()
        return {"away": self.factor * away, "size": 0.01 * self.mean.square().mean()}


class Kept:
    """Remembers what a run wanted to keep."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, float]] = []
        self.weights: dict[str, Mapping[str, Tensor]] = {}

    def __call__(self, which: str, weights: Mapping[str, Tensor], step: int, loss: float) -> None:
        self.calls.append((which, step, loss))
        self.weights[which] = weights


OPTIM = OptimConfig(lr=0.1, validate_every=5, ema=0.5, clip=1.0, warmup=2, schedule="cosine", weight_decay=0.01)


@pytest.fixture
def clips(prepared: Path, store: Store) -> tuple[Clips, Clips]:
    train = Clips(prepared, store, "train", 50.0, crop_seconds=0.5, copies=1, seed=0)
    return train, Clips(prepared, store, "val", 50.0, crop_seconds=0.0, copies=0, seed=0)


def stage_of(folder: Path, learner: Line, steps: int = 20, optim: OptimConfig = OPTIM) -> Stage:
    data = DataConfig(batch=2, workers=0)
    return Stage("line", learner, steps, optim, data, 0, torch.device("cpu"), folder)


def test_the_loss_falls_and_the_best_is_kept(tmp_path: Path, clips: tuple[Clips, Clips]) -> None:
    kept = Kept()
    stage = stage_of(tmp_path, Line())
    before = validate(stage, clips[1])
    fit(stage, *clips, kept)
    last = [(step, loss) for which, step, loss in kept.calls if which == "last"]
    best = [(step, loss) for which, step, loss in kept.calls if which == "best"]
    assert [step for step, _ in last] == [5, 10, 15, 20]
    assert last[-1][1] < before
    assert best == [
        (step, loss) for place, (step, loss) in enumerate(last) if loss < min([9e9, *dict(last[:place]).values()])
    ]


def test_the_log_has_a_line_a_validation(tmp_path: Path, clips: tuple[Clips, Clips]) -> None:
    kept = Kept()
    fit(stage_of(tmp_path, Line()), *clips, kept)
    with (tmp_path / "line.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == ["step", "away", "size", "total", "validation"]
    assert [line["step"] for line in lines] == ["5", "10", "15", "20"]
    for line in lines:
        assert float(line["total"]) == pytest.approx(float(line["away"]) + float(line["size"]), rel=1e-4)
    assert [float(line["validation"]) for line in lines] == pytest.approx(
        [c[2] for c in kept.calls if c[0] == "last"], rel=1e-4
    )


@pytest.mark.parametrize("last", [3, 5, 7, 12, 20])
def test_a_killed_run_goes_on_as_if_unbroken(
    tmp_path: Path, clips: tuple[Clips, Clips], monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    """Killed right after step `last`, wherever that is between two validations."""
    unbroken, broken = Kept(), Kept()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    fit(stage_of(tmp_path / "a", Line()), *clips, unbroken)

    class Killed(Exception):
        pass

    updates = Average.update

    def killed(self: Average) -> None:
        updates(self)
        if self.updates == last:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Average, "update", killed)
        with pytest.raises(Killed):
            fit(stage_of(tmp_path / "b", Line()), *clips, broken)
    torch.rand(3)  # a new process has other random numbers
    learner = Line()
    fit(stage_of(tmp_path / "b", learner), *clips, broken)
    for which in ("best", "last"):
        for name, tensor in unbroken.weights[which].items():
            assert torch.equal(broken.weights[which][name], tensor)
    assert (tmp_path / "a" / "line.csv").read_text() == (tmp_path / "b" / "line.csv").read_text()
    again = Kept()
    fit(stage_of(tmp_path / "b", learner), *clips, again)
    assert not again.calls  # it is finished


def test_a_kill_while_a_checkpoint_is_written_leaves_no_line_twice(tmp_path: Path, clips: tuple[Clips, Clips]) -> None:
    def killed(which: str, weights: Mapping[str, Tensor], step: int, loss: float) -> None:
        if step == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(stage_of(tmp_path, Line()), *clips, killed)
    fit(stage_of(tmp_path, Line()), *clips, Kept())
    steps = [line.split(",")[0] for line in (tmp_path / "line.csv").read_text().splitlines()]
    assert steps == ["step", "5", "10", "15", "20"]


def test_a_state_of_another_learner_is_told(tmp_path: Path, clips: tuple[Clips, Clips]) -> None:
    fit(stage_of(tmp_path, Line(), steps=5), *clips, Kept())
    other = Line()
    other.more = nn.Parameter(torch.ones(1))
    with pytest.raises(TalkError, match=r"cannot resume from .*train into another folder"):
        fit(stage_of(tmp_path, other), *clips, Kept())


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_broken_state_is_told(tmp_path: Path, clips: tuple[Clips, Clips], content: bytes) -> None:
    (tmp_path / "line.state.pt").write_bytes(content)
    with pytest.raises(TalkError, match="cannot resume from"):
        fit(stage_of(tmp_path, Line()), *clips, Kept())


def test_a_loss_that_is_no_number_is_told(tmp_path: Path, clips: tuple[Clips, Clips]) -> None:
    with pytest.raises(TalkError, match=r"no number at step 0 \(away nan, size .*lower optim\.lr"):
        fit(stage_of(tmp_path, Line(math.nan)), *clips, Kept())


def test_what_is_frozen_stays(tmp_path: Path, clips: tuple[Clips, Clips]) -> None:
    learner = Line()
    fit(stage_of(tmp_path, learner, steps=5), *clips, Kept())
    assert learner.frozen.item() == 1.0
    assert learner.mean.mean().item() < 2.0


def test_validation_weighs_every_clip_alike(tmp_path: Path, prepared: Path, store: Store) -> None:
    clips = Clips(prepared, store, "train", 50.0, crop_seconds=0.0, copies=0, seed=0)
    learner = Line()
    one_by_one = replace(stage_of(tmp_path, learner), data=DataConfig(batch=1, workers=0))
    both = [sum(learner.eval().losses(batch).values()).item() for batch in batches(clips)]
    assert validate(one_by_one, clips) == pytest.approx(sum(both) / 2, rel=1e-5)


def batches(clips: Clips) -> list[Batch]:
    from talkcli.train.batches import loader

    return list(loader(clips, [[(index, 0)] for index in range(len(clips))], 0))


def test_a_step_as_soon_as_a_gradient_is_whole_is_the_same_step() -> None:
    def trained(early: bool) -> list[Tensor]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 5))
        optimizer = torch.optim.Adam(net.parameters(), 0.1, fused=True)
        if early:
            step_in_backward(optimizer, list(net.parameters()))
        for _ in range(3):
            optimizer.zero_grad(set_to_none=True)
            net(net(torch.randn(4, 5))).square().sum().backward()  # every weight is used twice
            assert all((p.grad is None) == early for p in net.parameters())
            optimizer.step()
        return [p.detach() for p in net.parameters()]

    assert all(torch.equal(a, b) for a, b in zip(trained(True), trained(False), strict=True))


# -- its parts ------------------------------------------------------------------------------------------------------


def test_the_norm_of_a_terms_gradient_is_over_all_parameters_and_of_no_other_term() -> None:
    one, two = nn.Parameter(torch.tensor([3.0, 4.0])), nn.Parameter(torch.tensor(2.0))
    unused = nn.Parameter(torch.ones(2))
    terms = {"square": one.square().sum() / 2, "product": 3 * two * one[0], "off": torch.zeros(())}
    norms = gradient_norms(terms, [one, two, unused])
    assert {name: float(norm) for name, norm in norms.items()} == pytest.approx(
        {"square": 5.0, "product": math.hypot(6, 9), "off": 0.0}
    )
    torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert one.grad is not None
    assert one.grad.tolist() == [9.0, 4.0]
    assert two.grad is not None
    assert two.grad.item() == 9.0
    assert unused.grad is None


def test_the_rate_warms_up_and_falls_along_a_cosine() -> None:
    optim = OptimConfig(warmup=4, schedule="cosine")
    found = [rate(step, 104, optim) for step in range(105)]
    assert found[:4] == [0.25, 0.5, 0.75, 1.0]
    assert found[4] == 1.0
    assert found[54] == pytest.approx(0.51)
    assert found[104] == pytest.approx(0.02)
    assert all(a >= b for a, b in pairwise(found[4:]))


def test_a_constant_rate_is_one_after_its_warm_up() -> None:
    assert [rate(step, 10, OptimConfig(warmup=2)) for step in (0, 1, 2, 9)] == [0.5, 1.0, 1.0, 1.0]
    assert rate(0, 10, OptimConfig()) == 1.0


def test_the_average_follows_the_weights_and_gives_them_back() -> None:
    learner = Line()
    average = Average(learner, 0.9)
    expected = learner.mean.detach().clone()
    for update in range(1, 6):
        with torch.no_grad():
            learner.mean.add_(1.0)
        average.update()
        decay = min(0.9, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * learner.mean.detach()
    own = learner.mean.detach().clone()
    with average:
        assert torch.allclose(learner.mean, expected)
    assert torch.equal(learner.mean, own)


def test_no_average_without_a_decay() -> None:
    learner = Line()
    average = Average(learner, 0.0)
    average.update()
    with torch.no_grad():
        learner.mean.add_(1.0)
    with average:
        assert learner.mean[0].item() == 3.0


@pytest.mark.parametrize(
    ("precision", "known", "kind"),
    [
        ("auto", True, torch.bfloat16),
        ("auto", False, torch.float32),
        ("bf16", False, torch.bfloat16),
        ("fp32", True, torch.float32),
    ],
)
def test_auto_computes_in_what_the_processor_knows(
    precision: str, known: bool, kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkcli.models.checkpoint.cpu_knows_bfloat16", lambda: known)
    with autocast(torch.device("cpu"), precision):
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == kind
