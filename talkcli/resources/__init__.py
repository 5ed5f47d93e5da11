"""What the package reads at run time, and where it lies; plain paths, so that asking costs no start."""

from __future__ import annotations

from pathlib import Path

MODELS = Path(__file__).parent / "models"
PRESETS = Path(__file__).parent / "presets"
DEFAULT_MODEL = "selftalk-tiny"


def shipped_models() -> list[str]:
    """The names of the models in the package."""
    return sorted(path.stem for path in MODELS.glob("*.safetensors"))


def presets(method: str) -> list[str]:
    """The names of a method's shipped configs; "paper" stands for the defaults, which need no file."""
    return [*sorted(path.stem.removeprefix(f"{method}-") for path in PRESETS.glob(f"{method}-*.toml")), "paper"]
