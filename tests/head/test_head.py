"""The default head's file: mesh, regions, landmarks, shapes and people."""

from __future__ import annotations

from collections import Counter
from importlib.resources import as_file, files

import numpy as np
import pytest

from talkcli.head import ARKIT, CONTROLS, EXTRAS, Head, load_head

MM = 1000.0


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head()


def test_the_file_holds_plain_arrays_only() -> None:
    with as_file(files("talkcli.resources") / "head.npz") as path, np.load(path, allow_pickle=False) as data:
        assert all(data[name].dtype.kind in "biufU" for name in data.files)


def test_the_shapes_are_arkits_52_and_three_more() -> None:
    assert len(ARKIT) == len(set(ARKIT)) == 52
    assert ARKIT[0] == "eyeBlinkLeft"
    assert ARKIT[17] == "jawOpen"
    assert ARKIT[-1] == "tongueOut"
    assert (*ARKIT, *EXTRAS) == CONTROLS


def test_every_shape_moves_something_and_the_seal_nothing_by_itself(head: Head) -> None:
    for name, shape in zip(CONTROLS, head.blendshapes, strict=True):
        assert (np.linalg.norm(shape, axis=1).max() * MM > 0.8) == (name != "mouthSeal"), name


def test_left_and_right_shapes_mirror_each_other(head: Head) -> None:
    skin = head.topology.regions["part_skin"]
    mirror = mirrored_vertices(head)[skin]
    for name in CONTROLS:
        if name.endswith("Left"):
            left, right = (head.blendshapes[CONTROLS.index(name[:-4] + side)] for side in ("Left", "Right"))
            if name in ("jawLeft", "mouthLeft"):
                assert np.abs(left[mirror] * [-1, 1, 1] - right[skin]).max() < 2e-6, name
            else:
                both = left + right
                assert np.abs(both[mirror] * [-1, 1, 1] - both[skin]).max() < 3e-6, name


def mirrored_vertices(head: Head) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(V,) the twin of every vertex whose part is symmetric; the others are their own."""
    scipy = pytest.importorskip("scipy.spatial")
    distance, twin = scipy.cKDTree(head.template).query(head.template * [-1, 1, 1])
    return np.where(distance < 1e-6, twin, np.arange(len(twin)))


def test_the_skin_is_symmetric(head: Head) -> None:
    skin = head.topology.regions["part_skin"]
    mirror = mirrored_vertices(head)[skin]
    assert np.abs(head.template[mirror] * [-1, 1, 1] - head.template[skin]).max() == 0


def test_faces_are_wound_the_same_way_and_outwards(head: Head) -> None:
    topology = head.topology
    assert topology.part_ids is not None
    for part in range(len(topology.part_names)):
        faces = topology.faces[topology.part_ids[topology.faces[:, 0]] == part]
        assert (topology.part_ids[faces] == part).all()
        edges = Counter((int(a), int(b)) for f in faces for a, b in zip(f, np.roll(f, -1), strict=True))
        assert max(edges.values()) == 1
    corners = head.template[topology.faces]
    volume = np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    assert volume > 0


def test_triangles_have_an_area(head: Head) -> None:
    a, b, c = (head.template[head.topology.faces[:, k]] * MM for k in range(3))
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).min() / 2 > 0.001


def test_the_skin_does_not_cut_itself_at_rest(head: Head) -> None:
    topology = head.topology
    skin = topology.faces[(topology.faces < len(topology.regions["part_skin"])).all(1)]
    assert crossings(head.template.astype(np.float64) * MM, skin) == 0


@pytest.mark.parametrize("name", ["jawOpen", "mouthSmileLeft", "mouthFunnel"])
def test_the_skin_does_not_cut_itself_at_full_weight(head: Head, name: str) -> None:
    topology = head.topology
    skin = topology.faces[(topology.faces < len(topology.regions["part_skin"])).all(1)]
    values = np.eye(len(CONTROLS), dtype=np.float32)[[CONTROLS.index(name)]]
    assert crossings(head.pose(values)[0].astype(np.float64) * MM, skin) == 0


def crossings(v: np.ndarray, f: np.ndarray, reach: float = 7.0) -> int:
    """Pairs of triangles that share no vertex and intersect."""
    scipy = pytest.importorskip("scipy.spatial")
    t = v[f]
    low, high = t.min(1), t.max(1)
    a, b = scipy.cKDTree(t.mean(1)).query_pairs(2 * reach, output_type="ndarray").T
    near = (low[a] <= high[b]).all(1) & (low[b] <= high[a]).all(1)
    a, b = a[near], b[near]
    apart = ~(f[a][:, :, None] == f[b][:, None, :]).any((1, 2))
    a, b = a[apart], b[apart]
    bad = np.zeros(len(a), bool)
    for x, y in ((a, b), (b, a)):
        e1, e2, o = t[y, 1] - t[y, 0], t[y, 2] - t[y, 0], t[y, 0]
        for i in range(3):
            p, d = t[x, i], t[x, (i + 1) % 3] - t[x, i]
            h = np.cross(d, e2)
            det = (e1 * h).sum(1)
            ok = np.abs(det) > 1e-9
            det = np.where(ok, det, 1)
            s, q = p - o, np.cross(p - o, e1)
            u, w, k = (s * h).sum(1) / det, (d * q).sum(1) / det, (e2 * q).sum(1) / det
            bad |= ok & (u >= 0) & (w >= 0) & (u + w <= 1) & (k >= 0) & (k <= 1)
    return int(bad.sum())


def test_regions_are_sorted_and_within_the_head(head: Head) -> None:
    for name, region in head.topology.regions.items():
        assert len(region) > 0, name
        assert (np.diff(region) > 0).all(), name
        assert region[0] >= 0, name
        assert region[-1] < head.topology.vertices, name
    assert {"lips", "upper_face", "lower_face", "eye_left", "eye_right", "neck"} <= set(head.topology.regions)


def test_the_lips_can_be_seen(head: Head) -> None:
    assert not set(head.topology.regions["lips"]) & set(head.topology.regions["hidden"])


def test_landmarks_lie_where_their_names_say(head: Head) -> None:
    at = {name: head.template[vertex] * MM for name, vertex in head.topology.landmarks.items()}
    assert head.topology.landmarks["lip_inner_upper"] == 122
    assert head.topology.landmarks["lip_inner_lower"] == 130
    assert at["mouth_left"][0] == -at["mouth_right"][0] > 20
    assert at["nose_tip"][2] == head.template[head.topology.regions["part_skin"], 2].max() * MM
    assert at["eye_left"][0] > 25
    assert at["eye_right"][0] < -25
    assert abs(at["eye_left"][1]) < 2
    assert at["chin"][1] < at["lip_inner_lower"][1] < at["lip_inner_upper"][1] < at["nose_tip"][1]
    assert at["tooth_upper"][1] < at["tooth_lower"][1] + 3
    assert at["lid_left_upper"][1] > at["lid_left_lower"][1] + 7


def test_there_are_at_least_sixteen_people_and_no_two_are_alike(head: Head) -> None:
    assert len(set(head.subjects)) >= 16
    heads = [head.subject_template(name) for name in head.subjects]
    skins = [head.subject_colors(name) for name in head.subjects]
    assert np.abs(heads[0] - head.template).max() == 0
    face = head.topology.regions["part_skin"]
    for i in range(len(heads)):
        for j in range(i):
            assert np.linalg.norm((heads[i] - heads[j])[face], axis=1).max() * MM > 2
            assert (skins[i] != skins[j]).any()


def test_people_have_their_own_skin_hair_and_eyes(head: Head) -> None:
    regions = head.topology.regions
    for part, of in (("part_skin", slice(0, 60)), ("part_hair", slice(0, 60)), ("part_eye_left", slice(97, 121))):
        middle = {tuple(np.median(head.subject_colors(name)[regions[part][of]], axis=0)) for name in head.subjects}
        assert len(middle) > 4, part  # of the eye: the iris


def test_identity_is_linear_and_knows_its_names(head: Head) -> None:
    one, two = (head.identity({"jawWidth": weight}) for weight in (0.5, 1.0))
    assert np.abs((two - head.template) - 2 * (one - head.template)).max() < 1e-7
    with pytest.raises(ValueError, match="wingspan"):
        head.identity({"wingspan": 1})
