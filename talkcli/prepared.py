"""Prepared data on disk: a manifest, and one file a clip that is mapped into memory where it is read.

manifest.json holds the format number, the corpus, where it came from and one entry a clip; clips/<name>.safetensors
holds the clip's arrays. A corpus on the package's own head stores controls, and vertices come from the rig; any other
stores vertices, with topology and templates in files of their own. preparing.py writes what is read here.
Shape letters: T frames, V vertices, C controls, S samples, P phones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Audio, CorpusInfo, Floats, MotionClip, Phone, Topology, Track
from talkcli.errors import TalkError
from talkcli.head import load_head
from talkcli.phones import PHONES

FORMAT = 1
MANIFEST = "manifest.json"
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
        manifest = read_manifest(folder)
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
        return None if self.info.topology.name == load_head().topology.name else load_arrays(path)[0]

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


def clip_path(folder: Path, name: str) -> Path:
    return folder / "clips" / f"{name}.safetensors"


def read_manifest(folder: Path) -> dict[str, Any]:
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
    arrays, metadata = load_arrays(folder / "topology.safetensors")
    regions = {key.removeprefix("region_"): value for key, value in arrays.items() if key.startswith("region_")}
    return Topology(name, int(metadata["vertices"]), arrays["faces"], regions, metadata["landmarks"])


def load_arrays(path: Path) -> tuple[Arrays, dict[str, Any]]:
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
