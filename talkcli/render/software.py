"""The renderer that needs no OpenGL: a rasteriser compiled by numba, the same picture every time.

Most of a speaking head does not move: hair, ears, nose. Such triangles are drawn once, into a still layer, and for each
frame only the others are drawn over it. What is still is found out from the vertices themselves, exactly, so that every
picture has the bytes that drawing all of it anew would give. Shape letters: V vertices, F triangles, H, W the picture.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, Ints
from talkcli.render import raster
from talkcli.render.pixels import Box, Bytes, convert, yuv420p
from talkcli.render.scene import MATERIALS, Scene, display, linear_from_srgb, shade

SIDE = 128  # of the shading tables
BAND = 64  # rows of samples drawn at a time
MATT = 0.4  # roughness from which a highlight is soft enough to be lit at the vertices ...
FINE = 5.0  # ... as long as triangles are smaller than this many pixels
BRIGHTEST = 3.0  # light at the tone table's end
SPARE = 1  # rings of triangles round moved vertices whose corners are taken to move next


class SoftwareRenderer:
    """Draws one scene's head, frame after frame, in one thread."""

    name = "software"
    device = "numba"

    def __init__(self, scene: Scene) -> None:
        width, height = scene.camera.size
        bands = -(-2 * height // BAND)
        self._keys = np.zeros((BAND, 2 * width + raster.LANES), np.int64)
        self.scene = scene = without_hidden_linings(scene, self._keys, bands)
        count = len(scene.albedo)
        self._surface = np.concatenate([scene.albedo, scene.gloss[:, None]], axis=1).astype(np.float32)  # (V, 4)
        self._dimmed = dimmed(scene)  # (V,)
        self._kinds = np.zeros(count, np.uint8)  # (V,)
        self._kinds[scene.faces] = scene.material[:, None]
        self._diffuse, self._highlight = shading_tables()
        self._matt = soft_materials(scene)  # (M,)
        self._tone = tone_table()
        self._points = np.zeros((count, 3), np.float32)
        self._normals = np.zeros((count, 3), np.float32)
        self._shading = np.zeros((count, 8), np.float32)
        self._nearest = nearest(scene)
        self._rest: Floats | None = None  # (V, 3) the first frame
        self._restless = np.zeros(count, bool)  # (V,) what has left its place there since, and its neighbours
        self._still_keys = np.zeros((bands * BAND, 2 * width + raster.LANES), np.int64)
        self._painted = False  # since the still layer was drawn

    def paint(self, colors: Bytes) -> None:
        """Gives the vertices other colours (V, 3) sRGB, from the next picture on; materials dim them as before."""
        every = np.concatenate([colors, colors[self.scene.lined]])  # (V + L, 3)
        self._surface[:, :3] = linear_from_srgb(every) * self._dimmed[:, None]
        self._painted = True

    def image(self, vertices: Floats) -> Bytes:
        """(H, W, 3) sRGB of the head with these vertices (V, 3)."""
        return self._draw(vertices)[0]

    def frame(self, vertices: Floats) -> bytes:
        """The same as planes Y, U, V at half colour resolution, BT.709 limited range: what the encoder reads."""
        picture, changed = self._draw(vertices)
        planes = self._still_planes.copy()
        convert(picture, changed, planes)
        return planes.tobytes()

    def _draw(self, vertices: Floats) -> tuple[Bytes, Box]:
        """The picture (H, W, 3), and the box in which it may differ from the still layer."""
        scene = self.scene
        vertices = scene.drawn(vertices)
        moved = self._moved(vertices)
        project(scene, vertices, raster.TOO_CLOSE * self._nearest, self._points)
        raster.vertex_normals(vertices, scene.faces, scene.camera.axes, self._normals)
        raster.light_vertices(
            self._points,
            self._normals,
            self._surface,
            self._kinds,
            self._diffuse,
            self._highlight,
            self._matt,
            self._shading,
        )
        if moved or self._painted:
            self._draw_still_layer()
            self._painted = False
        picture = self._still.copy()
        return picture, self._draw_over(picture, self._moving, keep=False)

    def _moved(self, vertices: Floats) -> bool:
        """Whether vertices have moved that were still until now; they and those near them are restless from now on."""
        if self._rest is None:
            self._rest = vertices
            return True
        if not raster.differ(vertices, self._rest, self._restless):
            return False
        moved = (vertices != self._rest).any(axis=1)  # (V,)
        self._restless |= self._with_neighbours(moved, SPARE)
        return True

    def _with_neighbours(self, vertices: NDArray[np.bool_], rings: int) -> NDArray[np.bool_]:
        """(V,) these vertices and the corners of so many rings of triangles round them."""
        faces, grown = self.scene.faces, vertices.copy()
        for _ in range(rings):
            grown[faces[grown[faces].any(axis=1)]] = True
        return grown

    def _draw_still_layer(self) -> None:
        """Draws anew the triangles of which no corner is restless, nor lit differently because a neighbour is."""
        scene = self.scene
        moving = self._with_neighbours(self._restless, 1)[scene.faces].any(axis=1)  # (F,)
        self._moving, still = (np.flatnonzero(which).astype(np.int32) for which in (moving, ~moving))
        self._still = scene.background.copy()  # (H, W, 3)
        self._still_keys = np.zeros(self._still_keys.shape, np.int64)  # no memory until drawn to
        self._draw_over(self._still, still, keep=True)
        self._still_planes = yuv420p(self._still)

    def _draw_over(self, picture: Bytes, chosen: Ints, *, keep: bool) -> Box:
        """Draws the chosen triangles over a picture of the still layer; the box is what they can touch."""
        scene = self.scene
        box = raster.touched_box(self._points, scene.faces, chosen, *scene.camera.size)
        raster.draw(
            chosen,
            self._points,
            self._shading,
            scene.faces,
            scene.material,
            self._highlight,
            self._tone,
            raster.NEAREST / self._nearest,
            box,
            scene.background,
            self._still_keys,
            keep,
            self._keys,
            picture,
        )
        return box

    def close(self) -> None:
        """Nothing to give back."""


def project(scene: Scene, vertices: Floats, limit: float, points: Floats) -> None:
    """raster.project to the samples of the scene's picture."""
    camera = scene.camera
    width, height = camera.size
    raster.project(vertices, camera.eye, camera.axes, camera.focal * height, 2 * width, 2 * height, limit, points)


def nearest(scene: Scene) -> float:
    """1 / depth of the head's nearest point at rest."""
    points = np.zeros((len(scene.template), 3), np.float32)
    project(scene, scene.template, np.inf, points)
    return max(float(points[:, 2].max()), 1e-30)


def dimmed(scene: Scene) -> Floats:
    """(V,) what make_scene left of each vertex' colour: its material's tint, and less the deeper in the mouth it is."""
    tint, gloss = np.ones((2, len(scene.albedo)), np.float32)
    for index, kind in enumerate(MATERIALS):
        used = np.unique(scene.faces[scene.material == index])
        tint[used], gloss[used] = kind.tint, kind.gloss
    return np.asarray(tint * (scene.gloss / gloss), np.float32)


def without_hidden_linings(scene: Scene, keys: NDArray[np.int64], bands: int) -> Scene:
    """The scene without linings that the head at rest hides, since drawing what nobody sees would cost the most.

    Their neighbours stay, so that what a movement uncovers is there; keys is room to work in.
    """
    points = np.zeros((len(scene.template), 3), np.float32)
    project(scene, scene.template, np.inf, points)
    seen = raster.seen_faces(points, scene.faces, raster.NEAREST / nearest(scene), keys, bands)  # (F,)
    first = len(scene.template) - len(scene.lined)
    lining = scene.faces[:, 0] >= first
    near = np.zeros(len(scene.template), bool)
    near[scene.faces[seen & lining]] = True
    faces = ~lining | near[scene.faces].any(1)
    kept = np.zeros(len(scene.template), bool)
    kept[:first] = True
    kept[scene.faces[faces]] = True
    place = np.cumsum(kept, dtype=np.int32) - 1
    return replace(
        scene,
        template=scene.template[kept],
        lined=scene.lined[kept[first:]],
        faces=place[scene.faces[faces]],
        albedo=scene.albedo[kept],
        gloss=scene.gloss[kept],
        material=scene.material[faces],
    )


def shading_tables() -> tuple[Floats, Floats]:
    """Diffuse light and highlights, each (M, side, side, 4), of scene.shade over the visible half sphere of normals.

    The half sphere is flattened by (x, y) / (1 + z); the fourth number is for alignment.
    """
    line = np.linspace(-1, 1, SIDE)
    x, y = np.meshgrid(line, line)
    square = x**2 + y**2
    normals = np.stack([2 * x, 2 * y, 1 - square], axis=-1) / (1 + square)[..., None]  # (side, side, 3)
    tables = np.zeros((2, len(MATERIALS), SIDE, SIDE, 4), np.float32)
    for index, material in enumerate(MATERIALS):
        both = shade(normals, material)  # (side, side, 6)
        tables[0, index, :, :, :3], tables[1, index, :, :, :3] = both[..., :3], both[..., 3:]
    return tables[0], tables[1]


def tone_table() -> Bytes:
    """sRGB bytes of linear light, raster.LEVELS steps from 0 to 1, and on to BRIGHTEST."""
    light = (np.arange(int(raster.LEVELS * BRIGHTEST)) + 0.5) / raster.LEVELS
    return np.asarray(np.clip(display(light.astype(np.float32)) + 0.5, 0, 255), np.uint8)


def soft_materials(scene: Scene) -> NDArray[np.bool_]:
    """(M,) whether the material's highlight varies so little over the triangles it has here that vertices can be lit.

    A triangle is as large as a square of the mean area, in pixels, of those that face the camera.
    """
    corners = scene.camera.project(scene.template)[scene.faces][:, :, :2]  # (F, 3, 2)
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = (v[:, 0] * u[:, 1] - v[:, 1] * u[:, 0]) / 2
    soft = np.zeros(len(MATERIALS), bool)
    for index, material in enumerate(MATERIALS):
        seen = area[(scene.material == index) & (area > 0)]
        soft[index] = material.roughness >= MATT and len(seen) > 0 and np.sqrt(seen.mean()) < FINE
    return soft
