"""A side-by-side video has every head, its title and the sound, and shows errors as colours."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from talkcli.clip import Audio, Floats, Topology
from talkcli.errors import TalkError
from talkcli.export import ExportOptions
from talkcli.export.compare import COLORS, Panel, color_table, distance_mm, error_colors, title_bar, write
from talkcli.render import open_renderer
from tests.export.test_video import decode, described, sound
from tests.render.make_heads import ball_head

LOOK = ExportOptions(size=(64, 64), background="#203040")
BAR = 24


def moving(template: Floats, frames: int, step: float = 0.0) -> Floats:
    """(T, V, 3) a head that goes to its left."""
    return template + (np.arange(frames)[:, None, None] * np.array([step, 0, 0])).astype(np.float32)


def pictures(path: Path, width: int) -> NDArray[np.int64]:
    raw = np.frombuffer(decode(path, "-map", "0:v:0", "-f", "rawvideo", "-pix_fmt", "rgb24"), np.uint8)
    return raw.reshape(-1, BAR + 64, width, 3).astype(int)


def test_heads_stand_side_by_side_under_their_titles_as_long_as_the_shortest(tmp_path: Path) -> None:
    topology, template = ball_head()
    panels = [
        Panel("target", moving(template, 5), template),
        Panel("model", iter(moving(template, 4, 0.02)), template),
    ]
    path = tmp_path / "both.mp4"
    tone = Audio((0.3 * np.sin(np.arange(16000) * 0.2)).astype(np.float32), 16000)
    assert write(panels, path, topology=topology, fps=20, audio=tone, options=LOOK) == 4
    seen = pictures(path, 128)
    assert len(seen) == 4
    assert abs(len(sound(path)) - 4 / 20 * 16000) <= 16000 / 20
    assert "20 fps" in described(path)
    assert list(tmp_path.iterdir()) == [path]
    with open_renderer(topology, template, size=(64, 64), background="#203040", renderer="software") as renderer:
        for number, step in ((0, 0.0), (3, 0.06)):
            alone = renderer.image(template + np.array([step, 0, 0], np.float32)).astype(int)
            assert np.abs(seen[number][BAR:, 64:] - alone).mean() < 4
    assert np.abs(seen[0][:BAR, :64] - title_bar("target", (64, BAR))).mean() < 8


def test_an_error_view_has_the_colours_of_the_distance_at_each_frame(tmp_path: Path) -> None:
    topology, template = ball_head()
    far = moving(template, 3, 0.005)  # 0, 5 and 10 mm
    path = tmp_path / "error.mp4"
    write([Panel("error", far, template, target=repeat(template))], path, topology=topology, fps=10, options=LOOK)
    seen = pictures(path, 64)[:, BAR:]
    ends = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in (COLORS[0], COLORS[-1])])
    for number, end in ((0, ends[0]), (1, ends[1]), (2, ends[1])):
        colors = np.repeat(end[None].astype(np.uint8), len(template), 0)
        with open_renderer(topology, template, size=(64, 64), background="#203040", colors=colors) as renderer:
            assert np.abs(seen[number] - renderer.image(far[number]).astype(int)).mean() < 4


def test_errors_are_coloured_from_none_to_the_limit_and_what_is_no_number_is_beyond() -> None:
    found = error_colors(np.array([0.0, 5.0, 50.0, np.nan]), 5.0)
    table = color_table()
    assert (found == table[[0, 255, 255, 255]]).all()
    assert distance_mm(np.array([[0.003, 0.004, 0]], np.float32), np.zeros((1, 3), np.float32)) == pytest.approx(5.0)
    light = np.where(table <= 10, table / 3295, ((table / 255 + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) < 0.004).all()  # ever darker, so that it is read without colours too


def test_a_title_that_is_too_long_is_cut_and_dollars_are_no_formula() -> None:
    long = title_bar("a" * 300, (128, 24))
    assert long.shape == (24, 128, 3)
    assert (long[:, -4:] == long[0, 0]).all()
    assert (title_bar("$x^2$ and \\frac{1", (200, 24)) != long[0, 0]).any()
    with_scale = title_bar("a" * 300, (128, 24), 5.0)
    assert (with_scale[:, -60:] != long[:, -60:]).any()


def test_a_head_without_triangles_is_told(tmp_path: Path) -> None:
    topology, template = ball_head()
    bare = replace(topology, faces=np.zeros((0, 3), np.int32))
    with pytest.raises(TalkError, match="no triangles"):
        write([Panel("a", moving(template, 2), template)], tmp_path / "a.mp4", topology=bare, fps=10, options=LOOK)
    assert not list(tmp_path.iterdir())


def test_no_frames_are_told_and_an_existing_file_stays(tmp_path: Path) -> None:
    topology, template = ball_head()
    path = tmp_path / "a.mp4"
    with pytest.raises(TalkError, match="no frames"):
        write_one(moving(template, 0), path, topology, template)
    path.write_text("mine")
    with pytest.raises(TalkError, match="exists already"):
        write_one(moving(template, 2), path, topology, template)
    assert path.read_text() == "mine"


def write_one(frames: Floats, path: Path, topology: Topology, template: Floats) -> None:
    write([Panel("a", frames, template)], path, topology=topology, fps=10, options=LOOK)
