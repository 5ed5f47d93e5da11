"""Where the checkpoint lies that a name, a run's folder or a path means, and its name; no torch is needed for that."""

from __future__ import annotations

from collections.abc import Sequence
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
    path = _find(model, resources.MODELS, CHECKPOINTS)
    if path is not None:
        return path
    if Path(model).is_dir():
        raise TalkError(f"{model} holds no {' or '.join(CHECKPOINTS)}: is it a folder made by 'talk train'?")
    names = ", ".join(resources.shipped_models()) or "none is shipped with this build"
    raise TalkError(f"no model '{model}': give a run's folder, a checkpoint, or a shipped model's name ({names})")


def find_reader(reader: str) -> Path:
    """The lip reader that a shipped one's name, the folder of a run with the dual task, or a path means.

    Raises:
        TalkError: there is none.
    """
    path = _find(reader, resources.READERS, [f"{READER}.safetensors"])
    if path is not None:
        return path
    names = ", ".join(resources.shipped_readers()) or "none is shipped with this build"
    raise TalkError(
        f"no lip reader '{reader}': give the folder of a run that was trained with --dual, or a shipped one's name "
        f"({names})"
    )


def _find(name: str, shipped: Path, of_runs: Sequence[str]) -> Path | None:
    """A shipped file by its name, the first of a run's that is there, or the file itself."""
    if "/" not in name and (shipped / f"{name}.safetensors").is_file():
        return shipped / f"{name}.safetensors"
    path = Path(name)
    found = [path / file for file in of_runs] if path.is_dir() else [path]
    return next((file for file in found if file.is_file()), None)


def checkpoint_name(path: Path) -> str:
    """What a checkpoint's model is called: as its file, or as the folder of its run."""
    run = path.name in CHECKPOINTS and path.parent != resources.MODELS
    return path.parent.name if run else path.stem
