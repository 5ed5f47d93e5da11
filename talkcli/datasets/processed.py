"""The layout in which the community hands prepared VOCASET and BIWI round: wav/, vertices_npy/ and templates.pkl.

Shape letters: T frames, V vertices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from talkcli.audio import load_audio
from talkcli.datasets.base import RawClip, Recipe
from talkcli.datasets.official import Facts, Inventory
from talkcli.datasets.places import Places
from talkcli.datasets.recorded import Options, Recording, read_templates, recorded, shape
from talkcli.errors import TalkError
from talkcli.files.motion import open_motion
from talkcli.files.paths import regular_files

WAV, VERTICES, TEMPLATES = "wav", "vertices_npy", "templates.pkl"
WANTED = f"{WAV}/, {VERTICES}/ and {TEMPLATES}"


def holds(folder: Path) -> bool:
    return (folder / VERTICES).is_dir() or (folder / WAV).is_dir()


def complete(folder: Path) -> bool:
    return all((folder / name).exists() for name in (WAV, VERTICES, TEMPLATES))


@dataclass(frozen=True)
class Processed(Recording):
    """A published data set in the community's layout."""

    sounds: Mapping[str, Path]
    motion: Mapping[str, Path]
    layout: ClassVar[str] = "processed"

    @classmethod
    def open(cls, facts: Facts, places: Places, options: Options) -> Processed:
        """Raises TalkError where part of the layout is missing."""
        file = places.file(TEMPLATES)
        sounds, motion = (dict(_files(places, *kind)) for kind in ((WAV, ".wav"), (VERTICES, ".npy")))
        missing = [name for name, there in ((WAV, sounds), (VERTICES, motion), (TEMPLATES, file)) if not there]
        if file is None or missing:
            raise TalkError(f"'{places.raw}' has no {', no '.join(missing)}: the layout needs {WANTED}")
        templates = read_templates(file)
        inventory = Inventory.of(facts, motion, sounds, templates)
        about = shape(facts, len(next(iter(templates.values()))), places, options)
        facts = facts.at(options.file_fps)
        return cls(facts, places, templates, about, inventory, {TEMPLATES: file}, sounds, motion)

    def files(self, name: str) -> Mapping[str, Path]:
        return {f"{WAV}/{self.sounds[name].name}": self.sounds[name], f"{VERTICES}/{name}.npy": self.motion[name]}

    def kept(self, name: str) -> Mapping[str, Any]:
        return {"every": self.facts.every}

    def make(self, recipe: Recipe) -> RawClip:
        motion = open_motion(self.motion[recipe.name], self.shape.topology.vertices)
        kept = np.asarray(motion.vertices[:: self.facts.every], np.float32)  # (T, V, 3)
        audio = load_audio(self.sounds[recipe.name])
        return recorded(audio, kept, self.facts.fps, recipe.subject, self.templates)


def _files(places: Places, name: str, suffix: str) -> Iterator[tuple[str, Path]]:
    """(clip, file) of the files with this suffix in the folders of this name."""
    for folder in places.called(name):
        yield from ((path.stem, path) for path in regular_files(folder) if path.suffix.lower() == suffix)
