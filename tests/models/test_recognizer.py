"""The listener of SelfTalk's loop: greedy transcripts and the CTC loss."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from talkcli.errors import TalkError
from talkcli.models.batch import Batch
from talkcli.models.encoders import TinyConfig
from talkcli.models.recognizer import (
    LETTERS,
    RecognizerConfig,
    Spelling,
    TinyRecognizer,
    build_recognizer,
    collapse,
    ctc,
)
from tests.make_models import make_batch, make_model, make_speech_tensors


@pytest.mark.parametrize(
    ("symbols", "drop", "expected"),
    [
        ([1, 1, 2, 2, 2, 3], (), [1, 2, 3]),
        ([0, 1, 0, 1, 1, 0], (), [1, 1]),  # a blank parts two of a kind
        ([0, 0, 0], (), []),
        ([5], (), [5]),
        ([1, 4, 4, 1, 2, 1], (1,), [4, 2]),
        ([2, 1, 2], (1,), [2, 2]),  # what is dropped parts them too
        ([3, 0, 1, 0, 3], (1, 3), []),
    ],
)
def test_collapse_by_hand(symbols: list[int], drop: tuple[int, ...], expected: list[int]) -> None:
    found, lengths = collapse(torch.tensor([symbols]), drop)
    assert lengths.tolist() == [len(expected)]
    assert found[0].tolist() == expected


def test_collapse_pads_shorter_transcripts_with_blanks() -> None:
    found, lengths = collapse(torch.tensor([[1, 2, 3], [4, 4, 0], [0, 0, 0]]))
    assert found.tolist() == [[1, 2, 3], [4, 0, 0], [0, 0, 0]]
    assert lengths.tolist() == [3, 1, 0]


@pytest.mark.parametrize(
    ("spoken", "expected"),
    [
        ("||it|'s", "it's"),
        ("do|n't|we|'ve|'re", "don't|we've're"),
        ("you|'m|", "you'm"),
        ("a||b", "a||b"),
        ("rock|'|roll", "rock'roll"),
        ("a|'b", "a|'b"),
        ("|", ""),
    ],
)
def test_a_transcript_is_tidied_as_the_released_decoder_does(spoken: str, expected: str) -> None:
    symbols = [LETTERS.index(letter) for letter in spoken]
    told = [LETTERS[symbol] for symbol in Spelling(LETTERS).tidied(symbols)]
    assert "".join(told) == expected


def test_symbols_that_are_no_letters_are_only_collapsed() -> None:
    found, lengths = Spelling().transcripts(torch.tensor([[4, 4, 0, 9, 4]]))
    assert found.tolist() == [[4, 9, 4]]
    assert lengths.tolist() == [3]


def test_transcripts_of_several_clips_are_padded() -> None:
    found, lengths = Spelling(LETTERS).transcripts(torch.tensor([[4, 7, 8, 4], [9, 4, 4, 0]]))
    assert found.tolist() == [[7, 8], [9, 0]]
    assert lengths.tolist() == [2, 1]


def summed(logs: Tensor, target: list[int]) -> float:
    """The negative log probability of a transcript: all alignments (A symbols) that collapse to it, one by one."""
    total = 0.0
    for path in itertools.product(range(logs.shape[1]), repeat=len(logs)):
        merged = [symbol for symbol, _ in itertools.groupby(path) if symbol]
        if merged == target:
            total += math.exp(sum(float(logs[step, symbol]) for step, symbol in enumerate(path)))
    return -math.log(total)


def test_ctc_is_the_sum_over_alignments_divided_by_the_length() -> None:
    torch.manual_seed(0)
    logits = torch.randn(3, 5, 3)
    targets = [[1, 2], [1, 1], []]
    steps = torch.tensor([5, 4, 3])
    padded = torch.tensor([[1, 2], [1, 1], [0, 0]])
    found = ctc(logits, steps, padded, torch.tensor([2, 2, 0]))
    logs = logits.log_softmax(-1)
    each = [summed(logs[i, : steps[i]], target) / max(1, len(target)) for i, target in enumerate(targets)]
    assert found.item() == pytest.approx(sum(each) / 3, rel=1e-5)


def test_ctc_of_empty_transcripts_alone_is_that_of_blanks() -> None:
    logits = torch.randn(2, 4, 3)
    targets, lengths = collapse(torch.zeros(2, 4, dtype=torch.long))
    expected = -logits.log_softmax(-1)[:, :, 0].sum(1).mean()
    assert ctc(logits, torch.tensor([4, 4]), targets, lengths).item() == pytest.approx(expected.item(), rel=1e-5)


def test_ctc_takes_a_transcript_too_long_for_the_sound_as_zero() -> None:
    found = ctc(torch.randn(1, 1, 3), torch.tensor([1]), torch.tensor([[1, 2]]), torch.tensor([2]))
    assert found.item() == 0.0


@pytest.fixture
def tiny() -> TinyRecognizer:
    torch.manual_seed(0)
    config = RecognizerConfig(
        name="tiny", tiny=TinyConfig(width=24, dilations=(1,), recurrent=False, mask_bands=0, mask_steps=0)
    )
    recognizer: TinyRecognizer = build_recognizer(config)
    return recognizer


def test_the_tiny_recogniser_gives_states_and_symbols_and_counts_their_steps(tiny: TinyRecognizer) -> None:
    speech = make_speech_tensors(0.5, 0.31)
    hidden, logits = tiny(speech)
    assert hidden.shape[:2] == logits.shape[:2]
    assert hidden.shape[2] == tiny.width
    assert logits.shape[2] == tiny.symbols == 41
    assert tiny.steps(speech).tolist() == [25, 16]
    assert tiny.steps(speech).max() <= hidden.shape[1]


def test_the_tiny_recogniser_learns_what_was_said(tiny: TinyRecognizer) -> None:
    batch: Batch = make_batch(make_model(), 0.4, 0.4)
    optimizer = torch.optim.Adam(tiny.parameters(), 0.02)
    losses = []
    for _ in range(20):
        loss = tiny.losses(batch)["ctc"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_an_unknown_recogniser_is_told() -> None:
    with pytest.raises(TalkError, match="unknown recogniser 'ear'; choose from: tiny, wav2vec2"):
        build_recognizer(RecognizerConfig(name="ear"))
