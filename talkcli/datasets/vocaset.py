"""VOCASET (Cudeiro et al., CVPR 2019): twelve people, FLAME's topology, 60 frames a second, halved as the field does.

Raw are the files of the download page's "Training Data"; the community's layout serves as well.
Shape letters: T frames, V vertices, S samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Audio, Floats
from talkcli.datasets import processed
from talkcli.datasets.base import RawClip, Recipe, Source
from talkcli.datasets.official import Facts, Inventory, Part
from talkcli.datasets.places import Places, locate
from talkcli.datasets.recorded import Options, Recording, read_templates, recorded, shape
from talkcli.errors import TalkError
from talkcli.files.arrays import map_npy
from talkcli.files.pickles import load_pickle
from talkcli.phones import words
from talkcli.prepared import check_name

__all__ = ["FACTS", "Options", "Vocaset"]

MOTION, SOUND, TEMPLATES, INDEX = "data_verts.npy", "raw_audio_fixed.pkl", "templates.pkl", "subj_seq_to_idx.pkl"
RATES = 1e6  # samples a second that nothing records
FILES = (MOTION, SOUND, TEMPLATES, INDEX)

FACTS = Facts(
    name="vocaset",
    topology="flame",
    file_fps=60.0,
    fps=30.0,
    parts=(
        Part(
            "train",
            words(
                "FaceTalk_170728_03272_TA FaceTalk_170904_00128_TA FaceTalk_170725_00137_TA FaceTalk_170915_00223_TA "
                "FaceTalk_170811_03274_TA FaceTalk_170913_03279_TA FaceTalk_170904_03276_TA FaceTalk_170912_03278_TA"
            ),
            range(1, 41),
        ),
        Part("val", words("FaceTalk_170811_03275_TA FaceTalk_170908_03277_TA"), range(21, 41)),
        Part("test", words("FaceTalk_170809_00138_TA FaceTalk_170731_00024_TA"), range(21, 41)),
    ),
    sentence="sentence{:02d}",
    meshes=("FLAME_sample.ply",),
    absent=("FaceTalk_170811_03274_TA_sentence24", "FaceTalk_170809_00138_TA_sentence32"),
)


class Vocaset:
    """The door to both layouts."""

    @classmethod
    def open(cls, options: Options, scratch: Path) -> Source:
        """Raises TalkError where there is neither layout, or half of one."""
        wanted = f"{', '.join(FILES)} (or {processed.WANTED})"
        places = locate(options.raw, scratch, _holds, _complete, wanted)
        raw = any(is_raw(folder) for folder in places.folders)
        return Raw.open(places, options, scratch) if raw else processed.Processed.open(FACTS, places, options)


def is_raw(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (MOTION, SOUND, INDEX))


def _holds(folder: Path) -> bool:
    return is_raw(folder) or processed.holds(folder)


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES) or processed.complete(folder)


@dataclass(frozen=True)
class Sound:
    """A clip's int16 samples in a file of scratch, how many there are, and how many a second."""

    file: Path
    samples: int
    rate: int


@dataclass(frozen=True)
class Raw(Recording):
    """The files of the download. All sound lies in one pickle: scratch gets a file a clip, for the workers."""

    rows: Mapping[str, NDArray[np.int64]]  # of the kept frames, by clip
    sounds: Mapping[str, Sound]
    layout: ClassVar[str] = "raw"

    @classmethod
    def open(cls, places: Places, options: Options, scratch: Path) -> Raw:
        files = {name: path for name in FILES if (path := places.file(name)) is not None}
        missing = [name for name in FILES if name not in files]
        if missing:
            lacks = f"'{places.raw}' lacks {', '.join(missing)}"
            raise TalkError(f"{lacks}: it is part of the download; put all {len(FILES)} files there")
        templates = read_templates(files[TEMPLATES])
        motion = map_npy(files[MOTION])
        vertices = len(next(iter(templates.values())))
        if motion.ndim != 3 or motion.shape[1:] != (vertices, 3):
            raise TalkError(
                f"'{files[MOTION]}' holds {motion.shape} and {TEMPLATES} has {vertices} vertices: "
                "the files are of different downloads"
            )
        index = read_index(files[INDEX], len(motion))
        sounds = deal_sounds(files[SOUND], scratch / "sounds")
        facts = FACTS.at(options.file_fps)
        inventory = Inventory.of(facts, index, sounds, templates)
        kept = {s.name: index[s.name][:: facts.every] for s in inventory.sequences}
        about = shape(facts, vertices, places, options)
        return cls(facts, places, templates, about, inventory, files, kept, sounds)

    def files(self, name: str) -> Mapping[str, Path]:
        return self.shared

    def kept(self, name: str) -> Mapping[str, Any]:
        sound = self.sounds[name]
        return {"rows": self.rows[name].tolist(), "samples": sound.samples, "rate": sound.rate}

    def make(self, recipe: Recipe) -> RawClip:
        motion = map_npy(self.shared[MOTION])  # mapped anew for each clip, so that no more of it stays in memory
        vertices = gather(motion, self.rows[recipe.name])
        sound = self.sounds[recipe.name]
        samples = map_npy(sound.file).astype(np.float32) / np.float32(32768)
        return recorded(Audio(samples, sound.rate), vertices, self.facts.fps, recipe.subject, self.templates)


def gather(motion: NDArray[Any], rows: NDArray[np.int64]) -> Floats:
    """(T, V, 3) float32: these rows of a mapped array, as a slice where they are evenly spaced."""
    steps = np.unique(np.diff(rows))
    if len(steps) == 1 and steps[0] > 0:
        return np.asarray(motion[rows[0] : rows[-1] + 1 : steps[0]], np.float32)
    return np.asarray(motion[rows], np.float32)


def read_index(path: Path, frames: int) -> dict[str, NDArray[np.int64]]:
    """The rows of each sequence's frames, in the order of the frames, by clip name.

    Raises:
        TalkError: it is no map from subjects to sentences to frames to rows, or points beyond the last of the frames.
    """
    found = {}
    for name, rows in _sequences(load_pickle(path), path):
        if not isinstance(rows, dict) or not all(isinstance(n, Integral) for pair in rows.items() for n in pair):
            raise TalkError(f"'{path}': {name} is no map from frames to rows: download it again")
        order = np.array([rows[frame] for frame in sorted(rows)], np.int64)
        if len(order) and not 0 <= order.min() <= order.max() < frames:
            odd = order.min() if order.min() < 0 else order.max()
            raise TalkError(f"'{path}' points to row {odd} and {MOTION} has {frames}: they are of different downloads")
        if len(order):
            found[name] = order
    return found


def deal_sounds(path: Path, folder: Path) -> dict[str, Sound]:
    """Writes the sound of each clip into a folder, one file after another while the pickle is read; by clip name."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, entry in _sequences(load_pickle(path, _Dealer(folder)), path):
        samples, rate = (entry.get("audio"), entry.get("sample_rate")) if isinstance(entry, dict) else (None, None)
        if not isinstance(samples, np.memmap) or not isinstance(rate, Real) or not 0 < float(rate) < RATES:
            raise TalkError(f"'{path}': {name} has no int16 'audio' with a 'sample_rate': download it again")
        found[name] = Sound(Path(str(samples.filename)), len(samples), round(float(rate)))
    return found


class _Dealer:
    """Puts int16 samples (S,) into files of a folder, and gives them back mapped from there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def __call__(self, array: NDArray[Any]) -> NDArray[Any]:
        if array.ndim != 1 or array.dtype != np.int16:
            return array
        file, self.count = self.folder / f"{self.count}.npy", self.count + 1
        np.save(file, array)
        return map_npy(file)


def _sequences(data: Any, path: Path) -> list[tuple[str, Any]]:
    """(clip name, what is told of it) from a dict of subjects of sentences."""
    if not isinstance(data, dict) or not all(isinstance(sentences, dict) for sentences in data.values()):
        raise TalkError(f"'{path}' is no dict of subjects and their sentences: download it again")
    pairs = [(f"{subject}_{sentence}", told) for subject, these in data.items() for sentence, told in these.items()]
    for name, _ in pairs:
        check_name(name)
    return pairs
