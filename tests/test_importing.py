"""`talk import`: the authors' files become checkpoints that animate as theirs do, and any other file is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from talkcli.audio import load_audio
from talkcli.cli import main
from talkcli.clip import Audio, CorpusInfo, Topology
from talkcli.models.checkpoint import load_checkpoint
from talkcli.prepared import ClipEntry
from talkcli.preparing import Writer, save_clip
from tests.make import RATE, make_tone, save_sound
from tests.parity.cases import Numbers, differs

FIXTURES = Path(__file__).parent / "parity" / "fixtures"
NUMBERS = {method: Numbers(FIXTURES / f"{method}_vocaset.npz") for method in ("selftalk", "faceformer")}
VERTICES, SUBJECTS = 60, ("ann", "bob", "cat")


def make_data(folder: Path, fps: float = 30.0, vertices: int = VERTICES, subjects: tuple[str, ...] = SUBJECTS) -> Path:
    """Prepared data of a topology like the fixtures', one clip each of two subjects."""
    lips = NUMBERS["selftalk"].arrays["lip_mask"].astype(np.int32) % vertices
    faces = np.array([[i, i + 1, i + 2] for i in range(vertices - 2)], np.int32)
    topology = Topology("sixty", vertices, faces, {"lips": np.unique(lips), "lip_reading": lips})
    template = np.resize(NUMBERS["selftalk"].template[0].numpy(), (vertices, 3))
    templates = {"ann": template, "zoe": template + np.float32(0.5)}
    writer, entries = Writer(folder, CorpusInfo("small", topology, fps, subjects), templates), []
    for name, subject in (("one", "ann"), ("two", "zoe")):
        audio = Audio(np.zeros(RATE, np.float32), RATE)
        save_clip(folder, name, audio, [], np.repeat(template[None], 30, 0), {})
        entries.append(ClipEntry(name, subject, "train", "v", 30, RATE))
    writer.finish(entries, {})
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("data") / "sixty")


def save_weights(path: Path, method: str, change: Callable[[dict[str, Tensor]], object] = lambda w: None) -> Path:
    """As the authors publish them: a plain table of tensors."""
    weights = dict(NUMBERS[method].weights)
    change(weights)
    torch.save(weights, path)
    return path


def talk(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def imported(weights: Path, method: str, data: Path, out: Path, *more: object) -> int:
    return talk("import", weights, "--method", method, "--data", data, "--out", out, *more)


@pytest.mark.parametrize("out", ["folder", "file.safetensors"])
@pytest.mark.parametrize("method", NUMBERS)
def test_what_is_imported_moves_as_the_authors_model(method: str, out: str, data: Path, tmp_path: Path) -> None:
    weights = save_weights(tmp_path / "vocaset.pth", method)
    assert imported(weights, method, data, tmp_path / out) == 0
    checkpoint = load_checkpoint(str(tmp_path / out))
    assert checkpoint.name == out.removesuffix(".safetensors")
    assert sorted(checkpoint.templates) == ["ann", "zoe"]
    assert (
        checkpoint.model.corpus.topology.regions["lip_reading"].tolist()
        == NUMBERS["selftalk"].arrays["lip_mask"].tolist()
    )
    numbers = NUMBERS[method]
    style = np.eye(3, dtype=np.float32)[1]
    key = "predict_a_vertices" if method == "selftalk" else "predict_a_s1_vertices"
    sound = Audio(numbers.arrays["audio_a_raw"], RATE)
    motion = checkpoint.model.animate(sound, numbers.template[0].numpy(), style)
    assert differs(torch.from_numpy(motion.vertices[:]).flatten(1)[None], numbers.tensor(key)) <= 1e-5
    assert checkpoint.provenance["command"].startswith(f"talk import {weights} --method {method}")


@pytest.mark.parametrize("method", NUMBERS)
def test_newer_names_wrappers_and_files_of_other_forms_are_read_too(method: str, data: Path, tmp_path: Path) -> None:
    def renamed(weights: dict[str, Tensor]) -> None:
        for name in list(weights):
            new = name.replace("conv.weight_g", "conv.parametrizations.weight.original0")
            new = new.replace("conv.weight_v", "conv.parametrizations.weight.original1")
            weights[f"module.{new}"] = weights.pop(name)

    plain, wrapped = save_weights(tmp_path / "a.pth", method), save_weights(tmp_path / "b.pth", method, renamed)
    old = {"state_dict": torch.load(wrapped, weights_only=True)}
    torch.save(old, wrapped, _use_new_zipfile_serialization=False)
    assert imported(plain, method, data, tmp_path / "a") == imported(wrapped, method, data, tmp_path / "b") == 0
    one, other = (load_checkpoint(str(tmp_path / name)).model.state_dict() for name in "ab")
    assert all(torch.equal(other[name], tensor) for name, tensor in one.items())


@pytest.mark.parametrize("method", NUMBERS)
def test_it_animates_like_any_other_and_without_transformers(method: str, data: Path, tmp_path: Path) -> None:
    model, sound = tmp_path / "model", save_sound(tmp_path / "speech.wav", make_tone(0.8).samples)
    assert imported(save_weights(tmp_path / "w.pth", method), method, data, model) == 0
    command = ["animate", str(sound), "--model", str(model), "--subject", "zoe", "--out", str(tmp_path / "x.npz")]
    code = f"""
import sys
from talkcli.cli import main
code = main({command})
print(code, *[name for name in ("transformers", "torchaudio", "huggingface_hub") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0"
    with np.load(tmp_path / "x.npz") as motion:
        assert motion["vertices"].shape == (24, VERTICES, 3)
        assert np.isfinite(motion["vertices"]).all()
    assert load_audio(sound, RATE).seconds == pytest.approx(0.8)


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Imports what must not be imported; gives the one line that it says."""

    def run(*arguments: object) -> str:
        capsys.readouterr()
        assert imported(*arguments) == 2  # type: ignore[arg-type]
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        return said.err

    return run


def test_names_that_are_missing_or_unexpected_are_listed(fails: Callable[..., str], data: Path, tmp_path: Path) -> None:
    def change(weights: dict[str, Tensor]) -> None:
        weights.pop("transformer_decoder.layers.0.norm1.weight")
        weights["transformer_decoder.layers.1.norm1.weight"] = torch.ones(16)
        weights["transformer_decoder.layers.0.norm2.bias"] = torch.ones(3)

    said = fails(save_weights(tmp_path / "w.pth", "selftalk", change), "selftalk", data, tmp_path / "x")
    assert "1 missing (transformer_decoder.layers.0.norm1.weight)" in said
    assert "1 unexpected (transformer_decoder.layers.1.norm1.weight)" in said
    assert "1 of another shape (transformer_decoder.layers.0.norm2.bias)" in said
    assert not (tmp_path / "x").exists()


def test_weights_of_another_method_are_told(fails: Callable[..., str], data: Path, tmp_path: Path) -> None:
    said = fails(save_weights(tmp_path / "w.pth", "selftalk"), "faceformer", data, tmp_path / "x")
    assert "is no faceformer as its authors published it: it lacks PPE.pe" in said
    said = fails(save_weights(tmp_path / "w.pth", "faceformer"), "selftalk", data, tmp_path / "x")
    assert "4 unexpected (PPE.pe, obj_vector.weight, vertice_map.bias, vertice_map.weight)" in said
    assert "choose from: faceformer, selftalk" in fails(tmp_path / "w.pth", "telepathy", data, tmp_path / "x")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        ({"vertices": 61}, "moves 60 vertices, and the heads of .* have 61"),
        ({"fps": 25.0}, "makes 30 frames a second, and .* has 25"),
        ({"subjects": ("ann",)}, "knows 3 speaking styles, and .* has 1 training subjects"),
    ],
)
def test_another_data_set_is_told(
    fails: Callable[..., str], tmp_path: Path, make: dict[str, object], sentence: str
) -> None:
    import re

    other = make_data(tmp_path / "other", **make)  # type: ignore[arg-type]
    said = fails(save_weights(tmp_path / "w.pth", "faceformer"), "faceformer", other, tmp_path / "x")
    assert re.search(sentence, said)


class Harm:
    """What must not run when a file is read."""

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (Path.touch, (Path("harmed"),))  # type: ignore[return-value]


def test_files_that_hold_something_else_are_told(
    fails: Callable[..., str], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weights": Harm()}, tmp_path / "harm.pth")
    assert "cannot read weights from" in fails(tmp_path / "harm.pth", "selftalk", data, tmp_path / "x")
    assert not (tmp_path / "harmed").exists()
    (tmp_path / "text.pth").write_text("hello")
    assert "cannot read weights from" in fails(tmp_path / "text.pth", "selftalk", data, tmp_path / "x")
    torch.save([1, 2], tmp_path / "list.pth")
    assert "it holds no table of tensors" in fails(tmp_path / "list.pth", "selftalk", data, tmp_path / "x")
    assert "there is no file" in fails(tmp_path / "none.pth", "selftalk", data, tmp_path / "x")


def test_what_is_there_is_kept_unless_forced(fails: Callable[..., str], data: Path, tmp_path: Path) -> None:
    weights, out = save_weights(tmp_path / "w.pth", "selftalk"), tmp_path / "x"
    assert imported(weights, "selftalk", data, out) == 0
    before = (out / "best.safetensors").stat().st_mtime_ns
    assert "exists; give another place, or --force" in fails(weights, "selftalk", data, out)
    assert (out / "best.safetensors").stat().st_mtime_ns == before
    assert imported(weights, "selftalk", data, out, "--force") == 0
    assert [path.name for path in out.iterdir()] == ["best.safetensors"]
    (out / "run.json").touch()
    assert "holds a training run" in fails(weights, "selftalk", data, out, "--force")
    assert "give a folder, or a file that ends in .safetensors" in fails(weights, "selftalk", data, weights)
