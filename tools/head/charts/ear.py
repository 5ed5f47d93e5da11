"""The ears."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator

from tools.head.charts.splines import NINE, hermite
from tools.head.maths import Array, smooth
from tools.head.sculpt import side

# rows of (back, up, height) from the ear canal, on the head first, then over the back, the rim and the antihelix to the
# floor; stations 0 helix root, 1 tragus, 2 lobule front, 3 bottom, 4 lobule back, 5 helix back, 6 helix up, 7 top
ROWS = np.array(
    [
        [
            (-11.5, 16.5, 0),
            (-12, -3, 0),
            (-10.2, -22, 0),
            (-4.2, -27.5, 0),
            (4.5, -16, 0),
            (7.5, 1, 0),
            (6, 14.5, 0),
            (-2, 20.5, 0),
        ],
        [
            (-10, 17.4, 1),
            (-10.4, -3, 0.4),
            (-9.2, -25, 0.8),
            (-1, -31.5, 2.5),
            (8.6, -18.5, 5),
            (12.4, 1, 8),
            (12.6, 17, 8),
            (2, 25, 5),
        ],
        [
            (-8, 18.6, 3.2),
            (-9, -3, 1),
            (-7.5, -26.5, 1.8),
            (2, -33.4, 5),
            (12, -21, 9),
            (18.8, 0, 13.5),
            (20, 19, 14),
            (7.6, 29.5, 10),
        ],
        [
            (-6.4, 17.2, 4.6),
            (-7, -3.4, 2),
            (-5.8, -24.5, 2.8),
            (2.4, -30.8, 6.4),
            (10.9, -20, 11),
            (17.6, 0, 15.6),
            (18.8, 18, 16.2),
            (7, 27.6, 12),
        ],
        [
            (-4, 12, 2.4),
            (-4.2, -4, 3.2),
            (-3.2, -20, 3.4),
            (2.8, -23.5, 6.4),
            (8.8, -17, 8.6),
            (13.8, 0, 10.2),
            (14.2, 14, 9.6),
            (5.4, 21.6, 6.4),
        ],
        [
            (-2.8, 6.5, 1.4),
            (-2.2, -4, 3.4),
            (-1.8, -15, 3.8),
            (2.4, -17, 7),
            (7, -13, 10.4),
            (10.4, -2, 13),
            (9.6, 8, 12.4),
            (3.4, 12, 7),
        ],
        [
            (-2.2, 2, -1.6),
            (-2.8, -4, -1),
            (-1.4, -11, -0.8),
            (2, -12.6, 1.2),
            (5.2, -9.6, 3.6),
            (7.2, -2.5, 5),
            (6.6, 2.8, 4),
            (2.4, 4.6, 1),
        ],
        [
            (-0.8, -1.6, -5),
            (-1.4, -4, -5),
            (-0.6, -6.6, -5),
            (0.9, -7.2, -4.6),
            (2.6, -6, -4),
            (3.4, -3.6, -3.4),
            (3, -1.8, -3.4),
            (1.2, -0.8, -4),
        ],
    ]
)
AT, TILT, FLARE = np.array([68.6, -13.0, -9.0]), 12, 22  # ear canal; degrees backwards, degrees off the head


def ear(u: Array, r: Array) -> Array:
    """The left ear; r: 1 on the head .. 8 floor of the concha."""
    u, r = np.mod(u, 8), np.clip(r, 1, 8)
    u = PchipInterpolator(NINE, [0, 1, 2, 3, 4.1, 5.45, 6.55, 7.35, 8])(u)  # follows the drift of the loop on the head
    rows = CubicSpline(NINE, np.concatenate([ROWS, ROWS[:, :1]], 1), axis=1, bc_type="periodic")(u)
    back, up, height = hermite(rows, u, r - 1, -1).T
    tilt, flare = np.radians([TILT, FLARE])
    y = AT[1] + up * np.cos(tilt) - back * np.sin(tilt)
    z = AT[2] - up * np.sin(tilt) - back * np.cos(tilt) * np.cos(flare * 0.6)
    head = side(y, z)
    x = AT[0] + back * 0.10 + 0.13 * np.minimum(up, 0) + 0.02 * up
    x += (0.25 + 0.75 * smooth(-back, -5, 5)) * (head - x)  # in front it follows the head, behind it stands off
    x += height * np.cos(flare)
    w = smooth(r, 1, 2.2)
    return np.stack([np.where(r < 3, w * x + (1 - w) * (head - 0.3), x), y, z], -1)
