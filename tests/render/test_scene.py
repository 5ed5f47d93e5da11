"""Colours, materials and backgrounds of what is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from talkcli.clip import Topology
from talkcli.errors import TalkError
from talkcli.render import open_renderer
from talkcli.render.scene import MATERIALS, NEUTRAL, display, linear_from_srgb, make_background, make_scene, shade
from tests.render.make_heads import ball_head


@pytest.mark.parametrize("size", [(95, 96), (96, 97), (0, 96), (9000, 96)])
def test_sizes_that_cannot_be_encoded_are_refused(size: tuple[int, int]) -> None:
    topology, vertices = ball_head()
    with pytest.raises(TalkError, match="even"):
        make_scene(topology, vertices, size=size)


def test_backgrounds_are_names_or_colours() -> None:
    assert (make_background("#336699", (16, 18)) == [0x33, 0x66, 0x99]).all()
    studio = make_background("studio", (32, 32))
    assert studio.shape == (32, 32, 3)
    assert studio[14, 16].mean() > studio[0, 0].mean() + 30
    with pytest.raises(TalkError, match=r"no background 'sky'.*studio"):
        make_background("sky", (32, 32))


def test_display_undoes_linear_light_below_the_knee() -> None:
    codes = np.arange(0, 215, dtype=np.uint8)
    assert np.abs(display(linear_from_srgb(codes)) - codes).max() < 0.01
    bright = display(np.array([1.0, 2.0, 20.0], np.float32))
    assert (np.diff(bright) > 0).all()
    assert bright[-1] <= 255


def test_every_material_is_lit_and_none_burns_out_in_white() -> None:
    normals = np.array([[0, 0, 1], [-0.6, 0.5, 0.62], [0.9, 0, 0.43]], np.float32)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    for material in MATERIALS:
        light = shade(normals, material)
        assert (light >= 0).all()
        assert 0.25 < light[0, :3].mean() < 1.2


def test_a_topology_without_triangles_is_told() -> None:
    cloud = Topology("cloud", 3, np.zeros((0, 3), np.int32))
    with pytest.raises(TalkError, match=r"'cloud' has no triangles.*--faces"), open_renderer(cloud, np.eye(3)):
        pass


def test_a_bare_mesh_gets_a_neutral_tone_and_lips_shine() -> None:
    topology, vertices = ball_head()
    scene = make_scene(topology, vertices, size=(32, 32))
    assert np.allclose(scene.albedo, linear_from_srgb(np.array(NEUTRAL, np.uint8)), atol=1e-6)
    assert {MATERIALS[kind].name for kind in np.unique(scene.material)} == {"skin", "lips"}


def test_parts_have_their_materials_and_teeth_get_less_light_the_deeper_they_lie() -> None:
    topology, vertices = ball_head()
    front, back = vertices[:, 2].argmax(), vertices[:, 2].argmin()
    parts = np.zeros(topology.vertices, np.uint8)
    parts[vertices[:, 1] < -0.05] = 1
    headed = Topology(
        "h", topology.vertices, topology.faces, topology.regions, {}, None, None, ("skin", "teeth"), parts
    )
    scene = make_scene(headed, vertices, size=(32, 32))
    assert "teeth" in {MATERIALS[kind].name for kind in np.unique(scene.material)}
    teeth = np.flatnonzero(parts)
    shade_of = scene.albedo[teeth, 0]
    assert shade_of[vertices[teeth, 2].argmax()] > 2 * shade_of[vertices[teeth, 2].argmin()]
    assert scene.albedo[front, 0] == pytest.approx(scene.albedo[back, 0])
