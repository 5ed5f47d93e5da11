"""Posing the default head: lips that touch, lids that follow, and speed enough for hours of speech."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from talkcli.clip import Floats, Track
from talkcli.head import CONTROLS, Head, load_head

MM = 1000.0


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head()


def values(**weights: float) -> Floats:
    row = np.zeros((1, len(CONTROLS)), np.float32)
    for name, weight in weights.items():
        for full in (name,) if name in CONTROLS else (f"{name}Left", f"{name}Right"):
            row[0, CONTROLS.index(full)] = weight
    return row


def contact_gaps(head: Head, vertices: Floats) -> NDArray[np.floating]:
    """(columns,) mm from the lower to the upper lip."""
    contact = head.topology.contact
    assert contact is not None
    touching = np.unique(contact.column)
    return np.asarray(vertices[contact.upper[touching], 1] - vertices[contact.lower[touching], 1]) * MM


def opening(head: Head, vertices: Floats) -> float:
    at = head.topology.landmarks
    return float(vertices[at["lip_inner_upper"], 1] - vertices[at["lip_inner_lower"], 1]) * MM


def test_the_pose_of_zeros_is_the_template(head: Head) -> None:
    assert np.abs(head.pose(values())[0] - head.template).max() * MM < 0.02


def test_lips_rest_as_one_line_on_everyone(head: Head) -> None:
    for name in head.subjects:
        gaps = contact_gaps(head, head.pose(values(), head.subject_template(name))[0])
        assert gaps.min() > 0.05, name
        assert gaps.max() < 0.09, name
    assert 0.06 < opening(head, head.template) < 0.09


@pytest.mark.parametrize("weight", [0.1, 0.3, 0.6, 1.0])
def test_mouth_close_as_strong_as_jaw_open_shuts_the_mouth(head: Head, weight: float) -> None:
    assert contact_gaps(head, head.pose(values(jawOpen=weight))[0]).max() > 20 * weight
    assert contact_gaps(head, head.pose(values(jawOpen=weight, mouthClose=weight))[0]).max() < 0.1


@pytest.mark.parametrize(
    "speech",
    [
        {"jawOpen": 0.7},
        {"jawOpen": 0.1, "mouthPucker": 0.95, "mouthFunnel": 0.15},
        {"jawOpen": 0.16, "mouthStretch": 0.8, "mouthUpperUp": 0.3, "mouthLowerDown": 0.4},
        {"jawOpen": 0.06, "mouthRollLower": 1},
        {"jawOpen": 0.4, "mouthFunnel": 0.9},
        {"mouthSmile": 1, "jawOpen": 0.3},
    ],
)
def test_mouth_seal_closes_any_speech(head: Head, speech: dict[str, float]) -> None:
    sealed = head.pose(values(**speech, mouthSeal=1))[0]
    assert np.abs(contact_gaps(head, sealed)).max() < 0.1


def test_lips_never_cross(head: Head) -> None:
    chance = np.random.default_rng(1).uniform(0, 0.8, (40, len(CONTROLS))).astype(np.float32)
    for vertices in head.pose(chance * (np.random.default_rng(2).uniform(size=chance.shape) < 0.15)):
        assert contact_gaps(head, vertices).min() > 0


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"jawOpen": 0.25}, 8.07),
        ({"jawOpen": 0.5}, 15.7),
        ({"jawOpen": 1}, 29.7),
        ({"mouthLowerDown": 1}, 5.08),
        ({"mouthUpperUp": 1}, 3.88),
        ({"mouthFunnel": 1}, 8.08),
        ({"mouthPucker": 1}, 0.08),
        ({"mouthPress": 1}, 0.08),
    ],
)
def test_openings_are_the_millimetres_that_articulation_counts_on(
    head: Head, weights: dict[str, float], expected: float
) -> None:
    assert opening(head, head.pose(values(**weights))[0]) == pytest.approx(expected, rel=0.05, abs=0.01)


def test_rolling_the_lower_lip_brings_it_under_the_upper_teeth(head: Head) -> None:
    at = head.topology.landmarks
    bite = head.pose(values(mouthRollLower=1, jawOpen=0.06))[0]
    behind = bite[at["lip_inner_upper"], 2] - bite[at["lip_inner_lower"], 2]
    assert behind * MM > 5


def test_upper_lids_follow_the_gaze(head: Head) -> None:
    at = head.topology.landmarks
    for side in ("left", "right"):
        lid, pupil = at[f"lid_{side}_upper"], at[f"eye_{side}"]
        rest = head.template
        for way, sign in (("Down", -1), ("Up", 1)):
            posed = head.pose(values(**{f"eyeLook{way}": 1}))[0]
            assert sign * (posed[pupil, 1] - rest[pupil, 1]) * MM > 5
            assert sign * (posed[lid, 1] - rest[lid, 1]) * MM > 1.5


def test_eyes_turn_to_the_side_that_the_name_says(head: Head) -> None:
    at = head.topology.landmarks
    posed = head.pose(values(eyeLookOutLeft=1, eyeLookInRight=1))[0]
    for eye in ("eye_left", "eye_right"):
        assert (posed[at[eye], 0] - head.template[at[eye], 0]) * MM > 5  # +x is the subject's left


def test_eyeballs_turn_without_changing_their_form(head: Head) -> None:
    ball = head.topology.regions["part_eye_left"]
    turned = head.pose(values(eyeLookUpLeft=0.7, eyeLookOutLeft=0.4))[0][ball]
    before, after = (np.linalg.norm(x - x.mean(0), axis=1) for x in (head.template[ball], turned))
    assert np.abs(before - after).max() * MM < 0.01


def test_closed_lids_meet_before_the_eyeball(head: Head) -> None:
    at = head.topology.landmarks
    posed = head.pose(values(eyeBlink=1))[0]
    for side in ("left", "right"):
        assert abs(posed[at[f"lid_{side}_upper"], 1] - posed[at[f"lid_{side}_lower"], 1]) * MM < 1.5
        assert posed[at[f"lid_{side}_upper"], 2] > posed[at[f"eye_{side}"], 2] - 0.002


def test_frames_do_not_depend_on_each_other(head: Head) -> None:
    many = np.random.default_rng(0).uniform(0, 0.5, (70, len(CONTROLS))).astype(np.float32)
    together = head.pose(many)
    assert together.dtype == np.float32
    assert together.shape == (70, head.topology.vertices, 3)
    for frame in (0, 31, 32, 69):
        assert np.abs(together[frame] - head.pose(many[frame : frame + 1])[0]).max() < 1e-6


def test_displacements_may_be_carried_over_to_another_head(head: Head) -> None:
    speech = values(jawOpen=0.4, mouthFunnel=0.5)
    moved = head.pose(speech)[0] - head.template
    lips = head.topology.regions["lips"]
    for name in head.subjects[1:4]:
        own = head.subject_template(name)
        difference = head.pose(speech, own)[0] - own - moved
        assert np.linalg.norm(difference[lips], axis=1).mean() * MM < 0.4


def test_a_track_of_some_controls_becomes_values_of_all(head: Head) -> None:
    track = Track(("mouthSeal", "jawOpen"), np.array([[1, 0.25], [0, 0.5]], np.float32))
    full = head.values(track)
    assert full.shape == (2, len(CONTROLS))
    assert full[1, CONTROLS.index("jawOpen")] == 0.5
    assert full.sum() == 1.75


def test_values_of_another_width_are_refused(head: Head) -> None:
    with pytest.raises(ValueError, match="values must be"):
        head.pose(np.zeros((3, 52), np.float32))


def test_an_unknown_subject_is_named(head: Head) -> None:
    with pytest.raises(ValueError, match="nobody"):
        head.subject_template("nobody")
