"""Lips that must meet do meet, and nothing else is touched."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkcli import contact
from talkcli.articulation import controls
from talkcli.clip import Floats, MotionClip, Phone
from talkcli.contact import Contact, apply, from_head, from_phones, merged, strength
from talkcli.head import load_head
from talkcli.phones import BILABIAL, LABIODENTAL, PHONES
from tests.make import MOUTH, make_mouth, make_phones

CLOSED = 1e-4  # metres between lips that touch
STEP = 0.02  # seconds from one answer of the contact head to the next


@cache
def talking() -> Floats:
    """Many mouths (T, V, 3): random phones on the packaged head, none of them closed for long."""
    rng = np.random.default_rng(0)
    open_phones = sorted(set(PHONES) - BILABIAL - LABIODENTAL - {"SIL"})
    phones = make_phones(*[(str(rng.choice(open_phones)), 0.1) for _ in range(20)])
    head = load_head()
    return head.pose(head.values(controls(phones, 30.0, 60)))


def clip_of(vertices: Floats, fps: float = 30.0, start: float = 0.0) -> MotionClip:
    head = load_head()
    return MotionClip(vertices, head.template, head.topology, fps, start=start)


def opening(clip: MotionClip) -> Floats:
    """(T,) metres between the lips' middles."""
    marks = clip.topology.landmarks
    return clip.vertices[:, marks["lip_inner_upper"], 1] - clip.vertices[:, marks["lip_inner_lower"], 1]


def widest_column(clip: MotionClip) -> Floats:
    """(T,) metres between the lips where they are farthest apart, of the pairs that touch in a closed mouth."""
    lips = clip.topology.contact
    assert lips is not None
    touching = np.unique(lips.column)
    return (clip.vertices[:, lips.upper[touching], 1] - clip.vertices[:, lips.lower[touching], 1]).max(1)


# -- when -----------------------------------------------------------------------------------------------------------


def test_phones_ask_for_closures_and_bites() -> None:
    phones = make_phones(("SIL", 1.0), ("M", 0.1), ("AA", 0.2), ("F", 0.2), ("P", 0.1), ("V", 0.1), ("B", 0.1))
    found = from_phones(phones)
    assert [c.kind for c in found] == ["lips", "bite", "lips", "bite", "lips"]
    assert (found[0].start, found[0].end) == pytest.approx((1.015, 1.07))
    assert all(a.start < c.start < c.middle < c.end < a.end for a, c in zip(consonants(phones), found, strict=True))


def consonants(phones: list[Phone]) -> list[Phone]:
    return [phone for phone in phones if phone.name in BILABIAL | LABIODENTAL]


@given(
    fps=st.sampled_from([12.0, 23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 60.0, 120.0]),
    start=st.floats(0, 3),
    middle=st.floats(0.3, 1.7),
    length=st.floats(0.005, 0.3),
)
def test_the_frame_nearest_the_middle_is_wholly_closed(fps: float, start: float, middle: float, length: float) -> None:
    """start is the time of the chunk's first frame; the contact is in the time of the whole sound."""
    frames = int(2 * fps)
    times = start + np.arange(frames) / fps
    wanted = Contact("lips", start + middle - length / 2, start + middle + length / 2)
    found = strength([wanted], "lips", start, fps, frames)
    assert found[np.abs(times - wanted.middle).argmin()] == 1.0
    assert not found[np.abs(times - wanted.middle) > length / 2 + 0.6 / fps + 0.1].any()
    assert ((found >= 0) & (found <= 1)).all()
    assert not strength([wanted], "bite", start, fps, frames).any()


def test_strength_rises_and_falls_without_a_jump() -> None:
    found = strength([Contact("lips", 0.5, 0.55)], "lips", 0.0, 1000.0, 1000)
    assert np.abs(np.diff(found)).max() < 0.03
    assert (np.diff(found[:500]) >= 0).all()
    assert (np.diff(found[560:]) <= 0).all()


def test_of_two_contacts_the_firmer_counts() -> None:
    both = [Contact("lips", 0.2, 0.3), Contact("lips", 0.4, 0.5)]
    alone = [strength([c], "lips", 0.0, 30.0, 30) for c in both]
    assert np.array_equal(strength(both, "lips", 0.0, 30.0, 30), np.maximum(*alone))


def test_contacts_that_overlap_become_one() -> None:
    found = merged(
        [
            Contact("lips", 0.5, 0.6),
            Contact("bite", 0.55, 0.7),
            Contact("lips", 0.1, 0.4),
            Contact("lips", 0.2, 0.3),  # wholly inside
            Contact("lips", 0.4, 0.5),  # touches both
        ]
    )
    assert found == [Contact("lips", 0.1, 0.6), Contact("bite", 0.55, 0.7)]
    assert merged([]) == []


def probabilities(*bumps: tuple[int, float], steps: int = 100) -> Floats:
    """(A, 2): the first column with bumps of five steps, the second still."""
    found = np.zeros((steps, 2), np.float32)
    for place, height in bumps:
        for away in range(-2, 3):
            found[place + away, 0] = max(found[place + away, 0], height * (1 - 0.25 * abs(away)))
    return found


def test_a_peak_at_the_threshold_or_above_is_a_contact() -> None:
    assert not from_head(probabilities((20, 0.49)), 50.0, (0.5, 0.5))
    (found,) = from_head(probabilities((20, 0.5)), 50.0, (0.5, 0.5))
    assert found.kind == "lips"
    assert found.middle == pytest.approx(20 * STEP)
    assert found.start <= found.end


def test_the_second_column_bites() -> None:
    (found,) = from_head(probabilities((20, 0.9))[:, ::-1], 50.0, (0.5, 0.5))
    assert found.kind == "bite"


def test_close_peaks_are_one_and_distant_ones_two() -> None:
    assert len(from_head(probabilities((20, 0.9), (22, 0.8)), 50.0, (0.5, 0.5))) == 1
    assert len(from_head(probabilities((20, 0.9), (30, 0.8)), 50.0, (0.5, 0.5))) == 2


@pytest.mark.parametrize("place", [0, 99])
def test_a_peak_at_either_end_counts(place: int) -> None:
    curve = np.zeros((100, 2), np.float32)
    curve[place, 0] = 0.9
    (found,) = from_head(curve, 50.0, (0.5, 0.5))
    assert (found.start, found.end) == pytest.approx((place * STEP, place * STEP))


def test_a_level_that_never_falls_stays_within_bounds() -> None:
    for found in from_head(np.full((400, 2), 0.9, np.float32), 50.0, (0.5, 0.5)):
        assert found.end - found.start <= 2 * contact.LONGEST + STEP


# -- how ------------------------------------------------------------------------------------------------------------


def closed_at(clip: MotionClip, frame: int, kind: contact.Kind = "lips") -> MotionClip:
    middle = clip.start + frame / clip.fps
    return apply(clip, [Contact(kind, middle - 0.03, middle + 0.03)])


@pytest.mark.parametrize("frame", range(3, 60, 7))
def test_any_mouth_closes_to_a_tenth_of_a_millimetre(frame: int) -> None:
    clip = clip_of(talking())
    assert opening(clip)[frame] > 3 * CLOSED  # it was open
    shut = closed_at(clip, frame)
    assert -CLOSED < opening(shut)[frame] <= CLOSED
    assert widest_column(shut)[frame] <= CLOSED


def test_a_closure_takes_the_chin_along_but_not_past_its_rest() -> None:
    clip = clip_of(talking())
    chin, tooth = clip.topology.landmarks["chin"], clip.topology.landmarks["tooth_lower"]
    rise = closed_at(clip, 30).vertices[30] - clip.vertices[30]
    assert rise[chin, 1] > 0.2 * opening(clip)[30]
    for frame in range(3, 60, 7):
        assert closed_at(clip, frame).vertices[frame, tooth, 1] <= clip.template[tooth, 1] + 1e-5


def test_a_mouth_wide_open_closes() -> None:
    head = load_head()
    values = np.zeros((3, len(head.blendshapes)), np.float32)
    values[:, 17] = 1.0  # jawOpen
    shut = closed_at(clip_of(head.pose(values)), 1)
    assert abs(opening(shut)[1]) <= CLOSED


def test_frames_without_contact_are_bit_equal() -> None:
    clip = clip_of(talking())
    shut = closed_at(clip, 30)
    still = strength([Contact("lips", 0.97, 1.03)], "lips", 0.0, 30.0, 60) == 0
    assert still.sum() > 45
    assert np.array_equal(shut.vertices[still], clip.vertices[still])
    assert not np.array_equal(shut.vertices[~still], clip.vertices[~still])


def test_what_is_far_from_the_mouth_stays() -> None:
    clip = clip_of(talking())
    shut = closed_at(clip, 30)
    moved = np.abs(shut.vertices - clip.vertices).max((0, 2))  # (V,)
    for region in ("forehead", "ears", "scalp", "eye_left"):
        assert moved[clip.topology.regions[region]].max() < 1e-4, region  # the jaw's turn goes far, thinly
    assert moved[clip.topology.regions["upper_face"]].max() < 1e-3


def test_the_clip_given_stays_as_it_was() -> None:
    clip = clip_of(talking().copy())
    closed_at(clip, 30)
    assert np.array_equal(clip.vertices, talking())


def test_a_chunk_closes_where_the_whole_does() -> None:
    wanted = [Contact("lips", 0.9, 1.0), Contact("bite", 1.4, 1.5)]
    whole = apply(clip_of(talking()), wanted)
    parts = [apply(clip_of(talking()[a:b], start=a / 30.0), wanted) for a, b in ((0, 28), (28, 60))]
    assert np.allclose(np.concatenate([part.vertices for part in parts]), whole.vertices, atol=1e-6)


def test_a_closed_mouth_stays_closed() -> None:
    head = load_head()
    clip = clip_of(np.repeat(head.template[None], 5, 0))
    assert np.abs(closed_at(clip, 2).vertices - clip.vertices).max() < 1e-3
    assert abs(opening(closed_at(clip, 2))[2]) <= CLOSED


@pytest.mark.parametrize("frame", range(3, 60, 7))
def test_a_bite_brings_the_lower_lip_under_the_teeth(frame: int) -> None:
    clip = clip_of(talking())
    bitten = closed_at(clip, frame, "bite")
    marks = clip.topology.landmarks
    lip, tooth = bitten.vertices[frame, marks["lip_inner_lower"]], bitten.vertices[frame, marks["tooth_upper"]]
    assert 0 < lip[1] - tooth[1] < 0.001  # the teeth's edge rests on the lip ...
    assert 0.002 < lip[2] - tooth[2] < 0.006  # ... and not in it: the landmark lies behind the edge's front
    upper = bitten.vertices[frame, marks["lip_inner_upper"]]
    assert 0.003 < upper[1] - lip[1] < 0.005  # metres of teeth that show
    assert np.array_equal(bitten.vertices[0], clip.vertices[0])


def test_lips_that_meet_go_before_a_bite() -> None:
    clip = clip_of(talking())
    both = apply(clip, [Contact("lips", 0.97, 1.03), Contact("bite", 0.97, 1.03)])
    assert np.array_equal(both.vertices[30], closed_at(clip, 30).vertices[30])


def test_a_topology_that_does_not_know_its_lips_is_left_alone() -> None:
    clip = make_mouth([0.01, 0.02])
    assert MOUTH.contact is None
    assert apply(clip, [Contact("lips", 0.0, 0.1)]) is clip


def test_no_contacts_no_change() -> None:
    clip = clip_of(talking()[:2])
    assert apply(clip, []) is clip


def test_trusted_phones_deny_a_contact_that_nobody_is_sure_of() -> None:
    phones = [Phone("AA", 0.0, 0.3), Phone("T", 0.3, 0.4), Phone("M", 0.6, 0.7), Phone("SIL", 0.7, 1.0)]
    doubtful = [contact.Contact("lips", at - 0.02, at + 0.02, 0.4) for at in (0.15, 0.35, 0.65, 0.85)]
    kept = contact.undenied(doubtful, phones, sure=0.6)
    assert [round(c.middle, 2) for c in kept] == [0.65, 0.85]  # m asks for it, and silence says nothing


def test_a_sure_contact_stays_against_the_phones() -> None:
    sure = contact.Contact("lips", 0.1, 0.14, 0.9)
    assert contact.undenied([sure], [Phone("AA", 0.0, 0.3)], sure=0.6) == [sure]


def test_known_phones_leave_nothing_to_others_where_they_are_spoken() -> None:
    phones = [Phone("AA", 0.0, 0.3), Phone("M", 0.3, 0.4), Phone("SIL", 0.4, 1.0)]
    inside, near, outside = (Contact("lips", start, end, 0.9) for start, end in ((0.1, 0.2), (0.2, 0.34), (0.38, 0.6)))
    assert contact.uncovered([inside, near, outside], phones) == [Contact("lips", 0.4, 0.6, 0.9)]
