"""The whole head: the skin and its parts, which vertex belongs to what, and named regions and landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.head.hair import Hair, hair
from tools.head.maths import Array, Indices, Mask, normals, triangles
from tools.head.parts import Part, brow, caruncle, eyeball, teeth, tongue
from tools.head.relax import relax
from tools.head.topology import Skin, skin

PARTS = ("skin", "eye_left", "eye_right", "caruncle", "teeth_upper", "teeth_lower", "tongue", "brows", "hair")


@dataclass(frozen=True)
class Anatomy:
    """v (V, 3) mm, faces (F, 3), part (V,) index into PARTS; the first vertices are the skin's."""

    skin: Skin
    v: Array
    faces: Indices
    part: NDArray[np.int64]
    pieces: tuple[Part, ...]  # in the order of the vertices behind the skin
    hair: Hair

    @property
    def skin_count(self) -> int:
        return len(self.skin.v)

    @property
    def skin_faces(self) -> Indices:
        return triangles(self.skin.quads)

    def of(self, *names: str) -> Indices:
        return np.flatnonzero(np.isin(self.part, [PARTS.index(n) for n in names]))


def anatomy() -> Anatomy:
    """Build the head."""
    s = skin()
    relax(s)
    eye, corner, strip = eyeball(), caruncle(), brow()
    cut = hair(s.v, normals(s.v, triangles(s.quads)))
    pieces = (
        ("eye_left", eye),
        ("eye_right", eye.mirrored()),
        ("caruncle", corner),
        ("caruncle", corner.mirrored()),
        ("teeth_upper", teeth("upper")),
        ("teeth_lower", teeth("lower")),
        ("tongue", tongue()),
        ("brows", strip),
        ("brows", strip.mirrored()),
        ("hair", cut.part),
    )
    v, faces, part = [s.v], [triangles(s.quads)], [np.zeros(len(s.v), int)]
    for name, piece in pieces:
        faces.append(piece.faces + sum(map(len, v)))
        v.append(piece.v)
        part.append(np.full(len(piece.v), PARTS.index(name)))
    whole = (np.concatenate(v), np.concatenate(faces), np.concatenate(part))
    return Anatomy(s, *whole, tuple(piece for _, piece in pieces), cut)


def visible(s: Skin) -> Mask:
    """Skin vertices (n,) that can be seen with the mouth closed."""
    inside = s.of("mouth") & (s.r < 2.9) | s.of("cap", "nostrilcap")
    return ~(inside | s.of("nostril") & (s.r > 0.1) | s.of("lids") & (s.r < 0.9))


def regions(head: Anatomy) -> dict[str, Indices]:
    """Sorted vertex indices by name; lips is the region of the lip vertex error."""
    s = head.skin
    u, r, m, e = s.u, s.r, s.of("mouth"), s.of("lids")
    left, x, y, z = s.v[:, 0] > 0, np.abs(s.v[:, 0]), s.v[:, 1], s.v[:, 2]
    seen = visible(s)
    lips = m & (r > 2.9) & (r < 4.15)
    masks: dict[str, Mask] = {
        "lips": lips,
        "upper_lip": lips & (u <= 4),
        "lower_lip": lips & (u >= 4),
        "mouth_inside": m & (r < 2.9) | s.of("cap"),
        "mouth_area": m & (r > 2.9) | seen & (np.hypot(x / 40, (y + 68) / 28) < 1) & (z > 60),
        "eye_left": e & left,
        "eye_right": e & ~left,
        "nostrils": s.of("nostril", "nostrilcap"),
        "upper_face": seen & ~m & (y > -40) & (y < 75) & (z > 40),
        "forehead": seen & (y > 22) & (y < 75) & (z > 45),
        "nose": seen & ~m & (x < 19) & (y < 4) & (y > -47) & (z > 92),
        "cheeks": seen & ~m & (x > 18) & (x < 62) & (y < -16) & (y > -75) & (z > 30),
        "lower_face": seen & (y < -47) & (y > -122) & (z > 20),
        "jaw": seen & ~m & (y < -72) & (y > -122) & (z > 5),
        "chin": seen & (x < 20) & (y < -84) & (y > -116) & (z > 72),
        "ears": s.of("ear") & (r > 0.9) | s.of("earcap"),
        "neck": y < -122,
        "scalp": ~s.of("ear") & ((y > 75) | (z < -12) & (y > -20)),
        "hidden": ~seen,
    }
    named = {name: np.flatnonzero(mask) for name, mask in masks.items()}
    return {**named, **{f"part_{name}": head.of(name) for name in PARTS}}


def landmarks(head: Anatomy) -> dict[str, int]:
    """Vertices by name; left is the subject's left."""
    s, v = head.skin, head.v
    middle = np.abs(v[:, 0]) < 1e-9

    def chart(name: str, u: float, r: float, left: bool = True) -> int:
        here = s.of(name) & (np.abs((s.u - u + 4) % 8 - 4) < 1e-6) & (np.abs(s.r - r) < 1e-6)
        if name == "mouth":
            here &= np.abs(s.u - u) < 1e-6
        return int(np.flatnonzero(here & ((s.v[:, 0] >= 0) == left))[0])

    def near(*point: float) -> int:
        return int(np.argmin(((s.v - point) ** 2).sum(1)))

    out = {
        "lip_inner_upper": chart("mouth", 0, 3),
        "lip_inner_lower": chart("mouth", 8, 3),
        "mouth_left": chart("mouth", 4, 3),
        "mouth_right": chart("mouth", 4, 3, False),
        "lip_outer_upper": chart("mouth", 0, 4),
        "lip_outer_lower": chart("mouth", 8, 4),
        "nose_tip": int(np.argmax(np.where(middle, v[:, 2], -np.inf)[: head.skin_count])),
        "chin": near(0, -98, 100),
    }
    for side, left in (("left", True), ("right", False)):
        ball = head.of(f"eye_{side}")
        out[f"eye_{side}"] = int(ball[np.argmax(v[ball, 2])])  # the pupil
        for name, u in (("inner", 0), ("outer", 4)):
            out[f"eye_{side}_{name}"] = chart("lids", u, 2, left)
        for name, u in (("upper", 2), ("lower", 6)):
            out[f"lid_{side}_{name}"] = chart("lids", u, 2, left)
    for jaw, sign in (("upper", 1), ("lower", -1)):
        row = head.of(f"teeth_{jaw}")
        incisor = row[(v[row, 0] > 1) & (v[row, 0] < 6)]
        out[f"tooth_{jaw}"] = int(incisor[np.argmin(sign * v[incisor, 1])])  # its biting edge
    tip = head.of("tongue")
    out["tongue_tip"] = int(tip[np.argmax(v[tip, 2])])
    return out
