"""What a start loads: nothing heavy until a command needs it, and torchaudio beside any torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ["numpy", "scipy", "torch", "torchaudio", "transformers", "pyrender", "numba", "soundfile", "trimesh"]
HEAVY += ["matplotlib", "praatio", "ray"]


def run(code: str) -> str:
    """What a fresh Python prints that runs the code."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["animate", "--help"], ["preprocess", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = run(f"import sys; from talkcli.cli import main; main({arguments}); print([*sys.modules])")
    assert not set(HEAVY) & set(eval(loaded))


def test_a_mistake_in_the_options_loads_nothing_heavy() -> None:
    loaded = run(
        "import sys; from talkcli.cli import main; main(['animate', 'x', '--sice', '3']); print([*sys.modules])"
    )
    assert not set(HEAVY) & set(eval(loaded))


def test_models_are_listed_without_torch() -> None:
    loaded = run("import sys; from talkcli.cli import main; main(['models']); print([*sys.modules])")
    assert not set(HEAVY) - {"numpy"} & set(eval(loaded))


def test_a_sound_is_heard_before_torch_is_loaded() -> None:
    loaded = run("import sys, talkcli.animate; print([*sys.modules])")
    assert not {"scipy", "torch", "torchaudio", "transformers", "pyrender", "numba"} & set(eval(loaded))


def test_torchaudio_and_what_imports_it_load_beside_this_torch() -> None:
    code = """
import talkcli, torch, torchaudio
from transformers import Wav2Vec2Model
print(torchaudio.functional.resample(torch.zeros(1600), 16000, 8000).shape[0])
"""
    assert run(code) == "800"
