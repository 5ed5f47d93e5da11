"""Exporters: motion, chunk after chunk, into files; the suffix chooses the format."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from talkcli.clip import MotionClip
from talkcli.console import progress
from talkcli.errors import TalkError
from talkcli.export import html, mp4, npz
from talkcli.export.base import Exporter, ExportOptions, Job, beside, check_target, checked

__all__ = ["EXPORTERS", "ExportOptions", "Job", "check_suffix", "check_target", "write"]

EXPORTERS: dict[str, Exporter] = {".mp4": mp4.write, ".html": html.write, ".npz": npz.write}


def check_suffix(path: Path) -> Exporter:
    """The exporter for this file name; TalkError where there is none."""
    exporter = EXPORTERS.get(path.suffix.lower())
    if exporter is None:
        raise TalkError(f"Nothing here writes {path.suffix or 'files without a suffix'}; use {', '.join(EXPORTERS)}.")
    return exporter


def write(
    chunks: Iterable[MotionClip], path: Path, options: ExportOptions | None = None, total: int | None = None
) -> int:
    """Writes the chunks of one clip, one after another, and gives back the number of frames.

    The file appears under its name when it is whole; on any error, or Ctrl-C, nothing is left. total is the number of
    frames where it is known: for the progress bar, and to spare npz a second look at its file.

    Raises:
        TalkError: an unknown suffix, a target that cannot be written, no frames, or what the format says.
    """
    options = options or ExportOptions()
    exporter = check_suffix(path)
    check_target(path, options.force)
    with beside(path) as part, progress(f"Writing {path.name}", total) as step:
        valid = checked(chunks)
        first = next(valid, None)
        if first is None:
            raise TalkError(f"There is no motion to write to {path}: the clip has no frames.")
        return exporter(chain([first], valid), Job(part, options, total, step))
