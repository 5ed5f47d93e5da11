"""Phones come back where they were spoken, and trouble comes back as an empty list or one clear line."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from talkcli.align import align, allphone, recognise, sphinx, stretches, trusted
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


def names(phones: list[Phone]) -> list[str]:
    return [phone.name for phone in phones if phone.name != "SIL"]


def check_order(phones: list[Phone], audio: Audio) -> None:
    assert phones[0].start == 0.0
    assert phones[-1].end == pytest.approx(audio.seconds)
    assert all(first.end == second.start for first, second in pairwise(phones))
    assert all(phone.end > phone.start and phone.name in PHONES for phone in phones)


def test_a_transcript_is_placed_on_the_sound() -> None:
    audio = make_speech(2.45)
    phones = align(audio, BEGINNING)
    check_order(phones, audio)
    consonants = [name for name in names(phones) if name not in VOWELS]
    assert " ".join(consonants) == "HH L M HH D M D V N M B Z"
    assert phones[0].name == phones[-1].name == "SIL"
    assert 0.15 < phones[0].end < 0.35
    assert 2.1 < phones[-1].start < 2.4
    closures = [phone for phone in phones if phone.name in BILABIAL]
    assert all(0.02 < phone.end - phone.start < 0.2 for phone in closures)


def test_words_nobody_knows_are_placed_too() -> None:
    phones = align(make_speech(2.45), "Hello, I am a hedd mayd of numbrs!")
    consonants = [name for name in names(phones) if name not in VOWELS]
    assert " ".join(consonants) == "HH L M HH D M D V N M R S"


@pytest.mark.parametrize("text", ["", " ... !", "this is a very different text that is far too long " * 5])
def test_a_transcript_that_does_not_fit_is_said(text: str) -> None:
    with pytest.raises(TalkError, match="transcript"):
        align(make_speech(2.45), text)


def test_after_a_failure_the_next_utterance_works() -> None:
    assert sphinx.aligned(make_silence(0.0), ["hello"]) == []
    assert sphinx.aligned(make_silence(0.02), ["hello", "hello", "hello"]) == []
    assert names(align(make_speech(2.45), BEGINNING))


def test_the_recogniser_needs_no_transcript() -> None:
    audio = make_speech(4.7)
    phones = recognise(audio)
    check_order(phones, audio)
    spoken = align(audio, (ASSETS / "sample.txt").read_text().split(":")[0])
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
    phones = allphone(audio)
    check_order(phones, audio)
    assert len(names(phones)) > 10


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
    assert recognise(audio) == []
    assert names(allphone(audio)) == []


def test_only_phones_that_the_network_hears_too_are_trusted() -> None:
    spoken = ["P", "AA", "T", "IY", "M", "UW", "S", "OW", "B", "IY"]
    phones = [Phone(name, i * 0.1, (i + 1) * 0.1) for i, name in enumerate(spoken)]
    heard = [*spoken[:5], "AA", "R", "F", "K", "AA"]  # the network agrees on the first half
    scores = np.full((100, 40), -9.0, np.float32)
    scores[np.arange(100), [PHONES.index(heard[i // 10]) for i in range(100)]] = 0.0
    assert names(trusted(phones, scores, 100.0, share=0.5, around=0.15)) == spoken[:5]
    assert names(trusted(phones, scores, 100.0, share=0.0)) == spoken
    assert trusted([], scores, 100.0) == []
