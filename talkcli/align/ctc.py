"""Alignment on a CTC model: the likeliest path of known symbols through what it says of each step.

CTC models speak a symbol in a step or two and are silent in between: where one phone ends and the next begins is taken
to be midway between their spikes. A model of letters gives letters, which are said as the dictionary has their word.
Shape letters: A steps, C symbols, N targets, P phones.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from talkcli.align import NOBODY, Found, guesses, misfit, sphinx, words_of
from talkcli.align.letters import spell
from talkcli.clip import Audio, Floats, Phone
from talkcli.errors import TalkError
from talkcli.models.emissions import Emissions, emissions
from talkcli.phones import DIPHTHONGS, VISEME, tidy
from talkcli.phones.names import meanings

BLANK = 0
WORD_END = "|"
REACH = 0.12  # seconds from its spike that a phone lasts at most where the next is farther
BRIEFEST = 0.03  # seconds that each phone gets, from its longer neighbour
UNLIKELY = -5.0  # log-probability a target by which the text's path falls behind the likeliest: it is another text
LARGEST = 1 << 31  # bytes of the table that the path is found in

Path = NDArray[np.int64]


@dataclass(frozen=True)
class Spike:
    """Where a model speaks a symbol: seconds of its first and last step, and its mean probability there."""

    start: float
    end: float
    probability: float


@dataclass(frozen=True)
class Sound:
    """A phone with its time and probability."""

    name: str
    start: float
    end: float
    probability: float


def align_ctc(audio: Audio, model: str, text: str | None, device: str = "auto") -> Found:
    """The phones of a text, or without one of what the model hears, by the model's own spikes.

    Raises:
        TalkError: no such model, or none of English letters or phones; the text is not what is spoken.
    """
    said = emissions(audio, model, device)
    letters = _of_letters(said.symbols)
    words = None if text is None else words_of(text)
    sounds = (_from_letters if letters else _from_phones)(said, words, model)
    notes = guesses(words or []) if letters or words else ()
    phones = tidy([Phone(sound.name, sound.start, sound.end) for sound in sounds], audio.seconds)
    return Found(tuple(phones), _certainty(phones, sounds), "ctc", notes, "" if sounds else NOBODY)


def _certainty(phones: Sequence[Phone], sounds: Sequence[Sound]) -> tuple[float, ...]:
    """The probability of the sound that each phone is; silences get 1."""
    starts = [sound.start for sound in sounds]
    places = [bisect_right(starts, 0.5 * (phone.start + phone.end)) - 1 for phone in phones]
    return tuple(
        1.0 if phone.name == "SIL" else sounds[max(place, 0)].probability
        for phone, place in zip(phones, places, strict=True)
    )


def best_path(log_probs: Floats, targets: Sequence[int]) -> Path:
    """(A,) for each step the index of the target that it speaks, -1 where that is blank, on the likeliest path.

    log_probs: (A, C); targets: (N,) symbols, none of them blank, in their order.

    Raises:
        ValueError: there are too few steps, or no path is possible.
    """
    states = np.full(2 * len(targets) + 1, BLANK)
    states[1::2] = targets
    skips = np.zeros(len(states), bool)  # from one target to the next without a blank, unless they are the same
    skips[3::2] = states[3::2] != states[1:-2:2]
    scores = np.full(len(states), -np.inf)
    came = np.zeros((len(log_probs), len(states)), np.uint8)  # how many states back
    for step, row in enumerate(log_probs):
        if step == 0:
            scores[:2] = row[states[:2]]
            continue
        one = np.concatenate([[-np.inf], scores[:-1]])
        two = np.where(skips, np.concatenate([[-np.inf, -np.inf], scores[:-2]])[: len(states)], -np.inf)
        choices = np.stack([scores, one, two])
        came[step] = choices.argmax(axis=0)
        scores = choices.max(axis=0) + row[states]
    last = len(states) - 1 - int(len(states) > 1 and scores[-2] > scores[-1])
    if not len(log_probs) or not np.isfinite(scores[last]):
        raise ValueError(f"no path of {len(targets)} symbols through {len(log_probs)} steps")
    path = np.empty(len(log_probs), np.int64)
    for step in reversed(range(len(log_probs))):
        path[step] = last // 2 if last % 2 else -1
        last -= int(came[step, last])
    return path


def spikes(said: Emissions, targets: Sequence[int]) -> list[Spike]:
    """Where each target is spoken.

    Raises:
        ValueError: they are not what is spoken.
    """
    if len(said.log_probs) * (2 * len(targets) + 1) > LARGEST:
        raise TalkError("the sound is too long for one alignment on a CTC model: cut it, or take another source")
    path = best_path(said.log_probs, targets)
    symbols = np.where(path < 0, BLANK, np.asarray([*targets, BLANK])[path])
    behind = said.log_probs[np.arange(len(path)), symbols] - said.log_probs.max(axis=1)
    if targets and behind.sum() / len(targets) < UNLIKELY:
        raise ValueError("the symbols are unlikely")
    out = []
    for index, target in enumerate(targets):
        steps = np.flatnonzero(path == index)
        probability = float(np.exp(said.log_probs[steps, target].mean()))
        out.append(Spike(float(said.times[steps[0]]), float(said.times[steps[-1]]), probability))
    return out


def spans(found: Sequence[Spike]) -> list[tuple[float, float]]:
    """Start and end of each: midway between neighbouring spikes, but no farther than REACH from its own."""
    if not found:
        return []
    middles = [0.5 * (first.end + second.start) for first, second in pairwise(found)]
    starts, ends = [-np.inf, *middles], [*middles, np.inf]
    return [
        (max(start, spike.start - REACH, 0.0), min(end, spike.end + REACH))
        for spike, start, end in zip(found, starts, ends, strict=True)
    ]


def unhurried(sounds: Sequence[Sound]) -> list[Sound]:
    """Each at least BRIEFEST long, at the cost of those that it touches: several may be spoken in neighbouring steps.

    Where there is not so much time for all that touch, each gets the same.
    """
    out: list[Sound] = []
    first = 0
    for last in range(1, len(sounds) + 1):
        if last < len(sounds) and sounds[last].start - sounds[last - 1].end < 1e-6:
            continue
        run = sounds[first:last]
        edges = _pushed(np.array([run[0].start, *(sound.end for sound in run)]))
        out += [replace(one, start=edges[n], end=edges[n + 1]) for n, one in enumerate(run)]
        first = last
    return out


def _pushed(edges: NDArray[np.float64]) -> list[float]:
    """Rising edges (P + 1,) whose first and last stay, moved until none is nearer to the next than BRIEFEST."""
    least = BRIEFEST * np.arange(len(edges))
    if edges[-1] - edges[0] < least[-1]:
        return [float(edge) for edge in np.linspace(edges[0], edges[-1], len(edges))]
    later = np.maximum.accumulate(edges - least) + least
    return [float(edge) for edge in np.minimum(later, edges[-1] - least[::-1])]


def greedy(log_probs: Floats) -> list[int]:
    """The likeliest symbols, repeats as one and blanks left out."""
    return [symbol for symbol, _ in groupby(log_probs.argmax(axis=1).tolist()) if symbol != BLANK]


def _of_letters(symbols: Sequence[str]) -> bool:
    """Whether a model's symbols are those that words are written with: phonetic ones are longer, or are no letters of
    an alphabet."""
    names = {symbol.lower() for symbol in symbols if symbol.isalpha()}
    return set("abcdefghijklmnopqrstuvwxyz") <= names and all(len(name) == 1 and name not in "əʃŋ" for name in names)


def _from_letters(said: Emissions, words: list[str] | None, model: str) -> list[Sound]:
    index = {symbol.lower(): number for number, symbol in enumerate(said.symbols)}
    words = _heard_words(said) if words is None else words
    spelled = [[letter for letter in word if letter in index] for word in words]
    between = [WORD_END] if WORD_END in index else []
    written = [symbol for letters in spelled for symbol in (*letters, *between)]
    written = written[: len(written) - len(between)] if words else []
    try:
        found = spikes(said, [index[letter] for letter in written])
    except ValueError as error:
        raise misfit(words) from error
    times = spans(found)
    sounds: list[Sound] = []
    at = 0
    for word, letters in zip(words, spelled, strict=True):
        mine = slice(at, at + len(letters))
        sounds += _said(word, letters, found[mine], times[mine])
        at += len(letters) + len(between)
    return unhurried(sounds)


def _heard_words(said: Emissions) -> list[str]:
    symbols = (said.symbols[symbol].lower() for symbol in greedy(said.log_probs))
    return re.findall(r"'?[a-z][a-z']*", "".join(symbol for symbol in symbols if len(symbol) == 1))


def _said(
    word: str, letters: Sequence[str], found: Sequence[Spike], times: Sequence[tuple[float, float]]
) -> list[Sound]:
    """The phones of a word where its letters are; those of one letter share its time."""
    out = []
    for part in spell(letters, sphinx.pronounced(word).phones):
        start, end = times[part.first][0], times[part.last][1]
        step = (end - start) / len(part.phones)
        probability = float(np.mean([spike.probability for spike in found[part.first : part.last + 1]]))
        for number, name in enumerate(part.phones):
            out.append(Sound(name, start + number * step, start + (number + 1) * step, probability))
    return out


def _from_phones(said: Emissions, words: list[str] | None, model: str) -> list[Sound]:
    table = {name: phones for name, phones in meanings(_names(said.symbols)).items() if phones and phones != ("SIL",)}
    if not table:
        raise TalkError(f"the CTC model '{model}' speaks neither English letters nor phones: choose another")
    if words is None:
        targets = [symbol for symbol in greedy(said.log_probs) if said.symbols[symbol] in table]
    else:
        index = {phones: said.symbols.index(name) for name, phones in reversed(table.items())}
        targets = [
            symbol
            for word in words
            for phone in sphinx.pronounced(word).phones
            for symbol in _symbols(phone, index, model)
        ]
    try:
        found = spikes(said, targets)
    except ValueError as error:
        raise misfit(words or []) from error
    sounds = []
    for target, spike, (start, end) in zip(targets, found, spans(found), strict=True):
        names = table[said.symbols[target]] or ()
        step = (end - start) / len(names)
        sounds += [
            Sound(name, start + number * step, start + (number + 1) * step, spike.probability)
            for number, name in enumerate(names)
        ]
    return unhurried(sounds)


def _names(symbols: Sequence[str]) -> list[str]:
    """Those that may be phones: no <pad>, no marks."""
    return [symbol for symbol in symbols if any(letter.isalpha() for letter in symbol) and symbol[0] not in "<["]


def _symbols(phone: str, index: dict[tuple[str, ...], int], model: str) -> list[int]:
    """The model's symbols for a phone: its own, those of its two parts, or that of one which looks alike."""
    alike = [(other,) for other, viseme in VISEME.items() if viseme == VISEME[phone]]
    for names in (
        [(phone,)],
        [(part,) for part in DIPHTHONGS.get(phone, ())],
        [next((a for a in alike if a in index), ())],
    ):
        if names and all(name in index for name in names):
            return [index[name] for name in names]
    raise TalkError(f"the CTC model '{model}' has no symbol for the phone {phone}: choose another, or one of letters")
