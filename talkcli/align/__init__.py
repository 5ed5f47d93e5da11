"""Speech -> phones with times: from a transcript, from a recogniser, or from a file that someone else's aligner wrote.

`find_phones` is the one door. An aligner places the phones of known words to within 20 ms; a recogniser has to find the
words first. Slow (recognising about 4 times as fast as speech) and never releasing the interpreter's lock: `worker` has
a process of its own for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from talkcli.align import fit, sphinx
from talkcli.align.listening import Method, Stretch, stretches
from talkcli.align.words import spoken_words
from talkcli.clip import Audio, Phone
from talkcli.console import some
from talkcli.errors import TalkError
from talkcli.phones import tidy
from talkcli.phones.files import read_phones

__all__ = [
    "Found",
    "Method",
    "Request",
    "Source",
    "Stretch",
    "align",
    "find_phones",
    "listen",
    "stretches",
]

Source = Literal["auto", "asr", "allphone", "ctc"]
FITS = -1.8  # a text's fitness (fit.fitness) from which on nobody doubts that it is what is spoken
BETTER = 0.4  # by which a doubtful one must fit better than its own words in reverse
NOBODY = "nobody is heard to speak: it is all taken as silence"
BEYOND = 0.1  # seconds by which phones may outlast their sound


@dataclass(frozen=True, kw_only=True)
class Request:
    """Who is to find the phones.

    file: phones made elsewhere, of which tier names the tier. text: what is spoken; its phones are aligned, by
    PocketSphinx, or for the source "ctc" by the wav2vec2 ctc_model. Without either, source says who listens: the word
    recogniser ("asr"), phones without words ("allphone"), or ("auto") the recogniser where it is sure of its words and
    phones without words elsewhere. strict makes an error of what would otherwise be told in a note and done in another
    way.
    """

    source: Source = "auto"
    text: str | None = None
    file: Path | None = None
    tier: str = ""
    ctc_model: str = ""
    device: str = "auto"
    strict: bool = False

    @property
    def listens(self) -> bool:
        """Whether somebody must find out what is spoken: then parts of a sound are heard one by one."""
        return self.file is None and self.text is None


@dataclass(frozen=True)
class Found:
    """Phones from 0 to the sound's end without a gap, silences included; confidence of each in [0, 1].

    source: who found them: "text", "asr", "allphone", "asr+allphone", "ctc", or "file". notes are for people; fallback
    is one more, where something else was done than was asked for, at the times of unsure, seconds, if it says no more.
    """

    phones: tuple[Phone, ...]
    confidence: tuple[float, ...]
    source: str
    notes: tuple[str, ...] = ()
    fallback: str = ""
    unsure: tuple[tuple[float, float], ...] = ()

    def told(self) -> list[str]:
        """All that there is to say to people."""
        where = some([f"{start:.1f}-{end:.1f} s" for start, end in self.unsure])
        fallback = f"{self.fallback}, at {where}" if where else self.fallback
        return [*self.notes, *([fallback] if fallback else [])]

    def moved(self, by: float) -> Found:
        """In the time of a longer sound, in which this one begins at by seconds."""
        phones = tuple(replace(phone, start=phone.start + by, end=phone.end + by) for phone in self.phones)
        return replace(self, phones=phones, unsure=tuple((start + by, end + by) for start, end in self.unsure))

    def part(self, start: float, end: float) -> Found:
        """What of it lies between two times, or reaches in there."""
        inside = [place for place, phone in enumerate(self.phones) if phone.start < end and phone.end > start]
        phones = tuple(self.phones[place] for place in inside)
        return replace(self, phones=phones, confidence=tuple(self.confidence[place] for place in inside))


def find_phones(audio: Audio, request: Request) -> Found:
    """The phones of 16 kHz sound, as the request says.

    Raises:
        TalkError: the request contradicts itself; the text has no words, or is not what is spoken; the file cannot be
            read, or is of a longer sound; the CTC model is not there; or strict forbids what would be done.
    """
    check_request(request)
    if request.file is not None:
        found = imported(request.file, request.tier, audio.seconds)
    elif uses_ctc(request):
        from talkcli.align.ctc import align_ctc  # torch is loaded for nobody else

        found = align_ctc(audio, request.ctc_model, request.text, request.device)
    elif request.text is not None:
        found = align(audio, request.text)
    else:
        found = listen(audio, request.source)  # type: ignore[arg-type]  # "ctc" is done with above
    if request.strict and found.fallback:
        raise TalkError(f"{found.told()[-1]}; --strict-keys forbids that")
    return found


def uses_ctc(request: Request) -> bool:
    return request.source == "ctc" or bool(request.ctc_model)


def check_request(request: Request) -> None:
    """Raises TalkError where the request contradicts itself, or asks for words that are none."""
    if request.file is not None and (request.text is not None or request.source != "auto" or request.ctc_model):
        raise TalkError("phones from a file need no text, source or CTC model: leave these out")
    if request.ctc_model and request.source not in ("auto", "ctc"):
        raise TalkError(f"a CTC model is of no use to the source '{request.source}': leave one of the two out")
    if request.source == "ctc" and not request.ctc_model:
        raise TalkError("the source 'ctc' needs a wav2vec2 CTC model: name it, or its folder, with --ctc-model")
    if request.text is not None:
        if request.source in ("asr", "allphone"):
            raise TalkError(f"the source '{request.source}' listens for itself: leave it out, or leave the text out")
        words_of(request.text)


def words_of(text: str) -> list[str]:
    """The words of a transcript; TalkError where there are none, or such in no English letters."""
    words = spoken_words(text)
    if not words:
        raise TalkError("the transcript holds no words: write what is said, or leave it out")
    return words


def align(audio: Audio, text: str) -> Found:
    """The phones of a transcript, aligned by force; each is as confident as it and its neighbours sound like it.

    Raises TalkError where the text holds no words or is not what is spoken.
    """
    words = words_of(text)
    phones = tidy(sphinx.aligned(audio, words), audio.seconds)
    heard = fit.heard(audio)
    if not any(phone.name != "SIL" for phone in phones) or not _fits(audio, words, phones, heard):
        raise misfit(words)
    likeness = fit.likeness(phones, *heard)
    return Found(tuple(phones), tuple(likeness.tolist()), "text", guesses(words))


def misfit(words: Sequence[str]) -> TalkError:
    more = " ..." if len(words) > 6 else ""
    return TalkError(
        f"the transcript ({' '.join(words[:6])}{more}) does not fit the sound: correct it, or leave it out"
    )


def guesses(words: Sequence[str]) -> tuple[str, ...]:
    """A note of the words that the dictionary lacks, and how they are taken to be said."""
    said = {word: sphinx.pronounced(word) for word in words}
    guessed = [f"{word} ({' '.join(how.phones) or 'silent'})" for word, how in said.items() if not how.known]
    return (f"not in the dictionary, said by rule: {some(guessed)}",) if guessed else ()


def _fits(audio: Audio, words: list[str], phones: list[Phone], heard: fit.Heard) -> bool:
    """Whether the text is what is spoken: a doubtful one must at least fit better than its words in reverse."""
    found = fit.fitness(phones, *heard)
    if found >= FITS or len(words) < 3:  # few words say the same in any order
        return found >= FITS - BETTER
    other = sphinx.aligned(audio, words[::-1])
    return not other or found >= fit.fitness(tidy(other, audio.seconds), *heard) + BETTER


def listen(audio: Audio, method: Method) -> Found:
    """The phones of what is heard, without a transcript."""
    found = list(stretches(audio, method))
    phones = tidy([phone for stretch in found for phone in stretch.phones], audio.seconds)
    source = "+".join(sorted({stretch.source for stretch in found}, reverse=True)) or method
    certain = _certainty(audio, phones, found)
    if not any(phone.name != "SIL" for phone in phones):
        return Found(tuple(phones), certain, source, (), NOBODY)
    without = tuple((stretch.start, stretch.end) for stretch in found if not stretch.text)
    if not without or method == "allphone":
        return Found(tuple(phones), certain, source)
    instead = "phones are heard without words" if method == "auto" else "nothing is heard"
    return Found(tuple(phones), certain, source, (), f"the recogniser is not sure of its words, and {instead}", without)


def _certainty(audio: Audio, phones: Sequence[Phone], found: Sequence[Stretch]) -> tuple[float, ...]:
    """Of each phone: that of its stretch's words, or where there are none how much it sounds like it."""
    words = [stretch for stretch in found if stretch.source == "asr"]
    alike = [1.0] * len(phones) if len(words) == len(found) else fit.likeness(phones, *fit.heard(audio)).tolist()
    out = []
    for phone, likeness in zip(phones, alike, strict=True):
        middle = 0.5 * (phone.start + phone.end)
        sure = [stretch.confidence for stretch in words if stretch.start <= middle <= stretch.end]
        out.append(sure[0] if sure and phone.name != "SIL" else likeness)
    return tuple(out)


def imported(path: Path, tier: str = "", seconds: float | None = None) -> Found:
    """The phones of a file that another tool wrote; seconds is how long their sound is, where there is one.

    Raises:
        TalkError: the file cannot be read, or its phones outlast the sound.
    """
    phones = read_phones(path, tier)
    last = phones[-1].end
    if seconds is None:
        seconds = last
    if last > seconds + BEYOND:
        hint = "give the phones of this very sound"
        raise TalkError(f"the phones in '{path}' last {last:.2f} s and the sound only {seconds:.2f} s: {hint}")
    whole = tidy(phones, seconds)
    return Found(tuple(whole), (1.0,) * len(whole), "file")
