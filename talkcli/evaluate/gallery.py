"""The report's pictures and videos: files in folders of their own, and the same bytes inside the page."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from talkcli.clip import MotionClip
from talkcli.errors import TalkError
from talkcli.export.base import ExportOptions, beside
from talkcli.export.compare import Panel, write

LOOK = ExportOptions(size=(384, 420), crf=23, force=True)
PLOTS, VIDEOS = "plots", "videos"


@dataclass(frozen=True)
class Gallery:
    """Where the pictures of a report are kept."""

    folder: Path

    def open(self) -> None:
        """Makes the folders; TalkError where that cannot be."""
        try:
            for name in (PLOTS, VIDEOS):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TalkError(f"{self.folder} cannot be written to: {error.strerror or error}") from error

    def plot(self, name: str, data: bytes, caption: str = "", *, fit: bool = False) -> str:
        """A PNG picture in a frame, over its caption (HTML); fit keeps it as small as it is."""
        with beside(self.folder / PLOTS / f"{slug(name)}.png") as part:
            part.write_bytes(data)
        below = f"<figcaption>{caption}</figcaption>" if caption else ""
        kind = ' class="fit"' if fit else ""
        return f'<figure><img{kind} alt="{escape(name)}" src="{_inside("image/png", data)}">{below}</figure>'

    def video(self, name: str, panels: Sequence[Panel], of: MotionClip, limit_mm: float) -> str:
        """Heads side by side in a frame, with the topology, the frame rate and the sound of a clip."""
        path = self.folder / VIDEOS / f"{slug(name)}.mp4"
        write(
            panels,
            path,
            topology=of.topology,
            fps=of.fps,
            audio=of.audio,
            options=LOOK,
            limit_mm=limit_mm,
            total=of.frames,
        )
        source = _inside("video/mp4", path.read_bytes())
        return f'<figure><video controls loop playsinline preload="auto" src="{source}"></video></figure>'


def slug(name: str) -> str:
    """A file's name made from any other."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")


def _inside(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
