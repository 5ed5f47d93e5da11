"""A sound file in, a file of its phones out."""

from __future__ import annotations

from pathlib import Path

from talkcli.align import Found, Request, check_request, find_phones, imported
from talkcli.audio import load_audio
from talkcli.errors import TalkError
from talkcli.export.base import beside, check_target
from talkcli.phones.writing import Listed, check_phone_suffix, written_phones

RATE = 16000  # of the sound that all aligners hear


def align_file(source: str, request: Request, out: Path | None, force: bool = False) -> Found:
    """The phones of a sound file, or "-" for standard input, written to a file whose suffix picks the format, if any.

    Without a sound ("") those of the request's file are written as they are.

    Raises:
        TalkError: whatever is wrong with the sound, the request or the output; nothing is written then.
    """
    check_request(request)
    if out is not None:
        check_phone_suffix(out)
        check_target(out, force)
    if source:
        audio = load_audio("-" if source == "-" else Path(source), RATE)
        if not len(audio.samples):
            raise TalkError(
                f"{'standard input' if source == '-' else source} has no samples: there is nothing to align"
            )
        found = find_phones(audio, request)
    elif request.file is not None:
        found = imported(request.file, request.tier)
    else:
        raise TalkError("there is nothing to align: give a sound, or --phones with a file to convert")
    if out is not None:
        name = Path(source or str(request.file)).stem if source != "-" else out.stem
        text = written_phones(out.suffix, Listed(found.phones, found.confidence, found.source, name))
        with beside(out) as part:
            part.write_text(text, encoding="utf-8")
    return found
