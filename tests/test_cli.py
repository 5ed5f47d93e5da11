"""The command line as it is typed: right results, and one line with exit code 2 for each mistake a user can make."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from talkcli import __version__
from talkcli.cli import main
from talkcli.export.ffmpeg import find_ffmpeg
from talkcli.models.checkpoint import save_checkpoint
from talkcli.prepared import Corpus
from tests.make import RATE, make_checkpoint, make_silence, make_tone, save_sound
from tests.make_datasets import MINIATURES
from tests.make_models import PLATE, SMALL, make_info, make_model, make_template

Fails = Callable[..., str]


def talk(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("model") / "small.safetensors")


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    return save_sound(tmp_path / "speech.wav", make_tone(0.5).samples)


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Fails:
    """Runs a command line that must fail; gives the one line it says."""

    def run(*arguments: object) -> str:
        assert talk(*arguments) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1
        return said.err

    return run


def animated(model: Path, sound: object, out: Path, *more: object) -> dict[str, np.ndarray]:
    """What `talk animate` wrote."""
    more = more if "--life" in more else ("--no-life", *more)
    assert talk("animate", sound, "--out", out, "--model", model, "--phones", "head", *more) == 0
    with np.load(out) as motion:
        return dict(motion)


# -- the program -----------------------------------------------------------------------------------------------------


def test_version_is_told_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert talk("--version") == 0
    assert capsys.readouterr().out == f"talk {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["animate", "speech.wav"], ["animate", "--nonsense"], ["nonsense"], ["train", "--out", "x"]]
)
def test_a_wrong_option_is_told_with_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().out == ""


def test_control_c_ends_with_130(monkeypatch: pytest.MonkeyPatch, speech: Path, tmp_path: Path) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("talkcli.animate.load_audio", interrupted)
    assert talk("animate", speech, "--out", tmp_path / "face.npz") == 130


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, speech: Path, tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("talkcli.animate.load_audio", broken)
    with pytest.raises(ZeroDivisionError):
        talk("animate", speech, "--out", tmp_path / "face.npz")


def test_a_reader_that_leaves_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = "import sys; from talkcli.cli import main; sys.exit(main(['--help']))"
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run([sys.executable, "-c", code], stdout=closed, stderr=subprocess.PIPE, check=False)
    assert done.stderr == b""


# -- animate, done right ---------------------------------------------------------------------------------------------


def test_animate_writes_the_motion_and_tells_where(
    model: Path, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "face.npz"
    motion = animated(model, speech, out)
    assert capsys.readouterr().out == f"{out}\n"
    assert motion["vertices"].shape == (15, len(motion["template"]), 3)
    assert motion["vertices"].dtype == motion["template"].dtype == np.float32
    assert motion["faces"].dtype == np.int32
    assert motion["fps"] == 30
    assert {"lip_inner_upper", "lip_inner_lower", "mouth_left", "mouth_right"} <= set(motion["landmark_names"])
    assert motion["landmark_indices"].shape == motion["landmark_names"].shape
    assert {"region_lips", "region_upper_face"} <= set(motion)
    assert motion["model"] == "small"
    assert all(array.dtype != object for array in motion.values())
    assert {path.name for path in tmp_path.iterdir()} == {"speech.wav", "face.npz"}


def test_several_outputs_come_from_one_pass_and_the_speech_stays(
    model: Path, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = speech.read_bytes()
    outs = [speech.with_suffix(".glb"), tmp_path / "face.npy", tmp_path / "face.arkit.csv", tmp_path / "a" / "%d.obj"]
    options = [word for out in outs for word in ("--out", out)]
    more = ["--flat", "--targets", "vertices", "--csv-fps", "30"]
    assert talk("animate", speech, *options, *more, "--model", model, "--phones", "head", "--no-life") == 0
    assert capsys.readouterr().out.split() == [str(out) for out in outs]
    assert speech.read_bytes() == before
    frames = np.load(outs[1])
    assert frames.ndim == 2
    assert len(frames) == 15
    assert len(outs[2].read_text().splitlines()) == 16
    assert len(list(outs[3].parent.iterdir())) == 15


def test_the_same_command_gives_the_same_vertices(model: Path, speech: Path, tmp_path: Path) -> None:
    one = animated(model, speech, tmp_path / "one.npz", "--life", 1, "--seed", 3)
    two = animated(model, speech, tmp_path / "two.npz", "--life", 1, "--seed", 3)
    assert (one["vertices"] == two["vertices"]).all()


def test_another_frame_rate_gives_as_many_frames_as_the_sound_lasts(model: Path, speech: Path, tmp_path: Path) -> None:
    motion = animated(model, speech, tmp_path / "face.npz", "--fps", 60)
    assert motion["fps"] == 60
    assert len(motion["vertices"]) == 30


def test_a_subject_speaks_with_its_own_head(model: Path, speech: Path, tmp_path: Path) -> None:
    one = animated(model, speech, tmp_path / "one.npz", "--subject", "ada", "--style", "sam")
    two = animated(model, speech, tmp_path / "two.npz", "--subject", "ben")
    assert np.abs(one["template"] - two["template"]).max() > 1e-3


def test_animate_reads_standard_input(
    model: Path, speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(speech.read_bytes())))
    assert len(animated(model, "-", tmp_path / "face.npz")["vertices"]) == 15


def test_animate_films(model: Path, speech: Path, tmp_path: Path) -> None:
    out = tmp_path / "face.mp4"
    options = ["--size", "64x48", "--view", "close", "--background", "#336699", "--renderer", "software"]
    assert talk("animate", speech, "--out", out, "--model", model, "--phones", "head", *options) == 0
    assert out.read_bytes()[4:8] == b"ftyp"


def test_force_replaces_a_file(model: Path, speech: Path, tmp_path: Path) -> None:
    out = tmp_path / "face.npz"
    out.write_text("something else")
    assert len(animated(model, speech, out, "--force")["vertices"]) == 15


@pytest.mark.parametrize(
    ("suffix", "rate", "subtype", "channels"),
    [
        ("wav", RATE, "PCM_U8", 1),
        ("wav", RATE, "PCM_24", 1),
        ("wav", RATE, "FLOAT", 2),
        ("wav", 8000, "PCM_16", 1),
        ("wav", 192000, "PCM_16", 1),
        ("wav", 44100, "PCM_16", 7),
        ("flac", 48000, "PCM_24", 2),
        ("ogg", 44100, "VORBIS", 1),
    ],
)
def test_every_kind_of_sound_gives_its_motion(
    model: Path, tmp_path: Path, suffix: str, rate: int, subtype: str, channels: int
) -> None:
    samples = np.repeat(make_tone(0.5, rate).samples[:, None], channels, axis=1)
    sound = save_sound(tmp_path / f"speech.{suffix}", samples, rate, subtype)
    assert len(animated(model, sound, tmp_path / "face.npz")["vertices"]) == 15


def test_silence_leaves_the_mouth_at_rest(model: Path, tmp_path: Path) -> None:
    sound = save_sound(tmp_path / "silence.wav", make_silence(0.5).samples)
    motion = animated(model, sound, tmp_path / "face.npz")
    lips = motion["region_lips"]
    assert np.abs(motion["vertices"][:, lips] - motion["template"][lips]).max() < 1e-3


def test_twenty_milliseconds_give_a_frame(model: Path, tmp_path: Path) -> None:
    sound = save_sound(tmp_path / "short.wav", make_tone(0.02).samples)
    assert len(animated(model, sound, tmp_path / "face.npz")["vertices"]) == 1


# -- animate, mistakes -----------------------------------------------------------------------------------------------


def write_bytes(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


SOUNDS: dict[str, Callable[[Path], Path]] = {
    "missing": lambda folder: folder / "missing.wav",
    "a folder": lambda folder: folder,
    "empty": lambda folder: write_bytes(folder / "empty.wav", b""),
    "text": lambda folder: write_bytes(folder / "text.wav", b"Dear diary, today I learned to speak.\n" * 20),
    "cut off": lambda folder: write_bytes(folder / "cut.wav", b"RIFF\x24\x00\x00\x00WAVEfmt "),
    "no samples": lambda folder: save_sound(folder / "none.wav", make_silence(0).samples),
    "no numbers": lambda folder: save_sound(folder / "nan.wav", np.full(RATE, np.nan, np.float32), subtype="FLOAT"),
}


@pytest.mark.parametrize("kind", SOUNDS)
def test_a_sound_that_is_none_is_told_in_one_line(kind: str, model: Path, tmp_path: Path, fails: Fails) -> None:
    sound = SOUNDS[kind](tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    said = fails("animate", sound, "--out", out / "face.npz", "--model", model)
    assert sound.name in said or "sound" in said
    assert not list(out.iterdir())


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--model", "nobody"], "nobody"),
        (["--subject", "nobody"], "nobody"),
        (["--style", "nobody"], "nobody"),
        (["--device", "abacus"], "abacus"),
        (["--size", "big"], "big"),
    ],
)
def test_a_name_that_is_unknown_is_told_in_one_line(
    options: list[str], word: str, model: Path, speech: Path, tmp_path: Path, fails: Fails
) -> None:
    given = options if "--model" in options else [*options, "--model", str(model)]
    assert word in fails("animate", speech, "--out", tmp_path / "face.mp4", "--phones", "head", *given)
    assert [path.name for path in tmp_path.iterdir()] == ["speech.wav"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--size", "63"], "63"),
        (["--size", "64x"], "64x"),
        (["--view", "within"], "within"),
        (["--background", "plaid"], "plaid"),
        (["--renderer", "pencil"], "pencil"),
        (["--life", "1.5"], "--life '1.5': give a number from 0 to 1"),
        (["--life", "much"], "--life 'much': give a number from 0 to 1"),
        (["--life", "nan"], "--life 'nan': give a number from 0 to 1"),
        (["--life", "--force"], "--life '--force': give a number from 0 to 1"),
        (["--life", "1", "--no-life"], "leave one out"),
    ],
)
def test_a_picture_that_cannot_be_drawn_and_odd_liveliness_are_told_before_any_work(
    options: list[str], word: str, speech: Path, tmp_path: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkcli.models.checkpoint.load_checkpoint", None)  # nothing may ask for it
    assert word in fails("animate", speech, "--out", tmp_path / "face.mp4", *options)


@pytest.mark.parametrize("name", ["face.docx", "face", "missing/face.npz", "speech.wav/face.npz", "."])
def test_an_output_that_cannot_be_written_is_told_before_any_work(
    name: str, speech: Path, tmp_path: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkcli.models.checkpoint.load_checkpoint", None)  # nothing may ask for it
    fails("animate", speech, "--out", tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["speech.wav"]


def test_a_place_that_takes_no_files_is_told_in_one_line(model: Path, speech: Path, fails: Fails) -> None:
    fails("animate", speech, "--out", "/proc/face.npz", "--model", model, "--phones", "head", "--no-life")


def test_an_existing_output_is_kept_without_force(model: Path, speech: Path, tmp_path: Path, fails: Fails) -> None:
    out = write_bytes(tmp_path / "face.npz", b"precious")
    assert "--force" in fails("animate", speech, "--out", out, "--model", model)
    assert out.read_bytes() == b"precious"


def test_a_film_without_ffmpeg_is_told_in_one_line(
    model: Path, speech: Path, tmp_path: Path, fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "no-ffmpeg"))
    said = fails("animate", speech, "--out", tmp_path / "face.mp4", "--model", model, "--phones", "head")
    assert "ffmpeg" in said
    assert [path.name for path in tmp_path.iterdir()] == ["speech.wav"]


def test_a_file_that_is_no_checkpoint_is_told_in_one_line(speech: Path, tmp_path: Path, fails: Fails) -> None:
    assert "speech.wav" in fails("animate", speech, "--out", tmp_path / "face.npz", "--model", speech)


# -- the other commands ----------------------------------------------------------------------------------------------


def test_models_tells_each_shipped_one_and_how_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("talkcli.resources.MODELS", tmp_path)
    monkeypatch.setattr("talkcli.resources.READERS", tmp_path / "none")
    assert talk("models") == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "talk train" in said.err
    make_checkpoint(tmp_path / "small.safetensors")
    assert talk("models") == 0
    assert "small was made by: make_checkpoint\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(MINIATURES.keys() - {"synthetic"}))
def test_recordings_are_prepared_checked_and_told(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, data = tmp_path / "raw", tmp_path / "data"
    MINIATURES[name](raw)
    assert talk("preprocess", name, "--raw", raw, "--out", data, "--jobs", 1) == 0
    assert capsys.readouterr().out == f"{data}\n"
    assert Corpus.open(data).provenance["command"].startswith(f"talk preprocess {name} --raw {raw}")
    assert talk("preprocess", "--check", data) == 0
    assert "no problem found" in capsys.readouterr().out
    assert talk("info", data, "--json") == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "prepared data"
    assert talk("info", data) == 0
    assert "training subjects: " in capsys.readouterr().out


def test_a_check_that_finds_something_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    MINIATURES["folder"](tmp_path / "raw")
    assert talk("preprocess", "folder", "--raw", tmp_path / "raw", "--out", tmp_path / "data", "--jobs", 1) == 0
    (tmp_path / "data" / "clips" / "ann_1.safetensors").unlink()
    capsys.readouterr()
    assert talk("preprocess", "--check", tmp_path / "data") == 2
    said = capsys.readouterr()
    assert "problem: ann_1: " in said.out
    assert said.err.startswith("error: ")


def test_a_folder_is_begun_with_an_example(tmp_path: Path, capsys: pytest.CaptureFixture[str], fails: Fails) -> None:
    assert talk("preprocess", "folder", "--init", "--raw", tmp_path) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'talk.toml'}\n"
    assert "exists already" in fails("preprocess", "folder", "--init", "--raw", tmp_path)
    assert "--out is missing" in fails("preprocess", "folder", "--raw", tmp_path)
    assert "templates/ann.obj" in fails("preprocess", "folder", "--raw", tmp_path, "--out", tmp_path / "data")


class Exploit:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


def test_a_pickle_that_would_run_code_runs_nothing_and_gives_one_line(tmp_path: Path, fails: Fails) -> None:
    MINIATURES["vocaset"](tmp_path / "raw")
    trace = tmp_path / "was-here"
    (tmp_path / "raw" / "templates.pkl").write_bytes(pickle.dumps({"a": Exploit(f"touch {trace}")}, protocol=2))
    said = fails("preprocess", "vocaset", "--raw", tmp_path / "raw", "--out", tmp_path / "data")
    assert "templates.pkl" in said
    assert "system" in said
    assert not trace.exists()


def test_an_archive_is_unpacked_and_one_that_leads_out_is_refused(tmp_path: Path, fails: Fails) -> None:
    MINIATURES["vocaset"](tmp_path / "trainingdata")
    with zipfile.ZipFile(tmp_path / "good.zip", "w") as archive:
        for path in sorted((tmp_path / "trainingdata").iterdir()):
            archive.write(path, f"trainingdata/{path.name}")
    assert talk("preprocess", "vocaset", "--raw", tmp_path / "good.zip", "--out", tmp_path / "data", "--jobs", 1) == 0
    assert {path.name for path in (tmp_path / "data").iterdir()} == {
        "clips",
        "manifest.json",
        "templates.safetensors",
        "topology.safetensors",
    }
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../../was-here", "x")
    bad = ["preprocess", "vocaset", "--raw", str(tmp_path / "bad.zip"), "--out", str(tmp_path / "other" / "data")]
    shutil.rmtree(tmp_path / "data")
    assert main(bad) == 2
    assert not list(tmp_path.rglob("was-here"))


def test_train_without_data_is_told_in_one_line(tmp_path: Path, fails: Fails) -> None:
    assert "missing" in fails("train", "--data", tmp_path / "missing", "--out", tmp_path / "run")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--method", "guesswork"], "guesswork"),
        (["--preset", "guess"], "guess"),
        (["--config", "missing.toml"], "missing.toml"),
        (["--set", "optim.lrr=1"], "optim.lrr"),
        (["--set", "optim.lr=fast"], "optim.lr"),
        (["--set", "optim.lr=nan"], "optim.lr"),
        (["--set", "optim.validate_every=0"], "optim.validate_every"),
        (["--set", "data.batch=0"], "data.batch"),
        (["--set", "model.heads=0"], "heads"),
    ],
)
def test_a_config_that_is_wrong_is_told_in_one_line(
    options: list[str], word: str, tmp_path: Path, fails: Fails
) -> None:
    assert word in fails("train", "--data", tmp_path, "--out", tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_from_nothing_to_a_head_that_speaks(speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """preprocess -> train two steps -> animate; who trains needs a synthesizer, and the dev extra brings one."""
    data, run, out = tmp_path / "data", tmp_path / "run", tmp_path / "face.npz"
    assert talk("preprocess", "synthetic", "--out", data, "--hours", 0.02, "--seed", 1, "--jobs", 1) == 0
    tiny = [
        "optim.steps=2",
        "optim.pretrain_steps=2",
        "optim.warmup=0",
        "data.batch=2",
        "data.copies=0",
        "data.workers=0",
    ]
    settings = [word for key in [*tiny, *(f"model.{key}" for key in SMALL)] for word in ("--set", key)]
    train = ["train", "--method", "selftalk", "--data", data, "--out", run, "--device", "cpu", "--jobs", 1]
    assert talk(*train, *settings) == 0
    assert capsys.readouterr().out.split("\n")[:-1] == [str(data), str(run / "best.safetensors")]
    motion = animated(run, speech, out)
    assert len(motion["vertices"]) == 15
    assert str(motion["model"]) == "run"


# -- animate --compare ------------------------------------------------------------------------------------------------


def compared(model: Path, speech: Path, out: Path, *things: object) -> list[object]:
    asked = [word for thing in things for word in ("--compare", thing)]
    look = ["--size", 64, "--phones", "head", "--no-life"]
    return ["animate", speech, "--out", out, "--model", model, *look, *asked]


def test_models_and_recorded_motion_are_compared_in_one_video(
    model: Path, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    animated(model, speech, tmp_path / "recorded.npz")
    capsys.readouterr()
    out = tmp_path / "both.mp4"
    assert talk(*compared(model, speech, out, model, tmp_path / "recorded.npz")) == 0
    assert capsys.readouterr().out == f"{out}\n"
    said = subprocess.run([find_ffmpeg(), "-i", str(out)], capture_output=True, text=True, check=False).stderr
    assert "256x88" in said  # the model, itself, the recording, and how far they are apart
    assert "Audio: aac" in said


def test_what_cannot_be_compared_is_told_in_one_line(
    model: Path, speech: Path, tmp_path: Path, fails: Fails, capsys: pytest.CaptureFixture[str]
) -> None:
    motion = animated(model, speech, tmp_path / "a.npz")["vertices"]
    capsys.readouterr()
    np.save(tmp_path / "other.npy", motion[:, :100])
    np.save(tmp_path / "millimetres.npy", 1000 * motion)
    np.savez(tmp_path / "slow.npz", vertices=motion, fps=25.0)
    (tmp_path / "broken.npz").write_text("nothing")
    out = tmp_path / "both.mp4"
    for thing, word in (
        ("other.npy", "topology"),
        ("millimetres.npy", "times as large"),
        ("slow.npz", "--fps 25"),
        ("broken.npz", "broken.npz"),
        ("missing.glb", "missing.glb"),
        ("no-such-model", "no-such-model"),
    ):
        assert word in fails(*compared(model, speech, out, tmp_path / thing))
    plate, info = tmp_path / "plate.safetensors", make_info(PLATE)
    templates = {name: make_template(PLATE) for name in info.subjects}
    save_checkpoint(plate, make_model("basis=none", info=info), "selftalk", templates, {})
    assert "one topology" in fails(*compared(model, speech, out, plate))
    assert ".mp4" in fails(*compared(model, speech, tmp_path / "both.npz", model))
    assert not list(tmp_path.glob("*both*"))
