"""What a recording's files tell of its topology: triangles from a mesh, regions from the field's vertex lists.

Shape letters: V vertices, F triangles, L region vertices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Ints
from talkcli.errors import TalkError
from talkcli.files.paths import inside
from talkcli.files.pickles import load_pickle

MASKS = "FLAME_masks.pkl"
LISTS = ("lve", "fdd")  # regions/lve.txt and regions/fdd.txt of the public evaluators
REGION_FILES = (*(f"{name}.txt" for name in LISTS), MASKS)
UPPER_FACE = ("forehead", "eye_region")  # of FLAME_masks.pkl; DiffSpeaker's region for FDD


def region_files(folders: Sequence[Path]) -> dict[str, Path]:
    """The files of regions that are in the folders, by their names."""
    found = {name: first(folders, [name]) for name in REGION_FILES}
    return {name: path for name, path in found.items() if path is not None}


def read_regions(files: Mapping[str, Path], vertices: int) -> dict[str, Ints]:
    """Regions of FLAME_masks.pkl, lve.txt and fdd.txt; the masks decide what `lips` and `upper_face` are.

    Raises:
        TalkError: a file is broken, or names vertices beyond these.
    """
    found = {name: read_indices(files[f"{name}.txt"], vertices) for name in LISTS if f"{name}.txt" in files}
    named = {name: found[of] for name, of in (("lips", "lve"), ("upper_face", "fdd")) if of in found}
    regions = {name: np.unique(indices) for name, indices in (found | named).items()}
    reading = found.get("lve")
    if MASKS in files:
        flame = read_masks(files[MASKS], vertices)
        regions |= {name: np.unique(indices) for name, indices in flame.items()}
        reading = flame.get("lips", reading)
        if upper := [flame[name] for name in UPPER_FACE if name in flame]:
            regions["upper_face"] = np.unique(np.concatenate(upper))
    if reading is not None:
        regions["lip_reading"] = reading
    return regions


def first(folders: Sequence[Path], names: Sequence[str]) -> Path | None:
    """The first file of one of these names in the folders, if any; a link that leads out of its folder is refused."""
    return next((inside(folder, n) for folder in folders for n in names if (folder / n).is_file()), None)


def read_indices(path: Path, vertices: int) -> Ints:
    """(L,) vertex numbers of a text file, separated by commas or white space, in its order."""
    try:
        words = path.read_text(encoding="utf-8").replace(",", " ").split()
        indices = np.array([int(word) for word in words], np.int64)
    except (OSError, UnicodeDecodeError, ValueError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds more than vertex numbers"
        raise TalkError(f"cannot read the vertex list '{path}': {reason}") from error
    return _checked(indices, str(path), vertices)


def read_masks(path: Path, vertices: int) -> dict[str, Ints]:
    """The regions of FLAME_masks.pkl, each in its file's order and with its repetitions."""
    masks = load_pickle(path)
    if not isinstance(masks, dict) or not all(isinstance(mask, np.ndarray | list) for mask in masks.values()):
        raise TalkError(f"'{path}' does not hold FLAME's masks, a dict of vertex numbers: download it again")
    return {str(name): _checked(np.asarray(mask), f"{path}: {name}", vertices) for name, mask in masks.items()}


def _checked(indices: NDArray[np.generic], where: str, vertices: int) -> Ints:
    numbers = np.asarray(indices)
    if numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "iu":
        raise TalkError(f"'{where}' is no list of vertex numbers")
    if int(numbers.min()) < 0 or int(numbers.max()) >= vertices:
        odd = int(numbers.min()) if int(numbers.min()) < 0 else int(numbers.max())
        raise TalkError(f"'{where}' names vertex {odd} and the data has {vertices}: it is of another topology")
    return numbers.astype(np.int32)
