"""What a batch is to make: each sound once, under a name that is its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from talkcli.audio import SUFFIXES
from talkcli.errors import TalkError
from talkcli.export import EXPORTERS, ExportOptions, places
from talkcli.files.paths import natural_key, regular_files

FRAME = "%05d"  # the name of a file a frame


@dataclass(frozen=True)
class Item:
    """A sound and what comes of it.

    name is its place below the batch's folder, without a suffix; text is a file of what is said, if it is there. again
    allows outputs that are there to be written over.
    """

    name: str
    source: Path
    outputs: tuple[Path, ...]
    text: Path | None = None
    again: bool = False

    def look(self, look: ExportOptions) -> ExportOptions:
        """The batch's look, for this sound."""
        return replace(look, sound=self.source, force=self.again)

    def places(self) -> dict[Path, Path]:
        """The files and folders that come of it, what lies beside its outputs among them, by the outputs' names."""
        return places(self.outputs, ExportOptions(sound=self.source))

    def absolute(self) -> Item:
        """The same for a process that stands elsewhere."""
        outputs = tuple(path.absolute() for path in self.outputs)
        text = None if self.text is None else self.text.absolute()
        return replace(self, source=self.source.absolute(), outputs=outputs, text=text)


def parse_formats(text: str) -> list[str]:
    """The suffixes of "mp4,arkit.csv", each once.

    Raises:
        TalkError: nothing here writes one of them, or two would fill the same folder.
    """
    found = list(dict.fromkeys(f".{name.strip().lower()}" for name in text.split(",")))
    for suffix in found:
        if suffix not in EXPORTERS:
            known = ", ".join(name[1:] for name in EXPORTERS)
            raise TalkError(f"--format '{text}': nothing here writes '{suffix[1:]}'; choose from: {known}")
        check = EXPORTERS[suffix].check
        if check:
            check(Path(f"face{suffix}"))
    sequences = [suffix[1:] for suffix in found if EXPORTERS[suffix].sequence]
    if len(sequences) > 1:
        raise TalkError(f"--format {' and '.join(sequences)} would fill the same folder: make them in two runs")
    return found


def make_plan(sounds: Sequence[str], out: Path, suffixes: Sequence[str], texts: Path | None = None) -> list[Item]:
    """The items of sounds and folders of sounds, in natural order of their names, however they were given.

    A folder's sounds keep their sub-folders. A sound's text is the .txt of its name in the folder texts.

    Raises:
        TalkError: there is no such sound, or none in a folder; or two would be written to the same place, or one over
            a sound.
    """
    if texts is not None and not texts.is_dir():
        raise TalkError(f"--text-dir '{texts}' is no folder: give one with a .txt for each sound")
    found: dict[tuple[str, str], Path] = {}  # a sound that is named twice is made once
    for sound in sounds:
        for name, source in _sounds(sound, out):
            found.setdefault((name, os.path.realpath(source)), source)
    items = [
        Item(
            name,
            source,
            tuple(_output(out, name, suffix) for suffix in suffixes),
            None if texts is None else texts / f"{name}.txt",
        )
        for (name, _), source in found.items()
    ]
    items.sort(key=lambda item: (natural_key(item.name), str(item.source)))
    _check_places(items)
    return items


def _sounds(given: str, out: Path) -> Iterator[tuple[str, Path]]:
    """Names and files of a sound, or of all in a folder."""
    path = Path(given)
    if given == "-":
        raise TalkError("- is one sound from standard input: give --out in place of --out-dir")
    if path.is_file():
        yield path.stem, path
        return
    if not path.is_dir():
        why = "is no ordinary file" if path.exists() else "does not exist"
        raise TalkError(f"'{path}' {why}: name a sound, or a folder of sounds")
    own = os.path.realpath(out)
    if os.path.realpath(path) == own:
        raise TalkError(f"--out-dir '{out}' is the folder of the sounds: name another, such as {out / 'out'}")
    files = [file for file in regular_files(path, recursive=True) if file.suffix.lower() in SUFFIXES]
    files = [file for file in files if Path(own) not in Path(os.path.realpath(file)).parents]  # what was made before
    if not files:
        raise TalkError(f"'{path}' holds no sound: there should be files in it that end in {', '.join(SUFFIXES)}")
    for file in files:
        yield file.relative_to(path).with_suffix("").as_posix(), file


def _output(out: Path, name: str, suffix: str) -> Path:
    return out / name / f"{FRAME}{suffix}" if EXPORTERS[suffix].sequence else out / f"{name}{suffix}"


def _check_places(items: Sequence[Item]) -> None:
    """Raises TalkError where two items would be in each other's way, or one would be written over a sound."""
    sources = {os.path.realpath(item.source): item.source for item in items}
    taken: dict[str, tuple[Item, Path]] = {}
    folders: dict[str, tuple[Item, Path]] = {}  # of frames, in which nothing else may lie
    for item in items:
        for path, place in item.places().items():
            real = os.path.realpath(place)
            if real in sources:
                raise TalkError(f"'{place}' would be written over the sound '{sources[real]}': name another --out-dir")
            if real in taken:
                raise _clash(*taken[real], item)
            taken[real] = (item, place)
            if place != path:
                folders[real] = (item, place)
    for real, (item, _) in taken.items():
        for folder in Path(real).parents if folders else ():
            if str(folder) in folders:
                raise _clash(*folders[str(folder)], item)


def _clash(one: Item, place: Path, other: Item) -> TalkError:
    both = f"'{one.source}' and '{other.source}' would both be written to '{place}'"
    return TalkError(f"{both}: rename one, or give them two folders")
