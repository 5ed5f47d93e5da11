"""The head turns on its neck: rigid above, at rest where the neck is cut off, and as its angles say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from talkcli.head import load_head
from talkcli.head.neck import FIXED, FREE, quaternions, rotations

TURNS = np.random.default_rng(0).uniform(-0.4, 0.4, (20, 3)).astype(np.float32)


def test_angles_are_yaw_pitch_and_roll_right_handed_about_y_x_and_z() -> None:
    found = Rotation.from_euler("YXZ", TURNS)
    assert np.abs(rotations(TURNS) - found.as_matrix()).max() < 1e-6
    assert np.abs(quaternions(TURNS) - found.as_quat(canonical=True)).max() < 1e-6


@pytest.mark.parametrize(
    ("turn", "way"), [((0.1, 0, 0), (0.01, 0, 0)), ((0, 0.1, 0), (0, -0.01, 0)), ((0, 0, 0.1), (-0.005, 0, 0))]
)
def test_the_nose_goes_left_and_down_and_the_crown_to_the_right(
    turn: tuple[float, float, float], way: tuple[float, float, float]
) -> None:
    head = load_head()
    marked = head.topology.landmarks["nose_tip"] if not turn[2] else int(head.template[:, 1].argmax())
    moved = head.neck.turned(head.template[None], head.template, np.array([turn], np.float32))[0] - head.template
    assert (np.sign(moved[marked]) == np.sign(way))[np.abs(way).argmax()]
    assert abs(moved[marked]).max() > np.abs(way).max()


@pytest.mark.parametrize("subject", ["ada", "ben", "sam"])
def test_the_head_stays_rigid_and_the_necks_edge_where_it_is(subject: str) -> None:
    head = load_head()
    template = head.subject_template(subject)
    turned = head.neck.turned(np.repeat(template[None], len(TURNS), 0), template, TURNS)
    edge, free = head.template[:, 1] <= FIXED, head.template[:, 1] >= FREE
    assert edge.sum() > 20
    assert np.array_equal(turned[:, edge], np.repeat(template[None, edge], len(TURNS), 0))
    pivot = head.neck.pivot(template)
    rigid = (template[free] - pivot) @ rotations(TURNS).transpose(0, 2, 1) + pivot
    assert np.abs(turned[:, free] - rigid).max() < 1e-6
    assert free.mean() > 0.9


def test_a_few_degrees_tear_nothing_open() -> None:
    """No edge becomes longer or shorter by more than a quarter."""
    head = load_head()
    most = np.radians(np.array([[5, 4.5, 3.5], [-5, 4.5, -3.5], [5, -4.5, 3.5]])).astype(np.float32)
    turned = head.neck.turned(np.repeat(head.template[None], 3, 0), head.template, most)
    edges = np.concatenate([head.topology.faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    before, after = (
        np.linalg.norm(v[..., edges[:, 0], :] - v[..., edges[:, 1], :], axis=-1) for v in (head.template, turned)
    )
    assert (np.abs(after / before - 1)[:, before > 1e-4]).max() < 0.25


def test_no_turn_changes_nothing() -> None:
    head = load_head()
    assert np.array_equal(
        head.neck.turned(head.template[None], head.template, np.zeros((1, 3), np.float32))[0], head.template
    )


def test_the_pivot_goes_with_the_subject() -> None:
    head = load_head()
    lifted = head.template + np.float32([0, 0.01, 0])
    assert np.allclose(head.neck.pivot(lifted) - head.neck.pivot(head.template), [0, 0.01, 0], atol=1e-6)
