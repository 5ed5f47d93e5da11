"""Speech and a model to a moving head, chunk by chunk, so that an hour takes no more memory than a sentence.

Shape letters: T frames, V vertices, S samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from talkcli.align import Found, Request, check_request
from talkcli.align.worker import NOTHING, Answer, found_ahead
from talkcli.articulation import as_track, head_turn, life, steady_gaze
from talkcli.audio import RATE, load_audio
from talkcli.audio.vad import speech_gate
from talkcli.clip import Audio, Floats, MotionClip
from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.export import ExportOptions, check_outputs, write
from talkcli.finish import PLAIN, Finish, tell_unknown
from talkcli.head import load_head
from talkcli.keyfile import KeyFile, check_keys, kept, poses
from talkcli.pieces import Piece, shifted, spans
from talkcli.platform import give_back_memory
from talkcli.stages import stage
from talkcli.windows import Sound, Speaker, Window, frame_count

if TYPE_CHECKING:  # torch takes its time, in which a sound can be heard: what needs it imports it
    from talkcli.models.batch import Guide
    from talkcli.models.checkpoint import Checkpoint, Precision

MARGIN, AROUND = 1.0, 3.0  # seconds on either side of a window that are listened to, and in which phones are known
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
    life is how much blinks, gaze and brows move and the head turns, 0 to 1; None is 1, where the head can. finish is
    what is done to the motion at last; the head's own liveliness comes late with the rest of it, and no more.
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
    life: float | None = None
    seed: int = 0
    finish: Finish = PLAIN


@dataclass(frozen=True, eq=False)
class Hearing:
    """A sound before any model is asked, and its phones, one answer a window, which are being found meanwhile."""

    sound: Sound
    phones: list[Answer]  # in the time of the whole sound


@contextmanager
def hearing(audio: Audio, options: AnimateOptions) -> Iterator[Hearing]:
    """Begins to listen to a sound.

    Raises:
        TalkError: the options contradict each other, or the text has no words.
    """
    request = _request(options)
    sound = Sound(audio, options.fps)
    around = MARGIN if request is None or request.listens else AROUND
    parts = [(max(0.0, window.start - around), window.end + around) for window in sound.windows]
    with found_ahead(audio, parts, request, sound.gain) as answers:
        yield Hearing(sound, answers)


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
    corpus, total = checkpoint.model.corpus, frame_count(audio, options.fps)
    packaged = corpus.topology is load_head().topology
    if options.life and not packaged:
        note(f"note: the head '{corpus.topology.name}' cannot blink or turn: --life has no part in it")
    still = MotionClip(
        vertices=np.zeros((0, *template.shape), np.float32),
        template=template,
        topology=corpus.topology,
        fps=options.fps,
        subject=options.subject,
        model=checkpoint.name,
        colors=load_head().subject_colors(options.subject) if packaged else None,
    )
    tell_unknown(corpus.topology, options.finish)
    late = options.finish.frames_late(options.fps)
    with nullcontext(begun) if begun else hearing(audio, options) as heard:
        idle = _Idle.of(audio, total, options) if packaged and options.life != 0 else None
        for span in spans(_pieces(heard, checkpoint, options, still, style), options.fps):
            clip = span.clip()
            clip = clip if idle is None else idle.added(clip, span.first, span.last)
            if options.keys is not None:
                clip = kept(clip, span.piece.plain(span.first, span.last), options.keys, template)
            clip = replace(clip, phones=span.piece.phones(span.first, span.last))
            shown = shifted(clip, span.first, math.floor(late), total)
            if shown.frames:
                last = round(shown.start * options.fps) + shown.frames
                end = audio.seconds if last == total else last / options.fps
                yield replace(shown, audio=audio.part(shown.start, end)).scaled(corpus.metres)


def _pieces(
    heard: Hearing, checkpoint: Checkpoint, options: AnimateOptions, still: MotionClip, style: Floats
) -> Iterator[tuple[Window, Piece]]:
    """Each window with its motion and what is known of its phones."""
    sound, model, template = heard.sound, checkpoint.model, still.template
    late = options.finish.frames_late(options.fps)
    lag = late - math.floor(late)
    frames = frame_count(sound.audio, options.fps)
    gate = speech_gate(sound.audio, options.fps, frames, -lag / options.fps if lag else 0.0)  # (T,)
    speaker = Speaker(model, sound, template, style)
    listens = options.contact or options.text is not None or options.phone_file is not None
    told: set[str] = set()
    for window, answer in zip(sound.windows, heard.phones, strict=True):
        give_back_memory()
        motion, origin = speaker.motion(window, partial(_guide, checkpoint, options, answer, template))
        found = answer() if listens else NOTHING
        _tell(found, options, told)
        alone = options.phones == "asr" and found.source == "asr"  # the recogniser decides, and nobody else
        known = (still, motion, model.fps, origin, found, gate, options.contact, alone)
        yield window, Piece(*known, options.finish, lag)


def _tell(found: Found, options: AnimateOptions, told: set[str]) -> None:
    """Says once what there is to say of the phones; "auto" takes what there is, and says nothing."""
    if options.phones == "auto" and options.text is None and options.phone_file is None:
        return
    for line in found.told():
        if line not in told:
            note(f"note: {line}")
            told.add(line)


@dataclass(frozen=True, eq=False)
class _Idle:
    """What the head does beside speaking: controls (T, C) of blinks, gaze and brows, and its turn (T, 3)."""

    values: Floats
    turn: Floats

    @classmethod
    def of(cls, audio: Audio, frames: int, options: AnimateOptions) -> _Idle:
        """From the sound and the seed."""
        head, amount = load_head(), np.float32(1 if options.life is None else options.life)
        turn = amount * head_turn(frames, options.fps, options.seed, audio)
        curves = life(frames, options.fps, options.seed, audio)
        curves = steady_gaze({name: amount * curve for name, curve in curves.items()}, turn, head.rig.eyes[0].angle)
        return cls(head.values(as_track(curves)), turn)

    def added(self, clip: MotionClip, first: int, last: int) -> MotionClip:
        """The clip of these frames, alive; the mouth has no part in it."""
        posed = load_head().pose(self.values[first:last], clip.template)
        return replace(clip, vertices=clip.vertices + (posed - clip.template), turn=self.turn[first:last])


def _guide(
    checkpoint: Checkpoint, options: AnimateOptions, answer: Answer, template: Floats, start: float, end: float
) -> Guide | None:
    """The key frames of a method that has any: those of a person, or of the phones that were asked for."""
    from talkcli.models.batch import Guide

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
    @stage("load model")  # with torch, which is imported here
    def checkpoint(self) -> Checkpoint:
        from talkcli.models.base import pick_device
        from talkcli.models.checkpoint import load_checkpoint

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
