"""pyrender draws what the software renderer draws; skipped where no OpenGL is installed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from talkcli.errors import TalkError
from talkcli.render import open_renderer, platforms
from talkcli.render.platforms import Platform
from tests.render.make_heads import ball_head, hairy, two_squares

SIZE = (256, 256)
needs_opengl = pytest.mark.skipif(not platforms.platforms(), reason="no OpenGL (libEGL or libOSMesa) on this machine")


def pictures(renderer: str, background: str = "studio") -> list[NDArray[np.uint8]]:
    drawn = []
    ball, squares = ball_head(), two_squares()
    inside = hairy(squares[0]), squares[1] * np.array([-1, 1, 1], np.float32)
    for topology, vertices in (ball, squares, inside):
        options = {"size": SIZE, "renderer": renderer, "background": background}
        with open_renderer(topology, vertices, view="front", **options) as opened:  # type: ignore[arg-type]
            drawn += [opened.image(vertices), opened.image(vertices * np.float32([0.8, 1.1, 1]))]
    return drawn


@needs_opengl
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_both_renderers_draw_the_same_outline_and_nearly_the_same_colours() -> None:
    outline = {}
    for name in ("software", "pyrender"):
        light, dark = pictures(name, "white"), pictures(name, "black")
        outline[name] = [(a.astype(int) - b)[:, :, 0] < 130 for a, b in zip(light, dark, strict=True)]
    for software, pyrender in zip(outline["software"], outline["pyrender"], strict=True):
        assert (software & pyrender).sum() / (software | pyrender).sum() > 0.99
    for software, pyrender in zip(pictures("software"), pictures("pyrender"), strict=True):
        assert np.abs(software.astype(int) - pyrender).mean() < 1.5


@needs_opengl
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_frames_are_planes_and_the_device_is_told() -> None:
    topology, vertices = ball_head()
    with open_renderer(topology, vertices, size=SIZE, renderer="pyrender") as renderer:
        assert len(renderer.frame(vertices)) == SIZE[0] * SIZE[1] * 3 // 2
        assert renderer.device


def test_without_opengl_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "platforms", lambda: ())
    topology, vertices = ball_head()
    with pytest.raises(TalkError, match=r"libegl1.*software"), open_renderer(topology, vertices, renderer="pyrender"):
        pass


def test_hardware_is_told_from_software_by_its_name() -> None:
    assert Platform("egl", 0, "NVIDIA H200/PCIe/SSE2").hardware
    assert Platform("egl", 0, "Mesa Intel(R) UHD Graphics 620 (KBL GT2)").hardware
    assert not Platform("egl", 0, "llvmpipe (LLVM 15.0.6, 256 bits)").hardware
    assert not Platform("osmesa", 0, "softpipe").hardware


def test_auto_takes_opengl_only_where_hardware_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    topology, vertices = ball_head()
    monkeypatch.setattr(platforms, "hardware", lambda: False)
    with open_renderer(topology, vertices, size=SIZE) as renderer:
        assert renderer.name == "software"
    monkeypatch.setattr(platforms, "hardware", lambda: True)
    monkeypatch.setattr(platforms, "platforms", lambda: ())
    with pytest.raises(TalkError, match="OpenGL"), open_renderer(topology, vertices, size=SIZE):
        pass
