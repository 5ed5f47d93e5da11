"""Which models there are to animate with: those that are shipped, and the runs in folders of them.

Everything is read from headers and small text files, without torch; what is damaged is told in its line.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from talkcli import resources
from talkcli.errors import TalkError
from talkcli.files.tensors import Header, read_header
from talkcli.models import METHODS
from talkcli.models.places import CHECKPOINTS, READER, find_checkpoint

RUN, DONE, LOG = "run.json", "done", "model.csv"  # files of a run, as `talk train` leaves them
TEMPLATE = "template."  # begins the names of tensors that are a subject's head, where it is not the packaged one
DEEPEST = 4  # folders below the one that is looked through


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model as --model takes it: its method, what it hears with, and the data and how many subjects it learned from.

    weights are numbers, bytes the checkpoint's; command is what made it; problem says what is wrong, if something is.
    """

    name: str
    method: str = ""
    encoder: str = ""
    weights: int = 0
    bytes: int = 0
    data: str = ""
    fps: float | None = None
    subjects: int = 0
    command: str = ""
    version: str = ""
    problem: str = ""

    @property
    def usable(self) -> bool:
        """Whether there is a checkpoint that can be read."""
        return self.bytes > 0

    def as_dict(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True, kw_only=True)
class Run(Entry):
    """A training's folder: steps done, of how many where that is told, the best validation loss so far, and its step.

    checkpoint is the file that --model takes, empty before the first validation.
    """

    checkpoint: str = ""
    steps: int = 0
    of: int | None = None
    best: float | None = None
    best_step: int | None = None
    finished: bool = False


def shipped() -> list[Entry]:
    """The models in the package."""
    return [_packaged(resources.MODELS / f"{name}.safetensors") for name in resources.shipped_models()]


def readers() -> list[Entry]:
    """The lip readers in the package, which judge and do not animate; what they hear with is their recogniser."""
    return [_packaged(resources.READERS / f"{name}.safetensors", [READER]) for name in resources.shipped_readers()]


def _packaged(path: Path, kinds: Collection[str] = METHODS) -> Entry:
    try:
        return Entry(name=path.stem, **_told(_header(path, kinds)))
    except TalkError as error:
        return Entry(name=path.stem, problem=f"{error}; install talk anew")


def runs(folder: Path) -> list[Run]:
    """The runs in a folder and below it.

    Raises:
        TalkError: there is no such folder.
    """
    if not folder.is_dir():
        raise TalkError(f"'{folder}' {'is no folder' if folder.exists() else 'does not exist'}: name a folder of runs")
    return [_run(path) for path in run_folders(folder)]


def run_folders(folder: Path) -> Iterator[Path]:
    """Where runs lie in a folder and below it, by name; folders that cannot be entered are passed over."""
    depth = len(folder.parts)
    for place, below, files in os.walk(folder):
        path = Path(place)
        if RUN in files or not set(CHECKPOINTS).isdisjoint(files):
            yield path
            below.clear()
        elif len(path.parts) - depth >= DEEPEST:
            below.clear()
        below[:] = sorted(name for name in below if not name.startswith("."))


def subjects(model: str) -> list[str]:
    """Whose heads a model animates, as --subject takes them.

    Raises:
        TalkError: there is no such model, or it is damaged.
    """
    from talkcli.head import subject_names  # here: listing models needs no numpy of ours

    header = _header(find_checkpoint(model))
    own = [name.removeprefix(TEMPLATE) for name in header.shapes if name.startswith(TEMPLATE)]
    return sorted(own) or list(subject_names())


def styles(model: str) -> list[str]:
    """Whose ways of speaking a model has learned, as --style takes them.

    Raises:
        TalkError: there is no such model, or it is damaged.
    """
    return list(map(str, _header(find_checkpoint(model)).table("corpus").get("subjects", ())))


def _run(folder: Path) -> Run:
    """What a run's folder tells; whatever of it is damaged is a problem in its line."""
    told: dict[str, Any] = {"finished": (folder / DONE).is_file()}
    problems = []
    for part in (_settings, _progress, _kept):
        try:
            told |= part(folder)
        except TalkError as error:
            problems.append(str(error))
    if told["finished"] and not told.get("of"):  # as many as its epochs had
        told["of"] = told.get("steps")
    return Run(name=str(folder), problem="; ".join(problems), **told)


def _settings(folder: Path) -> dict[str, Any]:
    """Of run.json: the method, the encoder and the number of steps, where it is set as such."""
    path = folder / RUN
    if not path.is_file():
        return {}  # a checkpoint that somebody put into a folder
    try:
        record = json.loads(path.read_text("utf-8"))
        model, optim = record["model"], record["optim"]
        encoder, steps = str(model.get("encoder", "")), int(optim["steps"]) or None
        return {"method": str(record["method"]), "encoder": encoder, "of": steps}
    except OSError as error:
        raise TalkError(f"{RUN} cannot be read ({error.strerror or error})") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise TalkError(f"{RUN} is damaged") from error


def _progress(folder: Path) -> dict[str, Any]:
    """Of the run's log: steps done, and the best validation loss with its step."""
    path = folder / LOG
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [(int(row["step"]), float(row["validation"])) for row in csv.DictReader(file)]
    except OSError as error:
        raise TalkError(f"{LOG} cannot be read ({error.strerror or error})") from error
    except (ValueError, LookupError, TypeError, csv.Error) as error:
        raise TalkError(f"{LOG} is damaged") from error
    if not rows:
        return {}
    best = min(rows, key=lambda row: row[1])
    return {"steps": rows[-1][0], "best_step": best[0], "best": best[1]}


def _kept(folder: Path) -> dict[str, Any]:
    """Of the checkpoint that --model takes: what it is, and its own word on what is best, where it has one."""
    name = next((name for name in CHECKPOINTS if (folder / name).is_file()), "")
    if not name:
        return {}
    header = _header(folder / name)
    found, provenance = _told(header) | {"checkpoint": name}, header.table("provenance")
    step, loss = provenance.get("step"), provenance.get("validation")
    if name == CHECKPOINTS[0] and isinstance(step, int) and isinstance(loss, int | float):
        found |= {"best": float(loss), "best_step": step}
    return found


def _header(path: Path, kinds: Collection[str] = METHODS) -> Header:
    """That of a checkpoint of such a kind.

    Raises:
        TalkError: it is damaged, or none.
    """
    header = read_header(path)
    if not isinstance(header.told, dict) or str(header.told.get("method")) not in kinds:
        raise TalkError(f"'{path}' is no checkpoint of a method that this version knows")
    return header


def _told(header: Header) -> dict[str, Any]:
    """What a checkpoint says of itself, as an Entry has it."""
    config, corpus, provenance = (header.table(key) for key in ("config", "corpus", "provenance"))
    ears = config.get("encoder") or _within(config, "reader", "recognizer", "name")
    return {
        "method": str(header.told["method"]),
        "encoder": str(ears),
        "weights": header.count("model."),
        "bytes": header.bytes,
        "data": str(corpus.get("name", "")),
        "fps": corpus.get("fps"),
        "subjects": len(corpus.get("subjects", ())),
        "command": str(provenance.get("command", "")),
        "version": str(header.told.get("version", "")),
    }


def _within(table: Mapping[str, Any], *keys: str) -> Any:
    """What lies under one key after another; nothing where there is no such thing."""
    found: Any = table
    for key in keys:
        found = found.get(key, "") if isinstance(found, dict) else ""
    return found
