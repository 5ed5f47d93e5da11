"""`talk animate --out-dir` as it is typed: what comes of it, and one line with exit code 2 for each mistake."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from talkcli.audio import load_audio
from talkcli.cli import main
from talkcli.export import EXPORTERS
from tests.batch.conftest import Fails, Talk, json_lines, made
from tests.make import make_tone, sample_speech, save_sound

Said = pytest.CaptureFixture[str]


def names(folder: Path) -> set[str]:
    """What lies in a batch's folder, beside its manifests."""
    return {name for name in made(folder) if not name.startswith(".talk/")}


# -- done right ------------------------------------------------------------------------------------------------------


def test_each_sound_gets_its_outputs_a_line_and_its_paths(talk: Talk, voices: Path, capsys: Said) -> None:
    assert talk("voices", "--out-dir", "out/new", "--format", "npz,cues.json", "--jobs", 1) == 0
    paths = [f"{name}.{suffix}" for name in ("more/three", "one", "two") for suffix in ("npz", "cues.json")]
    assert names(Path("out/new")) == set(paths)
    said = capsys.readouterr()
    assert said.out.splitlines() == [f"out/new/{path}" for path in paths]
    reports = [line for line in said.err.splitlines() if "times as fast as speech" in line]
    assert [line.partition(": 0.30 s of sound in ")[0] for line in reports[:3]] == [
        "voices/more/three.wav",
        "voices/one.wav",
        "voices/two.wav",
    ]
    assert reports[3].startswith("3 sounds made, 0.90 s of sound in ")


def test_the_outputs_are_those_of_a_single_command(talk: Talk, voices: Path) -> None:
    assert (
        talk("voices/two.wav", "voices/one.wav", "--out-dir", "out", "--format", "npz", "--fps", 25, "--seed", 3) == 0
    )
    assert talk("voices/one.wav", "--out", "one.npz", "--fps", 25, "--seed", 3) == 0
    assert Path("out/one.npz").read_bytes() == Path("one.npz").read_bytes()


def test_a_file_a_frame_has_a_folder_of_its_sounds_name(talk: Talk, voices: Path) -> None:
    assert talk("voices/one.wav", "--out-dir", "out", "--format", "png,npz", "--size", 16) == 0
    assert names(Path("out")) == {"one.npz", *(f"one/{number:05d}.png" for number in range(9))}


@pytest.mark.parametrize("suffix", [suffix for suffix, form in EXPORTERS.items() if form.beside])
def test_what_lies_beside_is_part_of_what_is_finished(suffix: str, talk: Talk, voices: Path, capsys: Said) -> None:
    words = ["voices/one.wav", "--out-dir", "out", "--format", suffix[1:]]
    assert talk(*words) == 0
    assert "one.wav" in names(Path("out"))
    Path("out/one.wav").write_bytes(b"damaged")
    assert talk(*words, "--resume") == 0
    assert "1 sound made" in capsys.readouterr().err
    assert Path("out/one.wav").read_bytes()[:4] == b"RIFF"


def test_without_a_format_films_are_made(talk: Talk, voices: Path) -> None:
    assert talk("voices/one.wav", "--out-dir", "out", "--size", 16) == 0
    assert names(Path("out")) == {"one.mp4"}


def test_texts_are_found_by_name_and_one_that_is_missing_costs_its_sound(model: Path, capsys: Said) -> None:
    for name in ("said", "unsaid"):
        save_sound(Path(f"{name}.wav"), load_audio(sample_speech()).part(0.0, 2.45).samples)
    Path("texts").mkdir()
    Path("texts/said.txt").write_text("Hello, I am a head made of numbers.")
    words = ["--model", str(model), "--text-dir", "texts", "--out-dir", "out", "--format", "cues.json"]
    assert main(["animate", "said.wav", "unsaid.wav", *words]) == 2
    assert "failed: unsaid.wav: cannot read 'texts/unsaid.txt': No such file" in capsys.readouterr().err
    assert names(Path("out")) == {"said.cues.json"}
    assert len(json.loads(Path("out/said.cues.json").read_text())["mouthCues"]) > 8
    Path("texts/said.txt").write_text("Hello, I am a head made of numbers!")
    assert main(["animate", "said.wav", *words, "--resume"]) == 0
    assert "1 sound made" in capsys.readouterr().err


# -- failures --------------------------------------------------------------------------------------------------------


def test_one_failure_stops_no_other_and_is_told_at_the_end(talk: Talk, voices: Path, capsys: Said) -> None:
    (voices / "bad.wav").write_bytes(b"no sound at all")
    (voices / "empty.wav").touch()
    assert talk("voices", "--out-dir", "out", "--format", "npz") == 2
    assert names(Path("out")) == {"one.npz", "two.npz", "more/three.npz"}
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "error: 2 of 5 sounds failed"
    assert said[-2].startswith("3 sounds made, 0.90 s of sound in ")
    assert said[-2].endswith("; 2 failed")
    assert said[-3].startswith("failed: voices/empty.wav is empty (0 bytes)")
    assert said[-4].startswith("failed: voices/bad.wav is not sound that can be read")


def test_a_bug_in_one_item_keeps_its_traceback_and_stops_no_other(
    talk: Talk, voices: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    from talkcli.batch import maker

    load = maker.load_speech
    monkeypatch.setattr(maker, "load_speech", lambda source: load(source) if "one" in source else 1 / 0)
    assert talk("voices", "--out-dir", "out", "--format", "npz") == 2
    said = capsys.readouterr().err
    assert said.count("Traceback") == 2
    assert "failed: voices/two.wav: a bug in talk, please report it: ZeroDivisionError: division by zero\n" in said
    assert names(Path("out")) == {"one.npz"}


def test_want_of_memory_costs_one_item(talk: Talk, voices: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_source: str) -> None:
        raise MemoryError

    monkeypatch.setattr("talkcli.batch.maker.load_speech", full)
    assert talk("voices/one.wav", "--out-dir", "out", "--format", "npz") == 2
    assert "failed: voices/one.wav: there is not enough memory for it" in capsys.readouterr().err


def test_what_a_format_cannot_hold_costs_its_item_and_leaves_nothing(
    talk: Talk, voices: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    from talkcli.errors import TalkError

    def refuse(*_: object) -> int:
        raise TalkError("this mesh has no weights")

    monkeypatch.setattr("talkcli.animate.write", refuse)
    assert talk("voices/one.wav", "--out-dir", "out", "--format", "npz") == 2
    assert "failed: voices/one.wav: this mesh has no weights" in capsys.readouterr().err
    assert not Path("out").exists()


def test_control_c_is_130_and_leaves_what_is_finished(
    talk: Talk, voices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from talkcli import animate

    write = animate.write

    def interrupted(clips: object, outputs: list[Path], *more: object) -> int:
        if outputs[0].stem == "two":
            raise KeyboardInterrupt
        return write(clips, outputs, *more)  # type: ignore[arg-type]

    monkeypatch.setattr("talkcli.animate.write", interrupted)
    assert talk("voices", "--out-dir", "out", "--format", "npz", "--jobs", 1) == 130
    assert names(Path("out")) == {"more/three.npz", "one.npz"}
    assert len(made(Path("out"))) == 4  # and their manifests


# -- resume and force ------------------------------------------------------------------------------------------------


def statuses(text: str) -> dict[str, str]:
    return {Path(result["source"]).stem: result["status"] for result in json_lines(text)}


def test_resume_makes_what_is_new_changed_or_damaged_and_skips_the_rest(talk: Talk, voices: Path, capsys: Said) -> None:
    words = ["voices", "--out-dir", "out", "--format", "npz,cues.json", "--resume", "--json"]
    assert talk(*words) == 0  # nothing to resume is no mistake
    whole = made(Path("out"))
    assert set(statuses(capsys.readouterr().out).values()) == {"done"}
    assert talk(*words) == 0
    assert set(statuses(capsys.readouterr().out).values()) == {"skipped"}
    save_sound(voices / "four.wav", make_tone(0.2).samples)
    save_sound(voices / "two.wav", make_tone(0.4).samples)
    damaged = bytearray(Path("out/one.npz").read_bytes())
    damaged[5000] ^= 1
    Path("out/one.npz").write_bytes(damaged)
    assert talk(*words) == 0
    assert statuses(capsys.readouterr().out) == {"three": "skipped", "one": "done", "two": "done", "four": "done"}
    now = made(Path("out"))
    assert now["one.npz"] == whole["one.npz"]
    assert now["two.npz"] != whole["two.npz"]
    assert "four.npz" in now


def test_resume_makes_anew_what_other_options_would_change(talk: Talk, voices: Path, capsys: Said) -> None:
    words = ["voices/one.wav", "--out-dir", "out", "--format", "npz", "--resume", "--json"]
    for more, status in (
        ([], "done"),
        (["--jobs", 2], "skipped"),
        (["--device", "cpu"], "skipped"),
        (["--force"], "skipped"),
        (["--fps", 25], "done"),
        (["--fps", 25, "--subject", "ada"], "done"),
        (["--fps", 25, "--subject", "ada", "--no-life"], "done"),
        (["--fps", 25, "--subject", "ada", "--no-life"], "skipped"),
    ):
        assert talk(*words, *more) == 0
        assert statuses(capsys.readouterr().out) == {"one": status}, more


def test_resume_makes_anew_what_another_model_would_change(
    talk: Talk, voices: Path, model: Path, capsys: Said, tmp_path: Path
) -> None:
    own = tmp_path / "own.safetensors"
    own.write_bytes(model.read_bytes())
    words = [
        "animate",
        "voices/one.wav",
        "--out-dir",
        "out",
        "--format",
        "npz",
        "--phones",
        "head",
        "--resume",
        "--json",
    ]
    words += ["--model", str(own)]
    assert main(words) == 0
    data = bytearray(own.read_bytes())
    data[-1] ^= 1
    own.write_bytes(data)
    assert main(words) == 0
    assert [result["status"] for result in json_lines(capsys.readouterr().out)] == ["done", "done"]


def test_resume_with_one_more_format_knows_the_outputs_of_the_first(talk: Talk, voices: Path) -> None:
    assert talk("voices", "--out-dir", "out", "--format", "npz") == 0
    assert talk("voices", "--out-dir", "out", "--format", "npz,cues.tsv", "--resume") == 0
    assert len(names(Path("out"))) == 6


def test_resume_keeps_what_no_batch_made(talk: Talk, voices: Path, fails: Fails) -> None:
    Path("out").mkdir()
    Path("out/one.npz").write_bytes(b"precious")
    said = fails("voices", "--out-dir", "out", "--format", "npz", "--resume")
    assert said == (
        "error: out/one.npz exists already, made by no batch: --force writes over that, or name another --out-dir\n"
    )
    assert Path("out/one.npz").read_bytes() == b"precious"
    assert talk("voices", "--out-dir", "out", "--format", "npz", "--resume", "--force") == 0
    assert len(np.load("out/one.npz")["vertices"]) == 9


def test_without_resume_what_exists_is_told_before_any_work_and_force_replaces_it(
    talk: Talk, voices: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert talk("voices", "--out-dir", "out", "--format", "npz") == 0
    Path("out/two.npz").unlink()
    with monkeypatch.context() as patch:
        patch.setattr("talkcli.models.checkpoint.load_checkpoint", None)  # nothing may ask for it
        said = fails("voices", "--out-dir", "out", "--format", "npz")
    assert said.startswith("error: out/more/three.npz and 1 more exist already: --resume keeps")
    Path("out/one.npz").write_bytes(b"old")
    assert talk("voices", "--out-dir", "out", "--format", "npz", "--force") == 0
    assert len(np.load("out/one.npz")["vertices"]) == 9


def test_a_folder_in_which_all_is_finished_needs_no_model(
    talk: Talk, voices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["voices", "--out-dir", "out", "--format", "npz"]
    assert talk(*words) == 0
    monkeypatch.setattr("talkcli.models.checkpoint.load_checkpoint", None)
    assert talk(*words, "--resume") == 0


# -- shards ----------------------------------------------------------------------------------------------------------


def test_shards_make_all_sounds_once_in_one_folder(talk: Talk, voices: Path, capsys: Said) -> None:
    assert talk("voices/two.wav", "voices", "--out-dir", "out", "--format", "npz", "--shard", "1/2", "--json") == 0
    assert talk("voices", "--out-dir", "out", "--format", "npz", "--shard", "2/2", "--json") == 0
    results = json_lines(capsys.readouterr().out)
    assert [Path(result["source"]).stem for result in results] == ["three", "two", "one"]
    assert talk("voices", "--out-dir", "all", "--format", "npz") == 0
    assert made(Path("out")) == made(Path("all"))


def test_a_shard_may_be_empty(talk: Talk, voices: Path, capsys: Said) -> None:
    assert talk("voices", "--out-dir", "out", "--format", "npz", "--shard", "4/5") == 0
    assert capsys.readouterr().err == "shard 4/5: 0 sounds\n0 sounds made\n"
    assert not Path("out").exists()


def test_a_task_of_slurm_makes_its_shard_and_says_so(
    talk: Talk, voices: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("ID", "11"), ("MIN", "10"), ("MAX", "12"), ("COUNT", "3"), ("STEP", "1")):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    assert talk("voices", "--out-dir", "out", "--format", "npz") == 0
    assert "shard 2/3, from Slurm's array task 11: 1 sound\n" in capsys.readouterr().err
    assert names(Path("out")) == {"one.npz"}
    assert talk("voices", "--out-dir", "out", "--format", "npz", "--shard", "3/3") == 0  # what is typed counts
    assert names(Path("out")) == {"one.npz", "two.npz"}
    assert talk("voices/one.wav", "--out", "one.npz") == 0  # one sound is one sound


def test_variables_of_slurm_that_make_no_sense_are_told(
    voices: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "many")
    assert "SLURM_ARRAY_TASK_ID is 'many'" in fails("voices", "--out-dir", "out")


# -- JSON ------------------------------------------------------------------------------------------------------------


def test_json_tells_a_result_an_item_and_nothing_but_events_on_stderr(talk: Talk, voices: Path, capsys: Said) -> None:
    (voices / "bad.wav").write_bytes(b"no sound at all")
    assert talk("voices", "--out-dir", "out", "--format", "glb", "--json", "--jobs", 1) == 2
    said = capsys.readouterr()
    bad, three, *_ = json_lines(said.out)
    assert bad.pop("error").startswith("voices/bad.wav is not sound that can be read")
    nothing = {"seconds": None, "frames": None, "taken": None}
    assert bad == {"source": "voices/bad.wav", "status": "failed", "outputs": [], **nothing}
    assert 0 < three.pop("taken") < 60
    assert three == {
        "source": "voices/more/three.wav",
        "status": "done",
        "outputs": ["out/more/three.glb"],
        "seconds": 0.3,
        "frames": 9,
        "error": None,
    }
    events = json_lines(said.err)
    kinds = [event["event"] for event in events if event["event"] != "progress"]
    assert kinds == ["started", "failed", *(["started", "note", "finished"] * 3), "ended", "error"]
    counts = {"total": 4, "done": 3, "skipped": 0, "failed": 1}
    assert {name: events[-2][name] for name in counts} == counts
    assert events[-1]["error"] == "1 of 4 sounds failed"
    assert all(event["time"] > 1.7e9 for event in events)


def test_json_tells_of_one_sound_as_well(talk: Talk, voices: Path, capsys: Said) -> None:
    assert talk("voices/one.wav", "--out", "a.npz", "--out", "a.cues.tsv", "--json") == 0
    said = capsys.readouterr()
    (result,) = json_lines(said.out)
    assert result["outputs"] == ["a.npz", "a.cues.tsv"]
    assert (result["status"], result["frames"]) == ("done", 9)
    kinds = [event["event"] for event in json_lines(said.err) if event["event"] != "progress"]
    assert kinds == ["started", "note", "finished", "ended"]


def test_json_tells_of_one_sound_that_failed(talk: Talk, voices: Path, capsys: Said) -> None:
    assert talk("voices/none.wav", "--out", "a.npz", "--json") == 2
    said = capsys.readouterr()
    assert json_lines(said.out)[0]["error"] == "voices/none.wav does not exist: check its name"
    assert [event["event"] for event in json_lines(said.err)] == ["started", "failed", "ended", "error"]


def test_json_tells_a_mistake_as_an_event(talk: Talk, voices: Path, capsys: Said) -> None:
    assert talk("voices", "--out-dir", "out", "--format", "docx", "--json") == 2
    said = capsys.readouterr()
    assert said.out == ""
    (event,) = json_lines(said.err)
    assert event["event"] == "error"
    assert "docx" in event["error"]


def test_json_tells_of_a_comparison(talk: Talk, voices: Path, model: Path, capsys: Said) -> None:
    words = ["voices/one.wav", "--out", "a.mp4", "--compare", model, "--size", 32, "--json"]
    assert talk(*words) == 0
    assert json_lines(capsys.readouterr().out)[0]["frames"] == 9


# -- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["voices", "--out-dir", "out", "--out", "a.npz"], "--out and --out-dir are both given"),
        (["voices/one.wav"], "nothing says where to: give --out FILE, or --out-dir FOLDER"),
        (["voices/one.wav", "voices/two.wav", "--out", "a.npz"], "--out is of one sound, and 2 are given"),
        (["voices/one.wav", "--out", "a.npz", "--format", "npz"], "--format is for many sounds: give --out-dir"),
        (["voices/one.wav", "--out", "a.npz", "--jobs", 2], "--jobs is for many sounds"),
        (["voices/one.wav", "--out", "a.npz", "--resume"], "--resume is for many sounds"),
        (["voices/one.wav", "--out", "a.npz", "--shard", "1/2"], "--shard is for many sounds"),
        (["voices/one.wav", "--out", "a.npz", "--engine", "ray"], "--engine is for many sounds"),
        (["voices/one.wav", "--out", "a.npz", "--address", "a:1"], "--address is for many sounds"),
        (["voices/one.wav", "--out", "a.npz", "--text-dir", "voices"], "--text-dir is for many sounds"),
        (["voices", "--out-dir", "out", "--text", "hello"], "--text is of one sound, and --out-dir for many"),
        (["voices", "--out-dir", "out", "--text-file", "a.txt"], "--text-file is of one sound"),
        (["voices", "--out-dir", "out", "--keys", "a.json"], "--keys is of one sound"),
        (["voices", "--out-dir", "out", "--compare", "a.npz"], "--compare is of one sound"),
        (["voices", "--out-dir", "out", "--text-dir", "voices"], "--phones head and --text-dir are both given"),
        (["voices", "--out-dir", "out", "--phones", "a.TextGrid"], "--phones a.TextGrid is of one sound"),
        (["voices", "--out-dir", "out", "--format", "docx"], "nothing here writes 'docx'; choose from: mp4"),
        (["voices", "--out-dir", "out", "--format", "png,obj"], "would fill the same folder"),
        (["-", "--out-dir", "out"], "- is one sound from standard input: give --out"),
        (["voices/none.wav", "--out-dir", "out"], "'voices/none.wav' does not exist"),
        (["voices", "voices/more/three.wav", "again/three.wav", "--out-dir", "out"], "would both be written to"),
        (["voices", "--out-dir", "voices"], "--out-dir 'voices' is the folder of the sounds"),
        (["voices", "--out-dir", "voices/one.wav"], "--out-dir 'voices/one.wav' is a file: name a folder"),
        (["voices", "--out-dir", "voices/one.wav/out"], "--out-dir 'voices/one.wav/out' cannot be made"),
        (["voices", "--out-dir", "out", "--jobs", 0], "--jobs 0: give at least 1"),
        (["voices", "--out-dir", "out", "--shard", "3/2"], "--shard '3/2': write which of how many"),
        (["voices", "--out-dir", "out", "--engine", "steam"], "no engine 'steam'; choose from: local, ray"),
        (["voices", "--out-dir", "out", "--address", "a:1"], "--address is of a cluster: give --engine ray"),
        (["voices", "--out-dir", "out", "--model", "nobody"], "no model 'nobody'"),
        (["voices", "--out-dir", "out", "--subject", "nobody", "--jobs", 1], "unknown subject 'nobody'"),
        (["voices", "--out-dir", "out", "--style", "nobody", "--jobs", 1], "unknown style 'nobody'"),
        (["voices", "--out-dir", "out", "--size", "big"], "--size 'big'"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_nothing_is_written(
    options: list[object], told: str, voices: Path, fails: Fails
) -> None:
    Path("again").mkdir()
    save_sound(Path("again/three.wav"), make_tone(0.1).samples)
    assert told in fails(*options)


def test_a_folder_that_cannot_be_written_to_is_told(
    voices: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("out").mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: mode == os.R_OK)  # even for root
    assert "--out-dir 'out' cannot be written to" in fails("voices", "--out-dir", "out")
