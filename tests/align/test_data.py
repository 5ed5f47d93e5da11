"""Phones for prepared data that has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from talkcli.align import Found, Request
from talkcli.align import data as room
from talkcli.align.data import align_data
from talkcli.cli import main
from talkcli.clip import Audio, Phone
from talkcli.errors import TalkError
from talkcli.prepared import Corpus
from talkcli.preparing import save_phones
from tests.make_models import make_corpus


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data without phones, and an aligner for which every text but the first clip's fits."""
    corpus = make_corpus(tmp_path / "data", ("train", "val"))
    for entry in corpus.clips:
        save_phones(corpus.folder, entry.name, [], "")
    first = corpus.audio(corpus.clips[0]).samples

    def find(audio: Audio, request: Request) -> Found:
        if request.text and len(audio.samples) == len(first):
            raise TalkError("the transcript does not fit the sound")
        phones = (Phone("M", 0.0, 0.5), Phone("AA", 0.5, audio.seconds))
        return Found(phones, (1.0, 1.0), "text" if request.text else "asr")

    monkeypatch.setattr(room, "find_phones", find)
    return corpus.folder


def test_every_clip_gets_the_phones_of_its_text(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = [Corpus.open(bare).vertices(entry) for entry in Corpus.open(bare).clips]
    assert align_data(bare, Request()) == {"asr": 1, "text": 1}
    corpus = Corpus.open(bare)
    for entry, vertices in zip(corpus.clips, before, strict=True):
        assert [phone.name for phone in corpus.phones(entry)] == ["M", "AA"]
        assert np.array_equal(corpus.vertices(entry), vertices)
    assert "train-0: the transcript does not fit the sound; its phones are listened for" in capsys.readouterr().err


def test_clips_that_have_phones_keep_them(bare: Path) -> None:
    align_data(bare, Request())
    assert align_data(bare, Request()) == {}
    assert sum(align_data(bare, Request(), force=True).values()) == 2


def test_strict_makes_an_error_of_a_text_that_does_not_fit(bare: Path) -> None:
    with pytest.raises(TalkError, match="train-0: the transcript does not fit"):
        align_data(bare, Request(strict=True))


def test_a_folder_that_is_no_data_is_told(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match="not prepared data"):
        align_data(tmp_path, Request())


def test_the_command_takes_a_folder(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["align", str(bare)]) == 0
    assert "1 by asr, 1 by text" in capsys.readouterr().err
    assert main(["align", str(bare)]) == 0
    assert "all clips have phones" in capsys.readouterr().err
    assert main(["align", str(bare), "--text", "hello"]) == 2
