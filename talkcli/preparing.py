"""How prepared data are written: clips one by one, each whole or not at all, and the manifest last (see prepared.py).

While data is made, .talk-scratch/ holds what only the making needs.
Shape letters: T frames, V vertices, C controls, S samples, P phones.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Audio, CorpusInfo, Floats, Phone, Topology, Track
from talkcli.errors import TalkError
from talkcli.phones import INDEX
from talkcli.platform import open_to_readers
from talkcli.prepared import FORMAT, MANIFEST, RATE, Arrays, ClipEntry, clip_path, load_arrays, read_manifest

MARK = ".talk-data"  # until there is a manifest, it tells a folder of ours from any other, and of which data set it is
SCRATCH = ".talk-scratch"


class Writer:
    """Makes prepared data: clips one by one, in any order and from any process, and the manifest last."""

    def __init__(self, folder: Path, info: CorpusInfo, templates: Mapping[str, Floats] | None = None) -> None:
        self.folder, self.info = folder, info
        claim(folder)
        if (folder / MANIFEST).exists():
            told = read_manifest(folder).get("corpus")
            if isinstance(told, dict) and told.get("name", info.name) != info.name:
                name = told["name"]
                raise TalkError(f"'{folder}' holds the data set '{name}': give a new folder for '{info.name}'")
        if templates is not None:
            _save(folder / "topology.safetensors", *_topology_arrays(info.topology))
            _save(folder / "templates.safetensors", dict(templates), {})

    def begin(self) -> None:
        """Takes the manifest away while clips change: half a corpus is none."""
        (self.folder / MANIFEST).unlink(missing_ok=True)

    def finish(self, clips: Iterable[ClipEntry], provenance: Mapping[str, Any]) -> None:
        """Writes the manifest: from now on the folder is prepared data."""
        info = self.info
        corpus = {
            "name": info.name,
            "topology": info.topology.name,
            "fps": info.fps,
            "subjects": list(info.subjects),
            "unit": info.unit,
            "metres": info.metres,
        }
        manifest = {
            "format": FORMAT,
            "corpus": corpus,
            "provenance": dict(provenance),
            "clips": [asdict(clip) for clip in clips],
        }
        text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        _replace(self.folder / MANIFEST, lambda path: path.write_text(text, encoding="utf-8"))
        (self.folder / MARK).unlink(missing_ok=True)  # the manifest tells enough


def claim(folder: Path, dataset: str = "") -> bool:
    """Makes a folder for prepared data and marks it as ours, or makes sure that it is ours and for this data set.

    Returns whether it was made.

    Raises:
        TalkError: it holds something else, or cannot be written.
    """
    mark, theirs = folder / MARK, ""
    if (folder / MANIFEST).exists():
        provenance = read_manifest(folder).get("provenance")  # never overwrite a manifest that is none of ours
        theirs = str(provenance.get("dataset", "")) if isinstance(provenance, dict) else ""
    elif folder.exists() and not _is_ours(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise TalkError(f"'{folder}' holds other files: give a new folder")
    made = not folder.exists()
    try:
        theirs = mark.read_text(encoding="utf-8").strip() if mark.is_file() else theirs
        if dataset and theirs not in ("", dataset):
            raise TalkError(f"'{folder}' is for the data set '{theirs}': give a new folder for '{dataset}'")
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        mark.write_text(dataset or theirs, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"its {MARK} is broken"
        raise TalkError(f"cannot write to '{folder}': {reason}") from error
    return made


def _is_ours(folder: Path) -> bool:
    """Whether a folder without a manifest is one that we began, or whose manifest somebody took away."""
    clips = (path.stem for path in (folder / "clips").glob("*.safetensors"))
    return (folder / MARK).is_file() or any(stored_recipe(folder, name) is not None for name in clips)


def leave(folder: Path, made: bool) -> None:
    """Takes away what was begun for nothing: scratch, all of ours where there is no clip, the folder if we made it."""
    shutil.rmtree(folder / SCRATCH, ignore_errors=True)
    clips = folder / "clips"
    if (folder / MANIFEST).exists():
        (folder / MARK).unlink(missing_ok=True)
        return
    if any(clips.iterdir()):
        return
    clips.rmdir()
    for name in (MARK, "topology.safetensors", "templates.safetensors"):
        (folder / name).unlink(missing_ok=True)
    if made and not any(folder.iterdir()):
        folder.rmdir()


def tidy_up(folder: Path) -> None:
    """Takes away what a killed run left half written."""
    for pattern in ("*.part", ".tmp*"):
        for path in (folder / "clips").glob(pattern):
            path.unlink(missing_ok=True)


def save_clip(
    folder: Path,
    name: str,
    audio: Audio,
    phones: Sequence[Phone],
    motion: Track | Floats,
    recipe: Mapping[str, Any],
) -> None:
    """Writes one clip; sound at RATE. recipe is plain data that says how it was made (see `stored_recipe`)."""
    if audio.rate != RATE:
        raise ValueError(f"stored sound has {RATE} samples a second, not {audio.rate}")
    arrays: Arrays = {
        "audio": np.clip(np.round(audio.samples * 32768), -32768, 32767).astype(np.int16),
        **_phone_arrays(phones),
    }
    metadata: dict[str, Any] = {"recipe": dict(recipe)}
    if isinstance(motion, Track):
        arrays["controls"], metadata["controls"] = motion.values, list(motion.names)
    else:
        arrays["vertices"] = motion
    _save(clip_path(folder, name), arrays, metadata)


def save_phones(folder: Path, name: str, phones: Sequence[Phone], source: str) -> None:
    """Gives a finished clip other phones, which source found."""
    path = clip_path(folder, name)
    arrays, metadata = load_arrays(path)
    _save(path, {**arrays, **_phone_arrays(phones)}, {**metadata, "phones": source})


def _phone_arrays(phones: Sequence[Phone]) -> Arrays:
    return {
        "phone_ids": np.array([INDEX[phone.name] for phone in phones], np.uint8),
        "phone_times": np.array([(phone.start, phone.end) for phone in phones], np.float32).reshape(-1, 2),
    }


def stored_recipe(folder: Path, name: str) -> dict[str, Any] | None:
    """How a finished clip was made, with "frames" and "samples"; None where there is no such clip, or half of one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(clip_path(folder, name), framework="numpy") as data:
            metadata = json.loads((data.metadata() or {}).get("talk", "{}"))
            motion = "controls" if "controls" in metadata else "vertices"
            sizes = {
                "frames": int(data.get_slice(motion).get_shape()[0]),
                "samples": int(data.get_slice("audio").get_shape()[0]),
            }
            return {"recipe": metadata["recipe"], **sizes}
    except (OSError, SafetensorError, KeyError, ValueError):
        return None


def _topology_arrays(topology: Topology) -> tuple[Arrays, dict[str, Any]]:
    arrays: Arrays = {"faces": topology.faces}
    arrays.update({f"region_{name}": indices for name, indices in topology.regions.items()})
    return arrays, {"vertices": topology.vertices, "landmarks": dict(topology.landmarks)}


def _save(path: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> None:
    from safetensors.numpy import save_file

    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text = json.dumps(metadata, ensure_ascii=False, sort_keys=True)  # one key: several would be written in any order
    _replace(path, lambda beside: save_file(plain, beside, {"talk": text}))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Writes beside the file, then renames: it is there as a whole or not at all."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        write(beside)
        open_to_readers(beside)
        beside.replace(path)
    except OSError as error:
        raise TalkError(f"cannot write '{path}': {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
