"""A page that shows the head in motion with its sound, in any browser: one file that needs nothing else.

talkcli/resources/viewer has the page's frame, style and script; what the script is told is in viewing.py.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from html import escape
from importlib.resources import files
from itertools import chain
from pathlib import Path

from talkcli.clip import Floats, MotionClip
from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.export.base import ExportOptions, Job, Turns
from talkcli.export.components import Collector, Components
from talkcli.export.ffmpeg import Ffmpeg
from talkcli.export.viewing import described
from talkcli.export.wav import Sound
from talkcli.render import check_triangles

LONGEST = 3600.0  # seconds: above, a page takes longer to open than anyone waits
LARGE = 50_000_000  # bytes of a page worth a word
SCRIPTS = ("head.js", "picture.js", "orbit.js", "player.js", "page.js")  # in this order
PLACES = re.compile(r"\{\{(\w+)\}\}")
# MP3 is the one format that all browsers play; its header tells them the encoder's delay, which they take off, and at a
# constant rate they find any place of it to a few milliseconds
SOUND = ["-map_metadata", "-1", "-id3v2_version", "0", "-c:a", "libmp3lame", "-ar", "48000", "-ac", "1", "-b:a", "48k"]


def write(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes the page.

    Raises:
        TalkError: no triangles, more than LONGEST seconds, vertices that are no numbers, or what ffmpeg says.
    """
    first = next(chunks)
    check_triangles(first.topology)
    _check_length((job.total or 0) / first.fps)
    collector, turns, frames = Collector(first.template), Turns(), 0
    with ExitStack() as stack:
        sound = None if first.audio is None else Sound(Path(f"{job.path}.wav"), first.audio.rate)
        if sound:
            stack.callback(sound.close)
        for chunk in turns.of(chain([first], chunks)):
            collector.add(chunk.vertices)
            frames += chunk.frames
            _check_length(frames / first.fps)
            if sound:
                sound.add(chunk.audio, frames / first.fps)
            job.step(chunk.frames)
    motion = collector.components()
    if motion.error > 1.5 * collector.tolerance:
        note(
            f"The motion has more detail than a page holds: vertices are off by up to {motion.error:.2g} of their unit."
        )
    speech = _encoded(sound.path, Path(f"{job.path}.mp3")) if sound else b""
    page = make_page(first, motion, speech, job.options, turns.whole)
    if len(page) > LARGE:
        note(f"The page has {len(page) / 1e6:.0f} MB, which a telephone may find hard to open.")
    job.path.write_bytes(page)
    return frames


def _check_length(seconds: float) -> None:
    if seconds > LONGEST:
        raise TalkError(f"A page holds {LONGEST / 60:.0f} minutes and this is longer: write .mp4, or cut the sound.")


def sound_arguments(sound: Path, path: Path) -> list[str | Path]:
    """ffmpeg's arguments to encode a page's sound."""
    return ["-i", sound, *SOUND, "-f", "mp3", path]


def _encoded(sound: Path, path: Path) -> bytes:
    """The sound of a wav file as MP3."""
    with Ffmpeg(sound_arguments(sound, path)) as encoder:
        encoder.finish()
    return path.read_bytes()


def make_page(
    clip: MotionClip, motion: Components, speech: bytes, options: ExportOptions, turn: Floats | None = None
) -> bytes:
    """The page of a clip, of which only what all chunks share is read; speech is MP3, or empty where there is none;
    turn (T, 3) is that of the head."""
    about, data = described(clip, motion, options, turn)
    who = " · ".join(name for name in (clip.subject, clip.model) if name) or clip.topology.name
    script, style = "".join(map(_resource, SCRIPTS)), _resource("viewer.css")
    parts = {
        "title": escape(who),
        "script_hash": _hash(script),
        "style_hash": _hash(style),
        "style": style,
        "script": script,
        "about": json.dumps(about, separators=(",", ":")).replace("<", "\\u003c"),
        "data": b64encode(data).decode(),
        "sound": b64encode(speech).decode(),
    }
    return PLACES.sub(lambda place: parts[place[1]], _resource("viewer.html")).encode()


def _resource(name: str) -> str:
    return (files("talkcli.resources") / "viewer" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """For the page's policy: what runs is our script and nothing else."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
