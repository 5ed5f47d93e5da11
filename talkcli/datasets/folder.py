"""Anyone's own recordings: sound and motion by the same names in a folder, and a TOML file that says what they are.

Shape letters: T frames, V vertices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from talkcli import config as configs
from talkcli.audio import SUFFIXES, load_audio
from talkcli.clip import Audio, CorpusInfo, Floats, Ints, Topology
from talkcli.console import counted, some
from talkcli.datasets.base import RawClip, Recipe, Split
from talkcli.datasets.folder_config import CONFIG, FolderConfig, Subject, placed
from talkcli.datasets.places import locate
from talkcli.datasets.recorded import HEAD, recorded, stamp
from talkcli.datasets.regions import read_indices
from talkcli.errors import TalkError
from talkcli.files.arrays import map_npy
from talkcli.files.meshes import load_mesh, triangles
from talkcli.files.motion import FOLDER, READERS, open_motion
from talkcli.files.paths import inside, regular_files
from talkcli.phones import tidy
from talkcli.phones.files import PHONE_SUFFIXES, TEXT_SUFFIXES, read_phones, read_text
from talkcli.prepared import RATE

Kind = Literal["audio", "motion", "text", "phones"]
KINDS: dict[Kind, tuple[str, ...]] = {
    "audio": SUFFIXES,
    "motion": tuple(READERS),
    "text": TEXT_SUFFIXES,
    "phones": PHONE_SUFFIXES,
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """raw: the folder (or an archive of it), by default that of config; config: its TOML file, by default talk.toml."""

    raw: Path | None = None
    config: Path | None = None


@dataclass(frozen=True)
class Folder:
    """The recordings of one talk.toml."""

    root: Path
    path: Path  # of the TOML file
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
        root, path = _find(options, scratch)
        config = configs.from_dict(FolderConfig, configs.read_toml(path), str(path))
        templates = {s.name: _template(root, s, config) for s in config.subjects}
        topology = _topology(root, config, templates)
        files = {kind: dict(_files(root, kind, config)) for kind in KINDS}
        clips, notes = _pairs(config, files)
        found = cls(root, path, config, topology, templates, files, tuple(clips), ())
        return replace(found, notes=(*notes, *found.advice()))

    def advice(self) -> Iterator[str]:
        """What the person should look at, one sentence each."""
        patterns = [*self.config.split.test, *self.config.split.val, *self.config.split.train]
        unused = [p for p in patterns if not any(fnmatchcase(clip, p) for clip in self.clips)]
        if unused:
            yield f"no clip matches {some(unused)} of [split] in {self.path.name}"
        if not self.config.audio:
            yield "there is no sound (`audio` is empty): silence stands for it, and the data serve as dual.meshes alone"
        left = [clip for clip in self.clips if self.split(clip) is None]
        if left:
            yield f"{counted(len(left), 'clip')} matching nothing in [split], left out: {some(left)}"
        if not len(self.topology.faces):
            yield "no triangles are known, so that no film can be drawn: `faces` names a mesh that has them"
        for name, template in self.templates.items():
            height = float(np.ptp(template[:, 1]))
            if self.config.unit != "own" and not HEAD[0] < height < HEAD[1]:
                yield f"the head of {name} is {height:.3g} m high: is `unit` right?"

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
        paths = [self.path, *(self.root / subject.template for subject in self.config.subjects)]
        files = {path.name: path for path in paths}
        for clip in self.clips:
            files |= self._files_of(clip)
        sizes = {name: stamp(path)[0] for name, path in files.items()}
        return {"raw": str(self.root), "files": sizes, "config": configs.to_dict(self.config)}

    def _files_of(self, clip: str) -> dict[str, Path]:
        paths = [paths[clip] for paths in self.files.values() if clip in paths]
        return {path.relative_to(self.root).as_posix(): path for path in paths}

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
            if split := self.split(clip):
                text, wrong = self._said(clip)
                data = self._told(clip) | ({"wrong": wrong} if wrong else {})
                found.append(Recipe(clip, self.subject(clip), split, self.subject(clip), text, data))
        return found

    def _said(self, clip: str) -> tuple[str, str]:
        """A clip's transcript, "" where there is none, and what is wrong with it."""
        path = self.files["text"].get(clip)
        try:
            return (read_text(path) if path else ""), ""
        except TalkError as error:
            return "", str(error)

    def _told(self, clip: str) -> dict[str, Any]:
        """What decides how the clip comes out: the TOML file's word on motion, and the files by size and time."""
        config = self.config
        files = {name: stamp(path) for name, path in self._files_of(clip).items()}
        told = {key: getattr(config, key) for key in ("fps", "unit", "up", "forward", "phone_tier")}
        return {**told, "files": files}

    def make(self, recipe: Recipe) -> RawClip:
        config, clip = self.config, recipe.name
        if wrong := recipe.data.get("wrong"):
            raise TalkError(wrong)
        motion = open_motion(self.files["motion"][clip], self.topology.vertices, config.fps)
        if motion.fps is not None and abs(motion.fps - config.fps) > 1e-3 * config.fps:
            name = self.files["motion"][clip].name
            raise TalkError(
                f"{name} has {motion.fps:g} frames a second and {self.path.name} says {config.fps:g}: mend one"
            )
        vertices = placed(motion.vertices, config)
        audio = load_audio(self.files["audio"][clip]) if config.audio else _silence(len(vertices) / config.fps)
        path = self.files["phones"].get(clip)
        phones = tidy(read_phones(path, config.phone_tier), audio.seconds) if path else []
        return recorded(audio, vertices, config.fps, recipe.subject, self.templates, phones)


def _template(root: Path, subject: Subject, config: FolderConfig) -> Floats:
    path = _existing(root, subject.template, f"the template of {subject.name}")
    if path.suffix.lower() != ".npy":
        return placed(load_mesh(path).vertices, config)
    array = map_npy(path)
    if array.ndim != 2 or array.shape[1] != 3 or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise TalkError(f"'{path}' holds {array.dtype} {array.shape}, not a template: (V, 3) of finite numbers")
    return placed(array, config)


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


def _find(options: Options, scratch: Path) -> tuple[Path, Path]:
    """The folder of the recordings, and the TOML file that tells of them."""
    raw = options.raw or (options.config.parent if options.config else Path())
    if options.config is None:
        wanted = f"a {CONFIG} (`talk preprocess folder --init` writes one)"
        root = locate(raw, scratch, _has_config, _has_config, wanted).root
        return root, root / CONFIG
    motion = configs.from_dict(FolderConfig, configs.read_toml(options.config), str(options.config)).motion

    def holds(folder: Path) -> bool:
        return (folder / motion).is_dir()

    return locate(raw, scratch, holds, holds, f"the folder '{motion}'").root, options.config


def _has_config(folder: Path) -> bool:
    return (folder / CONFIG).is_file()


def _files(root: Path, kind: Kind, config: FolderConfig) -> Iterator[tuple[str, Path]]:
    """(clip, path) of the files of a kind; folders of frames count as one."""
    folder = inside(root, getattr(config, kind) or ".")
    if not getattr(config, kind) or not folder.is_dir():
        return
    seen: dict[str, Path] = {}
    suffixes = (".txt",) if kind == "text" and config.text == config.phones else KINDS[kind]
    for entry in sorted(folder.iterdir()):
        path = inside(root, entry.relative_to(root))
        suffix = FOLDER if path.is_dir() else path.suffix.lower()
        if path.name.startswith(".") or suffix not in suffixes:
            continue
        clip = path.name if path.is_dir() else path.stem.removesuffix(".phones")
        if clip in seen:
            raise TalkError(f"'{folder}' has two files of the clip {clip}, {seen[clip].name} and {path.name}: keep one")
        seen[clip] = path
        yield clip, path


def _silence(seconds: float) -> Audio:
    return Audio(np.zeros(round(seconds * RATE), np.float32), RATE)


def _pairs(config: FolderConfig, files: Mapping[Kind, Mapping[str, Path]]) -> tuple[list[str], list[str]]:
    """The clips that have sound and motion and a subject, and what to tell of the others."""
    motion = set(files["motion"])
    sound = set(files["audio"]) if config.audio else motion
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
