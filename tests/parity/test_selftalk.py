"""SelfTalk makes what its authors' code makes: of every sound, at every length, with every loss and gradient."""

from __future__ import annotations

import pytest
import torch

from talkcli.models.layers import reading_steps
from talkcli.models.pretrained import normal
from talkcli.models.recognizer import LETTERS, Spelling
from talkcli.models.selftalk import SelfTalk
from tests.parity.cases import Numbers, differs, encoded

Sound = tuple[Numbers, str]
Pair = tuple[Numbers, str, str]
STYLE = torch.ones(1, 1)


def test_sound_is_normal(selftalk_sound: Sound) -> None:
    numbers, sound = selftalk_sound
    assert differs(normal(numbers.speech(sound)), numbers.tensor(f"audio_{sound}")[None]) < 1e-5


@torch.no_grad()
def test_sound_becomes_the_authors_vertices(selftalk_sound: Sound) -> None:
    numbers, sound = selftalk_sound
    model, speech = numbers.selftalk, numbers.speech(sound)
    expected = numbers.tensor(f"predict_{sound}_vertices")
    frames = model.frame_count(speech.samples.shape[1])
    assert frames == expected.shape[1]
    found = model.predict(speech, numbers.template, STYLE, frames).vertices
    assert differs(found.flatten(2), expected) <= 1e-5


@torch.no_grad()
def test_the_encoder_hears_what_the_authors_hears(selftalk_sound: Sound) -> None:
    numbers, sound = selftalk_sound
    model, speech = numbers.selftalk, numbers.speech(sound)
    frames = torch.tensor([model.frame_count(speech.samples.shape[1])])
    _, _, heard, *_ = model.tell(speech, STYLE, frames)
    assert encoded(heard.features, numbers.tensor(f"predict_{sound}_audio_hidden")) <= 1e-4


@torch.no_grad()
def test_the_interpreter_reads_lips_as_the_authors_does(selftalk_sound: Sound) -> None:
    numbers, sound = selftalk_sound
    model, speech = numbers.selftalk, numbers.speech(sound)
    frames = torch.tensor([model.frame_count(speech.samples.shape[1])])
    motion, frames, *_ = model.tell(speech, STYLE, frames)
    steps = reading_steps(int(frames), model.fps, 50.0)
    features, logits = model.interpret(motion, frames, torch.tensor([steps]))
    assert differs(features, numbers.tensor(f"predict_{sound}_lip_features")) <= 1e-4
    assert differs(logits, numbers.tensor(f"predict_{sound}_logits")) <= 1e-4


@torch.no_grad()
def test_training_gives_the_authors_vertices_and_losses(selftalk_pair: Pair) -> None:
    numbers, sound, length = selftalk_pair
    start = f"forward_{sound}_{length}"
    model, batch = numbers.selftalk, numbers.batch(sound, length, STYLE)
    motion, frames, *_ = model.tell(batch.speech, batch.style, batch.frames)
    assert int(frames) == int(numbers.arrays[f"{start}_vertices_gt_used_len"])
    vertices = model.basis.decode(motion) + batch.template[:, None]
    assert differs(vertices.flatten(2), numbers.tensor(f"{start}_vertices_out")) <= 1e-5
    terms = all_terms(model, numbers, sound, length)
    config = model.config
    for name, theirs, weight in (
        ("position", "rec", config.position_weight),
        ("velocity", "vel", config.velocity_weight),
        ("latent", "latent", config.latent_weight),
        ("ctc", "ctc", config.ctc_weight),
    ):
        assert terms[name].item() / weight == pytest.approx(float(numbers.arrays[f"{start}_loss_{theirs}"]), rel=1e-5)
    total = float(numbers.arrays[f"{start}_loss_total"])
    assert sum(term.item() for term in terms.values()) == pytest.approx(total, rel=1e-5)


@torch.no_grad()
def test_bfloat16_loses_the_same_within_a_percent(selftalk_pair: Pair) -> None:
    numbers, sound, length = selftalk_pair
    with torch.autocast("cpu", torch.bfloat16):
        terms = all_terms(numbers.selftalk, numbers, sound, length)
    total = float(numbers.arrays[f"forward_{sound}_{length}_loss_total"])
    assert sum(term.item() for term in terms.values()) == pytest.approx(total, rel=0.01)


def all_terms(model: SelfTalk, numbers: Numbers, sound: str, length: str) -> dict[str, torch.Tensor]:
    """The losses in evaluation mode, with those that belong to training."""
    batch = numbers.batch(sound, length, STYLE)
    motion, frames, *_ = model.tell(batch.speech, batch.style, batch.frames)
    return {**model.losses(batch), **model.reading(motion, batch.cut(frames))}


@torch.no_grad()
def test_training_listens_and_reads_as_the_authors_does(selftalk_pair: Pair) -> None:
    numbers, sound, length = selftalk_pair
    start = f"forward_{sound}_{length}"
    model, batch = numbers.selftalk, numbers.batch(sound, length, STYLE)
    hidden, logits = model.text_encoder(batch.speech)
    expected = numbers.tensor(f"{start}_text_hidden")
    steps = expected.shape[1]
    motion, frames, *_ = model.tell(batch.speech, batch.style, batch.frames)
    assert steps == (hidden.shape[1] if model.config.time_map == "front" else 2 * int(frames))
    assert differs(hidden[:, :steps], expected) <= 1e-4
    assert differs(logits[:, :steps], numbers.tensor(f"{start}_text_logits")) <= 1e-4
    features, symbols = model.interpret(motion, frames, torch.tensor([steps]))
    assert differs(features, numbers.tensor(f"{start}_lip_features")) <= 1e-4
    assert differs(symbols, numbers.tensor(f"{start}_logits")) <= 1e-4
    likeliest = logits[:, :steps].argmax(-1)
    assert torch.equal(likeliest, numbers.tensor(f"{start}_argmax_ids")[:, :steps])
    targets, lengths = model.spelling.transcripts(likeliest)
    assert targets.tolist() == numbers.arrays[f"{start}_ctc_target"].tolist()
    assert int(lengths) == targets.shape[1]


def test_gradients_are_the_authors(selftalk_numbers: tuple[Numbers, str]) -> None:
    numbers, _ = selftalk_numbers
    model = numbers.selftalk
    model.zero_grad()
    torch.stack(list(all_terms(model, numbers, "a", "exact").values())).sum().backward()
    compare_gradients(dict(model.named_parameters()), numbers, "grad_norms")


def compare_gradients(named: dict[str, torch.nn.Parameter], numbers: Numbers, norms: str) -> None:
    arrays = numbers.arrays
    assert {*arrays["grad_param_names"]} == {*named}
    for name, norm, wanted in zip(arrays["grad_param_names"], arrays[norms], arrays["grad_requires"], strict=True):
        assert named[name].requires_grad == wanted, name
        gradient = named[name].grad
        if norm < 0:
            assert gradient is None or not gradient.any(), name
        else:
            assert gradient is not None, name
            # attention does not change with a bias on all keys: its gradient is nothing but rounding
            nothing = 1e-7 * arrays[norms].max() if name.endswith("k_proj.bias") else 0.0
            assert gradient.norm().item() == pytest.approx(norm, rel=1e-3, abs=nothing), name


def test_transcripts_are_the_authors(transcript: tuple[Numbers, str]) -> None:
    """Contractions as transformers 4.26 has them: the separator before 's, n't, 'm, 've, 're is no symbol to read."""
    numbers, case = transcript
    targets, lengths = Spelling(LETTERS).transcripts(numbers.tensor(f"in_{case}"))
    assert targets.tolist() == numbers.arrays[f"target_{case}"].tolist()
    assert lengths.tolist() == [targets.shape[1]]
