"""Key frames as people see and edit them: a JSON file that lists them, and poses that somebody made for some.

Shape letters: T frames, V vertices.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talkcli.align import Found, Request, find_phones
from talkcli.clip import Audio, Floats, MotionClip, Phone, Topology, Track
from talkcli.errors import TalkError
from talkcli.files.arrays import map_npy
from talkcli.files.meshes import load_mesh
from talkcli.head import CONTROLS, load_head
from talkcli.phones.keys import KeyRule, key_frames

if TYPE_CHECKING:
    from talkcli.models.checkpoint import Checkpoint

FORMAT = 1
BESIDE = 0.1  # seconds on either side of a locked pose in which the stages after the model fade
ON_TIME = 1e-4  # seconds: a frame this near to a key is at it


@dataclass(frozen=True)
class Key:
    """A key frame and the phone that begins there ("" where none does).

    locked keeps its pose exactly: the one in the file mesh (.npy of (V, 3), .obj, .ply or .glb; vertices in the data's
    unit), the one that controls (name -> value) give the packaged head, or, without either, the model's own. The mesh
    of a key that is not locked is left alone.
    """

    frame: int
    phone: str = ""
    locked: bool = False
    mesh: str = ""
    controls: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class KeyFile:
    """The keys of one sound at fps, of its frames in all; source says who found the phones, folder is where meshes
    lie."""

    fps: float
    frames: int
    source: str
    phones: tuple[Phone, ...]
    keys: tuple[Key, ...]
    audio: str = ""
    folder: Path = Path()

    @property
    def density(self) -> float:
        """Keys a second."""
        return len(self.keys) / self.frames * self.fps

    def text(self) -> str:
        """As JSON, a key a line."""
        told = {
            "format": FORMAT,
            "audio": self.audio,
            "fps": self.fps,
            "frames": self.frames,
            "source": self.source,
        }
        head = json.dumps(told, ensure_ascii=False, indent=1)[:-2]
        phones = [{"phone": p.name, "start": round(p.start, 4), "end": round(p.end, 4)} for p in self.phones]
        return f"{head},\n{_rows('phones', phones)},\n{_rows('keys', [self._told(key) for key in self.keys])}\n}}\n"

    def _told(self, key: Key) -> dict[str, Any]:
        told: dict[str, Any] = {"frame": key.frame, "time": round(key.frame / self.fps, 4), "phone": key.phone}
        told |= {"locked": key.locked}
        told |= {"mesh": key.mesh} if key.mesh else {}
        return told | ({"controls": dict(key.controls)} if key.controls else {})


def _rows(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    body = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in rows)
    return f' "{name}": [\n{body}\n ]' if rows else f' "{name}": []'


def keys_of(found: Found, fps: float, frames: int, rule: KeyRule, audio: str = "") -> KeyFile:
    """The keys of phones, each with the phone that begins there."""
    numbers = key_frames(found.phones, fps, frames, rule)
    begins = {min(round(phone.start * fps), frames - 1): phone.name for phone in reversed(found.phones)}
    keys = tuple(Key(number, begins.get(number, "")) for number in numbers.tolist())
    return KeyFile(fps, frames, found.source, tuple(found.phones), keys, audio)


def find_keys(audio: Audio, request: Request, fps: float, frames: int, rule: KeyRule, name: str = "") -> KeyFile:
    """The keys of 16 kHz sound by whoever the request names."""
    return keys_of(find_phones(audio, request), fps, frames, rule, name)


def read_keys(path: Path) -> KeyFile:
    """
    Raises:
        TalkError: it is no file of keys, or a key is out of range, comes twice, or names what is not there.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise TalkError(f"'{path}' cannot be read as a file of keys: {reason}") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise TalkError(f"'{path}' is no file of keys in format {FORMAT}: make one with `talk keys`")
    try:
        phones = tuple(Phone(str(p["phone"]), float(p["start"]), float(p["end"])) for p in told.get("phones", []))
        keys = tuple(_key(path, entry) for entry in told["keys"])
        found = KeyFile(
            float(told["fps"]), int(told["frames"]), str(told.get("source", "")), phones, keys, folder=path.parent
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TalkError(f"'{path}' lacks or misspells something that a file of keys has: {error!r}") from error
    _check(path, found)
    return found


def _key(path: Path, entry: Mapping[str, Any]) -> Key:
    known = {"frame", "time", "phone", "locked", "mesh", "controls"}
    if more := set(entry) - known:
        raise TalkError(f"'{path}': a key has no '{sorted(more)[0]}'; it has: {', '.join(sorted(known))}")
    if type(entry["frame"]) is not int:
        raise TalkError(f"'{path}': the frame {entry['frame']!r} of a key is no whole number")
    controls = {str(name): float(value) for name, value in entry.get("controls", {}).items()}
    return Key(
        entry["frame"], str(entry.get("phone", "")), entry.get("locked", False) is True, entry.get("mesh", ""), controls
    )


def _check(path: Path, file: KeyFile) -> None:
    if not (file.fps > 0 and file.frames > 0 and file.keys):
        raise TalkError(f"'{path}' has {file.frames} frames at {file.fps:g} a second and {len(file.keys)} keys")
    seen: set[int] = set()
    for key in file.keys:
        where = f"'{path}': the key at frame {key.frame}"
        if not 0 <= key.frame < file.frames:
            raise TalkError(f"{where} is outside the {file.frames} frames: remove it, or move it")
        if key.frame in seen:
            raise TalkError(f"{where} comes twice: remove one")
        if key.mesh and key.controls:
            raise TalkError(f"{where} has a mesh and controls: leave one of them out")
        if key.controls and not key.locked:
            raise TalkError(f'{where} has controls and is not locked: write "locked": true')
        if unknown := [name for name in key.controls if name not in CONTROLS]:
            raise TalkError(
                f"{where} has the control '{unknown[0]}', which the head lacks: there are {CONTROLS[0]} ..."
            )
        if not np.isfinite(list(key.controls.values())).all():
            raise TalkError(f"{where} has a control that is no number")
        seen.add(key.frame)


def poses(file: KeyFile, topology: Topology, template: Floats) -> dict[int, Floats | None]:
    """Of each key frame the pose (V, 3) that somebody made, None where the model's own is meant.

    Raises:
        TalkError: a mesh cannot be read or is of another topology, or controls are for another head.
    """
    return {key.frame: _pose(file, key, topology, template) for key in file.keys}


def _pose(file: KeyFile, key: Key, topology: Topology, template: Floats) -> Floats | None:
    if key.controls:
        head = load_head()
        if topology is not head.topology:
            raise TalkError(f"the key at frame {key.frame} has controls, and this head has none: give a mesh")
        track = Track(tuple(key.controls), np.array([list(key.controls.values())], np.float32))
        posed: Floats = head.pose(head.values(track), template)[0]
        return posed
    if not (key.mesh and key.locked):
        return None
    path = file.folder / key.mesh
    vertices = np.asarray(map_npy(path) if path.suffix.lower() == ".npy" else load_mesh(path).vertices, np.float32)
    if vertices.shape != (topology.vertices, 3):
        raise TalkError(f"'{path}' is {vertices.shape}, and the head has {topology.vertices} vertices of 3")
    if not np.isfinite(vertices).all():
        raise TalkError(f"'{path}' has vertices that are no numbers (NaN or Inf)")
    return vertices


def check_keys(keys: KeyFile, audio: Audio, checkpoint: Checkpoint) -> None:
    """
    Raises:
        TalkError: the keys are of another sound or frame rate, the model has none, or a pose is of another head.
    """
    model, frames = checkpoint.model, round(audio.seconds * checkpoint.model.fps)
    if model.key_rule is None:
        raise TalkError(f"the model '{checkpoint.name}' has no key frames: choose one of the method kmtalk")
    if keys.fps != model.fps:
        raise TalkError(f"the keys are at {keys.fps:g} frames a second and the model at {model.fps:g}: list them anew")
    if abs(keys.frames - frames) > 1:
        raise TalkError(f"the keys are of {keys.frames} frames and the sound has {frames}: is it another?")
    poses(keys, model.corpus.topology, next(iter(checkpoint.templates.values())))


def kept(clip: MotionClip, plain: Floats, keys: KeyFile, template: Floats) -> MotionClip:
    """The clip with locked poses exactly as they are, and drawn to the model's own motion, plain (T, V, 3), beside
    them."""
    times = clip.start + np.arange(clip.frames) / clip.fps
    made = poses(keys, clip.topology, template)
    vertices = clip.vertices.copy()
    for key in keys.keys:
        away = np.abs(times - key.frame / keys.fps)  # (T,)
        near = np.flatnonzero(away < BESIDE)
        if not key.locked or not len(near):
            continue
        middle, pose = int(near[away[near].argmin()]), made[key.frame]
        share = (1 - away[near] / BESIDE).astype(np.float32)[:, None, None]
        target = plain[near]
        if pose is not None and away[middle] < ON_TIME:
            target = target + share * (pose - plain[middle])  # what the model's form of output cannot hold of it
        vertices[near] += share * (target - vertices[near])
        if away[middle] < ON_TIME:
            vertices[middle] = plain[middle] if pose is None else pose
    return clip.with_vertices(vertices)
