"""Phones with times as text, in the forms that other tools read; `files` reads them all back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from talkcli.clip import Phone
from talkcli.errors import TalkError


@dataclass(frozen=True)
class Listed:
    """Phones in order without gaps, how certain each is, who found them, and the name of the recording."""

    phones: Sequence[Phone]
    confidence: Sequence[float]
    source: str
    recording: str


def check_phone_suffix(path: Path) -> None:
    """Raises TalkError where phones cannot be written in the form of this name's suffix."""
    if path.suffix.lower() not in WRITERS:
        raise TalkError(f"phones are not written as '{path.suffix}': name a file with {', '.join(WRITERS)}")


def written_phones(suffix: str, listed: Listed) -> str:
    """The text of a file with this suffix."""
    return WRITERS[suffix.lower()](listed)


def _rows(listed: Listed) -> list[tuple[str, str, str, str]]:
    """Start, end, name and confidence."""
    return [
        (f"{phone.start:.4f}", f"{phone.end:.4f}", phone.name, f"{certain:.3f}")
        for phone, certain in zip(listed.phones, listed.confidence, strict=True)
    ]


def _table(divider: str, listed: Listed) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=divider, lineterminator="\n")
    writer.writerow(("start_s", "end_s", "phone", "confidence", "source"))
    writer.writerows((*row, listed.source) for row in _rows(listed))
    return out.getvalue()


def _json(listed: Listed) -> str:
    phones = [
        {
            "start": round(phone.start, 4),
            "end": round(phone.end, 4),
            "phone": phone.name,
            "confidence": round(certain, 3),
        }
        for phone, certain in zip(listed.phones, listed.confidence, strict=True)
    ]
    lines = ",\n".join(f"  {json.dumps(phone)}" for phone in phones)
    head = {"recording": listed.recording, "source": listed.source}
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "phones": [\n{lines}\n]}}\n'


def _ctm(listed: Listed) -> str:
    """NIST's: recording, channel, start, duration, phone, confidence; names have no spaces there."""
    name = "_".join(listed.recording.split()) or "sound"
    lines = [
        f"{name} 1 {phone.start:.4f} {phone.end - phone.start:.4f} {phone.name} {certain:.3f}"
        for phone, certain in zip(listed.phones, listed.confidence, strict=True)
    ]
    return "\n".join([f";; source: {listed.source}", *lines, ""])


def _textgrid(listed: Listed) -> str:
    """Praat's long form with one tier, `phones`; it has no place for the source."""
    from praatio.utilities.textgrid_io import getTextgridAsStr

    last = listed.phones[-1].end
    entries = [(round(phone.start, 4), round(phone.end, 4), phone.name) for phone in listed.phones]
    tier = {"class": "IntervalTier", "name": "phones", "xmin": 0, "xmax": round(last, 4), "entries": entries}
    grid = {"xmin": 0, "xmax": round(last, 4), "tiers": [tier]}
    return str(getTextgridAsStr(grid, "long_textgrid", includeBlankSpaces=True))


WRITERS: dict[str, Callable[[Listed], str]] = {
    ".textgrid": _textgrid,
    ".tsv": lambda listed: _table("\t", listed),
    ".csv": lambda listed: _table(",", listed),
    ".ctm": _ctm,
    ".json": _json,
}
