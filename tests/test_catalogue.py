"""Models are listed from what lies there: shipped ones, runs however far they came, and damaged ones in their line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from talkcli.catalogue import readers, runs, shipped
from talkcli.cli import main
from talkcli.errors import TalkError
from talkcli.models.checkpoint import save_checkpoint
from tests.make_models import make_model

RECORD = {"method": "selftalk", "model": {"encoder": "tiny"}, "optim": {"steps": 400, "epochs": 100}}
LOG = "step,position,total,validation\n100,2,2,1.5\n200,1,1,1.25\n300,1,1,1.375\n"


def make_run(folder: Path, *, log: str = LOG, record: object = RECORD, keep: bool = True) -> Path:
    """A run's folder as `talk train` leaves it in the middle."""
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(record if isinstance(record, str) else json.dumps(record))
    if log:
        (folder / "model.csv").write_text(log)
    if keep:
        made = {"command": "talk train --out here", "step": 200, "validation": 1.25}
        save_checkpoint(folder / "best.safetensors", make_model(), "selftalk", {}, made)
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without runs, in which the command is typed."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_shipped_models_are_told_by_their_headers() -> None:
    found = {entry.name: entry for entry in shipped()}
    model = found["selftalk-tiny"]
    assert (model.method, model.encoder, model.data, model.fps) == ("selftalk", "tiny", "synthetic", 30.0)
    assert model.command.startswith("talk train --method selftalk ")
    assert 4 * model.weights < model.bytes < 4 * model.weights + 100_000  # float32, and a header
    assert all(entry.usable and not entry.problem for entry in found.values())


def test_shipped_lip_readers_are_told_apart_from_models() -> None:
    (reader,) = readers()
    assert (reader.name, reader.method, reader.encoder) == ("lips-tiny", "reader", "posteriors")
    assert reader.command.startswith("talk train --method dualtalker ")
    assert reader.usable
    assert not reader.problem
    assert "lips-tiny" not in [entry.name for entry in shipped()]


def test_a_run_tells_how_far_it_is(tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "one")
    (run,) = runs(tmp_path / "runs")
    assert (run.name, run.method, run.encoder) == (str(tmp_path / "runs" / "one"), "selftalk", "tiny")
    assert (run.steps, run.of, run.best, run.best_step) == (300, 400, 1.25, 200)
    assert (run.finished, run.checkpoint, run.problem) == (False, "best.safetensors", "")


def test_a_finished_run_of_epochs_has_all_its_steps(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "one", record=RECORD | {"optim": {"steps": 0}})
    assert runs(tmp_path)[0].of is None
    (folder / "done").touch()
    (run,) = runs(tmp_path)
    assert (run.finished, run.steps, run.of) == (True, 300, 300)


def test_a_run_that_has_just_begun_cannot_be_used(tmp_path: Path) -> None:
    make_run(tmp_path / "one", log="", keep=False)
    (run,) = runs(tmp_path)
    assert (run.steps, run.best, run.checkpoint, run.usable, run.problem) == (0, None, "", False, "")


def test_a_checkpoint_alone_in_a_folder_is_a_run_too(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "given" / "last.safetensors", make_model(), "selftalk", {}, {"step": 7})
    (run,) = runs(tmp_path)
    assert (run.checkpoint, run.method, run.usable) == ("last.safetensors", "selftalk", True)


def test_runs_are_found_in_folders_of_folders_and_not_in_runs(tmp_path: Path) -> None:
    for name in ("b", "benchmark/a-0", "benchmark/a-1", ".hidden", "b/inner", "1/2/3/4/5"):
        make_run(tmp_path / name, keep=False)
    assert [run.name for run in runs(tmp_path)] == [str(tmp_path / n) for n in ("b", "benchmark/a-0", "benchmark/a-1")]


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("run.json", b'{"method": "self', "run.json is damaged"),
        ("run.json", b"[]", "run.json is damaged"),
        ("run.json", b'{"method": "selftalk", "model": [], "optim": {}}', "run.json is damaged"),
        ("model.csv", b"step,total,validation\n100,2,1.5\n20", "model.csv is damaged"),
        ("model.csv", b"\xff\xfe", "model.csv is damaged"),
        ("best.safetensors", b"no tensors", "best.safetensors' cannot be read as safetensors"),
    ],
)
def test_a_damaged_run_is_a_line(file: str, content: bytes, said: str, tmp_path: Path) -> None:
    (make_run(tmp_path / "one") / file).write_bytes(content)
    make_run(tmp_path / "two")
    first, second = runs(tmp_path)
    assert said in first.problem
    assert first.usable == (file != "best.safetensors")
    assert second.problem == ""


def test_a_checkpoint_that_is_cut_short_is_told(tmp_path: Path) -> None:
    path = make_run(tmp_path / "one") / "best.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert "cannot be read as safetensors" in runs(tmp_path)[0].problem


def test_a_method_that_nobody_knows_is_told(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "one" / "best.safetensors", make_model(), "telepathy", {}, {})
    assert "no checkpoint of a method that this version knows" in runs(tmp_path)[0].problem


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match="nowhere' does not exist: name a folder of runs"):
        runs(tmp_path / "nowhere")


# -- the command -----------------------------------------------------------------------------------------------------


def test_the_command_lists_shipped_models_and_runs_and_what_to_type(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(elsewhere / "runs" / "my run")
    make_run(elsewhere / "more" / "other", keep=False)
    assert main(["models", "--runs", "more"]) == 0
    said = capsys.readouterr().out
    assert "selftalk-tiny was made by: talk train --method selftalk" in said
    assert "lips-tiny was made by: talk train --method dualtalker" in said
    told = {line.partition("  ")[0]: line.split("  ")[-1] for line in said.splitlines()}
    assert told["runs/my run"].strip() == "unfinished"
    assert told["more/other"].strip() == "no checkpoint yet"
    assert "300 of 400      1.25 at 200" in said
    assert said.splitlines()[-1] == "to use one: talk animate speech.wav --model 'runs/my run' --out face.mp4"


def test_the_command_tells_the_same_as_json(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(elsewhere / "runs" / "one")
    assert main(["models", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [run["name"] for run in told["runs"]] == ["runs/one"]
    assert told["runs"][0]["best"] == 1.25
    assert "selftalk-tiny" in [entry["name"] for entry in told["shipped"]]
    assert [entry["name"] for entry in told["readers"]] == ["lips-tiny"]


def test_a_damaged_shipped_model_is_told_and_the_command_goes_on(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "bad.safetensors").write_bytes(b"0" * 30)
    monkeypatch.setattr("talkcli.resources.MODELS", elsewhere)
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    assert "bad: " in said
    assert "install talk anew" in said
    assert "to use one" not in said


def test_a_folder_of_runs_that_is_not_there_is_one_line(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--runs", "nowhere"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "error: 'nowhere' does not exist: name a folder of runs\n"
