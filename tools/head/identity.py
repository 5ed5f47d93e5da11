"""Shape parameters: name -> displacement (V, 3) in mm of one clearly visible step; use about -1.5 .. 1.5."""

from __future__ import annotations

import numpy as np

from tools.head.charts.ear import AT as EAR
from tools.head.lip_poses import BROAD, FULL
from tools.head.maths import Array, bell, hand, smooth
from tools.head.rig import Rig
from tools.head.sculpt import EYE, EYE_RADIUS

Parameters = dict[str, Array]


class _Warps:
    """Warps of space about the head's vertices; bells are mirrored."""

    def __init__(self, v: Array) -> None:
        self.v, (self.x, self.y, self.z) = v, v.T
        self.away, self.sign = np.abs(self.x), np.sign(self.x)

    def of(self, dx: Array | float = 0, dy: Array | float = 0, dz: Array | float = 0) -> Array:
        return np.stack([d + 0 * self.x for d in (dx, dy, dz)], -1)

    def bell(self, *numbers: float) -> Array:
        """(V,) Gaussian: centre x y z, width x y z."""
        return bell(self.v, numbers[:3], numbers[3:])


def identity(rig: Rig) -> Parameters:
    """All parameters of the head."""
    w = _Warps(rig.head.v)
    made = {**_frame(w), **_flesh(w), **_nose(w), **_lopsided(w)}
    for d in made.values():
        _keep_balls_round(rig, d)
    p, side = rig.head.v * hand(rig.head.v), hand(rig.head.v)
    near = 1 - smooth(np.linalg.norm(p - EYE, axis=1), 17, 30)
    made["eyeSize"] = (p - EYE) * (0.055 * near)[:, None] * side
    for name, pose in (("lipFullness", FULL), ("mouthWidth", BROAD)):
        made[name] = rig.whole(rig.lips(pose))
    hair = rig.head.of("hair")
    for name, move in (("hairLong", rig.head.hair.long), ("hairVolume", rig.head.hair.volume)):
        made[name] = np.zeros_like(rig.head.v)
        made[name][hair] = move
    return made


def _keep_balls_round(rig: Rig, d: Array) -> None:
    """Each eyeball moves as one piece with its lids."""
    v = rig.head.v
    for name, sign in (("eye_left", 1), ("eye_right", -1)):
        w = (1 - smooth(np.linalg.norm(v - EYE * [sign, 1, 1], axis=1), EYE_RADIUS + 3.5, 27)) * (v[:, 0] * sign > 0)
        d += w[:, None] * (d[rig.head.of(name)].mean(0) - d)


def _frame(w: _Warps) -> Parameters:
    """Bones."""
    x, y, z = w.x, w.y, w.z
    flat, throat = w.v * [0, 1, 1], 1 - smooth(z, 52, 74)
    ear = 0.13 * w.bell(*(EAR + np.array([6, 0, -4])), 14, 34, 24) ** 0.5 * smooth(w.away, 62, 70)
    return {
        "faceWidth": w.of(0.05 * x * (1 - 0.5 * smooth(-y, 118, 150))),
        "faceLength": w.of(0, -6.5 * smooth(-y, 20, 112)),
        "jawWidth": w.of(0.11 * x * bell(flat, (0, -86, 22), (1, 34, 46))),
        "chin": w.of(0, -2.0 * w.bell(0, -110, 84, 26, 20, 34), 5.0 * w.bell(0, -101, 90, 22, 17, 34)),
        "cheekbones": w.of(
            w.sign * 3.0 * smooth(w.away, 0, 30) * w.bell(52, -18, 52, 18, 13, 26),
            0,
            1.5 * w.bell(46, -18, 66, 14, 11, 22),
        ),
        "browRidge": w.of(
            0,
            -1.2 * w.bell(22, 17, 92, 24, 9, 22),
            3.0 * w.bell(18, 18, 94, 24, 9, 22) - 1.6 * w.bell(0, 52, 92, 34, 18, 26),
        ),
        "skull": w.of(0, 5.5 * smooth(y, 25, 105), -2.5 * smooth(-z, 10, 85)),
        "neckWidth": w.of(0.13 * x * smooth(-y, 62, 128) * throat, 0, 0.06 * (z + 15) * smooth(-y, 100, 140) * throat),
        "earSize": (w.v * hand(w.v) - EAR) * ear[:, None] * hand(w.v),
        "eyeSpacing": w.of(w.sign * 1.6 * smooth(w.away, 4, 18) * w.bell(31, 0, 84, 19, 15, 34)),
    }


def _flesh(w: _Warps) -> Parameters:
    """Fat and the years."""
    full = w.sign * 4.0 * smooth(w.away, 0, 25) * w.bell(44, -52, 62, 22, 24, 30)
    jowl = w.bell(34, -88, 62, 11, 12, 22)
    bag = w.bell(30, -15, 86, 11, 4, 12)
    fold = w.bell(29, -56, 88, 6, 12, 14)
    hollow = w.bell(46, -50, 66, 12, 18, 24)
    return {
        "cheeks": w.of(full, 0, 2.0 * w.bell(40, -50, 70, 20, 22, 30)),
        "age": w.of(
            w.sign * (1.8 * jowl - 1.2 * hollow),
            -2.4 * jowl - 1.2 * w.bell(34, 14, 88, 16, 7, 20) - 0.8 * w.bell(26, -64, 92, 10, 8, 16),
            0.9 * bag - 1.0 * fold - 1.0 * hollow + 0.8 * jowl,
        ),
        "browLift": w.of(0, 2.4 * w.bell(30, 20, 88, 26, 10, 30)),
    }


def _nose(w: _Warps) -> Parameters:
    return {
        "noseWidth": w.of(0.17 * w.x * w.bell(0, -36, 108, 19, 14, 17)),
        "noseLength": w.of(0, -2.6 * w.bell(0, -36, 112, 15, 15, 16), 2.4 * w.bell(0, -33, 116, 11, 15, 16)),
        "noseBridge": w.of(0, 0, 2.6 * w.bell(0, -10, 103, 9, 17, 14)),
        "noseTip": w.of(0, 2.0 * w.bell(0, -38, 116, 10, 8, 12), 0.6 * w.bell(0, -36, 117, 9, 8, 12)),
    }


def _lopsided(w: _Warps) -> Parameters:
    """No face is quite symmetric: positive bends the nose and chin to the subject's left and lifts the left brow."""
    left = smooth(w.x, -12, 12)
    nose = w.bell(0, -28, 110, 12, 20, 18)
    chin = w.bell(0, -98, 92, 30, 18, 40)
    brow = np.exp(-(((w.v - [32, 21, 86]) / [20, 9, 30]) ** 2).sum(1))
    cheek = w.bell(42, -50, 66, 18, 20, 26)
    return {"lopsided": w.of(0.9 * nose + 1.0 * chin + (left - 0.5) * cheek * w.sign, 1.3 * brow, 0)}
