"""Speech and a model to a moving head, chunk by chunk, so that an hour takes no more memory than a sentence.

Shape letters: T frames, V vertices, S samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from talkcli import contact, follow
from talkcli.align import stretches
from talkcli.align.fit import trusted
from talkcli.articulation import as_track, life
from talkcli.audio import level, load_audio
from talkcli.audio.vad import pauses, speech_gate
from talkcli.clip import Audio, Floats, MotionClip, Phone
from talkcli.errors import TalkError
from talkcli.export import ExportOptions, check_suffix, check_target, write
from talkcli.head import load_head
from talkcli.models.base import RATE, Motion, pick_device
from talkcli.models.checkpoint import Checkpoint, Precision, load_checkpoint

WINDOW = 20.0  # seconds that a model hears at once, at most
MARGIN = 1.0  # seconds of context it hears on either side, and that are thrown away
THRESHOLDS = (0.15, 0.4)  # of the contact head, for closures and for bites
SURE = 0.8  # of the contact head, where trusted phones say that the lips do not meet
CONFIDENCE = 0.4  # of the recogniser in its words: people's English has more, other languages mostly less
AGREEMENT = 0.25  # share of the speech round a phone in which recogniser and network must see the same viseme

Phones = Literal["auto", "head", "asr"]


@dataclass(frozen=True, kw_only=True)
class AnimateOptions:
    """What differs from call to call.

    contact False gives the network's motion alone. phones says who decides where lips meet: the network's contact head,
    the recogniser, or (auto) both, the recogniser only where the network agrees; its phones shape the mouth as well.
    life is how much blinks, gaze and brows move, 0 to 1.
    """

    subject: str = ""
    style: str = ""
    fps: float = 30.0
    contact: bool = True
    phones: Phones = "auto"
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


def animate(audio: Audio, checkpoint: Checkpoint, options: AnimateOptions) -> Iterator[MotionClip]:
    """The head's motion in metres for 16 kHz speech, in chunks that follow each other without a gap.

    Raises:
        TalkError: no such subject or style, or the sound is empty.
    """
    if not len(audio.samples):
        raise TalkError("the sound has no samples: nothing to animate")
    subject = options.subject or next(iter(checkpoint.templates))
    return _chunks(audio, checkpoint, options, subject, _template(checkpoint, subject), _style(checkpoint, options))


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
    audio: Audio, checkpoint: Checkpoint, options: AnimateOptions, subject: str, template: Floats, style: Floats
) -> Iterator[MotionClip]:
    heard = level(audio)
    total = frame_count(audio, options.fps)
    gate = speech_gate(heard, options.fps, total)  # (T,)
    packaged = checkpoint.model.corpus.topology is load_head().topology
    idle = _idle(heard, total, options) if packaged and options.life else None  # (T, C)
    for window in windows(heard, options.fps):
        frames = slice(window.first, window.last)
        motion, origin = _predict(heard, window, checkpoint, template, style)
        vertices = _at_frames(motion.vertices, checkpoint.model.fps, origin, window, options.fps)
        clip = MotionClip(
            vertices=template + gate[frames, None, None] * (vertices - template),  # at rest where nobody speaks
            template=template,
            topology=checkpoint.model.corpus.topology,
            fps=options.fps,
            audio=audio.part(window.start, window.end),
            start=window.first / options.fps,
            subject=subject,
            model=checkpoint.name,
            colors=load_head().subject_colors(subject) if packaged else None,
        )
        if options.contact:
            spoken = recognised(heard, window, motion, origin, options.phones)
            clip = follow.apply(clip, spoken.phones, spoken.trusted)
            clip = contact.apply(clip, _spoken(contacts(motion, origin, spoken), gate, options.fps))
        clip = clip if idle is None else _alive(clip, idle[frames])
        yield clip.scaled(checkpoint.model.corpus.metres)


def _spoken(contacts: list[contact.Contact], gate: Floats, fps: float) -> list[contact.Contact]:
    """The contacts that lie where somebody speaks: a lip at rest does not bite."""
    return [c for c in contacts if gate[min(round(c.middle * fps), len(gate) - 1)] > 0]


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


def _predict(
    audio: Audio, window: Window, checkpoint: Checkpoint, template: Floats, style: Floats
) -> tuple[Motion, float]:
    """The motion of a window with its margins, at the model's frame rate, and the time of its first frame."""
    fps = checkpoint.model.fps
    origin = np.floor(max(0.0, window.start - MARGIN) * fps) / fps
    return checkpoint.model.animate(audio.part(origin, window.end + MARGIN), template, style), float(origin)


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


@dataclass(frozen=True)
class Recognised:
    """What the recogniser hears in a window, in the time of the whole sound, and which of it is trusted."""

    phones: list[Phone]
    trusted: list[Phone]


def recognised(audio: Audio, window: Window, motion: Motion, origin: float, phones: Phones) -> Recognised:
    """The recogniser's phones, unless "head" leaves it out.

    For "auto" those are trusted whose words are likely and where the network sees the same visemes, for "asr" all.
    """
    if phones == "head":
        return Recognised([], [])
    found = list(stretches(audio.part(origin, window.end + MARGIN)))
    heard = [phone for stretch in found for phone in stretch.phones]
    agreed = heard
    if phones == "auto" and motion.phone_probabilities is not None:
        agreed = [phone for stretch in found if stretch.confidence >= CONFIDENCE for phone in stretch.phones]
        agreed = trusted(agreed, np.log(motion.phone_probabilities + 1e-9), motion.rate, share=AGREEMENT)
    whole, sure = ([replace(p, start=p.start + origin, end=p.end + origin) for p in some] for some in (heard, agreed))
    return Recognised(whole, sure)


def contacts(motion: Motion, origin: float, spoken: Recognised) -> list[contact.Contact]:
    """Where the lips meet, in the time of the whole sound."""
    found: list[contact.Contact] = []
    if motion.contact_probabilities is not None:
        heads = contact.from_head(motion.contact_probabilities, motion.rate, THRESHOLDS)
        found = [replace(c, start=c.start + origin, end=c.end + origin) for c in heads]
    return contact.merged([*contact.undenied(found, spoken.trusted, SURE), *contact.from_phones(spoken.trusted)])


def animate_file(
    source: str,
    output: Path,
    *,
    model: str,
    options: AnimateOptions,
    export_options: ExportOptions,
    device: str = "auto",
    precision: Precision = "fp32",
) -> None:
    """Speech from a file, or "-" for standard input, into a file; the suffix picks the format.

    Raises:
        TalkError: whatever is wrong with the sound, the model or an output; nothing is written then.
    """
    check_suffix(output)
    check_target(output, export_options.force)
    audio = load_audio("-" if source == "-" else Path(source), RATE)
    if not len(audio.samples):
        raise TalkError(f"{'standard input' if source == '-' else source} has no samples: there is nothing to animate")
    checkpoint = load_checkpoint(model, pick_device(device), precision)
    write(animate(audio, checkpoint, options), output, export_options, frame_count(audio, options.fps))
