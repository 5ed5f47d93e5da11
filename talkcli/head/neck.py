"""The head's turn upon its neck: a rotation that fades down the neck, whose lower edge stays where it is.

Vertices are blended linearly between a joint that rests and one that turns, as glTF's and USD's skins do, so that these
hold it exactly. Angles are yaw to the subject's left, pitch downwards and roll to the subject's right, in radians:
right-handed about y, x and z, in this order from the outermost. Shape letters: T frames, V vertices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, Ints
from talkcli.head.contacts import smooth

PIVOT = (0.0, -0.045, -0.015)  # metres, of the template: between the ears' lobes, where the skull sits on the spine
FIXED, FREE = -0.18, -0.10  # metres up the neck, from where on it moves and from where on with the head


@dataclass(frozen=True, eq=False)
class Neck:
    """How much of the head's turn each vertex takes, weights (V,), and the pivot, told by the vertices round it."""

    weights: Floats
    around: Ints
    offset: Floats  # (3,) metres from their mean to the pivot

    @classmethod
    def of(cls, template: Floats, around: Ints) -> Neck:
        """That of the head itself; around are vertices whose mean moves from subject to subject as the pivot does."""
        offset = np.array(PIVOT, np.float32) - template[around].mean(0)
        return cls(smooth(template[:, 1], FIXED, FREE), around, offset)

    def pivot(self, template: Floats) -> Floats:
        """(3,) of a subject's head at rest (V, 3)."""
        return np.asarray(template[self.around].mean(0) + self.offset, np.float32)

    def foot(self, template: Floats) -> Floats:
        """(3,) below the pivot, where the neck is cut off."""
        pivot = self.pivot(template)
        return np.array([pivot[0], template[:, 1].min(), pivot[2]], np.float32)

    def turned(self, vertices: Floats, template: Floats, turn: Floats) -> Floats:
        """Vertices (T, V, 3) of a subject with its template (V, 3), turned by angles (T, 3)."""
        about = vertices - self.pivot(template)
        moved = about @ (rotations(turn) - np.eye(3, dtype=np.float32)).transpose(0, 2, 1)
        moved *= self.weights[:, None]
        return np.asarray(vertices + moved, np.float32)


def rotations(turn: Floats) -> Floats:
    """(T, 3, 3) of yaw, pitch and roll (T, 3)."""
    (y, x, z), zero = turn.T.astype(np.float64), np.zeros(len(turn))
    one = zero + 1
    yaw = np.array([[np.cos(y), zero, np.sin(y)], [zero, one, zero], [-np.sin(y), zero, np.cos(y)]])
    pitch = np.array([[one, zero, zero], [zero, np.cos(x), -np.sin(x)], [zero, np.sin(x), np.cos(x)]])
    roll = np.array([[np.cos(z), -np.sin(z), zero], [np.sin(z), np.cos(z), zero], [zero, zero, one]])
    return np.asarray(np.einsum("ijt,jkt,klt->til", yaw, pitch, roll), np.float32)


def quaternions(turn: Floats) -> NDArray[np.float64]:
    """(T, 4) the same rotations as x, y, z, w."""
    (sy, sx, sz), (cy, cx, cz) = np.sin(turn.T.astype(np.float64) / 2), np.cos(turn.T.astype(np.float64) / 2)
    return np.stack(
        [
            cy * sx * cz + sy * cx * sz,
            sy * cx * cz - cy * sx * sz,
            cy * cx * sz - sy * sx * cz,
            cy * cx * cz + sy * sx * sz,
        ],
        axis=1,
    )
