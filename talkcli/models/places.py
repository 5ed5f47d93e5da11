"""Where the checkpoint lies that a name, a run's folder or a path means, and its name; no torch is needed for that."""

from __future__ import annotations

from pathlib import Path

from talkcli import resources
from talkcli.errors import TalkError

READER = "reader"  # stands in a lip reader's file where a method's name does, and is the name of its file in a run
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


def find_reader(reader: str) -> Path:
    """The lip reader that a shipped one's name, the folder of a run with the dual task, or a path means.

    Raises:
        TalkError: there is none.
    """
    shipped = resources.READERS / f"{reader}.safetensors"
    if "/" not in reader and shipped.is_file():
        return shipped
    path = Path(reader) / f"{READER}.safetensors" if Path(reader).is_dir() else Path(reader)
    if path.is_file():
        return path
    names = ", ".join(resources.shipped_readers()) or "none is shipped with this build"
    raise TalkError(
        f"no lip reader '{reader}': give the folder of a run that was trained with --dual, or a shipped one's name "
        f"({names})"
    )


def checkpoint_name(path: Path) -> str:
    """What a checkpoint's model is called: as its file, or as the folder of its run."""
    run = path.name in CHECKPOINTS and path.parent != resources.MODELS
    return path.parent.name if run else path.stem
