"""The renderer for graphics cards: pyrender, kept open, with the same lights and materials as the software one.

pyrender's own shader multiplies highlights by the vertex colours, which makes eyes dull, so it is given ours; its
textures and material factors work as before. Shape letters: V vertices, H, W the picture.
"""

from __future__ import annotations

import logging
import os
import sys
import types
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, Ints
from talkcli.errors import TalkError
from talkcli.render import raster
from talkcli.render.pixels import Bytes, composite, yuv420p
from talkcli.render.platforms import Platform, choose, shader_folder
from talkcli.render.scene import GROUND, KNEE, LIGHTS, MATERIALS, REFLECTANCE, SKY, Light, Material, Scene

POSITION, NORMAL, COLOR = slice(0, 3), slice(3, 6), slice(6, 10)  # columns of a vertex buffer

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Piece:
    """The triangles of one material: their vertices (N,), pyrender's primitive, and its vertex buffer (N, 10)."""

    vertices: Ints
    primitive: Any
    buffer: Floats


class PyrenderRenderer:
    """Draws one scene's head, frame after frame; vertices are replaced in the buffers that the card holds.

    Raises:
        TalkError: no OpenGL here, or pyrender cannot be imported.
    """

    name = "pyrender"

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        platform = choose()
        self.device = platform.renderer
        self._pyrender = import_pyrender(platform)
        log.info("drawing with %s through %s", platform.renderer, platform.name)
        width, height = scene.camera.size
        try:
            self._offscreen: Any = self._pyrender.OffscreenRenderer(width, height)
        except Exception as error:  # whatever a driver may raise
            raise TalkError(f"OpenGL could not be opened ({error}): use the software renderer.") from error
        from pyrender.shader_program import ShaderProgramCache

        inner = self._offscreen._renderer
        inner._program_cache = ShaderProgramCache(shader_dir=str(shader_folder()))
        inner._read_main_framebuffer = self._read
        self._layer: Bytes = np.zeros((height, width, 4), np.uint8)
        self._normals: Floats = np.zeros((len(scene.albedo), 3), np.float32)
        self._pieces: list[Piece] = []
        self._drawn = self._make_scene()
        self._draw()  # compiles the shader, which then keeps what pyrender has no field for
        self._set_constants()

    def image(self, vertices: Floats) -> Bytes:
        """(H, W, 3) sRGB of the head with these vertices (V, 3)."""
        from OpenGL import GL

        vertices = self.scene.drawn(vertices)
        raster.vertex_normals(vertices, self.scene.faces, np.eye(3), self._normals)
        self._offscreen._platform.make_current()
        for piece in self._pieces:
            piece.buffer[:, POSITION] = vertices[piece.vertices]
            piece.buffer[:, NORMAL] = self._normals[piece.vertices]
            GL.glBindBuffer(GL.GL_ARRAY_BUFFER, piece.primitive._buffers[0])
            GL.glBufferSubData(GL.GL_ARRAY_BUFFER, 0, piece.buffer.nbytes, piece.buffer)
        self._draw()
        picture = np.empty_like(self.scene.background)
        composite(self._layer, self.scene.background, picture)
        return picture

    def frame(self, vertices: Floats) -> bytes:
        """The same as planes Y, U, V at half colour resolution, BT.709 limited range."""
        return yuv420p(self.image(vertices)).tobytes()

    def close(self) -> None:
        """Frees the card's buffers and the context."""
        if self._offscreen is not None:
            self._offscreen.delete()
            self._offscreen = None

    def _draw(self) -> None:
        flags = self._pyrender.RenderFlags
        self._offscreen._platform.make_current()
        self._offscreen._renderer.render(self._drawn, flags.OFFSCREEN | flags.RGBA)

    def _read(self, _scene: Any, _flags: int) -> None:
        """In place of pyrender's reading, which fetches the depth too: colours and coverage into the layer."""
        from OpenGL import GL

        inner = self._offscreen._renderer
        height, width = self._layer.shape[:2]
        GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, inner._main_fb_ms)
        GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, inner._main_fb)
        GL.glBlitFramebuffer(0, 0, width, height, 0, 0, width, height, GL.GL_COLOR_BUFFER_BIT, GL.GL_NEAREST)
        GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, inner._main_fb)
        GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
        GL.glReadPixels(0, 0, width, height, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, self._layer)

    def _make_scene(self) -> Any:
        pyrender, scene, camera = self._pyrender, self.scene, self.scene.camera
        drawn = pyrender.Scene(bg_color=(0.0, 0.0, 0.0, 0.0), ambient_light=SKY)
        distance = float(np.median(camera.project(scene.template)[:, 2]))
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = camera.axes.T, camera.eye
        field = 2 * np.arctan(1 / camera.focal)
        drawn.add(pyrender.PerspectiveCamera(yfov=field, znear=distance / 20, zfar=distance * 5), pose=pose)
        for light in LIGHTS:
            lamp = pyrender.DirectionalLight(color=light.color, intensity=light.intensity)
            drawn.add(lamp, pose=light_pose(light, camera.axes))
        for number, material in enumerate(MATERIALS):
            if (scene.material == number).any():
                self._pieces.append(self._make_piece(number, material))
        drawn.add(pyrender.Mesh([piece.primitive for piece in self._pieces]))
        return drawn

    def _make_piece(self, number: int, material: Material) -> Piece:
        vertices, indices = np.unique(self.scene.faces[self.scene.material == number], return_inverse=True)
        buffer = np.zeros((len(vertices), 10), np.float32)
        buffer[:, COLOR] = np.c_[self.scene.albedo, self.scene.gloss][vertices]
        surface = self._pyrender.MetallicRoughnessMaterial(
            baseColorFactor=(1.0, 1.0, 1.0, 1.0),
            metallicFactor=0.0,
            roughnessFactor=material.roughness,
            emissiveFactor=np.array(material.wrap),
        )
        primitive = self._pyrender.Primitive(
            positions=self.scene.template[vertices],
            normals=np.tile(np.array([[0, 0, 1]], np.float32), (len(vertices), 1)),
            color_0=buffer[:, COLOR].copy(),
            indices=indices.reshape(-1, 3),
            material=surface,
            mode=4,
        )
        return Piece(vertices.astype(np.int32), primitive, buffer)

    def _set_constants(self) -> None:
        for program in self._offscreen._renderer._program_cache._program_cache.values():
            program._bind()
            program.set_uniform("ground_light", np.array(GROUND))
            program.set_uniform("reflectance", float(REFLECTANCE))
            program.set_uniform("knee", float(KNEE))
            program._unbind()


def light_pose(light: Light, axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, 4) rotation whose z axis points to the light; pyrender's lights shine along -z."""
    back = np.array(light.direction) @ axes
    back = back / np.linalg.norm(back)
    right = np.cross([0.0, 1.0, 0.0], back)
    right = right / np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(back, right), back], axis=1)
    return pose


def import_pyrender(platform: Platform) -> Any:
    """pyrender, told which platform to take, and without its window, which would need more of the system.

    Raises:
        TalkError: it is not installed, or finds no OpenGL.
    """
    os.environ["PYOPENGL_PLATFORM"] = platform.name
    os.environ["EGL_DEVICE_ID"] = str(platform.device)
    if "pyrender" not in sys.modules:
        viewer = types.ModuleType("pyrender.viewer")
        viewer.__dict__["Viewer"] = None
        sys.modules.setdefault("pyrender.viewer", viewer)
    try:
        import pyrender
    except ImportError as error:
        raise TalkError(f"pyrender cannot be imported ({error}): pip install pyrender2") from error
    return pyrender
