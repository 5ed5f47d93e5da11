"""Where the camera stands: framing worked out from the head itself, so that any topology and unit fits.

Shape letters: V vertices, F triangles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, Ints, Topology
from talkcli.errors import TalkError

Doubles = NDArray[np.float64]

FIELD_OF_VIEW = np.radians(19.0)  # vertical, about an 85 mm portrait lens
MARGIN = 0.2  # of the picture's half height or width, left free round the head
BLEED = 1.02  # a cut neck ends this far below the middle, in half heights of the picture
CLOSE_WIDTH = 2.5  # width and height of the close view, in mouth widths


@dataclass(frozen=True)
class View:
    """A way to look at the head: degrees round it to its left and up, and whether at the mouth alone."""

    yaw: float
    pitch: float = 0.0
    close: bool = False


VIEWS: dict[str, View] = {
    "front": View(0.0, 1.0),
    "three-quarter": View(36.0, 2.0),
    "profile": View(90.0),
    "close": View(14.0, 1.0, close=True),
}


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera: eye (3,), axes (3, 3) with rows right, up and back (towards the viewer), size in pixels.

    focal is the distance, in half heights of the picture, at which it stands in front of the eye.
    """

    eye: Doubles
    axes: Doubles
    focal: float
    size: tuple[int, int]

    def project(self, points: Floats) -> Doubles:
        """(V, 3) x and y in pixels from the upper left corner, and depth before the camera."""
        seen = (points - self.eye) @ self.axes.T  # (V, 3)
        width, height = self.size
        scale = self.focal * height / 2 / -seen[:, 2]
        return np.stack([width / 2 + seen[:, 0] * scale, height / 2 - seen[:, 1] * scale, -seen[:, 2]], axis=1)


def check_view(view: str) -> None:
    """Raises TalkError for a view that is none of VIEWS."""
    if view not in VIEWS:
        raise TalkError(f"There is no view {view!r}; the views are {', '.join(VIEWS)}.")


def make_camera(topology: Topology, template: Floats, size: tuple[int, int], view: str) -> Camera:
    """The camera that shows this head (V, 3) in the named view.

    Raises:
        TalkError: no such view, or a close view of a topology whose lips are not known.
    """
    check_view(view)
    wanted = VIEWS[view]
    axes = _axes(wanted)
    points = np.asarray(template, np.float64) @ axes.T  # (V, 3) right, up, towards the viewer
    focal = float(1 / np.tan(FIELD_OF_VIEW / 2))
    reach = np.array([size[0] / size[1], 1.0]) / focal  # half width and height seen at distance 1
    if wanted.close:
        low, high = _mouth_box(topology, template, points)
        target = (low + high) / 2
        distance = target[2] + float(((high - low)[:2] / 2 / reach).min())
    else:
        target, distance = _whole_head(topology, points, reach)
    return Camera(np.array([target[0], target[1], distance]) @ axes, axes, focal, size)


def _axes(view: View) -> Doubles:
    yaw, pitch = np.radians([view.yaw, view.pitch])
    back = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
    return np.stack([right, np.cross(back, right), back])


def _whole_head(topology: Topology, points: Doubles, reach: Doubles) -> tuple[Doubles, float]:
    """Target and distance that show the whole head with a margin; where a neck is cut, the cut lies below the picture.

    points (V, 3) are in camera axes; reach is the half width and height seen at distance 1.
    """
    target = (points.min(axis=0) + points.max(axis=0)) / 2
    rim = points[_neck_rim(topology.faces, points)]
    inner = reach * (1 - MARGIN)
    near = float(points[:, 2].max() + 0.1 * np.ptp(points[:, 1]))
    far = near + 20 * float(np.ptp(points, axis=0).max()) / float(reach.min())
    for _ in range(50):  # the nearest distance from which the head fits
        distance = (near + far) / 2
        half = distance - points[:, 2, None]  # times reach: half width and height of the picture there, (V, 1)
        if len(rim):
            target[1] = (rim[:, 1] + BLEED * reach[1] * (distance - rim[:, 2])).max()
            fits = bool((points[:, 1] - target[1] <= half[:, 0] * inner[1]).all())
            shown = points[:, 1] >= target[1] - half[:, 0] * reach[1]
        else:
            target[1] = _middle(points[:, 1], half[:, 0] * inner[1])
            fits, shown = True, np.ones(len(points), bool)
        target[0] = _middle(points[shown, 0], half[shown, 0] * inner[0])
        sides = np.abs(points[shown, :2] - target[:2]) <= half[shown] * inner * (1 + 1e-9)
        fits = fits and bool(sides[:, 0].all()) and (len(rim) > 0 or bool(sides[:, 1].all()))
        near, far = (near, distance) if fits else (distance, far)
    return target, far


def _middle(values: Doubles, half: Doubles) -> float:
    """Where to aim so that the outermost values leave equal room on both sides."""
    return float(((values + half).min() + (values - half).max()) / 2)


def _neck_rim(faces: Ints, points: Doubles) -> Ints:
    """Vertices of open edges in the lowest quarter of the mesh: where a neck was cut."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)  # (3F, 2)
    keys = edges.min(axis=1) * len(points) + edges.max(axis=1)  # one number an edge, which sorts faster than a pair
    unique, count = np.unique(keys, return_counts=True)
    rim = np.unique(np.divmod(unique[count == 1], len(points)))
    low, high = points[:, 1].min(), points[:, 1].max()
    return np.asarray(rim[points[rim, 1] < low + 0.25 * (high - low)], np.int32)


def _mouth_box(topology: Topology, template: Floats, points: Doubles) -> tuple[Doubles, Doubles]:
    """Corners of the box round the mouth, in camera axes."""
    lips = topology.regions.get("lips")
    if lips is None or not len(lips):
        raise TalkError("The view 'close' needs to know the lips, and this head names no such region; use 'front'.")
    width = float(np.ptp(template[lips, 0]))
    middle = (points[lips].min(axis=0) + points[lips].max(axis=0)) / 2 - [0, 0.12 * width, 0]
    half = np.array([CLOSE_WIDTH * width / 2, CLOSE_WIDTH * width / 2, 0.0])
    return middle - half, middle + half
