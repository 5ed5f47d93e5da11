"""The report is one file that needs nothing, says everything, and lets no name speak HTML."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from talkcli.errors import TalkError
from talkcli.evaluate.clips import ranking
from talkcli.evaluate.report import write_report
from tests.evaluate.make_evaluations import Still, make_evaluation, make_info, make_result, make_topology

VOID = {"meta", "img", "br", "option"}


class Checker(HTMLParser):
    """Whether tags nest, and which there are."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(path: Path) -> tuple[str, Checker]:
    """The page, whose tags nest and which asks nobody for anything."""
    text = path.read_text(encoding="utf-8")
    checker = Checker()
    checker.feed(text)
    assert not checker.open
    for _, attributes in checker.seen:
        for name in ("src", "href", "poster"):
            assert (attributes.get(name) or "#").startswith(("data:", "#"))
    assert not re.search(r"url\(|@import|https?://", re.sub(r'src="data:[^"]*"', "", text))
    return text, checker


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of two models, one of which lacks clips."""
    topology, template = make_topology()
    first = make_result("first", [0.3, 0.1, 0.4, 0.2], topology.vertices, failed={"clip-9": "clip-9: NaN <i>"})
    second = make_result("<b>second", [0.2, 0.3, 0.1], topology.vertices, missing=["clip-3"], short={"x": "too short"})
    evaluation = make_evaluation([first, second], topology)
    folder = tmp_path_factory.mktemp("out") / "report"
    return write_report(evaluation, Still(topology, template), folder, info=make_info(topology), videos=1)


def test_the_report_is_whole_in_itself_with_files_beside_it(made: Path) -> None:
    _, checker = checked(made)
    names = {path.name for path in made.parent.rglob("*") if path.is_file()}
    plots = {name for name in names if name.endswith(".png")}
    assert {"worst-1-clip-2.mp4", "best-1-clip-1.mp4"} == {name for name in names if name.endswith(".mp4")}
    assert {"score-lve.png", "lve-by-subject.png", "heat-first.png", "opening-worst-1-clip-2.png"} <= plots
    assert names == plots | {"report.html", "worst-1-clip-2.mp4", "best-1-clip-1.mp4"}
    assert sum(tag == "img" for tag, _ in checker.seen) == len(plots)
    assert sum(tag == "video" for tag, _ in checker.seen) == 2


def test_the_report_says_what_was_compared_and_what_was_left_out(made: Path) -> None:
    text, _ = checked(made)
    for words in (
        "talk evaluate &lt;runs&gt;",
        "0.1.0",
        "clip-9: NaN &lt;i&gt;",
        "too short",
        "p, b, m closed",
        "p = ",
    ):
        assert words in text
    assert "<b>second" not in text
    assert "&lt;b&gt;second: 1 clip without prediction" in text


def test_the_best_value_of_a_row_is_marked(made: Path) -> None:
    rows = re.findall(r"<tr>.*?</tr>", made.read_text(encoding="utf-8"))
    lve, lrp, fdd = (next(row for row in rows if f"<code>{name}</code>" in row) for name in ("lve", "lrp", "fdd"))
    assert [re.findall(r'class="best"><b>(.*?)</b>', row) for row in (lve, lrp, fdd)] == [
        ["0.2"],
        ["89.8"],
        ["&minus;0.1"],
    ]


def test_the_worst_clip_is_that_of_the_first_lip_metric_whatever_is_better() -> None:
    topology, _ = make_topology()
    evaluation = make_evaluation([make_result("a", [0.1, 0.3, 0.2], topology.vertices)], topology)
    for metrics, worst in ((("lve",), "clip-1"), (("fdd", "lrp"), "clip-1"), (("closure_recall", "fdd"), "clip-1")):
        found = ranking(replace(evaluation, metrics=metrics))
        assert found is not None
        assert found.clips[0][0].clip == worst
    assert ranking(replace(evaluation, metrics=("closure_recall",))) is None


def test_a_topology_without_triangles_or_lips_is_told_and_the_rest_is_there(tmp_path: Path) -> None:
    topology, template = make_topology()
    bare = replace(topology, faces=np.zeros((0, 3), np.int32), landmarks={})
    evaluation = make_evaluation([make_result("a", [0.1, 0.2], bare.vertices)], bare, "BIWI's")
    info = make_info(bare, "BIWI's", 0.18)
    text, checker = checked(write_report(evaluation, Still(bare, template), tmp_path, info=info, videos=1))
    assert "has no triangles" in text
    assert "does not tell its inner lips" in text
    assert "millimetres are nominal" in text
    assert not [tag for tag, _ in checker.seen if tag == "video"]


def test_no_videos_are_made_where_none_are_wanted(tmp_path: Path) -> None:
    topology, template = make_topology()
    evaluation = make_evaluation([make_result("a", [0.1, 0.2], topology.vertices)], topology)
    path = write_report(evaluation, Still(topology, template), tmp_path, info=make_info(topology), videos=0)
    assert "Worst clips" not in checked(path)[0]
    assert not list((tmp_path / "videos").iterdir())


def test_a_report_of_nothing_says_so(tmp_path: Path) -> None:
    topology, template = make_topology()
    evaluation = make_evaluation([make_result("a", [], topology.vertices, missing=["x"])], topology)
    path = write_report(evaluation, Still(topology, template), tmp_path, info=make_info(topology))
    assert "No clip gave a number" in checked(path)[0]


def test_a_folder_that_cannot_be_made_is_told_and_the_old_report_stays(tmp_path: Path) -> None:
    topology, template = make_topology()
    evaluation = make_evaluation([make_result("a", [0.1], topology.vertices)], topology)
    (tmp_path / "plots").write_text("a file")
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(TalkError, match="cannot be written to"):
        write_report(evaluation, Still(topology, template), tmp_path, info=make_info(topology))
    assert (tmp_path / "report.html").read_text() == "old"
