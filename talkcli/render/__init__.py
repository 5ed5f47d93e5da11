"""Renderers: one scene, drawn in software or by OpenGL, behind one door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, Topology
from talkcli.errors import TalkError
from talkcli.stages import stage

if TYPE_CHECKING:
    from talkcli.render.scene import Scene

Bytes = NDArray[np.uint8]


class Renderer(Protocol):
    """Draws the head of one scene. Vertices are (V, 3), in the unit of the template that framed the scene."""

    name: str
    device: str  # what draws, for people

    def image(self, vertices: Floats) -> Bytes:
        """(H, W, 3) sRGB."""

    def frame(self, vertices: Floats) -> bytes:
        """yuv420p planes, BT.709 limited range."""

    def close(self) -> None:
        """Gives back what the renderer holds."""


def _software(scene: Scene) -> Renderer:
    from talkcli.render.software import SoftwareRenderer

    return SoftwareRenderer(scene)


def _pyrender(scene: Scene) -> Renderer:
    from talkcli.render.gl import PyrenderRenderer

    return PyrenderRenderer(scene)


def _auto(scene: Scene) -> Renderer:
    """OpenGL where the hardware does it, software elsewhere."""
    from talkcli.render.platforms import hardware

    return _pyrender(scene) if hardware() else _software(scene)


RENDERERS: dict[str, Callable[[Scene], Renderer]] = {"auto": _auto, "software": _software, "pyrender": _pyrender}


def check_look(*, size: tuple[int, int], view: str, background: str, renderer: str) -> None:
    """Whether a head can be drawn like this, told before any work.

    Raises:
        TalkError: an unknown renderer, view or background, or an odd size.
    """
    from talkcli.render.camera import check_view
    from talkcli.render.scene import check_size, make_background

    _check_renderer(renderer)
    check_view(view)
    check_size(size)
    make_background(background, (16, 16))


def _check_renderer(renderer: str) -> None:
    if renderer not in RENDERERS:
        raise TalkError(f"There is no renderer {renderer!r}; the renderers are {', '.join(RENDERERS)}.")


def check_triangles(topology: Topology) -> None:
    """Raises TalkError where there are none, so that nothing can be drawn."""
    if not len(topology.faces):
        raise TalkError(
            f"the topology '{topology.name}' has no triangles, so that nothing can be drawn: write .npz, or prepare "
            "the data again with a mesh (--faces) and train on that"
        )


@contextmanager
def open_renderer(
    topology: Topology,
    template: Floats,
    *,
    size: tuple[int, int] = (512, 512),
    view: str = "front",
    background: str = "studio",
    renderer: str = "auto",
    colors: Bytes | None = None,
) -> Iterator[Renderer]:
    """A renderer for heads of this topology, framed by the template (V, 3); colors (V, 3) sRGB override the topology's.

    Raises:
        TalkError: an unknown renderer, view or background, an odd size, or nothing that can draw.
    """
    _check_renderer(renderer)
    check_triangles(topology)
    with stage("render"):
        from talkcli.render.scene import make_scene

        scene = make_scene(topology, template, size=size, view=view, background=background, colors=colors)
        if find_spec("numba") is None:
            raise TalkError("Drawing needs numba, which is not installed: pip install numba")
        opened = RENDERERS[renderer](scene)
    try:
        yield opened
    finally:
        opened.close()
