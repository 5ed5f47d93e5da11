"""Where the files of a download lie: in the folder that was named, in archives in it, or near it, which is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.files.archives import is_archive, unpack

DEEP = 2  # folders below the named one in which to look for a wrong level
Holds = Callable[[Path], bool]


def locate(raw: Path, scratch: Path, holds: Holds, wanted: str) -> Path:
    """The folder that holds a data set: the named one, or what its archives unpack to (below scratch).

    Raises:
        TalkError: it is not there, with the folder near it that would have been right.
    """
    if not raw.exists():
        raise TalkError(f"'{raw}' does not exist: name the folder that holds {wanted}")
    if raw.is_dir() and holds(raw):
        return raw
    packed = archives(raw) if raw.is_dir() else [raw]
    if raw.is_file() and not is_archive(raw):
        raise TalkError(f"'{raw}' is neither a folder nor a zip or tar archive: name the folder that holds {wanted}")
    for place in [*unpacked(packed, scratch), *([scratch / "raw"] if packed else [])]:
        found = next((folder for folder in _below(place) if holds(folder)), None)
        if found:
            return found
    if packed:
        raise TalkError(f"'{raw}' holds archives and none of them {wanted}: is it another download, or half of it?")
    near = next((folder for folder in (*_below(raw), *raw.resolve().parents[:2]) if holds(folder)), None)
    if near:
        raise TalkError(f"'{raw}' is the wrong folder level: {wanted} lie in '{near}'; type --raw {near}")
    raise TalkError(f"'{raw}' does not hold {wanted}: name the folder into which you unpacked the download")


def archives(folder: Path) -> list[Path]:
    """The zip and tar archives in a folder, but not those beside a folder of their name: they are unpacked already."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.stat().st_size > 0)
    return [path for path in files if is_archive(path) and not (folder / plain_name(path)).is_dir()]


def plain_name(archive: Path) -> str:
    """An archive's name without its suffixes."""
    name = archive.name
    for suffix in (".zip", ".gz", ".bz2", ".xz", ".tgz", ".tbz2", ".txz", ".tar"):
        name = name.removesuffix(suffix)
    return name


def unpacked(packed: Sequence[Path], scratch: Path) -> list[Path]:
    """The folders into which archives were unpacked, each one's under its own name."""
    folders = []
    for archive in packed:
        note(f"unpacking {archive}")
        folder = scratch / "raw" / plain_name(archive)
        unpack(archive, folder)
        folders.append(folder)
    return folders


def _below(folder: Path) -> Iterator[Path]:
    """The folder and those in it, nearest first."""
    level = [folder] if folder.is_dir() else []
    for _ in range(DEEP + 1):
        yield from level
        level = sorted(path for parent in level for path in parent.iterdir() if path.is_dir() and not path.is_symlink())
