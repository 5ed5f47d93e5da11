"""Phones come back where they were spoken, and trouble comes back as an empty list or one clear line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from talkcli.align import Found, Request, align, find_phones, listen, listening, sphinx, stretches
from talkcli.audio import load_audio
from talkcli.clip import Audio, Phone
from talkcli.errors import TalkError
from talkcli.phones import BILABIAL, PHONES, VOWELS

ASSETS = Path(__file__).parents[2] / "assets"
BEGINNING = "Hello, I am a head made of numbers."


@cache
def make_speech(end: float = 8.0) -> Audio:
    return load_audio(ASSETS / "sample.flac").part(0.0, end)


def make_silence(seconds: float) -> Audio:
    return Audio(np.zeros(round(seconds * 16000), np.float32), 16000)


def names(phones: Sequence[Phone]) -> list[str]:
    return [phone.name for phone in phones if phone.name != "SIL"]


def check_order(phones: Sequence[Phone], audio: Audio) -> None:
    assert phones[0].start == 0.0
    assert phones[-1].end == pytest.approx(audio.seconds)
    assert all(first.end == second.start for first, second in pairwise(phones))
    assert all(phone.end > phone.start and phone.name in PHONES for phone in phones)


def test_a_transcript_is_placed_on_the_sound() -> None:
    audio = make_speech(2.45)
    found = align(audio, BEGINNING)
    phones = found.phones
    assert found.source == "text"
    assert not found.notes
    assert len(found.confidence) == len(phones)
    assert min(found.confidence) > 0.3
    check_order(phones, audio)
    consonants = [name for name in names(phones) if name not in VOWELS]
    assert " ".join(consonants) == "HH L M HH D M D V N M B Z"
    assert phones[0].name == phones[-1].name == "SIL"
    assert 0.15 < phones[0].end < 0.35
    assert 2.1 < phones[-1].start < 2.4
    closures = [phone for phone in phones if phone.name in BILABIAL]
    assert all(0.02 < phone.end - phone.start < 0.2 for phone in closures)


def test_words_nobody_knows_are_placed_too() -> None:
    found = align(make_speech(2.45), "Hello, I am a hedd mayd of numbrs!")
    consonants = [name for name in names(found.phones) if name not in VOWELS]
    assert " ".join(consonants) == "HH L M HH D M D V N M R S"
    assert found.notes == ("not in the dictionary, said by rule: hedd (HH EH D), mayd (M EY D), numbrs (N AH M R S)",)


def test_phones_of_words_that_are_not_said_are_doubted() -> None:
    right, wrong = (
        align(make_speech(2.45), f"Hello, I am a {words} of numbers.") for words in ("head made", "shoe thief")
    )
    assert min(right.confidence) > min(wrong.confidence) + 0.1
    doubted = wrong.phones[int(np.argmin(wrong.confidence))]
    assert 0.7 < doubted.start < 1.4


OTHER = "The quick brown fox jumps over the lazy dog and sleeps."


@pytest.mark.parametrize("text", ["", " ... !", OTHER, "this is a very different text that is far too long " * 5])
def test_a_transcript_that_does_not_fit_is_said(text: str) -> None:
    with pytest.raises(TalkError, match="transcript"):
        align(make_speech(2.45), text)


def test_noise_does_not_keep_a_transcript_from_being_placed() -> None:
    clean = make_speech(2.45)
    noise = np.random.default_rng(0).normal(0, 0.3 * float(clean.samples.std()), len(clean.samples))
    noisy = Audio(clean.samples + noise.astype(np.float32), clean.rate)
    starts = [[p.start for p in align(audio, BEGINNING).phones if p.name in BILABIAL] for audio in (clean, noisy)]
    assert np.abs(np.subtract(*starts)).max() < 0.06


def test_after_a_failure_the_next_utterance_works() -> None:
    assert sphinx.aligned(make_silence(0.0), ["hello"]) == []
    assert sphinx.aligned(make_silence(0.02), ["hello", "hello", "hello"]) == []
    assert names(align(make_speech(2.45), BEGINNING).phones)


def test_the_recogniser_needs_no_transcript() -> None:
    audio = make_speech(4.7)
    phones = listen(audio, "asr").phones
    check_order(phones, audio)
    spoken = align(audio, (ASSETS / "sample.txt").read_text().split(":")[0]).phones
    closures = [phone for phone in spoken if phone.name in BILABIAL]
    found = [
        any(other.name in BILABIAL and abs(other.start - phone.start) < 0.1 for other in phones) for phone in closures
    ]
    assert np.mean(found) > 0.7


def test_a_stretch_says_what_it_heard_and_how_far_to_trust_it() -> None:
    (stretch,) = stretches(make_speech(2.5))
    assert 0.3 < stretch.confidence <= 1.0
    assert "of numbers" in stretch.text
    assert 0.0 <= stretch.start < 0.3


def test_phones_can_be_heard_without_words() -> None:
    audio = make_speech(2.45)
    found = listen(audio, "allphone")
    check_order(found.phones, audio)
    assert len(names(found.phones)) > 10
    assert (found.source, found.fallback) == ("allphone", "")


def test_where_words_are_unsure_auto_hears_phones_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = make_speech(2.45)
    sure = find_phones(audio, Request())
    assert (sure.source, sure.fallback) == ("asr", "")
    monkeypatch.setattr(listening, "CONFIDENCE", 1.1)
    unsure = find_phones(audio, Request())
    assert unsure.source == "allphone"
    (told,) = unsure.told()
    assert told == "the recogniser is not sure of its words, and phones are heard without words, at 0.0-2.5 s"
    with pytest.raises(TalkError, match=r"not sure of its words, .*--strict-keys forbids that"):
        find_phones(audio, Request(strict=True))


@pytest.mark.parametrize("sound", ["silence", "nothing", "noise", "blip", "hum"])
def test_without_speech_nothing_is_recognised(sound: str) -> None:
    rng = np.random.default_rng(0)
    samples = {
        "silence": np.zeros(32000),
        "nothing": np.zeros(0),
        "noise": rng.normal(0, 0.1, 32000),
        "blip": np.full(320, 0.2),
        "hum": 0.1 * np.sin(2 * np.pi * 50 * np.arange(32000) / 16000),
    }[sound]
    audio = Audio(samples.astype(np.float32), 16000)
    for method in ("auto", "asr", "allphone"):
        found = find_phones(audio, Request(source=method))
        assert names(found.phones) == []
        assert "nobody is heard to speak" in found.fallback


def test_phones_of_a_file_are_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "some.tsv"
    path.write_text("start\tend\tphone\n0.5\t0.6\tM\n0.6\t1.06\tAA1\n")
    found = find_phones(make_silence(1.0), Request(file=path))
    assert found == Found((Phone("SIL", 0, 0.5), Phone("M", 0.5, 0.6), Phone("AA", 0.6, 1.0)), (1.0, 1.0, 1.0), "file")
    with pytest.raises(TalkError, match=r"last 1\.06 s and the sound only 0\.90 s"):
        find_phones(make_silence(0.9), Request(file=path))


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (Request(source="ctc"), "needs a wav2vec2 CTC model"),
        (Request(source="asr", text="hello"), "'asr' listens for itself"),
        (Request(source="allphone", ctc_model="some"), "of no use to the source 'allphone'"),
        (Request(file=Path("a.tsv"), text="hello"), "phones from a file need no text"),
        (Request(text="?"), "holds no words"),
    ],
)
def test_requests_that_contradict_themselves_are_told(request_: Request, line: str) -> None:
    with pytest.raises(TalkError, match=line):
        find_phones(make_silence(0.1), request_)
