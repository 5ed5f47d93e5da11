"""The layout in which the community hands prepared VOCASET and BIWI round: wav/, vertices_npy/ and templates.pkl.

Shape letters: T frames, V vertices.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from talkcli.audio import load_audio
from talkcli.datasets.base import RawClip, Recipe
from talkcli.datasets.recorded import Facts, Inventory, Options, Recording, read_templates, recorded, shape
from talkcli.errors import TalkError
from talkcli.files.motion import open_motion
from talkcli.files.paths import inside, regular_files

WAV, VERTICES, TEMPLATES = "wav", "vertices_npy", "templates.pkl"
WANTED = f"{WAV}/, {VERTICES}/ and {TEMPLATES}"


def holds(folder: Path) -> bool:
    return (folder / VERTICES).is_dir() or (folder / WAV).is_dir()


class Processed(Recording):
    """A published data set in the community's layout."""

    layout: ClassVar[str] = "processed"

    @classmethod
    def open(cls, facts: Facts, root: Path, options: Options) -> Processed:
        """Raises TalkError where part of the layout is missing."""
        missing = [name for name in (WAV, VERTICES, TEMPLATES) if not (root / name).exists()]
        if missing:
            raise TalkError(f"'{root}' has no {', no '.join(missing)}: the layout needs {WANTED}")
        templates = read_templates(inside(root, TEMPLATES))
        vertices = len(next(iter(templates.values())))
        sounds, motions = ({path.stem for path in regular_files(root / sub)} for sub in (WAV, VERTICES))
        inventory = Inventory.of(facts, motions, sounds, templates)
        return cls(facts.at(options.file_fps), root, templates, shape(facts, vertices, root, options), inventory)

    def told(self, name: str) -> dict[str, Any]:
        files = (f"{WAV}/{name}.wav", f"{VERTICES}/{name}.npy")
        return {"every": self.facts.every, "files": {file: (self.root / file).stat().st_size for file in files}}

    def make(self, recipe: Recipe) -> RawClip:
        audio = load_audio(self.root / WAV / f"{recipe.name}.wav")
        path = self.root / VERTICES / f"{recipe.name}.npy"
        motion = open_motion(path, self.shape.topology.vertices)
        kept = np.asarray(motion.vertices[:: recipe.data["every"]], np.float32)  # (T, V, 3)
        return recorded(audio, kept, self.facts.fps, recipe.subject, self.templates)
