"""Gathers the arrays of talkcli/resources/head.npz and writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tools.head.anatomy import PARTS, Anatomy, anatomy, landmarks, regions
from tools.head.charts.mouth import GAP
from tools.head.identity import Parameters, identity
from tools.head.maths import MIRROR
from tools.head.paint import paint, skylight
from tools.head.people import PEOPLE
from tools.head.rig import HINGE, JAW_ANGLE, JAW_GLIDE, Rig
from tools.head.sculpt import EYE, EYE_RADIUS
from tools.head.shapes import EYE_ANGLE, Shapes, shapes

Arrays = dict[str, NDArray[Any]]
PATH = Path(__file__).parents[2] / "talkcli" / "resources" / "head.npz"
METRE = 0.001
LEAST = 0.001  # mm; a shape leaves vertices alone that it moves less
CORNEA = 0.9  # mm by which it stands out of the ball
STEP = 1 / 2048  # mm of the identity's integers


def build() -> Arrays:
    """Everything the head's file holds; lengths in metres."""
    head = anatomy()
    rig = Rig(head)
    people, named = identity(rig), {**regions(head)}
    return {
        "vertices": _float(head.v * METRE),
        "faces": head.faces.astype(np.int32),
        "part_names": np.array(PARTS),
        "part_ids": head.part.astype(np.uint8),
        **_sparse(shapes(rig)),
        **_contacts(rig),
        **_eyes(head),
        "landmark_names": np.array(list(landmarks(head))),
        "landmark_indices": np.array(list(landmarks(head).values()), np.int32),
        **_people(head, people),
        **{f"region_{name}": indices.astype(np.int32) for name, indices in named.items()},
    }


def save(path: Path = PATH) -> None:
    """Write the file beside and rename it."""
    beside = path.with_suffix(".part.npz")
    np.savez_compressed(beside, allow_pickle=False, **build())
    beside.replace(path)


def _float(x: ArrayLike) -> NDArray[np.float32]:
    return np.asarray(x, np.float32)


def _sparse(made: Shapes) -> Arrays:
    moved = [np.flatnonzero(np.abs(d).max(1) > LEAST) for d in made.values()]
    return {
        "control_names": np.array(list(made)),
        "shape_starts": np.r_[0, np.cumsum([len(k) for k in moved])].astype(np.int32),
        "shape_vertices": np.concatenate(moved).astype(np.int32),
        "shape_deltas": _float(np.concatenate([d[k] for d, k in zip(made.values(), moved, strict=True)]) * METRE),
    }


def _contacts(rig: Rig) -> Arrays:
    pairs = rig.pairs
    return {
        "jaw_weights": _float(np.where(rig.jaw > 1e-4, rig.jaw, 0)),
        "jaw_hinge": _float(HINGE * METRE),
        "jaw_angle": _float(JAW_ANGLE),
        "jaw_glide": _float(JAW_GLIDE * METRE),
        "lip_pairs": np.stack([pairs.upper, pairs.lower, pairs.column], -1).astype(np.int32),
        "lip_pair_weights": _float(pairs.weight),
        "lip_pair_inner": pairs.inner,
        "lip_gap": _float(2 * GAP * METRE),
    }


def _eyes(head: Anatomy) -> Arrays:
    """The balls, and how far lid vertices stay from their centres: never farther than they are at rest."""
    s, lids, clearance = head.skin, [], []
    for sign in (1, -1):
        mine = np.flatnonzero(s.of("lids") & (s.r < 4) & (s.v[:, 0] * sign > 0))
        away = s.v[mine] - EYE * [sign, 1, 1]
        length = np.linalg.norm(away, axis=1)
        bulge = CORNEA * np.exp((away[:, 2] / length - 1) * 22.7)
        wanted = EYE_RADIUS + np.interp(s.r[mine], [0, 1, 2, 4], [0.25, 0.35, 1.3, 1.5])
        lids.append(mine)
        clearance.append(np.minimum(wanted, length - bulge))
    return {
        "eye_vertices": np.array([head.of("eye_left"), head.of("eye_right")], np.int32),
        "eye_centers": _float(np.stack([EYE, EYE * MIRROR]) * METRE),
        "eye_bulge": _float(CORNEA * METRE),
        "eye_angle": _float(np.radians(EYE_ANGLE)),
        "lid_vertices": np.array(lids, np.int32),
        "lid_clearance": _float(np.array(clearance) * METRE),
    }


def _people(head: Anatomy, made: Parameters) -> Arrays:
    light = skylight(head)
    deltas = np.array(list(made.values()))
    colors = np.array([paint(head, person.coloring, light) for person in PEOPLE.values()])
    steps = [[person.parameters.get(name, 0.0) for name in made] for person in PEOPLE.values()]
    return {
        "identity_names": np.array(list(made)),
        "identity_unit": _float(STEP * METRE),
        "identity_deltas": np.round(deltas / STEP).astype(np.int32),
        "subject_names": np.array(list(PEOPLE)),
        "subject_parameters": _float(steps),
        "subject_colors": np.round(colors * 255).astype(np.uint8),
    }
