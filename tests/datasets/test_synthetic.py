"""The plan of the synthetic corpus: who says what, and that nobody is in two splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from talkcli.clip import Phone
from talkcli.datasets import sounds, synthetic, voices
from talkcli.datasets.base import SPLITS, Recipe
from talkcli.datasets.synthetic import Options, Synthetic, with_pauses
from talkcli.datasets.voices import RECORDED, VARIANTS, Available, Voice, speaker
from talkcli.errors import TalkError
from talkcli.head import load_head
from talkcli.prepared import RATE
from tests.make import make_phones, make_tone

ALL = Available(
    True,
    frozenset(voice.name for voice in RECORDED if voice.engine == "flite"),
    frozenset(voice.name for voice in RECORDED if voice.engine == "festival"),
)


@pytest.fixture(scope="module")
def recipes() -> list[Recipe]:
    return Synthetic(Options(hours=0.15, seed=2), ALL).recipes()


def test_no_subject_and_no_speaker_is_in_two_splits(recipes: list[Recipe]) -> None:
    for of in (lambda recipe: recipe.subject, lambda recipe: speaker(recipe.voice)):
        parts = [{of(r) for r in recipes if r.split == split and "rest" not in r.data} for split in SPLITS]
        assert all(parts)
        assert len(set().union(*parts)) == sum(map(len, parts))


def test_no_speaker_of_the_rosters_is_in_two_splits() -> None:
    people = [
        {f"espeak+{name}" for name in VARIANTS[split]} | {v.speaker for v in RECORDED if v.split == split}
        for split in SPLITS
    ]
    assert len(set().union(*people)) == sum(map(len, people))


def test_the_plan_depends_on_nothing_but_the_options(recipes: list[Recipe]) -> None:
    assert Synthetic(Options(hours=0.15, seed=2), ALL).recipes() == recipes
    assert Synthetic(Options(hours=0.15, seed=3), ALL).recipes() != recipes


def test_names_are_unique_and_the_mix_is_as_planned(recipes: list[Recipe]) -> None:
    assert len({recipe.name for recipe in recipes}) == len(recipes)
    engines = [recipe.voice.partition(":")[0] for recipe in recipes]
    assert engines.count("espeak") / len(engines) == pytest.approx(0.45, abs=0.13)
    assert engines.count("flite") / len(engines) == pytest.approx(0.28, abs=0.13)
    assert engines.count("festival") / len(engines) == pytest.approx(0.25, abs=0.13)
    assert 0 < engines.count("none") / len(engines) < 0.1


def test_a_speaker_is_a_variant_or_the_person_behind_a_voice() -> None:
    assert speaker("espeak:en-us+m3") == speaker("espeak:de+m3") == "espeak+m3"
    assert speaker("flite:kal16") == speaker("festival:kal_diphone")
    assert speaker("flite:rms") != speaker("flite:slt")


def test_the_first_subject_speaks_by_the_table_and_others_differ() -> None:
    source = Synthetic(Options(), ALL)
    styles = [source.style(name) for name in load_head().subjects]
    assert styles[0] == synthetic.Style()
    assert len(set(styles)) == len(styles) >= 16
    assert source.info.subjects == source.subjects["train"]


def test_what_is_missing_is_named_with_what_to_type() -> None:
    assert ALL.missing == []
    nothing = Available(False, frozenset(), frozenset()).missing
    assert [sentence.split()[0] for sentence in nothing] == ["espeak-ng", "flite", "festival"]
    assert all("install" in sentence for sentence in nothing)
    (some,) = Available(True, frozenset({"rms"}), frozenset(v.name for v in RECORDED) - {"ked_diphone"}).missing
    assert "ked_diphone" in some
    assert "festvox-kdlpc16k" in some


def test_the_corpus_goes_on_without_a_synthesizer_and_says_so() -> None:
    here = Available(True, frozenset(), frozenset())
    source = Synthetic(Options(hours=0.05), here)
    assert {recipe.voice.partition(":")[0] for recipe in source.recipes()} <= {"espeak", "none"}
    assert len(source.notes) == len(source.provenance["missing"]) == 2


def test_flite_alone_still_makes_all_splits() -> None:
    source = Synthetic(Options(hours=0.1), Available(False, frozenset({"rms"}), frozenset()))
    assert {recipe.split for recipe in source.recipes()} == set(SPLITS)


def test_without_any_synthesizer_one_sentence_tells_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(voices, "available", lambda: Available(False, frozenset(), frozenset()))
    with pytest.raises(TalkError, match=r"no speech synthesizer is installed; espeak-ng is missing: pip install"):
        Synthetic.open(Options(), tmp_path)


@pytest.mark.parametrize("kind", sounds.KINDS)
def test_noise_and_music_are_labelled_as_rest(kind: str) -> None:
    recipe = Recipe("x", load_head().subjects[1], "train", f"none:{kind}", "", {"rest": kind, "seed": 4})
    clip = Synthetic(Options(), ALL).make(recipe)
    assert clip.track is not None
    assert not clip.track.values.any()
    assert [phone.name for phone in clip.phones] == ["SIL"]
    assert 2 <= clip.audio.seconds <= 6
    assert np.abs(clip.audio.samples).max() <= 1


def test_pauses_get_other_lengths_and_phones_keep_their_sound() -> None:
    phones = make_phones(("SIL", 0.2), ("AA", 0.3), ("SIL", 0.3), ("B", 0.1), ("SIL", 0.1))
    samples = make_tone(1.0).samples
    lengths = set()
    for seed in range(5):
        sound, out = with_pauses(samples, phones, np.random.default_rng(seed))
        assert [phone.name for phone in out] == ["SIL", "AA", "SIL", "B", "SIL"]
        assert out[-1].end == pytest.approx(len(sound) / RATE, abs=1e-3)
        first = round(out[1].start * RATE)
        assert np.array_equal(sound[first : first + 4800], samples[3200:8000])
        lengths.add(len(sound))
    assert len(lengths) == 5


def test_sound_without_silences_gets_them_at_both_ends() -> None:
    sound, out = with_pauses(make_tone(0.5).samples, [Phone("AA", 0.0, 0.5)], np.random.default_rng(0))
    assert [phone.name for phone in out] == ["SIL", "AA", "SIL"]
    assert len(sound) > 8000


def test_a_voice_is_named_by_synthesizer_and_voice() -> None:
    assert Voice("flite", "rms", 1.0, 100.0, 10.0, 1.0).label == "flite:rms"
