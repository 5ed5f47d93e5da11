"""What a CTC model says of each step, with the step's time, from a folder as `save_pretrained` leaves it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from talkcli.errors import TalkError
from talkcli.models.emissions import HALF_STEP, emissions
from tests.make import make_silence, make_tone
from tests.models.test_encoders import save_hub

VOCABULARY = {"<pad>": 0, "a": 1, "b": 2, "|": 3}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_hub(tmp_path / "model", "wav2vec2", vocab_size=len(VOCABULARY))
    (tmp_path / "model" / "vocab.json").write_text(json.dumps(VOCABULARY))
    return tmp_path / "model"


def test_emissions_are_those_of_transformers_own_model(folder: Path) -> None:
    from transformers import Wav2Vec2ForCTC

    sound = make_tone(1.0)
    said = emissions(sound, str(folder), "cpu")
    assert said.symbols == tuple(VOCABULARY)
    samples = (sound.samples - sound.samples.mean()) / np.sqrt(sound.samples.var() + 1e-7)
    with torch.inference_mode():
        logits = Wav2Vec2ForCTC.from_pretrained(folder).eval()(torch.from_numpy(samples)[None]).logits[0]
    assert np.allclose(said.log_probs, logits.log_softmax(-1).numpy(), atol=1e-4)
    assert said.times[:2] == pytest.approx([HALF_STEP, HALF_STEP + 0.02])


def test_long_and_short_sounds_have_a_step_each_twenty_milliseconds(folder: Path) -> None:
    said = emissions(make_silence(45.0), str(folder), "cpu")
    assert np.all(np.diff(said.times) > 0.005)
    assert len(said.times) == len(said.log_probs) == pytest.approx(45 * 50, abs=6)
    assert said.times[-1] < 45.0
    assert len(emissions(make_silence(0.01), str(folder), "cpu").log_probs) == 1


def test_a_model_that_does_not_say_what_its_symbols_mean_is_told(folder: Path) -> None:
    (folder / "vocab.json").unlink()
    with pytest.raises(TalkError, match=r"it has no vocab\.json to tell what its symbols mean"):
        emissions(make_tone(0.1), str(folder), "cpu")
