"""All blendshapes of the head: name -> displacement (V, 3) in mm at weight 1."""

from __future__ import annotations

import numpy as np

from talkcli.head.controls import CONTROLS
from tools.head.anatomy import PARTS
from tools.head.charts.lids import LidPose, lids
from tools.head.lip_poses import LIP_POSES, OVAL
from tools.head.maths import Array, rotation, smooth
from tools.head.rig import Rig
from tools.head.sculpt import EYE

SIDED = ("mouthStretch", "mouthSmile", "mouthFrown", "mouthDimple", "mouthPress", "mouthUpperUp", "mouthLowerDown")
MEET = 0.30  # of the jaw's way is left to the upper lip when mouthClose shuts the mouth
EYE_ANGLE = 28.0  # degrees at an eyeLook weight of 1
FOLD = [(18, -40, 97), (25.5, -49, 91), (33, -57, 85), (39, -66, 78)]  # from the nose's wing past the mouth's corner

Shapes = dict[str, Array]


def shapes(rig: Rig) -> Shapes:
    """In CONTROLS order."""
    made = {**_jaw(rig), **_lips(rig), **_cheeks(rig), **_lids(rig), **_gaze(rig), **_brows(rig), **_tongue(rig)}
    made["mouthSeal"] = np.zeros_like(rig.head.v)
    return {name: made[name] for name in CONTROLS}


def _sided(rig: Rig, name: str, d: Array) -> Shapes:
    d, w = rig.whole(d), rig.left[:, None]
    return {name + "Left": d * w, name + "Right": d * (1 - w)}


def _jaw(rig: Rig) -> Shapes:
    s, jaw = rig.skin, rig.hinge(1.0) + rig.whole(rig.lips(OVAL))
    pairs, skin = rig.pairs, jaw[: rig.head.skin_count]
    goal = np.zeros_like(skin)  # mouthClose = jawOpen: the lips meet in one line
    line = MEET * skin[pairs.lower[pairs.column]]
    goal[pairs.lower], goal[pairs.upper] = line - skin[pairs.lower], line - skin[pairs.upper]
    corner = rig.mouth & (np.abs(s.u - 4) < 1e-6) & (s.r < 4.01)
    goal[corner] = -(1 - 0.9 * MEET) * skin[corner]
    fade = smooth(s.r, 1.0, 2.4) * (rig.mouth & (s.r < 4.01))
    ways = {"jawForward": (0, 0, 5.0), "jawLeft": (5.0, 0, -0.5), "jawRight": (-5.0, 0, -0.5)}
    slides = {name: rig.jaw[:, None] * np.array(way) for name, way in ways.items()}
    return {"jawOpen": jaw, "mouthClose": rig.whole(rig.spread(goal * fade[:, None])), **slides}


def _lips(rig: Rig) -> Shapes:
    made: Shapes = {}
    for name, pose in LIP_POSES.items():
        d = rig.lips(pose) + _beside_the_lips(rig, name)
        made |= _sided(rig, name, d) if name in SIDED else {name: rig.whole(d)}
    s = rig.skin
    x = np.clip(rig.rest[:, 0] / 25, -1.2, 1.2)
    for name, way in (("mouthLeft", 1.0), ("mouthRight", -1.0)):
        move = np.stack(
            [way * (6.0 - 0.8 * np.abs(x)), 0.5 * way * x, -1.8 * way * x - 0.8 * x * x], -1
        )  # round the jaw
        fade = smooth(s.r, 0.6, 2) * (rig.mouth & (s.r < 4.01))
        made[name] = rig.whole(rig.spread(move * fade[:, None]))
    return made


def _beside_the_lips(rig: Rig, name: str) -> Array:
    """What cheeks, chin and nose do along with the lips."""
    d = np.zeros_like(rig.rest)
    if name == "mouthSmile":
        d += rig.bump((37, -34, 82), (17, 14, 24), (1.2, 4.2, 3.8)) + rig.crease(FOLD, 5.6, 2.1)
        d += rig.bump((43, -54, 75), (8, 12, 20), (1.6, 0.8, 1.4))  # the cheek folds over its outer side
        d += rig.bump((33, -14, 84), (15, 6, 20), (0, 1.4, 0.4), slide=True)
        d += rig.bump((15, -37, 99), (7, 8, 14), (0.9, 0.5, 0))
    elif name == "mouthUpperUp":
        d += rig.bump((17, -38, 98), (7, 8, 14), (0.6, 1.2, 0))
    elif name == "mouthDimple":
        d += rig.crease([(31.5, -61, 86), (32.5, -68, 84)], 4.0, 1.6)
    elif name == "mouthFrown":
        d += rig.crease([(29, -71, 87), (32, -80, 82)], 4.5, 1.0) + rig.bump((0, -95, 100), (14, 9, 14), (0, 1.0, 1.0))
    elif name == "mouthShrugLower":
        d += rig.bump((0, -97, 100), (13, 8, 14), (0, 2.0, 1.8))
    return d


def _cheeks(rig: Rig) -> Shapes:
    lips = rig.lips(LIP_POSES["mouthPucker"]) * 0.18
    puff = rig.bump((42, -60, 72), (17, 16, 26), (5.2, 0, 4.2)) + lips
    squint = rig.bump((36, -22, 82), (17, 10, 22), (0, 3.2, 1.8))
    squint += rig.half(lambda u, r: _lid_shift(u, r, LidPose(lower=0.8)), rig.skin.of("lids"))
    sneer = rig.bump((15, -36, 100), (9, 11, 14), (0.7, 2.8, 0.6)) + rig.bump(
        (9, -12, 104), (8, 9, 14), (-0.6, 1.2, 0.8)
    )
    return {
        "cheekPuff": rig.whole(puff),
        **_sided(rig, "cheekSquint", squint),
        **_sided(rig, "noseSneer", sneer + rig.bump((17, -44, 96), (9, 7, 14), (0, 1.4, 0))),
    }


def _lid_shift(u: Array, r: Array, pose: LidPose) -> Array:
    return (lids(u, r, pose) - lids(u, r)) * (1 - smooth(r, 4.2, 6))[:, None]


LID_POSES = {
    "eyeBlink": LidPose(close=1.0),
    "eyeWide": LidPose(upper=2.0, lower=-0.5),
    "eyeSquint": LidPose(upper=-1.1, lower=2.3),
    "eyeLookUp": LidPose(upper=2.6, lower=0.9),  # the lids follow the gaze
    "eyeLookDown": LidPose(upper=-5.0, lower=-1.5),
    "eyeLookIn": LidPose(upper=-0.25, lower=0.1),
    "eyeLookOut": LidPose(upper=-0.25, lower=0.1),
}


def _lids(rig: Rig) -> Shapes:
    made: Shapes = {}
    for name, pose in LID_POSES.items():
        d = rig.half(lambda u, r, pose=pose: _lid_shift(u, r, pose), rig.skin.of("lids"))  # type: ignore[misc]
        if name == "eyeSquint":
            d += rig.bump((34, -20, 82), (16, 9, 22), (0, 1.6, 0.9))
        made |= _sided(rig, name, d)
    return made


def _gaze(rig: Rig) -> Shapes:
    """The balls' turns on top of the lids' part; pose() turns them instead of adding this."""
    made, lid = {}, _lids(rig)
    for side, sign in (("Left", 1), ("Right", -1)):
        ball = rig.head.of(f"eye_{side.lower()}")
        center = EYE * [sign, 1, 1]
        turns = {"Up": (-1, 0), "Down": (1, 0), "In": (0, -sign), "Out": (0, sign)}
        for way, (down, left) in turns.items():
            d = lid[f"eyeLook{way}{side}"].copy()
            away = rig.head.v[ball] - center
            d[ball] = away @ rotation(EYE_ANGLE * down, EYE_ANGLE * left, 0).T - away
            made[f"eyeLook{way}{side}"] = d
    return made


def _brows(rig: Rig) -> Shapes:
    inner = rig.bump((13, 19, 96), (17, 15, 60), (0.3, 5.6, 0), slide=True)
    down = rig.bump((20, 17, 94), (20, 9, 40), (-1.6, -4.2, 0), slide=True) + rig.bump(
        (8, 18, 98), (5, 8, 20), (0, 0, 0.8)
    )
    outer = rig.bump((38, 20, 84), (18, 15, 60), (0, 5.0, 0), slide=True)
    return {"browInnerUp": rig.whole(inner), **_sided(rig, "browDown", down), **_sided(rig, "browOuterUp", outer)}


def _tongue(rig: Rig) -> Shapes:
    head = rig.head
    z, mine = head.v[:, 2], head.part == PARTS.index("tongue")

    def ramp(start: float, end: float, *move: float) -> Array:
        return np.asarray((smooth(z, start, end) * mine)[:, None] * np.array(move))

    return {
        "tongueUp": ramp(52, 88, 0, 9.5, -1.0) + ramp(46, 66, 0, 2.5, 1.0),
        "tongueBack": ramp(40, 80, 0, 3.5, -9.0),
        "tongueOut": ramp(40, 86, 0, 0, 19.0) + ramp(46, 70, 0, 4, 0) + ramp(64, 86, 0, 5.5, 0),
    }
