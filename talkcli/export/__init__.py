"""Exporters: motion, chunk after chunk, into one or more files at once; the suffix chooses the format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from talkcli.clip import MotionClip
from talkcli.console import progress
from talkcli.errors import TalkError
from talkcli.export import arkit, cues, gltf, html, npz, points, usd, video, visemes, wav
from talkcli.export.base import NUMBER, ExportOptions, Format, Job, check_sequence, check_target, checked, part, sweep
from talkcli.export.share import share
from talkcli.stages import each

__all__ = [
    "EXPORTERS",
    "ExportOptions",
    "Job",
    "check_outputs",
    "check_target",
    "find_format",
    "places",
    "sweep",
    "write",
]

EXPORTERS: dict[str, Format] = {
    ".mp4": Format(video.write_mp4),
    ".webm": Format(video.write_webm),
    ".gif": Format(video.write_gif),
    ".png": Format(video.write_png, sequence=True),
    ".html": Format(html.write, turns=True),
    ".npz": Format(npz.write, turns=True),
    ".npy": Format(points.write_npy),
    ".obj": Format(points.write_obj, sequence=True),
    ".pc2": Format(points.write_pc2, beside=(".obj", ".wav")),
    ".glb": Format(gltf.write, beside=(".wav",), turns=True),
    ".usda": Format(usd.write_usda, beside=(".wav",), turns=True),
    ".usdc": Format(usd.write_usdc, beside=(".wav",), turns=True, check=usd.check_usdc),
    ".arkit.csv": Format(arkit.write_csv, turns=True),
    ".arkit.json": Format(arkit.write_json, turns=True),
    ".cues.tsv": Format(cues.write_tsv, turns=True),
    ".cues.json": Format(cues.write_json, turns=True),
    ".cues.xml": Format(cues.write_xml, turns=True),
    ".visemes.json": Format(visemes.write, turns=True),
}
# what formats that hold no sound, or no mesh, put beside themselves
BESIDE: dict[str, Format] = {".obj": Format(points.write_rest, turns=True), ".wav": Format(wav.write, turns=True)}


def find_format(path: Path) -> Format:
    """The format of this file name, by the longest suffix that fits; TalkError where there is none."""
    name = path.name.lower()
    fitting = [suffix for suffix in EXPORTERS if name.endswith(suffix) and len(name) > len(suffix)]
    if not fitting:
        raise TalkError(_unknown(path))
    suffix = max(fitting, key=len)
    found = EXPORTERS[suffix]
    if found.sequence and len(NUMBER.findall(path.name)) != 1:
        raise TalkError(f"{suffix} holds one frame: name a folder of them, as {path.stem or 'face'}/%05d{suffix}.")
    return found


def _unknown(path: Path) -> str:
    suffix = path.suffix.lower()
    kin = [f"{path.stem}{known}" for known in EXPORTERS if suffix and known.endswith(suffix)]
    if kin:
        return f"{path.name} could be several things: name it {', or '.join(kin)}."
    return f"Nothing here writes {path.suffix or 'files without a suffix'}; use {', '.join(EXPORTERS)}."


def check_outputs(outputs: Sequence[Path], options: ExportOptions) -> None:
    """Raises TalkError unless all of these, and what comes beside them, can be written."""
    seen: set[Path] = set()
    for path in outputs:
        found = find_format(path)
        place = found.place(path).resolve()
        if place in seen:
            raise TalkError(f"{path} would be written twice: name each output once.")
        seen.add(place)
        (check_sequence if found.sequence else check_target)(path, options.force)
        if found.check:
            found.check(path)
    for path in _beside(outputs, options):
        check_target(path, options.force)


def places(outputs: Sequence[Path], options: ExportOptions) -> dict[Path, Path]:
    """The file, or the folder of frames, that comes of each output, and of what lies beside the outputs."""
    formats = {path: find_format(path) for path in outputs} | _beside(outputs, options)
    return {path: form.place(path) for path, form in formats.items()}


def _beside(outputs: Sequence[Path], options: ExportOptions) -> dict[Path, Format]:
    """What comes beside the outputs, each once, and not in place of the sound that it was made from."""
    found = {path.with_suffix(extra): BESIDE[extra] for path in outputs for extra in find_format(path).beside}
    source = None if options.sound is None else options.sound.resolve()
    return {path: form for path, form in found.items() if path.resolve() != source}


def write(
    chunks: Iterable[MotionClip],
    outputs: Path | Sequence[Path],
    options: ExportOptions | None = None,
    total: int | None = None,
) -> int:
    """Writes the chunks of one clip, one after another, into all outputs at once, and gives back the number of frames.

    Files appear under their names when they are whole; on any error, or Ctrl-C, nothing is left. total is the number of
    frames where it is known: for the progress bar, and to spare npz a second look at its file.

    Raises:
        TalkError: an unknown suffix, a target that cannot be written, no frames, or what a format says.
    """
    options = options or ExportOptions()
    outputs = [outputs] if isinstance(outputs, Path) else outputs
    check_outputs(outputs, options)
    valid = each("motion", checked(chunks))
    first = next(valid, None)
    if first is None:
        raise TalkError(f"There is no motion to write to {outputs[0]}: the clip has no frames.")
    formats = {path: find_format(path) for path in outputs}
    formats |= {path: form for path, form in _beside(outputs, options).items() if first.audio or path.suffix != ".wav"}
    names = ", ".join(path.name for path in outputs)
    with ExitStack() as stack:
        parts = {path: stack.enter_context(part(path, form)) for path, form in formats.items()}
        step = stack.enter_context(progress(f"Writing {names}", total and total * len(parts)))
        jobs = {path: Job(place, path, options, total, step) for path, place in parts.items()}
        return share(chain([first], valid), [form.to(jobs[path]) for path, form in formats.items()])[0]
