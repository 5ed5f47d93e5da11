"""Small heads for the renderers' tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from talkcli.clip import Floats, Ints, Topology


def ball(rows: int = 12, columns: int = 16, radius: float = 0.1) -> tuple[Floats, Ints]:
    """Vertices and faces of a closed sphere, faces outwards."""
    up = np.linspace(-np.pi / 2, np.pi / 2, rows + 2)[1:-1]
    round_ = np.arange(columns) * 2 * np.pi / columns
    up, round_ = (grid.ravel() for grid in np.meshgrid(up, round_, indexing="ij"))
    ring = np.stack([np.cos(up) * np.sin(round_), np.sin(up), np.cos(up) * np.cos(round_)], axis=1)
    vertices = np.concatenate([ring, [[0, -1, 0], [0, 1, 0]]]) * radius
    faces = []
    bottom, top = rows * columns, rows * columns + 1
    for column in range(columns):
        after = (column + 1) % columns
        faces.append([bottom, after, column])
        faces.append([top, (rows - 1) * columns + column, (rows - 1) * columns + after])
        for row in range(rows - 1):
            a, b = row * columns + column, row * columns + after
            faces += [[a, b, b + columns], [a, b + columns, a + columns]]
    return vertices.astype(np.float32), np.array(faces, np.int32)


def ball_head(scale: float = 1.0) -> tuple[Topology, Floats]:
    """A ball with lips, as large as a head times scale."""
    vertices, faces = ball()
    lips = np.flatnonzero((vertices[:, 2] > 0.07) & (np.abs(vertices[:, 1]) < 0.05)).astype(np.int32)
    return Topology("ball", len(vertices), faces, {"lips": lips}), vertices * np.float32(scale)


def two_squares() -> tuple[Topology, Floats]:
    """A red square before a larger green one that is drawn after it; both face the viewer."""
    square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    vertices = np.concatenate([square * 0.05 + [0, 0, 0.05], square * 0.1]).astype(np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], np.int32)
    colors = np.repeat(np.array([[200, 30, 30], [30, 200, 30]], np.uint8), 4, axis=0)
    return Topology("squares", 8, faces, colors=colors), vertices


def hairy(topology: Topology) -> Topology:
    """The same head, all hair."""
    return replace(topology, part_names=("hair",), part_ids=np.zeros(topology.vertices, np.uint8))
