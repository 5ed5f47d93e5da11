"""The path of known symbols is the likeliest of all; letters become phones, midway between their spikes."""

from __future__ import annotations

import itertools
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkcli.align import ctc
from talkcli.align.ctc import Spike, align_ctc, best_path, greedy, spans
from talkcli.clip import Audio, Floats
from talkcli.errors import TalkError
from talkcli.models.emissions import Emissions

LETTERS = ("<pad>", "<s>", "</s>", "<unk>", "|", "'", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
IPA = ("<pad>", "<s>", "m", "ɑː", "p", "iː", "eɪ", "ə", "b")


def collapsed(symbols: tuple[int, ...]) -> list[int]:
    return [symbol for symbol, _ in groupby(symbols) if symbol]


def score(log_probs: Floats, symbols: tuple[int, ...]) -> float:
    return float(log_probs[np.arange(len(symbols)), list(symbols)].sum())


@given(st.integers(0, 10_000), st.integers(1, 6), st.lists(st.integers(1, 3), max_size=4))
def test_the_path_is_the_best_of_all_that_say_the_targets(seed: int, steps: int, targets: list[int]) -> None:
    rng = np.random.default_rng(seed)
    log_probs = np.log(rng.dirichlet(np.ones(4), steps)).astype(np.float32)
    ways = [symbols for symbols in itertools.product(range(4), repeat=steps) if collapsed(symbols) == targets]
    if not ways:
        with pytest.raises(ValueError, match="no path"):
            best_path(log_probs, targets)
        return
    path = best_path(log_probs, targets)
    found = tuple(0 if index < 0 else targets[index] for index in path)
    assert collapsed(found) == targets
    assert [index for index, _ in groupby(path) if index >= 0] == list(range(len(targets)))
    assert score(log_probs, found) == pytest.approx(max(score(log_probs, way) for way in ways), abs=1e-4)


def test_repeated_symbols_are_parted_by_a_blank() -> None:
    log_probs = np.log(np.array([[0.1, 0.9], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9]], np.float32))
    assert sorted(best_path(log_probs, [1, 1]).tolist()) == [-1, 0, 1, 1] or best_path(log_probs, [1, 1])[1] >= -1
    with pytest.raises(ValueError, match="no path of 3 symbols through 4 steps"):
        best_path(log_probs, [1, 1, 1])


def test_boundaries_are_midway_between_spikes_and_never_far_from_one() -> None:
    found = spans([Spike(0.50, 0.52, 1.0), Spike(0.60, 0.60, 1.0), Spike(2.0, 2.0, 1.0)])
    assert found == [
        (pytest.approx(0.50 - ctc.REACH), pytest.approx(0.56)),
        (pytest.approx(0.56), pytest.approx(0.60 + ctc.REACH)),
        (pytest.approx(2.0 - ctc.REACH), pytest.approx(2.0 + ctc.REACH)),
    ]


def spoken(symbols: tuple[str, ...], text: list[str], every: int = 4) -> Emissions:
    """A model that speaks each symbol in one step of 20 ms, every so many steps, and is sure of it."""
    steps = every * (len(text) + 1) + 4
    log_probs = np.full((steps, len(symbols)), -9.0, np.float32)
    log_probs[:, 0] = 0.0
    for number, symbol in enumerate(text, 1):
        log_probs[every * number, 0], log_probs[every * number, symbols.index(symbol)] = -9.0, 0.0
    return Emissions(log_probs, np.arange(steps) * 0.02, symbols)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch):
    def say(said: Emissions) -> Audio:
        monkeypatch.setattr(ctc, "emissions", lambda audio, source, device: said)
        return Audio(np.zeros(round(16000 * 0.02 * len(said.log_probs)), np.float32), 16000)

    return say


@pytest.mark.parametrize("text", [None, "Mappy bird!"])
def test_a_model_of_letters_gives_phones(model, text: str | None) -> None:
    audio = model(spoken(LETTERS, list("MAPPY|BIRD")))
    found = align_ctc(audio, "some", "mappy bird" if text is None else text)
    said = [phone for phone in found.phones if phone.name != "SIL"]
    assert [phone.name for phone in said] == ["M", "AE", "P", "IY", "B", "ER", "D"]
    assert found.source == "ctc"
    pairs = dict(zip([phone.name for phone in said], said, strict=True))
    assert pairs["M"].end == pytest.approx(0.12)  # spikes at 0.08 and 0.16
    assert (pairs["P"].start, pairs["P"].end) == (pytest.approx(0.20), pytest.approx(0.36))  # both letters
    assert found.notes == ("not in the dictionary, said by rule: mappy (M AE P IY)",)


def test_what_a_model_of_letters_hears_needs_no_text(model) -> None:
    audio = model(spoken(LETTERS, list("BE|MAP")))
    found = align_ctc(audio, "some", None)
    assert [phone.name for phone in found.phones if phone.name != "SIL"] == ["B", "IY", "M", "AE", "P"]


@pytest.mark.parametrize("text", [None, "Map me"])
def test_a_model_of_phones_gives_phones(model, text: str | None) -> None:
    audio = model(spoken(IPA, ["m", "ɑː", "p", "m", "iː"]))
    found = align_ctc(audio, "some", text)
    assert [phone.name for phone in found.phones if phone.name != "SIL"] == ["M", "AA", "P", "M", "IY"]
    assert all(0 < certain <= 1 for certain in found.confidence)


def test_phones_of_one_step_get_their_time_from_a_neighbour(model) -> None:
    audio = model(spoken(IPA, ["m", "ɑː", "p", "iː"], every=1))
    phones = [phone for phone in align_ctc(audio, "some", None).phones if phone.name != "SIL"]
    assert [phone.name for phone in phones] == ["M", "AA", "P", "IY"]
    assert sum(phone.end - phone.start >= ctc.BRIEFEST - 1e-6 for phone in phones) == 4


def test_silence_is_told(model) -> None:
    found = align_ctc(model(spoken(IPA, [])), "some", None)
    assert [phone.name for phone in found.phones] == ["SIL"]
    assert "nobody is heard" in found.fallback


@pytest.mark.parametrize("text", ["papa beam", "map me " * 9])
def test_another_text_is_told(model, text: str) -> None:
    audio = model(spoken(IPA, ["m", "ɑː", "p", "m", "iː"]))
    with pytest.raises(TalkError, match="does not fit the sound"):
        align_ctc(audio, "some", text)


def test_a_model_without_english_is_told(model) -> None:
    audio = model(spoken(("<pad>", "中", "文"), ["中"]))
    with pytest.raises(TalkError, match="neither English letters nor phones"):
        align_ctc(audio, "some", None)
    audio = model(spoken(("<pad>", "m", "ə"), ["m"]))
    with pytest.raises(TalkError, match="no symbol for the phone G"):
        align_ctc(audio, "some", "game")


def test_greedy_reads_each_spike_once() -> None:
    assert greedy(spoken(IPA, ["m", "ɑː", "m", "m"]).log_probs) == [2, 3, 2, 2]
    assert greedy(spoken(IPA, []).log_probs) == []
