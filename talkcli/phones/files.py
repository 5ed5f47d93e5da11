"""Phones with times, and transcripts, that others made: what aligners and people who label by hand write.

A reader gives the labels of a file with their times; `names` makes phones of them.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from talkcli.clip import Phone
from talkcli.errors import TalkError
from talkcli.phones.names import Label, UnknownNameError, phones_of

_LARGEST = 1 << 26  # bytes: an hour of phones is a thousandth of it
_ROUNDING = 0.0101  # s by which neighbours may overlap: hundredths, each rounded by itself
_TIMIT_RATE = 16000
_COLUMNS = {
    "start": ("start", "start_s", "begin", "onset", "xmin", "tmin", "start_time"),
    "end": ("end", "end_s", "stop", "offset", "xmax", "tmax", "end_time"),
    "phone": ("phone", "phoneme", "label", "name", "text", "segment"),
}
# what reading a broken file may raise
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError, csv.Error)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
# the number of intervals in the head of a tier, in the long form and in the short
_SIZES = re.compile(
    r'"IntervalTier"\s+(?:name = )?"(?:[^"]|"")*"\s+(?:xmin = )?\S+\s+(?:xmax = )?\S+\s+(?:intervals: size = )?(\d+)'
)
Tiers = list[tuple[str, list[Label]]]


def read_phones(path: Path, tier: str = "") -> list[Phone]:
    """The phones in a file of labels with times, in order and as they are: gaps stay gaps.

    Args:
        tier: which of several tiers holds the phones, where it has no usual name.

    Raises:
        TalkError: no such file, another format, a broken file, times that do not rise, or a name of no known set.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise TalkError(f"'{path}' is no file of phones that can be read: give one of {', '.join(PHONE_SUFFIXES)}")
    text = _text(path)
    try:
        labels = _rising(reader(path, text, tier))
    except _BROKEN as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise TalkError(f"'{path}' cannot be read as phones with times ({_line(what)}): correct it") from error
    if not labels:
        raise TalkError(f"'{path}' holds no phones: export it again")
    try:
        return phones_of(labels)
    except UnknownNameError as error:
        hint = "ARPAbet, TIMIT, IPA and SAMPA are known"
        raise TalkError(f"'{path}' has {_line(error)}, a name of no known set: {hint}") from error


def read_text(path: Path) -> str:
    """A transcript as one line, words apart by one space.

    Raises:
        TalkError: no such file, no text, or none in it.
    """
    text = _line(_text(path))
    if not text:
        raise TalkError(f"'{path}' has no words: write what is said into it, or remove it")
    if path.suffix.lower() == ".lab" and all(_NUMBER.fullmatch(word) for word in text.split()[:2]):
        raise TalkError(f"'{path}' holds labels with times, not a transcript: give a .txt")
    return text


def _line(text: object) -> str:
    """On one line, words apart by one space."""
    return " ".join(str(text).split())


def _text(path: Path) -> str:
    """A file's text, in UTF-8 or UTF-16, with plain line ends."""
    try:
        if path.stat().st_size > _LARGEST:
            raise TalkError(f"'{path}' has {path.stat().st_size >> 20} MB, too much to be text: check its name")
        data = path.read_bytes()
    except OSError as error:
        raise TalkError(f"cannot read '{path}': {error.strerror or error}") from error
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise TalkError(f"'{path}' is not text in UTF-8 or UTF-16: save it as UTF-8") from error
    if "\0" in text:
        raise TalkError(f"'{path}' is not text: check its name, or save it as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _textgrid(path: Path, text: str, tier: str) -> list[Label]:
    from praatio.utilities.errors import PraatioException
    from praatio.utilities.textgrid_io import parseTextgridStr

    # praatio drops the sign of a time, knows no exponent and needs the last line's end
    plain = re.sub(r"(xm(?:in|ax) ?= ?)(\S+)", lambda match: match[1] + _plain(match[2]), text) + "\n"
    try:
        grid = parseTextgridStr(plain, includeEmptyIntervals=True)
    except PraatioException as error:
        raise ValueError(str(error)) from error
    intervals = [part for part in grid["tiers"] if part["class"] == "IntervalTier"]
    for part, count in zip(intervals, map(int, _SIZES.findall(text)), strict=False):
        if len(part["entries"]) != count:
            raise ValueError(f"tier '{part['name']}' promises {count} intervals and has {len(part['entries'])}")
    return _choose(path, [(part["name"], [_entry(entry) for entry in part["entries"]]) for part in intervals], tier)


def _plain(number: str) -> str:
    value = float(number)
    if value < -1e-6:
        raise ValueError(f"a time of {value:g} s")
    return f"{max(value, 0):.9f}"


def _ctm(path: Path, text: str, tier: str) -> list[Label]:
    """Recording, channel, start, duration, phone; Kaldi says beside a phone where in the word it stands."""
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith(";;")]
    if any(len(row) < 5 for row in rows):
        raise ValueError("a line of fewer than five columns")
    recordings = dict.fromkeys(row[0] for row in rows)
    if len(recordings) > 1:
        if path.stem not in recordings:
            raise ValueError(f"it has several recordings, {', '.join(list(recordings)[:5])}, and none of its own name")
        rows = [row for row in rows if row[0] == path.stem]
    starts = [float(row[2]) for row in rows]
    return [
        Label(re.sub(r"_[BIES]$", "", row[4]), start, start + float(row[3]))
        for row, start in zip(rows, starts, strict=True)
    ]


def _table(path: Path, text: str, tier: str) -> list[Label]:
    lines = [line for line in text.splitlines() if line.strip()]
    divider = next((mark for mark in "\t;" if lines and mark in lines[0]), ",")
    # between tabs a quote is a letter: SAMPA stresses with it
    cells = (line.split("\t") for line in lines) if divider == "\t" else csv.reader(lines, delimiter=divider)
    rows = [[cell.strip() for cell in row] for row in cells]
    if not rows or _NUMBER.fullmatch(rows[0][0]):
        return [_entry(row) for row in rows]
    names = [cell.lower() for cell in rows[0]]
    for what in _COLUMNS:
        _column(dict.fromkeys(names), what)
    entries = [dict(zip(names, row, strict=False)) for row in rows[1:]]
    parts = next((name for name in ("type", "tier") if name in names), "")
    if not parts:
        return [_entry(entry) for entry in entries]
    tiers: dict[str, list[Label]] = {}  # the Montreal Forced Aligner and Praat write words and phones into one table
    for entry in entries:
        tiers.setdefault(entry[parts], []).append(_entry(entry))
    return _choose(path, list(tiers.items()), tier)


def _json(path: Path, text: str, tier: str) -> list[Label]:
    content = json.loads(text)
    if isinstance(content, dict) and "tiers" in content:
        parts = [(name, part) for name, part in content["tiers"].items() if "interval" in part["type"].lower()]
        return _choose(path, [(name, [_entry(entry) for entry in part["entries"]]) for name, part in parts], tier)
    return [_entry(entry) for entry in (content["phones"] if isinstance(content, dict) else content)]


def _entry(entry: Mapping[str, Any] | Sequence[Any]) -> Label:
    """A row of a table or an entry of a list: by its columns' names, or start, end and name in this order."""
    if isinstance(entry, Mapping):
        entry = [_column(entry, what) for what in _COLUMNS]
    if len(entry) < 3:
        raise ValueError(f"a line of {len(entry)} values, where start, end and name belong")
    return Label(str(entry[2]).strip(), float(entry[0]), float(entry[1]))


def _column(entry: Mapping[str, Any], what: str) -> Any:
    for name in _COLUMNS[what]:
        if name in entry:
            return entry[name]
    raise ValueError(f"it has {', '.join(map(str, entry))} and nothing called {what}")


def _lab(path: Path, text: str, tier: str) -> list[Label]:
    """HTK's start, end and name; or, after a line of #, the xlabel of festival: end, colour and name."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if "#" in lines:
        return _xlabel(lines[lines.index("#") + 1 :])
    rows = [line.split() for line in lines]
    if not any(len(row) > 1 and all(map(_NUMBER.fullmatch, row[:2])) for row in rows):
        raise TalkError(f"'{path}' is a transcript, it has no times: give the phones that an aligner made of it")
    counts = all(word.isdigit() for row in rows for word in row[:2])
    return [_scaled(_entry(row), 1e-7 if counts else 1.0) for row in rows]


def _xlabel(lines: Sequence[str]) -> list[Label]:
    rows = [line.split(";", 1)[0].split() for line in lines]
    ends = [float(row[0]) for row in rows]
    names = [row[2] if len(row) > 2 else "" for row in rows]
    return [Label(name, start, end) for name, start, end in zip(names, [0.0, *ends], ends, strict=False)]


def _phn(path: Path, text: str, tier: str) -> list[Label]:
    """TIMIT: start and end in samples."""
    return [_scaled(_entry(line.split()), 1 / _TIMIT_RATE) for line in text.splitlines() if line.strip()]


def _scaled(label: Label, seconds: float) -> Label:
    return replace(label, start=label.start * seconds, end=label.end * seconds)


def _choose(path: Path, tiers: Tiers, wanted: str) -> list[Label]:
    """The tier of that name, else the one with a usual name, else the only one."""
    usual = (r"phones", r".* - phones", r"phone|phonemes?|segments?|mau")
    for pattern in [re.escape(wanted)] if wanted else usual:
        found = [labels for name, labels in tiers if re.fullmatch(pattern, name.strip(), re.IGNORECASE)]
        if len(found) == 1:
            return found[0]
        if found:
            break
    if len(tiers) == 1 and not wanted:
        return tiers[0][1]
    held = ", ".join(f"'{_line(name)}'" for name, _ in tiers) or "none"
    asked = f"no single tier '{wanted}'" if wanted else "no single tier of phones"
    raise TalkError(f"'{path}' has {asked} among its tiers of intervals ({held}): name the one to read")


def _rising(labels: Sequence[Label]) -> list[Label]:
    """The labels that last, less what rounding made them overlap."""
    out: list[Label] = []
    for label in labels:
        where = f"'{label.name}' at {label.start:g} s"
        if not (math.isfinite(label.end) and 0 <= label.start <= label.end):
            raise ValueError(f"{where} ends at {label.end:g} s")
        before = out[-1].end if out else 0.0
        if label.start < before - _ROUNDING:
            raise ValueError(f"{where} starts before '{out[-1].name}' ends at {before:g} s")
        if label.end > max(label.start, before):
            out.append(replace(label, start=max(label.start, before)))
    return out


Reader = Callable[[Path, str, str], list[Label]]
READERS: dict[str, Reader] = {
    ".textgrid": _textgrid,
    ".ctm": _ctm,
    ".tsv": _table,
    ".csv": _table,
    ".json": _json,
    ".lab": _lab,
    ".phn": _phn,
}
PHONE_SUFFIXES = tuple(READERS)  # in lower case, as read_phones compares them
TEXT_SUFFIXES = (".txt", ".lab")
