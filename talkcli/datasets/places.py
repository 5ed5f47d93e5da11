"""Where the files of a download lie: in the folder that was named, in archives in it, or near it, which is told."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.files.archives import is_archive, unpack
from talkcli.files.paths import inside

DEEP = 2  # folders below one in which to look: an archive holds a folder of its own, a person names the one above
Holds = Callable[[Path], bool]


@dataclass(frozen=True)
class Places:
    """The folders in which parts of a download may lie: the named one, and what archives unpacked to.

    raw is what the user named, archives what was unpacked.
    """

    raw: Path
    folders: tuple[Path, ...]
    archives: tuple[Path, ...] = ()

    @property
    def root(self) -> Path:
        """The folder that is meant where only one can be."""
        return self.folders[0]

    def file(self, name: str) -> Path | None:
        """The first file of this name; a link that leads out of its folder is refused."""
        return next((inside(folder, name) for folder in self.folders if (folder / name).is_file()), None)

    def called(self, name: str) -> list[Path]:
        """All folders of this name: in one of the folders, or what an archive of this name holds."""
        own = [folder for folder in self.folders if folder.name == name and folder != self.raw]
        return own + [inside(folder, name) for folder in self.folders if (folder / name).is_dir()]


def locate(raw: Path, scratch: Path, holds: Holds, complete: Holds, wanted: str, parts: Sequence[str] = ()) -> Places:
    """Where a data set lies; archives in the named folder are unpacked (below scratch) unless all is there without.

    An archive may hold one of the parts without a folder around it, when it is called like the part.

    Raises:
        TalkError: it is not there, with the folder near it that would have been right.
    """
    if not raw.exists():
        raise TalkError(f"'{raw}' does not exist: name the folder that holds {wanted}")
    if raw.is_file() and not is_archive(raw):
        raise TalkError(f"'{raw}' is neither a folder nor a zip or tar archive: name the folder that holds {wanted}")
    if raw.is_dir() and complete(raw):
        return Places(raw, (raw,))
    packed = archives(raw) if raw.is_dir() else [raw]
    found = [folder for place in unpacked(packed, scratch) for folder in below(place)]
    if raw.is_dir() and holds(raw):
        return Places(raw, (raw, *found), tuple(packed))
    if first := next((folder for folder in found if holds(folder) or folder.name in parts), None):
        beside = [raw] if raw.is_dir() else []
        return Places(raw, (first, *beside, *(folder for folder in found if folder != first)), tuple(packed))
    if packed:
        raise TalkError(f"'{raw}' holds archives and none of them {wanted}: is it another download, or half of it?")
    near = next((folder for folder in (*below(raw), *raw.resolve().parents[:2]) if holds(folder)), None)
    if near:
        right = shlex.quote(str(near))
        raise TalkError(f"'{raw}' is the wrong folder level: {wanted} lie in '{near}'; type --raw {right}")
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


def below(folder: Path) -> Iterator[Path]:
    """The folder and those in it, nearest first."""
    level = [folder] if folder.is_dir() else []
    for _ in range(DEEP + 1):
        yield from level
        level = sorted(path for parent in level for path in parent.iterdir() if path.is_dir() and not path.is_symlink())
