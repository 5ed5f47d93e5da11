"""Anyone's own recordings: sound and motion by the same names in a folder, and a TOML file that says what they are.

Shape letters: T frames, V vertices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from talkcli import config as configs
from talkcli.audio import load_audio
from talkcli.clip import CorpusInfo, Floats, Ints, Topology
from talkcli.console import counted, some
from talkcli.datasets.base import RawClip, Recipe, Split
from talkcli.datasets.places import locate
from talkcli.datasets.recorded import recorded
from talkcli.datasets.regions import read_indices
from talkcli.errors import TalkError
from talkcli.files.arrays import map_npy
from talkcli.files.meshes import load_mesh, triangles
from talkcli.files.motion import READERS, open_motion
from talkcli.files.paths import inside, regular_files
from talkcli.phones import tidy
from talkcli.phones.files import PHONE_SUFFIXES, TEXT_SUFFIXES, read_phones, read_text

CONFIG = "talk.toml"
EXAMPLE = Path(__file__).parents[1] / "resources" / "folder.toml"
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}  # metres
Axis = Literal["+x", "-x", "+y", "-y", "+z", "-z"]
Kind = Literal["audio", "motion", "text", "phones"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A speaker, and the file of the head at rest."""

    name: str
    template: str


@dataclass(frozen=True, kw_only=True)
class Landmark:
    name: str
    vertex: int


@dataclass(frozen=True, kw_only=True)
class Patterns:
    """Of clip names; the first that matches decides, in this order."""

    test: tuple[str, ...] = ()
    val: tuple[str, ...] = ()
    train: tuple[str, ...] = ("*",)


@dataclass(frozen=True, kw_only=True)
class FolderConfig:
    """What talk.toml says; resources/folder.toml explains each key."""

    name: str
    topology: str = ""
    fps: float
    unit: Literal["m", "cm", "mm", "own"] = "m"
    metres: float = 1.0
    up: Axis = "+y"
    forward: Axis = "+z"
    audio: str = "audio"
    motion: str = "motion"
    text: str = "text"
    phones: str = "phones"
    faces: str = ""
    regions: str = ""
    subjects: tuple[Subject, ...] = ()
    split: Patterns = field(default_factory=Patterns)
    landmarks: tuple[Landmark, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.fps <= 240:
            raise TalkError(f"fps is {self.fps:g}: give the frames of motion a second, 1 to 240")
        if not 0 < self.metres < float("inf"):
            raise TalkError(f"metres is {self.metres:g}: give the length of a unit")
        if self.up[1] == self.forward[1]:
            raise TalkError(f"up is {self.up} and forward is {self.forward}: they must be different axes")
        if not self.subjects:
            raise TalkError("there are no [[subjects]]: name each speaker with the template of the head")


@dataclass(frozen=True, kw_only=True)
class Options:
    """raw: the folder (or an archive of it); config: its TOML file, where it is not raw's talk.toml."""

    raw: Path
    config: Path | None = None


@dataclass(frozen=True)
class Folder:
    """The recordings of one talk.toml."""

    root: Path
    config: FolderConfig
    topology: Topology
    templates: Mapping[str, Floats]
    files: Mapping[Kind, Mapping[str, Path]]  # by clip
    clips: tuple[str, ...]
    notes: tuple[str, ...]
    tolerance: ClassVar[float] = 0.0

    @classmethod
    def open(cls, options: Options, scratch: Path) -> Folder:
        """Raises TalkError for whatever of the TOML file or the folder does not fit."""
        path = options.config
        if path is None:
            wanted = f"a {CONFIG} (`talk preprocess folder --init` writes one)"
            path = locate(options.raw, scratch, lambda folder: (folder / CONFIG).is_file(), wanted) / CONFIG
        root = path.parent if options.config is None else options.raw
        config = configs.from_dict(FolderConfig, configs.read_toml(path), str(path))
        templates = {s.name: _template(root, s, config) for s in config.subjects}
        topology = _topology(root, config, templates)
        kinds: dict[Kind, tuple[str, ...]] = {
            "audio": (),
            "motion": tuple(READERS),
            "text": TEXT_SUFFIXES,
            "phones": PHONE_SUFFIXES,
        }
        files = {kind: dict(_files(root, getattr(config, kind), suffixes)) for kind, suffixes in kinds.items()}
        clips, notes = _pairs(config, files)
        if not len(topology.faces):
            notes.append("no triangles are known, so that no film can be drawn: `faces` names a mesh that has them")
        return cls(root, config, topology, templates, files, tuple(clips), tuple(notes))

    @property
    def info(self) -> CorpusInfo:
        trained = {self.subject(clip) for clip in self.clips if self.split(clip) == "train"}
        subjects = tuple(s.name for s in self.config.subjects if s.name in trained)
        own = self.config.unit == "own"
        return CorpusInfo(
            self.config.name,
            self.topology,
            self.config.fps,
            subjects,
            unit="own" if own else "m",
            metres=self.config.metres if own else 1.0,
        )

    @property
    def provenance(self) -> Mapping[str, Any]:
        files: dict[str, int] = {}
        for clip in self.clips:
            files |= self._told(clip)["files"]
        return {"raw": str(self.root), "files": files, "config": configs.to_dict(self.config)}

    def subject(self, clip: str) -> str:
        """The subject whose name the clip's begins with; the longest, where one name begins another."""
        return max((s.name for s in self.config.subjects if clip.startswith(s.name)), key=len, default="")

    def split(self, clip: str) -> Split | None:
        patterns: Sequence[tuple[Split, tuple[str, ...]]] = (
            ("test", self.config.split.test),
            ("val", self.config.split.val),
            ("train", self.config.split.train),
        )
        return next((split for split, these in patterns if any(fnmatchcase(clip, p) for p in these)), None)

    def recipes(self) -> list[Recipe]:
        found = []
        for clip in self.clips:
            split, text = self.split(clip), self.files["text"].get(clip)
            if split is not None:
                said = read_text(text) if text else ""
                found.append(Recipe(clip, self.subject(clip), split, self.subject(clip), said, self._told(clip)))
        return found

    def _told(self, clip: str) -> dict[str, Any]:
        """What decides how the clip comes out: the TOML file's word on motion, and the files with their sizes."""
        config = self.config
        paths = [paths[clip] for paths in self.files.values() if clip in paths]
        files = {path.relative_to(self.root).as_posix(): _size(path) for path in paths}
        return {"fps": config.fps, "unit": config.unit, "up": config.up, "forward": config.forward, "files": files}

    def make(self, recipe: Recipe) -> RawClip:
        config, clip = self.config, recipe.name
        audio = load_audio(self.files["audio"][clip])
        motion = open_motion(self.files["motion"][clip], self.topology.vertices, config.fps)
        if motion.fps is not None and abs(motion.fps - config.fps) > 1e-3 * config.fps:
            name = self.files["motion"][clip].name
            raise TalkError(f"{name} has {motion.fps:g} frames a second and {CONFIG} says {config.fps:g}: mend one")
        vertices = _placed(motion.vertices, config)
        path = self.files["phones"].get(clip)
        phones = tidy(read_phones(path), audio.seconds) if path else []
        return recorded(audio, vertices, config.fps, recipe.subject, self.templates, phones)


def write_example(folder: Path) -> Path:
    """Writes the commented example into a folder.

    Raises:
        TalkError: there is a talk.toml already, or the folder cannot be written.
    """
    path = folder / CONFIG
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(EXAMPLE.read_text(encoding="utf-8"))
    except FileExistsError as error:
        raise TalkError(f"'{path}' exists already: edit it, or remove it to get the example") from error
    except OSError as error:
        raise TalkError(f"cannot write '{path}': {error.strerror or error}") from error
    return path


def _placed(vertices: NDArray[Any], config: FolderConfig) -> Floats:
    """(T, V, 3) or (V, 3) with y up, the head looking along +z, in metres or the own unit."""
    up, forward = _direction(config.up), _direction(config.forward)
    turn = np.stack([np.cross(up, forward), up, forward])  # rows: what becomes x, y and z
    return np.asarray(vertices @ (turn.T * UNITS.get(config.unit, 1.0)), np.float32)


def _direction(axis: Axis) -> NDArray[np.float64]:
    return np.where([letter == axis[1] for letter in "xyz"], -1.0 if axis[0] == "-" else 1.0, 0.0)


def _template(root: Path, subject: Subject, config: FolderConfig) -> Floats:
    path = _existing(root, subject.template, f"the template of {subject.name}")
    if path.suffix.lower() != ".npy":
        return _placed(load_mesh(path).vertices, config)
    array = map_npy(path)
    if array.ndim != 2 or array.shape[1] != 3 or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise TalkError(f"'{path}' holds {array.dtype} {array.shape}, not a template: (V, 3) of finite numbers")
    return _placed(array, config)


def _topology(root: Path, config: FolderConfig, templates: Mapping[str, Floats]) -> Topology:
    """Triangles of `faces`, else of the first template that has some; regions and landmarks as listed."""
    sizes = {name: len(template) for name, template in templates.items()}
    if len(set(sizes.values())) > 1:
        raise TalkError(f"the templates have different vertices ({sizes}): all heads must share one topology")
    count = next(iter(sizes.values()))
    faces = np.zeros((0, 3), np.int32)
    if config.faces:
        faces = triangles(_existing(root, config.faces, "faces"), count)
    else:
        meshes = (inside(root, s.template) for s in config.subjects if Path(s.template).suffix.lower() != ".npy")
        faces = next((mesh.faces for mesh in map(load_mesh, meshes) if len(mesh.faces)), faces)
    regions: dict[str, Ints] = {}
    if config.regions:
        for path in regular_files(_existing(root, config.regions, "regions"), "*.txt"):
            regions[path.stem] = np.unique(read_indices(path, count))
    for landmark in config.landmarks:
        if not 0 <= landmark.vertex < count:
            raise TalkError(f"the landmark {landmark.name} is vertex {landmark.vertex}, and there are {count}")
    landmarks = {landmark.name: landmark.vertex for landmark in config.landmarks}
    return Topology(config.topology or config.name, count, faces, regions, landmarks)


def _existing(root: Path, name: str, what: str) -> Path:
    path = inside(root, name)
    if not path.exists():
        raise TalkError(f"{what} should be '{path}', which does not exist: mend {CONFIG}")
    return path


def _files(root: Path, name: str, suffixes: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """(clip, path) of the files in a folder that have one of the suffixes, or any; folders of frames count as one."""
    folder = inside(root, name)
    if not folder.is_dir():
        return
    for path in (inside(root, entry.relative_to(root)) for entry in sorted(folder.iterdir())):
        if path.name.startswith(".") or (path.is_dir() and suffixes != tuple(READERS)):
            continue
        if path.is_dir() or not suffixes or path.suffix.lower() in suffixes:
            yield (path.name if path.is_dir() else path.stem.removesuffix(".phones")), path


def _pairs(config: FolderConfig, files: Mapping[Kind, Mapping[str, Path]]) -> tuple[list[str], list[str]]:
    """The clips that have sound and motion and a subject, and what to tell of the others."""
    sound, motion = set(files["audio"]), set(files["motion"])
    if not sound & motion:
        if sound and motion:
            raise TalkError(
                f"no sound and motion have the same name: there is sound '{min(sound)}' and motion '{min(motion)}'; "
                "rename one kind after the other"
            )
        name = "audio" if motion else "motion"
        raise TalkError(f"there are no files of {name} in '{getattr(config, name)}': mend `{name}` in {CONFIG}")
    known = tuple(s.name for s in config.subjects)
    clips = [clip for clip in sorted(sound & motion) if clip.startswith(known)]
    strangers = sorted(clip for clip in sound & motion if not clip.startswith(known))
    if not clips:
        raise TalkError(f"no clip begins with the name of a subject ({', '.join(known)}): there is '{strangers[0]}'")
    told = {
        "sound and no motion": sorted(sound - motion),
        "motion and no sound": sorted(motion - sound),
        "no subject whose name they begin with": strangers,
    }
    return clips, [f"{counted(len(these), 'clip')} with {what}: {some(these)}" for what, these in told.items() if these]


def _size(path: Path) -> int:
    """Bytes of a file, or of all in a folder of frames."""
    return sum(frame.stat().st_size for frame in path.iterdir()) if path.is_dir() else path.stat().st_size
