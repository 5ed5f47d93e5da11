"""Names that others chose: which files lie in a folder, in an order people would give them, and none outside it."""

from __future__ import annotations

import os
import re
from fnmatch import translate
from pathlib import Path

from talkcli.errors import TalkError

_CHUNK = re.compile(r"([^0-9]*)([0-9]*)")
Key = tuple[tuple[str, int, str], ...]


def natural_key(text: str) -> Key:
    """Sorts frame_2 before frame_10."""
    chunks = [(word, digits.lstrip("0")) for word, digits in _CHUNK.findall(text)]
    # more digits are a greater number; the text itself, last, tells 1 from 01
    return *((word, len(number), number) for word, number in chunks), (text, 0, "")


def regular_files(root: Path, pattern: str = "*", *, recursive: bool = False) -> list[Path]:
    """The files in a folder, or below it, whose names match, in natural order.

    A folder that is reached by a link inside the root is not entered: its files are found in their own place.

    Raises:
        TalkError: no such folder, or a link in it leads out of it. The root itself may be a link.
    """
    if not root.is_dir():
        raise TalkError(f"'{root}' {'is no folder' if root.exists() else 'does not exist'}: name a folder of files")
    found: list[Path] = []
    matches = re.compile(translate(pattern)).match
    real = os.path.realpath(root)
    folders = [root]
    try:
        while folders:
            folder = folders.pop()
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: natural_key(entry.name))
            below = []
            for entry in listed:
                path = folder / entry.name
                is_link = entry.is_symlink()
                is_folder = path.is_dir() if is_link else entry.is_dir()
                if is_link and (recursive if is_folder else matches(entry.name)):
                    _check_link(path, root, real)
                if is_folder and recursive and not is_link:
                    below.append(path)
                elif not is_folder and matches(entry.name) and entry.is_file():
                    found.append(path)
            folders.extend(reversed(below))
    except OSError as error:
        raise TalkError(f"cannot list '{error.filename or root}': {error.strerror or error}") from error
    return found


def inside(root: Path, name: str | Path) -> Path:
    """The path of a name in a folder.

    Raises:
        TalkError: it leads out of the folder, by "..", as an absolute path, or through a link.
    """
    path = root / name
    if "\0" in str(name) or not _lies_in(os.path.realpath(path), os.path.realpath(root)):
        raise TalkError(f"{str(name)!r} leads out of the folder '{root}': name a file in it")
    return path


def file_size(path: Path) -> int:
    """The bytes of a file that is there and holds some.

    Raises:
        TalkError: anything else.
    """
    try:
        if path.is_file():
            with path.open("rb"):  # whether one may
                size = path.stat().st_size
        elif path.is_dir():
            raise TalkError(f"'{path}' is a folder: name a file in it")
        else:
            raise TalkError(f"'{path}' {'is no ordinary file' if path.exists() else 'does not exist'}: check its name")
    except OSError as error:
        raise TalkError(f"'{path}' cannot be read ({error.strerror}): check its permissions") from error
    if not size:
        raise TalkError(f"'{path}' is empty (0 bytes): download it again")
    return size


def describe_bytes(count: float) -> str:
    """A size for people: 512 bytes, 6.3 GB."""
    if count < 1000:
        return f"{count:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} TB"


def _check_link(link: Path, root: Path, real: str) -> None:
    target = os.path.realpath(link)
    if not _lies_in(target, real):
        raise TalkError(f"'{link}' is a link out of '{root}', to '{target}': put the file itself there")
    if not os.path.exists(target):  # noqa: PTH110  # a string as it comes from realpath
        raise TalkError(f"'{link}' is a link to nothing: put the file itself there")


def _lies_in(target: str, folder: str) -> bool:
    """Whether a real path is a real folder, or below it."""
    return target == folder or target.startswith(folder.rstrip(os.sep) + os.sep)
