"""Cues are Rhubarb's, from phones or from lips, and visemes are Oculus'; readers here follow their descriptions."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkcli.articulation import controls
from talkcli.clip import MotionClip, Phone
from talkcli.errors import TalkError
from talkcli.export import ExportOptions, write
from talkcli.export.cues import BRIEF, MOUTH, Cue, from_mouths, from_phones, hundredths, seen, settled
from talkcli.export.visemes import VISEMES, viseme, weights
from talkcli.head import load_head
from talkcli.phones import PHONES, VISEME
from tests.export.make_clips import make_chunks, make_head_chunks
from tests.make import make_phones

MAMA = make_phones(("SIL", 0.3), ("M", 0.1), ("AA", 0.2), ("M", 0.1), ("AA", 0.3))
NAMED = ExportOptions(sound=Path("hello.wav"))


def make_chunk(phones: list[Phone], fps: float = 25.0) -> MotionClip:
    """The packaged head at rest, saying these."""
    head = load_head()
    vertices = np.repeat(head.template[None], round(phones[-1].end * fps), 0)
    return MotionClip(vertices, head.template, head.topology, fps, phones=tuple(phones))


def test_cues_of_phones_have_one_form_in_three_formats(tmp_path: Path) -> None:
    outputs = [tmp_path / f"face.cues.{suffix}" for suffix in ("tsv", "json", "xml")]
    write([make_chunk(MAMA)], outputs, NAMED)
    wanted = [("X", 0.0, 0.3), ("A", 0.3, 0.4), ("D", 0.4, 0.6), ("A", 0.6, 0.7), ("D", 0.7, 1.0)]
    rows = [line.split("\t") for line in outputs[0].read_text().splitlines()]
    assert rows == [*([f"{start:.2f}", letter] for letter, start, _ in wanted), ["1.00", "X"]]
    content = json.loads(outputs[1].read_text())
    assert content["metadata"] == {"soundFile": "hello.wav", "duration": 1.0}
    assert [(cue["value"], cue["start"], cue["end"]) for cue in content["mouthCues"]] == wanted
    root = ElementTree.parse(outputs[2]).getroot()
    assert (root.tag, root.findtext("metadata/soundFile")) == ("rhubarbResult", "hello.wav")
    assert root.findtext("metadata/duration") == "1.00"
    found = [(cue.text, float(cue.get("start", "")), float(cue.get("end", ""))) for cue in root.iter("mouthCue")]
    assert found == wanted


def test_phones_of_chunks_are_in_the_time_of_their_own_first_frame(tmp_path: Path) -> None:
    path = tmp_path / "face.cues.json"
    write([make_chunk(MAMA), make_chunk(MAMA)], path)
    starts = [cue["start"] for cue in json.loads(path.read_text())["mouthCues"]]
    assert starts == pytest.approx([0, 0.3, 0.4, 0.6, 0.7, 1.0, 1.3, 1.4, 1.6, 1.7])


def test_every_phone_has_a_mouth_and_diphthongs_two() -> None:
    for name in PHONES:
        assert from_phones([Phone(name, 0.0, 0.2)], 0.2)
    assert set(MOUTH) == set(PHONES) - {"AY", "AW", "OY"}
    assert [cue.value for cue in from_phones([Phone("AW", 0, 0.4)], 0.4)] == ["D", "F"]
    assert [cue.value for cue in from_phones([Phone("L", 0, 0.15)], 0.15)] == ["H"]
    assert [cue.value for cue in from_phones([Phone("L", 0, 0.08)], 0.08)] == ["B"]


def test_brief_cues_go_to_the_longer_neighbour_but_lips_that_meet_are_kept() -> None:
    cues = [Cue("B", 0, 0.2), Cue("C", 0.2, 0.23), Cue("D", 0.23, 0.6), Cue("A", 0.6, 0.63), Cue("D", 0.63, 1.0)]
    assert [(cue.value, cue.start) for cue in settled(cues)] == [("B", 0), ("D", 0.2), ("A", 0.6), ("D", 0.63)]
    assert settled([Cue("B", 0, 0.01)]) == [Cue("B", 0, 0.01)]


def settled_plainly(cues: list[Cue]) -> list[Cue]:
    """The same with loops over all cues, again and again."""

    def joined(cues: list[Cue]) -> list[Cue]:
        out: list[Cue] = []
        for cue in cues:
            if out and out[-1].value == cue.value:
                cue = replace(cue, start=out.pop().start)
            out.append(cue)
        return out

    kept = joined(cues)
    while len(kept) > 1:
        lengths = [(cue.end - cue.start, i) for i, cue in enumerate(kept)]
        brief = [(length, i) for length, i in lengths if length < BRIEF and kept[i].value not in "AG"]
        if not brief:
            break
        _, place = min(brief)
        near = [i for i in (place - 1, place + 1) if 0 <= i < len(kept)]
        longer = max(near, key=lambda i: lengths[i][0])
        kept = joined([replace(c, value=kept[longer].value) if i == place else c for i, c in enumerate(kept)])
    return kept


@given(st.lists(st.tuples(st.sampled_from("ABCDX"), st.integers(1, 8)), max_size=40))
@settings(max_examples=200, deadline=None)
def test_settling_is_what_plain_loops_do(spoken: list[tuple[str, int]]) -> None:
    edges = np.cumsum([0, *(length for _, length in spoken)]) / 64  # exact, so that equal lengths are equal
    cues = [Cue(value, edges[i], edges[i + 1]) for i, (value, _) in enumerate(spoken)]
    assert settled(cues) == settled_plainly(cues)


def test_many_cues_are_settled_at_once() -> None:
    """An hour of lips has tens of thousands, and most of them are brief."""
    edges = np.arange(60_001) * 0.033
    cues = [Cue("BCDE"[i * i % 4], edges[i], edges[i + 1]) for i in range(60_000)]
    started = time.process_time()
    assert settled(cues)[-1].end == edges[-1]
    assert time.process_time() - started < 5


def test_a_phone_that_chunks_cut_is_one(tmp_path: Path) -> None:
    long_l = make_chunk(make_phones(("AA", 0.2), ("L", 0.08)))
    rest = make_chunk(make_phones(("L", 0.04), ("AA", 0.2)))
    path = tmp_path / "face.cues.json"
    write([long_l, rest], path)
    cues = [(cue["value"], cue["start"]) for cue in json.loads(path.read_text())["mouthCues"]]
    assert cues == [("D", 0.0), ("H", 0.2), ("D", pytest.approx(0.32))]


def test_times_are_cut_off_not_rounded() -> None:
    assert [hundredths(seconds) for seconds in (0, 0.299, 0.29, 1.999, 61.005)] == [
        "0.00", "0.29", "0.29", "1.99", "61.00"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("phone", "letter"),
    [("M", "A"), ("F", "G"), ("UW", "F"), ("W", "F"), ("AO", "E"), ("IY", "B"), ("T", "B"), ("EH", "C"), ("AA", "D")],
)
@pytest.mark.parametrize("subject", ["ada", "ben"])
def test_lips_are_seen_as_the_mouth_of_what_they_say(phone: str, letter: str, subject: str) -> None:
    head = load_head()
    template = head.subject_template(subject)
    track = controls([Phone("SIL", 0, 0.3), Phone(phone, 0.3, 0.9), Phone("SIL", 0.9, 1.2)], 30.0, 36)
    clip = MotionClip(head.pose(head.values(track), template), template, head.topology, 30.0)
    mouths = seen(clip)
    assert mouths[18] == letter
    assert mouths[0] == mouths[35] == "A"


def test_lips_that_stay_closed_are_at_rest() -> None:
    cues = from_mouths([*"AAAAAAAAAA", *"DDDD", *"AAA", *"DDDD", *"AAAAAAAAAA"], 30)
    assert [cue.value for cue in cues] == ["X", "D", "A", "D", "X"]
    assert (cues[0].start, cues[-1].end) == (0, pytest.approx(31 / 30))


def test_cues_without_phones_come_from_the_lips_and_that_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chunks = [replace(chunk, phones=()) for chunk in make_head_chunks([20, 20])]
    path = tmp_path / "face.cues.tsv"
    write(chunks, path)
    assert "no phones are known, so the cues are read from the lips" in " ".join(capsys.readouterr().err.split())
    assert len(path.read_text().splitlines()) > 2
    with pytest.raises(TalkError, match="lips do not tell k from n"):
        write(chunks, tmp_path / "face.visemes.json")
    with pytest.raises(TalkError, match="needs phones, or lips whose landmarks"):
        write(make_chunks([3]), tmp_path / "ball.cues.tsv")
    assert [each.name for each in tmp_path.iterdir()] == ["face.cues.tsv"]


def test_visemes_sum_to_one_and_stand_where_the_phones_do(tmp_path: Path) -> None:
    path = tmp_path / "face.visemes.json"
    write([make_chunk(MAMA)], path, NAMED)
    content = json.loads(path.read_text())
    assert content["visemes"] == list(VISEMES)
    assert (content["fps"], content["soundFile"]) == (25.0, "hello.wav")
    found = np.array(content["weights"])
    assert found.shape == (25, 15)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-3)
    assert [VISEMES[place] for place in found[[3, 9, 12, 22]].argmax(axis=1)] == ["sil", "PP", "aa", "aa"]
    assert [cue["value"] for cue in content["mouthCues"]] == ["sil", "PP", "aa", "PP", "aa"]


def test_a_viseme_comes_and_goes_evenly_round_its_ends() -> None:
    found = weights([Phone("M", 0.2, 0.5)], 100, 100)[:, VISEMES.index("PP")]
    assert found[[14, 20, 35, 50, 56]] == pytest.approx([0, 0.5, 1, 0.5, 0], abs=1e-6)
    assert (np.diff(found[14:27]) > 0).sum() == 12
    assert {viseme(Phone(name, 0, 1)) for name in VISEME} == set(VISEMES)
