"""Speech and a model with key frames to a file of its keys, and their poses as meshes to edit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import trimesh

from talkcli.align import Found, Request, find_phones
from talkcli.audio import level, load_audio
from talkcli.clip import Audio, Floats, Phone
from talkcli.errors import TalkError
from talkcli.export.base import beside, check_target
from talkcli.keyfile import KeyFile, keys_of
from talkcli.models.base import pick_device
from talkcli.models.batch import RATE, Guide
from talkcli.models.checkpoint import Checkpoint, load_checkpoint
from talkcli.models.motion import Motion
from talkcli.phones import tidy
from talkcli.phones.keys import heard_phones
from talkcli.windows import Sound, Speaker, Window, frame_count


def make_keys(
    source: str,
    *,
    model: str,
    request: Request | None,
    out: Path | None,
    meshes: Path | None = None,
    subject: str = "",
    device: str = "auto",
    force: bool = False,
) -> KeyFile:
    """The keys of a sound file, or "-" for standard input; None as request has the model's own phone head tell them.

    out is the file to write, meshes a folder for an .obj of each key's pose as the model has it, which the file names.

    Raises:
        TalkError: the model has no keys, or no phone head, or whatever is wrong with sound, request or outputs; nothing
            is written then.
    """
    if out is not None:
        check_target(out, force)
    if meshes is not None and (out is None or meshes.exists() or not meshes.absolute().parent.is_dir()):
        what = "exists already" if meshes.exists() else "needs --out, and a folder that is there to lie in"
        raise TalkError(f"{meshes} {what}: give a new folder for the meshes")
    audio = load_audio("-" if source == "-" else Path(source), RATE)
    if not len(audio.samples):
        raise TalkError(f"{'standard input' if source == '-' else source} has no samples: there are no keys in it")
    checkpoint = load_checkpoint(model, pick_device(device))
    rule, fps = checkpoint.model.key_rule, checkpoint.model.fps
    if rule is None:
        raise TalkError(f"the model '{model}' has no key frames: choose one of the method kmtalk")
    if subject and subject not in checkpoint.templates:
        raise TalkError(f"unknown subject '{subject}'; choose from: {', '.join(checkpoint.templates)}")
    found = phones_of_head(audio, checkpoint) if request is None else find_phones(level(audio), request)
    keys = keys_of(found, fps, frame_count(audio, fps), rule, "" if source == "-" else Path(source).name)
    if meshes is not None and out is not None:
        keys = _with_meshes(keys, audio, checkpoint, subject or next(iter(checkpoint.templates)), meshes, out)
    if out is not None:
        with beside(out) as part:
            part.write_text(keys.text(), encoding="utf-8")
    return keys


def phones_of_head(audio: Audio, checkpoint: Checkpoint) -> Found:
    """What the model's own phone head hears in the whole sound.

    Raises:
        TalkError: it has none.
    """
    if not checkpoint.model.hears_phones:
        raise TalkError(f"the model '{checkpoint.name}' has no phone head: choose --phones asr, or give --text")
    found: list[Phone] = []
    template = next(iter(checkpoint.templates.values()))
    style = np.eye(1, len(checkpoint.model.corpus.subjects), dtype=np.float32)[0]
    sound = Sound(audio, checkpoint.model.fps)
    speaker = Speaker(checkpoint.model, sound, template, style)
    for window in sound.windows:
        motion, origin = speaker.motion(window)
        found += _of_window(motion, origin, window)
    phones = tuple(tidy(found, audio.seconds))
    return Found(phones, (1.0,) * len(phones), "head")


def _of_window(motion: Motion, origin: float, window: Window) -> list[Phone]:
    """The phones of a window without its margins, in the time of the whole sound."""
    assert motion.phone_probabilities is not None
    phones = heard_phones(np.log(motion.phone_probabilities + 1e-9), motion.rate)
    moved = [replace(p, start=p.start + origin, end=p.end + origin) for p in phones]
    cut = [replace(p, start=max(p.start, window.start), end=min(p.end, window.end)) for p in moved]
    return [phone for phone in cut if phone.end > phone.start]


def _with_meshes(keys: KeyFile, audio: Audio, checkpoint: Checkpoint, subject: str, folder: Path, out: Path) -> KeyFile:
    """Writes each key's pose, and gives the keys with the names of the files; none is locked."""
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        part.mkdir()
        for frame, vertices in _poses(keys, audio, checkpoint, subject):
            mesh = trimesh.Trimesh(vertices, checkpoint.model.corpus.topology.faces, process=False)
            mesh.export(part / _file(frame))
        part.rename(folder)
    except OSError as error:
        raise TalkError(f"{folder} could not be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    place = Path(os.path.relpath(folder.resolve(), out.resolve().parent))
    return replace(keys, keys=tuple(replace(key, mesh=str(place / _file(key.frame))) for key in keys.keys))


def _poses(keys: KeyFile, audio: Audio, checkpoint: Checkpoint, subject: str) -> Iterator[tuple[int, Floats]]:
    """Each key frame and its pose (V, 3) as the model has it."""
    model, template = checkpoint.model, checkpoint.templates[subject]
    subjects = model.corpus.subjects
    style = np.array([name == (subject if subject in subjects else subjects[0]) for name in subjects], np.float32)
    numbers, sound = [key.frame for key in keys.keys], Sound(audio, model.fps)

    def guide(start: float, end: float) -> Guide:
        first, last = round(start * model.fps), round(end * model.fps)
        return Guide(poses={number - first: None for number in numbers if first <= number < last})

    speaker = Speaker(model, sound, template, style)
    for window in sound.windows:
        motion, origin = speaker.motion(window, guide)
        for number in numbers:
            if window.first <= number < window.last:
                yield number, motion.vertices[min(number - round(origin * model.fps), len(motion.vertices) - 1)]


def _file(frame: int) -> str:
    return f"{frame:06d}.obj"
