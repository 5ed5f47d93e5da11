"""Phones for prepared data whose data set has none: each clip's text aligned to its sound, once, and kept with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from talkcli.align import Found, Request, find_phones
from talkcli.clip import Audio
from talkcli.console import note, progress
from talkcli.errors import TalkError
from talkcli.prepared import ClipEntry, Corpus
from talkcli.preparing import save_phones


def align_data(folder: Path, request: Request, *, force: bool = False) -> Mapping[str, int]:
    """Finds the phones of the clips that have none (force: of all) and stores them; how many by which source.

    A clip without a text, or whose text does not fit, is listened to as the request says, and told; where the request
    is strict that is an error. A killed run goes on where it stopped.

    Raises:
        TalkError: the folder is no prepared data, a clip cannot be read or written, or strict forbids what would be
            done.
    """
    corpus, by = Corpus.open(folder), Counter[str]()
    missing = [entry for entry in corpus.clips if force or not corpus.phones(entry)]
    with progress("clips", len(missing)) as step:
        for entry in missing:
            found = _phones(entry, corpus.audio(entry), request)
            save_phones(folder, entry.name, found.phones, found.source)
            by[found.source] += 1
            step()
    return by


def _phones(entry: ClipEntry, audio: Audio, request: Request) -> Found:
    if entry.text:
        try:
            return find_phones(audio, replace(request, text=entry.text))
        except TalkError as error:
            if request.strict:
                raise TalkError(f"{entry.name}: {error}") from error
            note(f"{entry.name}: {error}; its phones are listened for")
    elif request.strict:
        raise TalkError(f"{entry.name} has no text, and --strict-keys forbids to listen for its phones")
    return find_phones(audio, request)
