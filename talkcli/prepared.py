"""Prepared data on disk: a manifest, and one file a clip that is mapped into memory where it is read.

manifest.json holds the format number, the corpus, where it came from and one entry a clip; clips/<name>.safetensors
holds the clip's arrays. A corpus on the package's own head stores controls, and vertices come from the rig; any other
stores vertices, with topology and templates in files of their own. While data is made, .talk-scratch/ holds what only
the making needs.
Shape letters: T frames, V vertices, C controls, S samples, P phones.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Audio, CorpusInfo, Floats, MotionClip, Phone, Topology, Track
from talkcli.errors import TalkError
from talkcli.head import load_head
from talkcli.phones import INDEX, PHONES
from talkcli.platform import open_to_readers

FORMAT = 1
MANIFEST = "manifest.json"
MARK = ".talk-data"  # until there is a manifest, it tells a folder of ours from any other, and of which data set it is
SCRATCH = ".talk-scratch"
RATE = 16000  # of all stored sound
Arrays = dict[str, NDArray[Any]]


def check_name(name: str) -> None:
    """Raises TalkError unless the name of a clip can be that of a file in a folder, and of nothing outside it."""
    if not name or name.startswith(".") or not name.isprintable() or set(name) & set('/\\:*?"<>|'):
        raise TalkError(f"{name!r} cannot be the name of a clip: use letters, digits, '-', '_' and '.' alone")


@dataclass(frozen=True)
class ClipEntry:
    """What the manifest says of a clip: frames at the corpus' fps, samples at RATE."""

    name: str
    subject: str
    split: str
    voice: str
    frames: int
    samples: int
    text: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            if not isinstance(getattr(self, field.name), int if field.name in ("frames", "samples") else str):
                raise TypeError(f"{field.name} is {getattr(self, field.name)!r}")
        check_name(self.name)

    @property
    def seconds(self) -> float:
        """Of the sound; the motion may be a little shorter or longer."""
        return self.samples / RATE


@dataclass(frozen=True, eq=False)
class Corpus:
    """Prepared data as it lies in a folder."""

    folder: Path
    info: CorpusInfo
    clips: tuple[ClipEntry, ...]
    provenance: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Corpus:
        """Reads the manifest; clips are read when asked for.

        Raises:
            TalkError: it is not prepared data, or is broken, or of a newer format.
        """
        manifest = _read_manifest(folder)
        try:
            corpus = manifest["corpus"]
            info = CorpusInfo(
                name=corpus["name"],
                topology=_read_topology(folder, corpus["topology"]),
                fps=float(corpus["fps"]),
                subjects=tuple(corpus["subjects"]),
                unit=corpus["unit"],
                metres=float(corpus.get("metres", 1.0)),
            )
            names = {field.name for field in fields(ClipEntry)}
            clips = tuple(
                ClipEntry(**{key: value for key, value in clip.items() if key in names}) for clip in manifest["clips"]
            )
            if not 0 < info.fps < 1000 or not 0 < info.metres < 1000 or not isinstance(manifest["provenance"], dict):
                raise ValueError(f"{info.fps} frames a second, a unit of {info.metres} m")
            return cls(folder, info, clips, manifest["provenance"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TalkError(f"'{folder / MANIFEST}' is broken ({error!r}); run `talk preprocess` again") from error

    def part(self, split: str) -> tuple[ClipEntry, ...]:
        """The clips of a split; "test" means all of a test split that has parts of its own, as "test-a"."""
        return tuple(clip for clip in self.clips if clip.split == split or clip.split.startswith(f"{split}-"))

    def audio(self, entry: ClipEntry) -> Audio:
        return Audio(self._array(entry, "audio").astype(np.float32) / np.float32(32768), RATE)

    def phones(self, entry: ClipEntry) -> list[Phone]:
        """The phones with times, without gaps; none where the data set has none."""
        ids, times = self._array(entry, "phone_ids"), self._array(entry, "phone_times")
        return [Phone(PHONES[index], float(start), float(end)) for index, (start, end) in zip(ids, times, strict=True)]

    def track(self, entry: ClipEntry) -> Track | None:
        """The controls where they are what is stored."""
        names = self._metadata(entry).get("controls")
        return None if names is None else Track(tuple(names), self._array(entry, "controls"))

    def template(self, subject: str) -> Floats:
        """(V, 3) a subject's head at rest."""
        if self._templates is None:
            return load_head().subject_template(subject)
        if subject not in self._templates:
            raise TalkError(f"'{self.folder}' has no template of {subject}; it has: {', '.join(self._templates)}")
        return self._templates[subject]

    def vertices(self, entry: ClipEntry) -> Floats:
        """(T, V, 3): as stored, or the head posed by the track."""
        track = self.track(entry)
        if track is None:
            return self._array(entry, "vertices")
        head = load_head()
        return head.pose(head.values(track), self.template(entry.subject))

    def clip(self, entry: ClipEntry) -> MotionClip:
        return MotionClip(
            vertices=self.vertices(entry),
            template=self.template(entry.subject),
            topology=self.info.topology,
            fps=self.info.fps,
            audio=self.audio(entry),
            subject=entry.subject,
            phones=tuple(self.phones(entry)),
        )

    @cached_property
    def _templates(self) -> dict[str, Floats] | None:
        path = self.folder / "templates.safetensors"
        return None if self.info.topology.name == load_head().topology.name else _load(path)[0]

    def _array(self, entry: ClipEntry, name: str) -> NDArray[Any]:
        from safetensors import SafetensorError, safe_open

        path = clip_path(self.folder, entry.name)
        try:
            with safe_open(path, framework="numpy") as data:
                array: NDArray[Any] = data.get_tensor(name)
                return array
        except (OSError, SafetensorError) as error:
            raise _unreadable(path, error) from error

    def _metadata(self, entry: ClipEntry) -> dict[str, Any]:
        from safetensors import SafetensorError, safe_open

        path = clip_path(self.folder, entry.name)
        try:
            with safe_open(path, framework="numpy") as data:
                metadata: dict[str, Any] = json.loads((data.metadata() or {}).get("talk", "{}"))
                return metadata
        except (OSError, SafetensorError, json.JSONDecodeError) as error:
            raise _unreadable(path, error) from error


class Writer:
    """Makes prepared data: clips one by one, in any order and from any process, and the manifest last."""

    def __init__(self, folder: Path, info: CorpusInfo, templates: Mapping[str, Floats] | None = None) -> None:
        self.folder, self.info = folder, info
        claim(folder)
        if (folder / MANIFEST).exists():
            told = _read_manifest(folder).get("corpus")
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
        provenance = _read_manifest(folder).get("provenance")  # never overwrite a manifest that is none of ours
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


def clip_path(folder: Path, name: str) -> Path:
    return folder / "clips" / f"{name}.safetensors"


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
    arrays, metadata = _load(path)
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


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        hint = f"; `talk preprocess` makes it, for example with `talk preprocess synthetic --out {folder}`"
        raise TalkError(f"'{folder}' is not prepared data: it has no {MANIFEST}{hint}") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise TalkError(f"cannot read '{path}': {error}; remove it and run `talk preprocess` again") from error
    number = manifest.get("format") if isinstance(manifest, dict) else None
    if not isinstance(number, int):
        hint = "choose another folder, or remove it and run `talk preprocess` again"
        raise TalkError(f"'{path}' is not the manifest of prepared data; {hint}")
    if number > FORMAT:
        raise TalkError(f"'{folder}' has prepared data of format {number}, newer than this program's; upgrade talkcli")
    return manifest  # type: ignore[no-any-return]  # json gives Any; its keys are checked where they are used


def _read_topology(folder: Path, name: str) -> Topology:
    topology = load_head().topology
    if name == topology.name:
        return topology
    arrays, metadata = _load(folder / "topology.safetensors")
    regions = {key.removeprefix("region_"): value for key, value in arrays.items() if key.startswith("region_")}
    return Topology(name, int(metadata["vertices"]), arrays["faces"], regions, metadata["landmarks"])


def _topology_arrays(topology: Topology) -> tuple[Arrays, dict[str, Any]]:
    arrays: Arrays = {"faces": topology.faces}
    arrays.update({f"region_{name}": indices for name, indices in topology.regions.items()})
    return arrays, {"vertices": topology.vertices, "landmarks": dict(topology.landmarks)}


def _load(path: Path) -> tuple[Arrays, dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as data:
            metadata = json.loads((data.metadata() or {}).get("talk", "{}"))
            return {name: data.get_tensor(name) for name in data.keys()}, metadata  # noqa: SIM118  # not a dict
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> TalkError:
    what = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
    return TalkError(f"prepared data: '{path}' {what}; run `talk preprocess` again to make it anew")


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
