"""What is finished: a small file an item in the batch's folder, which tells what each output was made from.

It is written twice: before the item's outputs appear, so that a run that is killed in between leaves none that nobody
claims, and after them, with the digests of their bytes. Items share no file, so any number of machines may work in one
folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import talkcli
from talkcli.animate import Animated, AnimateOptions
from talkcli.batch.plan import Item
from talkcli.errors import TalkError
from talkcli.export import ExportOptions, sweep
from talkcli.export.base import beside

FORMAT = 1
FOLDER = ".talk"
Told = dict[str, Any]  # fit for JSON
# what a manifest that somebody edited may raise
_BROKEN = (LookupError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes of a sound, beside the sound: the model, by the digest of its bytes, and options."""

    model: str
    checkpoint: str
    precision: str
    options: AnimateOptions
    look: ExportOptions
    talk: str = talkcli.__version__

    def told(self) -> Told:
        """Without what differs from item to item, or changes no output."""
        options, look = asdict(self.options), asdict(self.look)
        for name in ("text", "phone_file", "keys"):
            del options[name]
        for name in ("force", "sound"):
            del look[name]
        model = {"name": self.model, "sha256": self.checkpoint, "precision": self.precision}
        return {"talk": self.talk, "model": model, "options": options, "look": look}


@dataclass(frozen=True)
class Run:
    """What an item is made from, and the digest of all that."""

    key: str
    told: Told


def digest(path: Path) -> str:
    """sha256 of a file's bytes; of a folder's, of the names and digests of what is in it."""
    if path.is_dir():
        files = [(child.name, digest(child)) for child in sorted(path.iterdir())]
        return hashlib.sha256(json.dumps(files).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Manifest:
    """The record of one item in the folder out."""

    def __init__(self, out: Path, item: Item) -> None:
        self._item = item
        self._places = {place.relative_to(out).as_posix(): place for place in item.places().values()}
        readable = re.sub(r"[^\w-]", "_", Path(item.name).name, flags=re.ASCII)[:40]
        self.path = out / FOLDER / f"{readable}-{hashlib.sha256(os.fsencode(item.name)).hexdigest()[:12]}.json"

    def unclaimed(self) -> list[Path]:
        """Outputs that are there and of which the manifest knows nothing."""
        claimed = self._load()["outputs"]
        return [place for name, place in self._places.items() if name not in claimed and is_there(place)]

    def finished(self, recipe: Recipe) -> Animated | None:
        """What came of the item, if it is finished: from this sound, with this recipe, and as it was written."""
        stored = self._load()
        try:
            entries = [(place, stored["outputs"][name]) for name, place in self._places.items()]
            key = self.run(recipe).key
            same = all(entry["run"] == key and _size(place) == entry["bytes"] for place, entry in entries)
            if same and all(digest(place) == entry["sha256"] for place, entry in entries):
                return Animated(float(stored["runs"][key]["seconds"]), int(stored["runs"][key]["frames"]))
        except (OSError, TalkError, *_BROKEN):  # something is not there, or not whole: whoever makes it will tell
            return None
        return None

    def run(self, recipe: Recipe) -> Run:
        """What the item is made from now.

        Raises:
            TalkError: its sound or its text cannot be read.
        """
        item = self._item
        try:
            told = recipe.told() | {
                "sound": {"name": item.source.name, "sha256": digest(item.source)},
                "text": None if item.text is None else digest(item.text),
            }
        except OSError as error:
            raise TalkError(f"'{error.filename}' cannot be read: {error.strerror or error}") from error
        return Run(hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest(), told)

    @contextmanager
    def making(self, run: Run) -> Iterator[list[Animated]]:
        """Claims the outputs while they are made; what came of the item is put into the list.

        Raises:
            TalkError: the manifest, or a folder for the outputs, cannot be written.
        """
        self._make_folders()
        stored = self._load()
        if any("sha256" not in entry for name, entry in stored["outputs"].items() if name in self._places):
            self.tidy()  # whoever was making it was killed
        runs = stored["runs"] | {run.key: run.told}
        claimed = stored["outputs"] | {name: {"run": run.key} for name in self._places}
        self._save(runs, claimed)
        came: list[Animated] = []
        try:
            yield came
        except BaseException:
            self.give_up()
            raise
        (animated,) = came
        made = {
            name: {"run": run.key, "bytes": _size(place), "sha256": digest(place)}
            for name, place in self._places.items()
        }
        self._save(runs | {run.key: run.told | asdict(animated)}, claimed | made)

    def tidy(self) -> None:
        """Removes what a killed process left half-written; nobody may be making the item now."""
        for place in (*self._places.values(), self.path):
            sweep(place)

    def abandon(self) -> None:
        """Leaves nothing of an item whose process is gone, in the middle of it perhaps."""
        self.tidy()
        self.give_up()

    def give_up(self) -> None:
        """Lets go of outputs that were claimed and never came."""
        stored = self._load()
        left = {
            name: entry
            for name, entry in stored["outputs"].items()
            if "sha256" in entry or name not in self._places or is_there(self._places[name])
        }
        if left:
            self._save(stored["runs"], left)
        else:
            self.path.unlink(missing_ok=True)

    def _make_folders(self) -> None:
        try:
            for place in (*self._places.values(), self.path):
                place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TalkError(f"'{error.filename}' cannot be made: {error.strerror or error}") from error

    def _load(self) -> Told:
        """The manifest as it is on disk; an empty one where there is none, or a broken one."""
        empty: Told = {"runs": {}, "outputs": {}}
        try:
            stored = json.loads(self.path.read_text("utf-8"))
            made = stored["manifest"]
        except (OSError, *_BROKEN):
            return empty
        if made != FORMAT:
            raise TalkError(f"'{self.path}' has manifest format {made}; this version reads {FORMAT}: update talk")
        whole = all(isinstance(stored.get(name), dict) for name in empty)
        return stored if whole and all(isinstance(entry, dict) for entry in stored["outputs"].values()) else empty

    def _save(self, runs: Mapping[str, Told], outputs: Mapping[str, Told]) -> None:
        used = {entry.get("run") for entry in outputs.values()}
        told = {
            "manifest": FORMAT,
            "item": self._item.name,
            "runs": {key: run for key, run in runs.items() if key in used},
            "outputs": dict(sorted(outputs.items())),
        }
        with beside(self.path) as part:
            part.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def is_there(place: Path) -> bool:
    return place.exists() or place.is_symlink()


def _size(place: Path) -> int:
    """Bytes of a file, or of the files in a folder."""
    return sum(child.stat().st_size for child in place.iterdir()) if place.is_dir() else place.stat().st_size
