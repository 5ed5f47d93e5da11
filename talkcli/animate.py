"""Speech and a model to a moving head, chunk by chunk, so that an hour takes no more memory than a sentence.

Shape letters: T frames, V vertices, S samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import numpy as np

from talkcli import contact, follow
from talkcli.align import Found, Request, check_request
from talkcli.align.trust import Network, believed
from talkcli.align.worker import NOTHING, Answer, found_ahead
from talkcli.articulation import as_track, life
from talkcli.audio import level, load_audio
from talkcli.audio.vad import pauses, speech_gate
from talkcli.clip import Audio, Floats, MotionClip, Phone
from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.export import ExportOptions, check_outputs, write
from talkcli.head import load_head
from talkcli.keyfile import KeyFile, check_keys, kept, poses
from talkcli.models.base import RATE, Guide, Motion, pick_device
from talkcli.models.checkpoint import Checkpoint, Precision, load_checkpoint

WINDOW = 20.0  # seconds that a model hears at once, at most
MARGIN = 1.0  # seconds of context it hears on either side, and that are thrown away
THRESHOLDS = (0.15, 0.4)  # of the contact head, for closures and for bites
SURE = 0.8  # of the contact head, where phones that were heard say that the lips do not meet

Phones = Literal["auto", "head", "allphone", "asr"]


@dataclass(frozen=True, kw_only=True)
class AnimateOptions:
    """What differs from call to call.

    contact False gives the network's motion alone. phones says who tells where lips meet and how the mouth is shaped:
    the network's contact head ("head"), the recogniser ("asr"), phones heard without words ("allphone", where the
    network agrees), or (auto) recogniser and network where they agree. With text, what is spoken, its aligned phones
    do, and with phone_file those of a file. strict makes an error of phones that cannot be found as asked. A method
    with key frames takes them from the same phones, for "auto" from what its own network hears; keys are such that a
    person has edited, whose locked poses come out exactly.
    life is how much blinks, gaze and brows move, 0 to 1.
    """

    subject: str = ""
    style: str = ""
    fps: float = 30.0
    contact: bool = True
    phones: Phones = "auto"
    phone_file: Path | None = None
    text: str | None = None
    strict: bool = False
    keys: KeyFile | None = None
    life: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Window:
    """A stretch of the sound, [start, end) seconds, and the frames of the whole clip that lie in it."""

    start: float
    end: float
    first: int
    last: int


def frame_count(audio: Audio, fps: float) -> int:
    return max(1, round(audio.seconds * fps))


@dataclass(frozen=True, eq=False)
class Hearing:
    """A sound before any model is asked: at its level, cut into windows, whose phones are being found meanwhile."""

    audio: Audio
    windows: list[Window]
    phones: list[Answer]  # one a window, in the time of the whole sound


@contextmanager
def hearing(audio: Audio, options: AnimateOptions) -> Iterator[Hearing]:
    """Begins to listen to a sound.

    Raises:
        TalkError: the options contradict each other, or the text has no words.
    """
    request = _request(options)
    heard = level(audio)
    cut = list(windows(heard, options.fps))
    parts = [(max(0.0, window.start - MARGIN), window.end + MARGIN) for window in cut]
    with found_ahead(heard, parts, request) as answers:
        yield Hearing(heard, cut, answers)


def _request(options: AnimateOptions) -> Request | None:
    """Who is to find the phones; nobody where they are of no use."""
    if options.text is None and options.phone_file is None:
        listens = options.phones in ("asr", "allphone") or (options.phones == "auto" and options.contact)
        source: Literal["asr", "allphone"] = "allphone" if options.phones == "allphone" else "asr"
        return Request(source=source, strict=options.strict) if listens else None
    request = Request(text=options.text, file=options.phone_file, strict=options.strict)
    check_request(request)
    return request


def animate(
    audio: Audio, checkpoint: Checkpoint, options: AnimateOptions, heard: Hearing | None = None
) -> Iterator[MotionClip]:
    """The head's motion in metres for 16 kHz speech, in chunks that follow each other without a gap.

    heard is the sound's hearing, where it has begun already.

    Raises:
        TalkError: no such subject or style, the sound is empty, or its phones cannot be found as asked.
    """
    if not len(audio.samples):
        raise TalkError("the sound has no samples: nothing to animate")
    subject = options.subject or next(iter(checkpoint.templates))
    template, style = _template(checkpoint, subject), _style(checkpoint, options)
    if options.keys is not None:
        check_keys(options.keys, audio, checkpoint)
    return _chunks(audio, checkpoint, replace(options, subject=subject), heard, template, style)


def _template(checkpoint: Checkpoint, subject: str) -> Floats:
    if subject not in checkpoint.templates:
        raise TalkError(f"unknown subject '{subject}'; choose from: {', '.join(checkpoint.templates)}")
    return checkpoint.templates[subject]


def _style(checkpoint: Checkpoint, options: AnimateOptions) -> Floats:
    """(N,) the one-hot of a training subject, by default the subject's own where it was trained on, else the first."""
    subjects = checkpoint.model.corpus.subjects
    if options.style and options.style not in subjects:
        raise TalkError(f"unknown style '{options.style}'; choose from: {', '.join(subjects)}")
    chosen = options.style or (options.subject if options.subject in subjects else subjects[0])
    return np.array([name == chosen for name in subjects], np.float32)


def _chunks(
    audio: Audio,
    checkpoint: Checkpoint,
    options: AnimateOptions,
    begun: Hearing | None,
    template: Floats,
    style: Floats,
) -> Iterator[MotionClip]:
    corpus = checkpoint.model.corpus
    packaged = corpus.topology is load_head().topology
    total = frame_count(audio, options.fps)
    with nullcontext(begun) if begun else hearing(audio, options) as heard:
        gate = speech_gate(heard.audio, options.fps, total)  # (T,)
        idle = _idle(heard.audio, total, options) if packaged and options.life else None  # (T, C)
        told: set[str] = set()
        for window, answer in zip(heard.windows, heard.phones, strict=True):
            frames = slice(window.first, window.last)
            motion, origin = predict(
                heard.audio, window, checkpoint, template, style, partial(_guide, checkpoint, options, answer, template)
            )
            vertices = _at_frames(motion.vertices, checkpoint.model.fps, origin, window, options.fps)
            clip = MotionClip(
                vertices=vertices,
                template=template,
                topology=corpus.topology,
                fps=options.fps,
                audio=audio.part(window.start, window.end),
                start=window.first / options.fps,
                subject=options.subject,
                model=checkpoint.name,
                colors=load_head().subject_colors(options.subject) if packaged else None,
            )
            listens = options.contact or options.text is not None or options.phone_file is not None
            found = answer() if listens else NOTHING
            _tell(found, options, told)
            clip = shaped(clip, motion, origin, found, gate[frames], options)
            clip = clip if idle is None else _alive(clip, idle[frames])
            if options.keys is not None:
                clip = kept(clip, vertices, options.keys, template)
            yield clip.scaled(corpus.metres)


def _tell(found: Found, options: AnimateOptions, told: set[str]) -> None:
    """Says once what there is to say of the phones; "auto" takes what there is, and says nothing."""
    if options.phones == "auto" and options.text is None and options.phone_file is None:
        return
    for line in found.told():
        if line not in told:
            note(f"note: {line}")
            told.add(line)


def shaped(
    clip: MotionClip, motion: Motion, origin: float, found: Found, gate: Floats, options: AnimateOptions
) -> MotionClip:
    """The clip with its mouth drawn towards the phones that are believed, lips that meet where they must, and at rest
    where nobody speaks.

    motion, whose first frame is at origin seconds, is the network's own; gate (T,) says where somebody speaks, and so
    do known phones, which noise does not hide.
    """
    network = None
    if motion.phone_probabilities is not None:
        network = Network(np.log(motion.phone_probabilities + 1e-9), motion.rate, origin)
    alone = options.phones == "asr" and found.source == "asr"  # the recogniser decides, and nobody else
    trusted = list(found.phones) if alone else believed(found, network)
    clip = replace(clip, phones=said(found.phones if trusted else (), clip.start, clip.seconds))
    known = found.source in ("text", "file")
    if known:
        gate = np.maximum(gate, follow.presence(trusted, clip.start, clip.fps, clip.frames))
    clip = clip.with_vertices(clip.template + gate[:, None, None] * (clip.vertices - clip.template))
    if not options.contact:
        return clip
    clip = follow.apply(clip, found.phones, trusted)
    meeting = _spoken(contacts(motion, origin, trusted, known), gate, clip.start, clip.fps)
    return contact.apply(clip, meeting)


def _spoken(contacts: list[contact.Contact], gate: Floats, start: float, fps: float) -> list[contact.Contact]:
    """The contacts that lie where somebody speaks: a lip at rest does not bite. gate (T,) begins at start seconds."""
    return [c for c in contacts if gate[min(max(round((c.middle - start) * fps), 0), len(gate) - 1)] > 0]


def _idle(audio: Audio, frames: int, options: AnimateOptions) -> Floats:
    """Controls (T, C) of blinks, gaze and brows, from the sound and the seed."""
    track = as_track(life(frames, options.fps, options.seed, audio))
    return load_head().values(track) * np.float32(options.life)


def _alive(clip: MotionClip, values: Floats) -> MotionClip:
    """The clip with idle motion (T, C) added; the mouth has no part in it."""
    head = load_head()
    return clip.with_vertices(clip.vertices + (head.pose(values, clip.template) - clip.template))


def windows(audio: Audio, fps: float) -> Iterator[Window]:
    """Cut in silences; every frame lies in just one."""
    total = frame_count(audio, fps)
    stretches = pauses(audio, WINDOW)
    first = 0
    for place, (start, end) in enumerate(stretches):
        last = total if place == len(stretches) - 1 else min(total, int(np.ceil(end * fps)))
        if last > first:
            yield Window(start, end, first, last)
        first = max(first, last)


def predict(
    audio: Audio,
    window: Window,
    checkpoint: Checkpoint,
    template: Floats,
    style: Floats,
    guide: Callable[[float, float], Guide | None] = lambda start, end: None,
) -> tuple[Motion, float]:
    """The motion of a window with its margins, at the model's frame rate, and the time of its first frame.

    guide tells what is known of the sound from start to end, in seconds.
    """
    model = checkpoint.model
    origin = float(np.floor(max(0.0, window.start - MARGIN) * model.fps) / model.fps)
    part = audio.part(origin, window.end + MARGIN)
    return model.animate(part, template, style, guide(origin, origin + part.seconds)), origin


def _guide(
    checkpoint: Checkpoint, options: AnimateOptions, answer: Answer, template: Floats, start: float, end: float
) -> Guide | None:
    """The key frames of a method that has any: those of a person, or of the phones that were asked for."""
    model = checkpoint.model
    if model.key_rule is None:
        return None
    if options.keys is not None:
        first, last = round(start * model.fps), round(end * model.fps)
        made = poses(options.keys, model.corpus.topology, template)
        locked = {key.frame - first for key in options.keys.keys if key.locked}
        here = {frame - first: pose for frame, pose in made.items() if first <= frame < last}
        return Guide(poses=here, locked=frozenset(locked & here.keys()))
    own = options.phones in ("auto", "head") and options.text is None and options.phone_file is None
    if own and model.hears_phones:
        return None
    if own and options.phones == "head":
        raise TalkError("this model has no phone head to tell its key frames: choose --phones asr, or give --text")
    return Guide(phones=[replace(p, start=p.start - start, end=p.end - start) for p in answer().phones])


def _at_frames(vertices: Floats, model_fps: float, origin: float, window: Window, fps: float) -> Floats:
    """Vertices (T', V, 3) from origin on at the model's rate, brought to the window's frames."""
    position = (np.arange(window.first, window.last) / fps - origin) * model_fps
    position = np.clip(position, 0, len(vertices) - 1)
    left = np.minimum(np.floor(position + 1e-6).astype(np.int64), len(vertices) - 1)
    right = np.minimum(left + 1, len(vertices) - 1)
    share = np.clip(position - left, 0, 1).astype(np.float32)[:, None, None]
    if not share.any():
        return vertices[left]
    between: Floats = vertices[left] * (1 - share) + vertices[right] * share
    return between


def said(phones: Sequence[Phone], start: float, seconds: float) -> tuple[Phone, ...]:
    """The phones of a chunk in the time of its first frame, for formats that tell them."""
    moved = [replace(p, start=max(p.start - start, 0.0), end=min(p.end - start, seconds)) for p in phones]
    return tuple(phone for phone in moved if phone.end > phone.start)


def contacts(motion: Motion, origin: float, trusted: Sequence[Phone], known: bool) -> list[contact.Contact]:
    """Where the lips meet, in the time of the whole sound.

    Where trusted phones say so; and where the contact head does, unless the phones are known and speak there, or deny
    it and the head is not sure.
    """
    found: list[contact.Contact] = []
    if motion.contact_probabilities is not None:
        heads = contact.from_head(motion.contact_probabilities, motion.rate, THRESHOLDS)
        found = [replace(c, start=c.start + origin, end=c.end + origin) for c in heads]
        found = contact.uncovered(found, trusted) if known else contact.undenied(found, trusted, SURE)
    return contact.merged([*found, *contact.from_phones(trusted)])


@dataclass(frozen=True)
class Animated:
    """What came of a sound: how long it is, and how many frames its motion has."""

    seconds: float
    frames: int


def load_speech(source: str) -> Audio:
    """The sound of a file, or of standard input for "-".

    Raises:
        TalkError: it is none, or has no samples.
    """
    audio = load_audio("-" if source == "-" else Path(source), RATE)
    if not len(audio.samples):
        raise TalkError(f"{'standard input' if source == '-' else source} has no samples: there is nothing to animate")
    return audio


class Animator:
    """A model that animates one sound after another; it is loaded for the first, while that is being heard."""

    def __init__(self, model: str, device: str = "auto", precision: Precision = "fp32") -> None:
        self._model, self._device, self._precision = model, device, precision

    @cached_property
    def checkpoint(self) -> Checkpoint:
        return load_checkpoint(self._model, pick_device(self._device), self._precision)

    def check(self, options: AnimateOptions) -> None:
        """Loads the model.

        Raises:
            TalkError: it cannot be, or has not the subject or style.
        """
        _template(self.checkpoint, options.subject or next(iter(self.checkpoint.templates)))
        _style(self.checkpoint, options)

    def write(
        self, audio: Audio, outputs: Sequence[Path], options: AnimateOptions, export_options: ExportOptions
    ) -> Animated:
        """Speech into files; the suffix picks the format.

        Raises:
            TalkError: whatever is wrong with the model, the options or an output; nothing is written then.
        """
        with hearing(audio, options) as heard:  # while the model is loaded
            clips = animate(audio, self.checkpoint, options, heard)
            frames = write(clips, outputs, export_options, frame_count(audio, options.fps))
        return Animated(audio.seconds, frames)


def animate_file(
    source: str,
    outputs: Sequence[Path],
    *,
    model: str,
    options: AnimateOptions,
    export_options: ExportOptions,
    device: str = "auto",
    precision: Precision = "fp32",
) -> Animated:
    """Speech from a file, or "-" for standard input, into files; the suffix picks the format.

    Raises:
        TalkError: whatever is wrong with the sound, the model or an output; nothing is written then.
    """
    export_options = replace(export_options, sound=None if source == "-" else Path(source))
    check_outputs(outputs, export_options)
    audio = load_speech(source)
    return Animator(model, device, precision).write(audio, outputs, options, export_options)
