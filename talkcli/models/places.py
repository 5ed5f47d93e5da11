"""Where the checkpoint lies that a name, a run's folder or a path means, and its name; no torch is needed for that."""

from __future__ import annotations

from pathlib import Path

from talkcli import resources
from talkcli.errors import TalkError

CHECKPOINTS = ("best.safetensors", "last.safetensors")  # of a run, in the order in which they are taken


def find_checkpoint(model: str) -> Path:
    """The file that a name, a run's folder or a path means.

    Raises:
        TalkError: there is none.
    """
    shipped = resources.MODELS / f"{model}.safetensors"
    if "/" not in model and shipped.is_file():
        return shipped
    path = Path(model)
    if path.is_dir():
        for name in CHECKPOINTS:
            if (path / name).is_file():
                return path / name
        raise TalkError(f"{path} holds no {' or '.join(CHECKPOINTS)}: is it a folder made by 'talk train'?")
    if path.is_file():
        return path
    names = ", ".join(resources.shipped_models()) or "none is shipped with this build"
    raise TalkError(f"no model '{model}': give a run's folder, a checkpoint, or a shipped model's name ({names})")


def checkpoint_name(path: Path) -> str:
    """What a checkpoint's model is called: as its file, or as the folder of its run."""
    run = path.name in CHECKPOINTS and path.parent != resources.MODELS
    return path.parent.name if run else path.stem
