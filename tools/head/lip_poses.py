"""The lips' blendshapes as displaced tables of the mouth chart.

Displacements in mm at the stations midline, peak of the bow, 2, 3, corner.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tools.head.maths import Array

Row = Sequence[float] | float


def table(dx: Row = 0, dy: Row = 0, dz: Row = 0) -> Array:
    """(5, 3)"""
    return np.stack([np.broadcast_to(np.array(d, float), 5) for d in (dx, dy, dz)], -1)


def lip_pose(
    *,
    contact: Array | None = None,
    border: Array | None = None,
    upper: tuple[Array, Array] | None = None,
    lower: tuple[Array, Array] | None = None,
    bulge: tuple[float, float] = (1.0, 1.0),
) -> dict[str, Array]:
    """contact and border move both lips; upper and lower: (contact, border) of one of them besides; bulge of each."""
    none = table()
    contact, border = (none if x is None else x for x in (contact, border))
    upper, lower = (x or (none, none) for x in (upper, lower))
    return {
        "cu": contact + upper[0],
        "cl": contact + lower[0],
        "bu": border + upper[1],
        "bl": border + lower[1],
        "gu": np.array(bulge[0]),
        "gl": np.array(bulge[1]),
    }


NONE = table()
LIP_POSES = {
    "mouthPucker": lip_pose(
        contact=table([0, -2.6, -5.6, -8.8, -11.6], [0.2, 0.1, 0, -0.1, -0.3], [6.5, 6.8, 7.8, 9.0, 9.6]),
        border=table([0, -2.1, -4.9, -8.1, -10.4], 0, [5.1, 5.3, 6.2, 7.6, 8.4]),
        upper=(NONE, table(0, [0.8, 0.6, 1.2, 1.5, 0.1])),
        lower=(NONE, table(0, [-0.4, -0.4, -1.0, -1.5, -0.1])),
        bulge=(1.1, 1.05),
    ),
    "mouthFunnel": lip_pose(
        contact=table([0, -1.7, -3.8, -6.0, -7.6], 0, [5.6, 5.8, 6.4, 7.0, 7.0]),
        border=table([0, -1.4, -3.4, -5.4, -6.6], 0, [5.4, 5.5, 5.9, 6.4, 6.4]),
        upper=(table(0, [3.4, 3.3, 3.0, 2.0, 0]), table(0, [3.4, 3.2, 3.2, 2.2, 0.2])),
        lower=(table(0, [-4.6, -4.4, -4.0, -2.6, 0]), table(0, [-4.6, -4.4, -4.0, -2.6, -0.2])),
    ),
    "mouthStretch": lip_pose(
        contact=table([0, 0.7, 1.9, 3.6, 5.4], [0, 0, -0.1, -0.5, -1.2], [-0.8, -0.9, -1.5, -2.9, -4.8]),
        border=table([0, 0.6, 1.8, 3.6, 5.4], 0, [-1.0, -1.1, -1.7, -3.0, -4.8]),
        upper=(NONE, table(0, [-0.5, -0.5, -0.5, -0.7, -1.2])),
        lower=(NONE, table(0, [0.5, 0.5, 0.4, -0.2, -1.2])),
        bulge=(0.85, 0.85),
    ),
    "mouthSmile": lip_pose(
        contact=table([0, 0.7, 2.0, 3.9, 5.8], [-0.9, -0.7, 0.2, 2.5, 6.0], [-1.0, -1.1, -1.8, -3.4, -5.4]),
        border=table([0, 0.6, 1.9, 3.8, 5.8], 0, [-1.1, -1.2, -1.9, -3.4, -5.4]),
        upper=(NONE, table(0, [-0.7, -0.6, 0.2, 2.4, 6.0])),
        lower=(NONE, table(0, [-0.1, 0.1, 0.9, 2.9, 6.0])),
        bulge=(0.85, 0.9),
    ),
    "mouthFrown": lip_pose(
        contact=table([0, 0, 0.2, 0.6, 1.0], [0, -0.2, -0.9, -2.6, -4.4], [0, 0, -0.2, -0.5, -0.8]),
        border=table([0, 0, 0.2, 0.6, 1.0], [0, -0.2, -0.9, -2.6, -4.4], [0, 0, -0.2, -0.5, -0.8]),
    ),
    "mouthDimple": lip_pose(
        contact=table([0, 0.2, 0.7, 1.6, 2.8], [0, 0, 0.1, 0.4, 0.9], [-0.3, -0.4, -0.9, -2.2, -4.0]),
        border=table([0, 0.2, 0.6, 1.5, 2.8], [0, 0, 0.1, 0.4, 0.9], [-0.3, -0.4, -0.9, -2.2, -4.0]),
        bulge=(0.95, 0.95),
    ),
    "mouthPress": lip_pose(
        contact=table(0, 0, [-1.6, -1.6, -1.4, -0.8, -0.3]),
        border=table(0, 0, [-1.2, -1.2, -1.0, -0.5, 0]),
        upper=(NONE, table(0, [-2.2, -2.3, -1.9, -1.0, 0])),
        lower=(NONE, table(0, [2.4, 2.4, 2.0, 1.1, 0])),
        bulge=(0.72, 0.72),
    ),
    "mouthRollLower": lip_pose(
        upper=(table(0, [1.8, 1.8, 1.4, 0.6, 0], 0.2), table(0, [1.2, 1.2, 1.0, 0.5, 0], 0.1)),
        lower=(
            table([0, 0, -0.1, -0.2, 0], [0.7, 0.7, 0.5, 0.2, 0], [-6.4, -6.2, -5.0, -2.3, 0]),
            table(0, [2.6, 2.5, 2.0, 1.0, 0], [-3.0, -3.0, -2.4, -1.2, 0]),
        ),
        bulge=(1.0, 0.9),
    ),
    "mouthRollUpper": lip_pose(
        upper=(
            table(0, [-0.3, -0.3, -0.2, 0, 0], [-4.2, -4.0, -3.2, -1.5, 0]),
            table(0, [-2.6, -2.7, -2.2, -1.1, 0], [-2.2, -2.2, -1.8, -0.9, 0]),
        ),
        bulge=(0.8, 1.0),
    ),
    "mouthUpperUp": lip_pose(
        upper=(
            table(0, [3.8, 3.9, 3.5, 1.8, 0.2], [-0.2, -0.2, -0.2, 0, 0]),
            table(0, [3.4, 3.5, 3.2, 1.9, 0.5], [0.1, 0.1, 0, 0, 0]),
        ),
        bulge=(0.92, 1.0),
    ),
    "mouthLowerDown": lip_pose(
        lower=(
            table(0, [-5.0, -4.9, -4.3, -2.4, -0.3], [-0.6, -0.6, -0.5, -0.2, 0]),
            table(0, [-4.4, -4.3, -3.9, -2.4, -0.6], [-0.9, -0.9, -0.8, -0.3, 0]),
        ),
        bulge=(1.0, 0.92),
    ),
    "mouthShrugUpper": lip_pose(
        upper=(
            table(0, [2.0, 1.9, 1.5, 0.5, -0.2], [0.9, 0.9, 0.7, 0.2, 0]),
            table(0, [2.4, 2.4, 1.8, 0.6, -0.2], [1.6, 1.6, 1.2, 0.4, 0]),
        ),
    ),
    "mouthShrugLower": lip_pose(
        lower=(
            table(0, [2.2, 2.1, 1.6, 0.4, -0.5], [1.2, 1.2, 0.9, 0.3, 0]),
            table(0, [2.8, 2.7, 2.1, 0.7, -0.5], [1.6, 1.6, 1.2, 0.4, 0]),
        ),
        upper=(table(0, [0.6, 0.6, 0.4, 0, -0.3]), table(0, [0.3, 0.3, 0.2, 0, -0.3])),
    ),
}
# the wide open mouth is an oval: its corners come in, the upper lip arches
OVAL = lip_pose(
    contact=table([0, -0.1, -0.7, -2.0, -3.4], 0, [0, 0, 0.2, 0.8, 1.4]),
    border=table([0, -0.1, -0.6, -1.8, -3.2], 0, [0, 0, 0.2, 0.7, 1.2]),
    upper=(table(0, [0, -0.1, -0.5, -0.6, 0]), table(0, [0, -0.1, -0.3, -0.4, 0])),
    lower=(table(0, [0, 0.1, 0.9, 1.0, 0]), table(0, [0, 0.1, 0.7, 0.8, 0])),
)
FULL = lip_pose(
    upper=(NONE, table(0, [1.3, 1.4, 1.3, 0.7, 0], 0.3)),
    lower=(NONE, table(0, [-1.5, -1.5, -1.3, -0.7, 0], 0.3)),
    bulge=(1.22, 1.2),
)
_BROAD = np.array([0, 0.22, 0.48, 0.76, 1.0]) * 2.6
BROAD = lip_pose(
    contact=np.stack([_BROAD, 0 * _BROAD, -0.4 * _BROAD], -1), border=np.stack([_BROAD, 0 * _BROAD, -0.4 * _BROAD], -1)
)
