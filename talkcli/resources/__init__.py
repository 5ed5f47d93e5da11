"""What the package reads at run time, and where it lies; plain paths, so that asking costs no start."""

from __future__ import annotations

from pathlib import Path

MODELS = Path(__file__).parent / "models"
READERS = Path(__file__).parent / "readers"
PRESETS = Path(__file__).parent / "presets"
SPEECH = Path(__file__).parent / "speech.ogg"  # assets/sample.flac once more, to try and to measure with
SPEECH_BEGINS = ("Hello, I am a head made of numbers.", 2.45)  # its first sentence, and where that ends in seconds
DEFAULT_MODEL = "selftalk-tiny"
DEFAULT_READER = "lips-tiny"


def shipped_models() -> list[str]:
    """The names of the models in the package."""
    return sorted(path.stem for path in MODELS.glob("*.safetensors"))


def shipped_readers() -> list[str]:
    """The names of the lip readers in the package."""
    return sorted(path.stem for path in READERS.glob("*.safetensors"))


def presets(method: str) -> list[str]:
    """The names of a method's shipped configs; "paper" stands for the defaults, which need no file."""
    return [*sorted(path.stem.removeprefix(f"{method}-") for path in PRESETS.glob(f"{method}-*.toml")), "paper"]
