"""What a file or folder is, in a few lines: motion, meshes, sound, phones, data sets, checkpoints and runs.

Shape letters: T frames, V vertices, F triangles.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.audio import load_audio
from talkcli.datasets import biwi, processed, vocaset
from talkcli.datasets.folder_config import CONFIG
from talkcli.errors import TalkError
from talkcli.files import meshes, motion
from talkcli.files.archives import is_archive
from talkcli.files.arrays import map_npy
from talkcli.files.pickles import load_pickle
from talkcli.files.tensors import Header, read_header
from talkcli.head import load_head
from talkcli.models.places import CHECKPOINTS, find_checkpoint
from talkcli.phones.files import PHONE_SUFFIXES, read_phones
from talkcli.prepared import MANIFEST, Corpus

Facts = dict[str, Any]  # plain values, in the order in which they are told

MOST = 20  # keys told of a pickle
KNOWN = {5023: "FLAME", 23370: "BIWI", 6172: "MeshTalk"}  # vertices of well-known topologies


def describe(name: str) -> Facts:
    """What a path, or the name of a shipped model, is; "kind" comes first.

    Raises:
        TalkError: there is no such thing, or it is broken, or nothing that is known here.
    """
    path = Path(name)
    if not path.exists():
        return _shipped(name)
    if path.is_dir():
        return _folder(path)
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        return _safetensors(path)
    if suffix in FILES:
        return FILES[suffix](path)
    if suffix in PHONE_SUFFIXES:
        return _phones(path)
    if suffix == ".pkl":
        return _pickle(path)
    if is_archive(path):
        return {"kind": "archive", "bytes": path.stat().st_size, "use": "give it to `talk preprocess` as --raw"}
    return _sound(path)


def _shipped(name: str) -> Facts:
    return _safetensors(find_checkpoint(name))


def _folder(path: Path) -> Facts:
    if (path / MANIFEST).is_file():
        return _prepared(path)
    for checkpoint in CHECKPOINTS:
        if (path / checkpoint).is_file():
            return {
                "kind": "run",
                "checkpoint": checkpoint,
                **{k: v for k, v in _safetensors(path / checkpoint).items() if k != "kind"},
            }
    for kind, holds, command in LAYOUTS:
        if holds(path):
            return {"kind": kind, "use": f"{command} --raw {shlex.quote(str(path))} --out data/NAME"}
    if any(child.suffix.lower() == ".obj" for child in path.iterdir()):
        return _motion(path)
    raise TalkError(f"'{path}' is no data set, run or sequence of .obj files that is known here: name a file in it")


# kind, what tells it, what prepares it; the community's layout serves both data sets and comes last
LAYOUTS: tuple[tuple[str, Callable[[Path], bool], str], ...] = (
    ("raw VOCASET", vocaset.is_raw, "talk preprocess vocaset"),
    ("raw BIWI", biwi.is_raw, "talk preprocess biwi"),
    ("recordings", lambda path: (path / CONFIG).is_file(), "talk preprocess folder"),
    ("VOCASET or BIWI in the community's layout", processed.holds, "talk preprocess vocaset (or biwi)"),
)


def _prepared(path: Path) -> Facts:
    corpus = Corpus.open(path)
    info, splits = corpus.info, dict.fromkeys(entry.split for entry in corpus.clips)
    return {
        "kind": "prepared data",
        "name": info.name,
        "clips": {split: sum(entry.split == split for entry in corpus.clips) for split in splits},
        "minutes": round(sum(entry.seconds for entry in corpus.clips) / 60, 1),
        "fps": info.fps,
        "unit": info.unit if info.metres == 1 else f"{info.unit} (about {info.metres:g} m)",
        **_topology(info.topology.vertices, len(info.topology.faces), info.topology.name),
        "regions": {name: len(indices) for name, indices in info.topology.regions.items()},
        "training subjects": list(info.subjects),
        "other subjects": sorted({entry.subject for entry in corpus.clips} - set(info.subjects)),
        "made by": corpus.provenance.get("command", ""),
        "failed": list(corpus.provenance.get("failed", {})),
    }


def _safetensors(path: Path) -> Facts:
    """A checkpoint or a prepared clip, by what its header says; no weights are read."""
    header = read_header(path)
    told, shapes = header.told, header.shapes
    if isinstance(told, dict) and "method" in told:
        return _checkpoint(header)
    if isinstance(told, dict) and "recipe" in told:
        motion_of = "controls" if "controls" in told else "vertices"
        return {
            "kind": "clip of prepared data",
            **{name: shapes[name] for name in (motion_of, "audio") if name in shapes},
        }
    raise TalkError(f"'{path}' is neither a checkpoint nor a clip of talk")


def _checkpoint(header: Header) -> Facts:
    corpus, provenance = header.table("corpus"), header.table("provenance")
    return {
        "kind": "checkpoint",
        "method": header.told["method"],
        "weights": header.count("model."),
        "data": corpus.get("name"),
        "fps": corpus.get("fps"),
        "unit": corpus.get("unit"),
        "topology": corpus.get("topology"),
        "styles": corpus.get("subjects"),
        "step": provenance.get("step"),
        "made by": provenance.get("command"),
        "version": header.told.get("version"),
    }


def _motion(path: Path) -> Facts:
    raw = motion.open_motion(path)
    frames, vertices = raw.vertices.shape[:2]
    seconds = {"seconds": round(frames / raw.fps, 3)} if raw.fps else {}
    faces = 0 if raw.faces is None else len(raw.faces)
    return {
        "kind": "motion",
        "frames": frames,
        "fps": raw.fps,
        **seconds,
        **_topology(vertices, faces),
        **_extent(raw.vertices[0]),
    }


def _array(path: Path) -> Facts:
    """An .npy is motion, or a template."""
    array = map_npy(path)
    if array.ndim == 2 and array.shape[1] == 3:
        return {"kind": "template", **_topology(len(array), 0), **_extent(np.asarray(array))}
    return _motion(path)


def _mesh(path: Path) -> Facts:
    mesh = meshes.load_mesh(path)
    return {"kind": "mesh", **_topology(len(mesh.vertices), len(mesh.faces)), **_extent(mesh.vertices)}


def _glb(path: Path) -> Facts:
    """A .glb moves, or is a mesh."""
    from talkcli.files.gltf import read_glb

    return _motion(path) if read_glb(path).duration > 0 else _mesh(path)


def _phones(path: Path) -> Facts:
    phones = read_phones(path)
    spoken = [phone for phone in phones if phone.name != "SIL"]
    return {"kind": "phones", "phones": len(spoken), "seconds": round(phones[-1].end, 3) if phones else 0.0}


def _pickle(path: Path) -> Facts:
    found = load_pickle(path)
    keys = list(map(str, found)) if isinstance(found, dict) else []
    return {
        "kind": "pickle of plain data",
        "holds": type(found).__name__,
        "keys": keys[:MOST],
        "entries": len(keys) or None,
    }


def _sound(path: Path) -> Facts:
    try:
        audio = load_audio(path)
    except TalkError as error:
        raise TalkError(
            f"'{path}' is nothing that is known here: no motion, mesh, data or checkpoint, and {error}"
        ) from error
    return {
        "kind": "sound",
        "seconds": round(audio.seconds, 3),
        "peak": round(float(np.abs(audio.samples).max(initial=0)), 3),
    }


def _topology(vertices: int, faces: int, name: str = "") -> Facts:
    if not name:
        name = (
            load_head().topology.name if vertices == load_head().topology.vertices else KNOWN.get(vertices, "unknown")
        )
    return {"topology": name, "vertices": vertices, "triangles": faces}


def _extent(vertices: NDArray[Any]) -> Facts:
    """Width, height and depth, in the file's unit."""
    lengths = [round(float(length), 4) for length in np.ptp(vertices, axis=0)]
    return {"size": [length if math.isfinite(length) else None for length in lengths]}


FILES: Mapping[str, Callable[[Path], Facts]] = {
    ".npy": _array,
    ".npz": _motion,
    ".pc2": _motion,
    ".glb": _glb,
    ".obj": _mesh,
    ".ply": _mesh,
}
