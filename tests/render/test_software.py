"""The software renderer draws what is there, the same every time."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from talkcli.clip import Floats, Topology
from talkcli.errors import TalkError
from talkcli.render import open_renderer
from talkcli.render.camera import make_camera
from talkcli.render.pixels import yuv420p
from talkcli.render.software import SoftwareRenderer
from tests.render.make_heads import ball_head, hairy, two_squares

SIZE = (96, 96)


def picture(topology: Topology, vertices: Floats, **options: str) -> NDArray[np.int64]:
    with open_renderer(topology, vertices, size=SIZE, renderer="software", **options) as renderer:
        return renderer.image(vertices).astype(int)


def test_two_renderers_draw_the_same_bytes() -> None:
    topology, vertices = ball_head()
    with open_renderer(topology, vertices, size=SIZE, renderer="software") as renderer:
        first = renderer.frame(vertices)
        renderer.frame(vertices * np.float32(0.5))
        assert renderer.frame(vertices) == first
    with open_renderer(topology, vertices, size=SIZE, renderer="software") as renderer:
        assert renderer.frame(vertices) == first
    assert len(first) == SIZE[0] * SIZE[1] * 3 // 2


def test_what_keeps_still_is_not_seen_in_the_bytes() -> None:
    random = np.random.default_rng(7)
    topology, rest = ball_head()
    poses = [rest]
    for _ in range(24):
        pose = poses[random.integers(len(poses))].copy()
        middle = rest[random.integers(len(rest))]
        near = np.linalg.norm(rest - middle, axis=1) < random.choice([0.001, 0.03, 0.06])
        pose[near] += random.normal(0, 0.01, (near.sum(), 3)).astype(np.float32)
        poses.append(pose)
    poses += [rest * np.float32(1.1), rest]
    wanted = {}
    for number in range(len(poses)):
        with open_renderer(hairy(topology), rest, size=(96, 130), renderer="software") as renderer:
            wanted[number] = renderer.frame(poses[number])
    for _ in range(3):
        with open_renderer(hairy(topology), rest, size=(96, 130), renderer="software") as renderer:
            for number in random.permutation(len(poses))[:12]:
                assert renderer.frame(poses[number]) == wanted[number]


def test_the_silhouette_is_the_projected_mesh() -> None:
    topology, vertices = ball_head()
    camera = make_camera(topology, vertices, SIZE, "front")
    inside = np.zeros((SIZE[1] * 2, SIZE[0] * 2), bool)
    y, x = (np.indices(inside.shape) + 0.5) / 2
    for triangle in camera.project(vertices)[topology.faces][:, :, :2]:
        edges = [
            (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
            for a, b in zip(triangle, np.roll(triangle, -1, axis=0), strict=True)
        ]
        inside |= np.all([edge <= 0 for edge in edges], axis=0)
    share = inside.reshape(SIZE[1], 2, SIZE[0], 2).mean(axis=(1, 3))
    drawn = picture(topology, vertices, background="#ff00ff")
    assert ((drawn == [255, 0, 255]).all(axis=2) == (share == 0)).all()
    edge = picture(topology, vertices, background="white") - picture(topology, vertices, background="black")
    assert np.abs(edge[:, :, 0] / 255 - (1 - share)).max() < 0.01


def test_the_nearer_square_hides_the_other() -> None:
    topology, vertices = two_squares()
    drawn = picture(topology, vertices)
    points = np.array([[0, 0, 0.05], [0.08, 0.08, 0]], np.float32)
    (x, y), (x_behind, y_behind) = make_camera(topology, vertices, SIZE, "front").project(points)[:, :2].astype(int)
    assert drawn[y, x, 0] > 2 * drawn[y, x, 1]
    assert drawn[y_behind, x_behind, 1] > 2 * drawn[y_behind, x_behind, 0]


def test_a_head_seen_from_behind_its_faces_is_not_drawn() -> None:
    topology, vertices = two_squares()
    drawn = picture(topology, vertices * np.array([-1, 1, 1], np.float32), background="#102030")
    assert (drawn == [16, 32, 48]).all()


def test_hair_is_drawn_from_inside_too_but_darker() -> None:
    topology, vertices = two_squares()
    outside = picture(hairy(topology), vertices, background="#102030")
    turned = vertices * np.array([-1, 1, 1], np.float32)
    inside = picture(hairy(topology), turned, background="#102030")
    drawn = (inside != [16, 32, 48]).any(2)
    assert (drawn == (outside != [16, 32, 48]).any(2)).all()
    assert 0 < inside[drawn].mean() < 0.6 * outside[drawn].mean()


def test_the_inside_of_hair_that_nobody_sees_costs_nothing() -> None:
    topology, vertices = ball_head()
    with open_renderer(hairy(topology), vertices, size=SIZE, renderer="software") as renderer:
        assert len(renderer.scene.faces) == len(topology.faces)  # type: ignore[attr-defined]
    opened = replace(topology, faces=topology.faces[vertices[topology.faces].mean(1)[:, 2] < 0.05])  # no front
    with open_renderer(hairy(opened), vertices, size=SIZE, renderer="software") as renderer:
        assert len(renderer.scene.faces) > len(opened.faces)  # type: ignore[attr-defined]


def test_vertices_that_are_no_numbers_do_no_harm() -> None:
    topology, vertices = ball_head()
    broken = vertices.copy()
    broken[::3] = [np.nan, np.inf, 1e30]
    with open_renderer(topology, vertices, size=SIZE, renderer="software") as renderer:
        before = renderer.image(vertices)
        renderer.image(broken)
        assert (renderer.image(vertices) == before).all()


def test_colors_of_the_clip_override_the_topology() -> None:
    topology, vertices = two_squares()
    blue = np.full((8, 3), [20, 20, 220], np.uint8)
    with open_renderer(topology, vertices, size=SIZE, renderer="software", colors=blue) as renderer:
        drawn = renderer.image(vertices).astype(int)
    assert drawn[48, 48, 2] > 2 * drawn[48, 48, 0]


def test_a_head_painted_anew_looks_as_if_made_so() -> None:
    random = np.random.default_rng(5)
    ball_topology, rest = ball_head()
    parts = np.where(rest[:, 1] > 0.04, 1, np.where(rest[:, 1] < -0.05, 2, 0)).astype(np.uint8)
    topology = replace(ball_topology, part_names=("skin", "hair", "tongue"), part_ids=parts)
    with open_renderer(topology, rest, size=SIZE, renderer="software") as renderer:
        assert isinstance(renderer, SoftwareRenderer)
        for number in range(4):
            pose = rest.copy()
            pose[: 10 * number] *= np.float32(1.05)
            colors = random.integers(0, 256, rest.shape).astype(np.uint8)
            renderer.paint(colors)
            painted, planes = renderer.image(pose), renderer.frame(pose)
            with open_renderer(topology, rest, size=SIZE, renderer="software", colors=colors) as made:
                assert np.abs(painted.astype(int) - made.image(pose)).max() <= 1
            assert planes == yuv420p(painted).tobytes()


def test_an_unknown_renderer_is_named() -> None:
    topology, vertices = ball_head()
    with (
        pytest.raises(TalkError, match=r"no renderer 'oil'.*software"),
        open_renderer(topology, vertices, renderer="oil"),
    ):
        pass


def test_kernels_are_cached_elsewhere_when_the_package_cannot_be_written(tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.write_text("not a directory")
    temporary.mkdir()
    code = """
import numba.core.caching as caching
for name in ("InTreeCacheLocator", "InTreeCacheLocatorFsAgnostic", "_InTreeCacheLocator"):
    if hasattr(caching, name):
        getattr(caching, name).ensure_cache_path = lambda self: (_ for _ in ()).throw(OSError("read-only"))
from talkcli.render.pixels import yuv420p
import numpy as np
print(len(yuv420p(np.zeros((4, 4, 3), np.uint8))))
"""
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home), "TMPDIR": str(temporary)}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "24", "")
    assert list(temporary.glob("talk-kernels-*/**/*.nbc"))
