"""The mouth follows trusted phones, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from talkcli import follow
from talkcli.clip import MotionClip, Phone
from talkcli.head import load_head
from tests.make import make_mouth, make_phones

PHONES = make_phones(("SIL", 0.3), ("AA", 0.3), ("SIL", 0.4))


def make_rest(frames: int = 30, start: float = 0.0) -> MotionClip:
    head = load_head()
    return MotionClip(np.repeat(head.template[None], frames, 0), head.template, head.topology, 30.0, start=start)


def opening(clip: MotionClip) -> np.ndarray:
    marks = clip.topology.landmarks
    return clip.vertices[:, marks["lip_inner_upper"], 1] - clip.vertices[:, marks["lip_inner_lower"], 1]


def test_a_trusted_vowel_opens_the_mouth_where_it_is_spoken() -> None:
    gap = opening(follow.apply(make_rest(), PHONES, PHONES)) * 1000
    assert gap[14] > 5.0
    assert gap[:5].max() < 0.2
    assert gap[26:].max() < 0.2


def test_phones_that_nobody_trusts_change_nothing() -> None:
    clip = make_rest()
    assert follow.apply(clip, PHONES, []) is clip


def test_silences_do_not_count_as_spoken() -> None:
    assert not follow.presence([Phone("SIL", 0.0, 1.0)], 0.0, 30.0, 30).any()


@pytest.mark.parametrize("cut", [7, 15])
def test_a_chunk_follows_as_the_whole_does(cut: int) -> None:
    whole = follow.apply(make_rest(), PHONES, PHONES).vertices
    part = follow.apply(make_rest(30 - cut, cut / 30), PHONES, PHONES).vertices
    np.testing.assert_allclose(part, whole[cut:], atol=1e-5)


def test_another_topology_is_left_alone() -> None:
    clip = make_mouth(np.zeros(30), fps=30.0)
    assert follow.apply(clip, PHONES, PHONES) is clip
