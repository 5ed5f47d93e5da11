"""Preprocessing: the same corpus from the same seed, nothing made twice, and workers that may die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talkcli import preprocess as room
from talkcli.check import check
from talkcli.clip import CorpusInfo, Floats, Track
from talkcli.datasets import synthetic, vocaset, voices
from talkcli.datasets.base import RawClip, Recipe
from talkcli.errors import TalkError
from talkcli.head import load_head
from talkcli.prepared import MANIFEST, Corpus, clip_path
from talkcli.preprocess import Options, options_of, preprocess, remake_controls
from tests.make import make_phones, make_silence, make_tone
from tests.make_datasets import SUBJECTS, inline, make_vocaset

SPOKEN = make_phones(("SIL", 0.2), ("B", 0.1), ("AA", 0.3), ("M", 0.1), ("SIL", 0.2))


@dataclass(frozen=True)
class Toys:
    """A data set of three clips, of which some go wrong: "crash" kills its worker, "fail" is an error."""

    kinds: tuple[str, ...] = ("fine", "fine", "fine")

    @classmethod
    def open(cls, options: Toys, scratch: Path) -> Toys:
        if "missing" in options.kinds:
            raise TalkError("the box of toys does not exist")
        return options

    info = CorpusInfo("toys", load_head().topology, 30.0, ("sam",))
    templates: Mapping[str, Floats] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    tolerance: float = 0.5

    def recipes(self) -> list[Recipe]:
        return [Recipe(f"{i}", "sam", "train", "toy:a", "", {"kind": kind}) for i, kind in enumerate(self.kinds)]

    def make(self, recipe: Recipe) -> RawClip:
        if recipe.data["kind"] == "crash":
            os._exit(3)
        if recipe.data["kind"] == "fail":
            raise TalkError("no sound today")
        track = Track(("jawOpen",), np.zeros((6, 1), np.float32))
        return RawClip(make_silence(0.2), make_phones(("SIL", 0.2)), track)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "DATASETS", {"toys": (__name__, "Toys", "Toys")})
    monkeypatch.setattr(room, "import_module", lambda name: __import__(name, fromlist=["Toys"]))


def espeak_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "available", lambda: voices.Available(True, frozenset(), frozenset()))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "clips").iterdir())}


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    espeak_alone(monkeypatch)
    few = synthetic.Options(hours=0.005, seed=4)
    one = preprocess("synthetic", tmp_path / "one", few, Options(jobs=1))
    two = preprocess("synthetic", tmp_path / "two", few, Options(jobs=2))
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    assert (tmp_path / "one" / MANIFEST).read_bytes() == (tmp_path / "two" / MANIFEST).read_bytes()
    assert len(one.clips) == len(two.clips) == 4
    for entry in one.clips:
        phones, audio = one.phones(entry), one.audio(entry)
        assert phones[-1].end == pytest.approx(audio.seconds, abs=1e-3)
        assert entry.frames == round(audio.seconds * 30)
        if not entry.voice.startswith("none"):
            assert np.abs(audio.samples).max() > 0.2
            assert len(phones) > 3


def test_controls_can_be_made_again_from_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inline(monkeypatch)
    monkeypatch.setattr(voices, "available", lambda: voices.Available(True, frozenset(), frozenset()))
    monkeypatch.setattr(synthetic.voices, "speak", lambda voice, text: (make_tone(0.9).samples, 16000.0, SPOKEN))
    few = synthetic.Options(hours=0.002)
    corpus = preprocess("synthetic", tmp_path, few)
    before = [corpus.track(entry) for entry in corpus.clips]
    assert remake_controls(tmp_path, data=few) == len(before) == 3
    for entry, track in zip(corpus.clips, before, strict=True):
        again = corpus.track(entry)
        assert track is not None
        assert again is not None
        assert again.names == track.names
        assert np.allclose(again.values, track.values, atol=1e-4)


def test_a_second_run_makes_only_what_is_missing_or_half_written(
    tmp_path: Path, toys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = inline(monkeypatch)
    preprocess("toys", tmp_path, Toys())
    assert made == ["0", "1", "2"]
    clip_path(tmp_path, "0").unlink()
    (tmp_path / MANIFEST).unlink()
    half = clip_path(tmp_path, "2")
    half.write_bytes(half.read_bytes()[:200])
    (tmp_path / "clips" / "1.safetensors.77.part").write_bytes(b"of a run that was killed")
    assert len(preprocess("toys", tmp_path, Toys()).clips) == 3
    assert made[3:] == ["0", "2"]


def test_force_and_another_recipe_make_clips_anew(tmp_path: Path, toys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    made = inline(monkeypatch)
    preprocess("toys", tmp_path, Toys())
    preprocess("toys", tmp_path, Toys(), Options(force=True))
    assert made[3:] == ["0", "1", "2"]
    preprocess("toys", tmp_path, Toys(("fine", "other", "fine")))
    assert made[6:] == ["1"]


def test_one_clip_that_fails_is_left_out_and_told_in_the_manifest(
    tmp_path: Path, toys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    inline(monkeypatch)
    corpus = preprocess("toys", tmp_path, Toys(("fine", "fail", "fine")))
    assert [entry.name for entry in corpus.clips] == ["0", "2"]
    assert corpus.provenance["failed"] == {"1": "no sound today"}


def test_many_clips_that_fail_are_an_error(tmp_path: Path, toys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    inline(monkeypatch)
    with pytest.raises(TalkError, match=r"3 of 3 clips failed, the first \('0'\) with: no sound today"):
        preprocess("toys", tmp_path, Toys(("fail",) * 3))
    with pytest.raises(TalkError, match="is not prepared data"):
        Corpus.open(tmp_path)


def test_a_worker_that_crashes_takes_one_clip_along_at_most(tmp_path: Path) -> None:
    source = Toys(("fine", "crash", "fine"))
    (tmp_path / "clips").mkdir()
    assert room._make_all(source, tmp_path, source.recipes(), 1) == {"1": "its process crashed"}
    assert sorted(bytes_of(tmp_path)) == ["0.safetensors", "2.safetensors"]


def test_a_worker_that_crashes_while_nobody_listens_is_noticed_with_the_next_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two answers the pool breaks, and takes no more clips."""
    source = Toys(("fine", "crash", "fine", "fine"))
    (tmp_path / "clips").mkdir()
    rounds = room._round

    def slowly(*arguments: Any) -> Iterator[tuple[str, str]]:
        for found in rounds(*arguments):
            yield found
            time.sleep(0.5)

    monkeypatch.setattr(room, "_round", slowly)
    assert room._make_all(source, tmp_path, source.recipes(), 1) == {"1": "its process crashed"}
    assert sorted(bytes_of(tmp_path)) == ["0.safetensors", "2.safetensors", "3.safetensors"]


def test_a_run_that_is_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    raw, data = tmp_path / "raw", tmp_path / "data"
    make_vocaset(raw, {SUBJECTS[0]: range(1, 41), SUBJECTS[1]: range(1, 41), SUBJECTS[2]: range(21, 41)})
    code = "import sys; from talkcli.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "preprocess", "vocaset", "--raw", raw, "--out", data, "--jobs", "1"]
    killed = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    while not list((data / "clips").glob("*.safetensors")) and killed.poll() is None:
        time.sleep(0.001)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    done = {path: path.stat().st_mtime_ns for path in (data / "clips").glob("*.safetensors")}
    assert 0 < len(done) < 100
    with pytest.raises(TalkError, match="is not prepared data"):
        Corpus.open(data)
    corpus = preprocess("vocaset", data, vocaset.Options(raw=raw))
    assert len(corpus.clips) == 100
    assert check(data).problems == ()
    assert {path: path.stat().st_mtime_ns for path in done} == done


def test_an_unknown_data_set_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match=r"no data set is called 'imaginary'; there are: vocaset, .*synthetic"):
        preprocess("imaginary", tmp_path)
    assert options_of("synthetic") is synthetic.Options


def test_a_folder_of_somebody_else_is_left_as_it_is_whatever_it_is_called(tmp_path: Path, toys: None) -> None:
    for name in ("clips", "scratch"):
        (tmp_path / "mine" / name).mkdir(parents=True)
    (tmp_path / "mine" / "scratch" / "thesis.txt").write_text("precious", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TalkError, match="holds other files"):
        preprocess("toys", tmp_path / "mine", Toys())
    with pytest.raises(TalkError, match="does not exist"):
        room.preprocess("toys", tmp_path / "empty", Toys(("missing",)))
    assert (tmp_path / "mine" / "scratch" / "thesis.txt").read_text(encoding="utf-8") == "precious"
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_folder_of_another_data_set_is_refused_before_anything_is_written(
    tmp_path: Path, toys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    inline(monkeypatch)
    preprocess("toys", tmp_path, Toys())
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(TalkError, match="is for the data set 'toys': give a new folder for 'vocaset'"):
        preprocess("vocaset", tmp_path, Toys())
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_what_a_killed_run_left_half_written_is_taken_away(
    tmp_path: Path, toys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    inline(monkeypatch)
    preprocess("toys", tmp_path, Toys())
    for name in (".tmp7fYIqZ", "0.safetensors.77.part"):
        (tmp_path / "clips" / name).write_bytes(b"half")
    preprocess("toys", tmp_path, Toys())
    assert sorted(path.name for path in (tmp_path / "clips").iterdir()) == [f"{i}.safetensors" for i in range(3)]
