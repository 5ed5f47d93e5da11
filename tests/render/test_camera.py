"""Any head fills its picture, whatever its unit."""

from __future__ import annotations

import numpy as np
import pytest

from talkcli.clip import Topology
from talkcli.errors import TalkError
from talkcli.render.camera import MARGIN, VIEWS, make_camera
from tests.render.make_heads import ball_head


@pytest.mark.parametrize("view", ["front", "three-quarter", "profile"])
@pytest.mark.parametrize("size", [(96, 96), (160, 90), (90, 160)])
@pytest.mark.parametrize("scale", [1.0, 1000.0, 3e-4])
def test_the_whole_head_is_seen_with_a_margin(view: str, size: tuple[int, int], scale: float) -> None:
    topology, vertices = ball_head(scale)
    seen = make_camera(topology, vertices + np.float32(5 * scale), size, view).project(vertices + np.float32(5 * scale))
    half = np.array(size) / 2
    reach = np.abs(seen[:, :2] - half) / half
    assert reach.max() == pytest.approx(1 - MARGIN, abs=0.02)
    assert (seen[:, 2] > 0).all()


def test_a_cut_neck_lies_below_the_picture() -> None:
    topology, vertices = ball_head()
    bottom = vertices[:, 1].argmin()
    open_below = Topology("cut", topology.vertices, topology.faces[~(topology.faces == bottom).any(axis=1)])
    seen = make_camera(open_below, vertices, (96, 96), "front").project(vertices)
    rim = np.unique(topology.faces[(topology.faces == bottom).any(axis=1)])
    assert (seen[rim, 1] > 96).all()
    free = min(seen[:, 1].min(), seen[:, 0].min(), 96 - seen[:, 0].max())
    assert free == pytest.approx(MARGIN * 48, abs=1)


def test_the_close_view_is_of_the_mouth() -> None:
    topology, vertices = ball_head()
    seen = make_camera(topology, vertices, (96, 96), "close").project(vertices)[topology.regions["lips"]]
    assert np.ptp(seen[:, 0]) == pytest.approx(96 / 2.5, rel=0.15)
    assert (seen[:, :2] > 0).all()
    assert (seen[:, :2] < 96).all()


def test_the_camera_stands_before_the_face_and_the_left_ear_is_right() -> None:
    topology, vertices = ball_head()
    camera = make_camera(topology, vertices, (96, 96), "front")
    assert camera.eye[2] > vertices[:, 2].max()
    assert camera.project(np.array([[0.05, 0, 0], [-0.05, 0, 0]], np.float32))[:, 0].argmax() == 0
    assert make_camera(topology, vertices, (96, 96), "profile").eye[0] > vertices[:, 0].max()


def test_a_view_that_is_not_there_is_named() -> None:
    topology, vertices = ball_head()
    with pytest.raises(TalkError, match=f"no view 'top'.*{', '.join(VIEWS)}"):
        make_camera(topology, vertices, (96, 96), "top")
    bare = Topology("bare", topology.vertices, topology.faces)
    with pytest.raises(TalkError, match="lips"):
        make_camera(bare, vertices, (96, 96), "close")
