"""What both renderers draw: the head's colours and materials, three lights, a background, and how light becomes colour.

The lights go with the camera, as a photographer's do, so a view changes the head and not the light. The surface is the
usual metal-rough one (GGX with Schlick's Fresnel and Smith's shadowing) with wrapped diffuse light for the softness of
skin; the view vector is taken as the picture's axis, so shading depends on the normal alone: software.py tabulates it,
shaders/mesh.frag computes the same. Shape letters: V vertices, F triangles, M materials, H, W the picture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, Ints, Topology
from talkcli.errors import TalkError
from talkcli.render.camera import Camera, make_camera

Bytes = NDArray[np.uint8]
Triple = tuple[float, float, float]

NEUTRAL = (190, 172, 162)  # sRGB of a mesh without colours
REFLECTANCE = 0.04  # of every surface looked at straight on
KNEE = 0.72  # linear light above this is compressed, so that nothing burns out
MOUTH_DECAY = 2.0  # how fast it gets dark behind the lips: e^-2 one mouth width deep


@dataclass(frozen=True)
class Light:
    """direction points to the light in the camera's axes (right, up, towards the viewer); color is linear."""

    direction: Triple
    color: Triple
    intensity: float


@dataclass(frozen=True)
class Material:
    """roughness in (0, 1]; gloss scales the highlight; wrap lets light creep round the edge, per channel; tint dims.

    lining is the material of the other side, which is not drawn where there is none.
    """

    name: str
    roughness: float
    gloss: float
    wrap: Triple = (0.22, 0.22, 0.22)
    tint: float = 1.0
    lining: Material | None = None


KEY = Light((-0.52, 0.50, 0.69), (1.0, 0.955, 0.90), 0.92)
FILL = Light((0.78, 0.02, 0.62), (1.0, 0.88, 0.78), 0.24)
RIM = Light((0.74, 0.42, -0.53), (0.86, 0.93, 1.0), 0.85)
LIGHTS = (KEY, FILL, RIM)
SKY: Triple = (0.225, 0.24, 0.27)
GROUND: Triple = (0.125, 0.105, 0.095)

SKIN = Material("skin", 0.50, 0.72, wrap=(0.42, 0.24, 0.18))
LIPS = Material("lips", 0.36, 0.9, wrap=(0.40, 0.24, 0.20))
WET = Material("wet", 0.30, 0.9, wrap=(0.35, 0.22, 0.20), tint=0.85)
EYES = Material("eyes", 0.13, 1.2, wrap=(0.35, 0.32, 0.32), tint=0.94)
TEETH = Material("teeth", 0.30, 0.8, wrap=(0.40, 0.38, 0.36), tint=0.90)
UNDER_HAIR = Material("under hair", 0.9, 0.1, tint=0.16)
HAIR = Material("hair", 0.52, 0.75, lining=UNDER_HAIR)
BROWS = Material("brows", 0.62, 0.7)
MATERIALS = (SKIN, LIPS, WET, EYES, TEETH, HAIR, UNDER_HAIR, BROWS)
PARTS: dict[str, Material] = {  # by the first letters of a part's name; all else is skin
    "eye": EYES,
    "teeth": TEETH,
    "tongue": WET,
    "caruncle": WET,
    "hair": HAIR,
    "brow": BROWS,
}
INSIDE = ("teeth", "tongue")  # parts behind the lips

BACKGROUNDS: dict[str, tuple[Triple, Triple]] = {  # sRGB in the middle and in the corners
    "studio": ((118.0, 126.0, 136.0), (43.0, 48.0, 57.0)),
    "warm": ((150.0, 136.0, 122.0), (62.0, 53.0, 47.0)),
    "light": ((240.0, 241.0, 243.0), (206.0, 209.0, 214.0)),
    "white": ((255.0, 255.0, 255.0), (255.0, 255.0, 255.0)),
    "black": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    "green": ((0.0, 177.0, 64.0), (0.0, 177.0, 64.0)),
}


@dataclass(frozen=True, eq=False)
class Scene:
    """What is drawn: the head's vertices, and L of them once more for the linings' triangles, which look inwards.

    template (V + L, 3); lined (L,) the vertices that have a copy; faces (F, 3); albedo (V + L, 3) linear; gloss
    (V + L,); material (F,), of MATERIALS; background (H, W, 3) sRGB.
    """

    camera: Camera
    template: Floats
    lined: Ints
    faces: Ints
    albedo: Floats
    gloss: Floats
    material: Bytes
    background: Bytes

    def drawn(self, vertices: Floats) -> Floats:
        """(V + L, 3) float32, contiguous, of a head's vertices (V, 3)."""
        return np.concatenate([vertices, vertices[self.lined]], dtype=np.float32)


def make_scene(
    topology: Topology,
    template: Floats,
    *,
    size: tuple[int, int] = (512, 512),
    view: str = "front",
    background: str = "studio",
    colors: Bytes | None = None,
) -> Scene:
    """The scene of one head (V, 3).

    colors (V, 3) sRGB override the topology's; background is a name of BACKGROUNDS or #rrggbb.

    Raises:
        TalkError: an odd or unusable size, an unknown view or background.
    """
    check_size(size)
    picture = make_background(background, size)
    camera = make_camera(topology, template, size, view)
    faces, material, lined = with_linings(topology)
    every = np.concatenate([np.arange(topology.vertices), lined])  # (V + L,)
    tints, gloss = np.ones((2, len(every)), np.float32)
    for index, kind in enumerate(MATERIALS):
        used = np.unique(faces[material == index])
        tints[used], gloss[used] = kind.tint, kind.gloss
    shade = mouth_shade(topology, template)[every]
    if colors is None:
        colors = topology.colors
    if colors is None:
        colors = np.full((topology.vertices, 3), NEUTRAL, np.uint8)
    albedo = linear_from_srgb(colors[every]) * (tints * shade)[:, None]  # (V + L, 3)
    return Scene(camera, template[every], lined, faces, albedo.astype(np.float32), gloss * shade, material, picture)


def with_linings(topology: Topology) -> tuple[Ints, Bytes, Ints]:
    """Faces (F, 3) and their materials (F,), with turned copies of those that have a lining, and the vertices doubled.

    The copies' vertices are numbered on after the topology's, in the order of the vertices doubled (L,).
    """
    faces, material = topology.faces, face_materials(topology)
    both = np.array([kind.lining is not None for kind in MATERIALS])[material]  # (F,)
    linings = np.array([MATERIALS.index(kind.lining or kind) for kind in MATERIALS], np.uint8)
    lined, corners = np.unique(faces[both], return_inverse=True)
    turned = corners.reshape(-1, 3)[:, ::-1] + topology.vertices
    every = np.concatenate([faces, turned]).astype(np.int32)
    return every, np.concatenate([material, linings[material[both]]]), lined.astype(np.int32)


def check_size(size: tuple[int, int]) -> None:
    """Raises TalkError unless both sides are even, as the colours of H.264 need, and of a size that can be encoded."""
    if any(side % 2 or not 16 <= side <= 8192 for side in size):
        raise TalkError(f"The picture size {size[0]}x{size[1]} will not do: both sides must be even, from 16 to 8192.")


def face_materials(topology: Topology) -> Bytes:
    """(F,) index into MATERIALS: by part where parts are known, and lips by region."""
    vertices = np.zeros(topology.vertices, np.uint8)
    if topology.part_ids is not None:
        for number, name in enumerate(topology.part_names):
            kind = next((kind for start, kind in PARTS.items() if name.startswith(start)), SKIN)
            vertices[topology.part_ids == number] = MATERIALS.index(kind)
    lips = np.zeros(topology.vertices, bool)
    lips[topology.regions.get("lips", np.zeros(0, np.int32))] = True
    material = vertices[topology.faces[:, 0]]
    material[lips[topology.faces].all(axis=1) & (material == 0)] = MATERIALS.index(LIPS)
    return material


def mouth_shade(topology: Topology, template: Floats) -> Floats:
    """(V,) share of the light that reaches each vertex behind the lips; 1 elsewhere or where the lips are not known."""
    shade = np.ones(topology.vertices, np.float32)
    lips = topology.regions.get("lips")
    if lips is None or not len(lips):
        return shade
    inside = np.zeros(topology.vertices, bool)
    inside[topology.regions.get("mouth_inside", np.zeros(0, np.int32))] = True
    if topology.part_ids is not None:
        numbers = [i for i, name in enumerate(topology.part_names) if name.startswith(INSIDE)]
        inside |= np.isin(topology.part_ids, numbers)
    width = float(np.ptp(template[lips, 0]))
    depth = (template[lips, 2].max() - template[:, 2]) / width  # (V,) mouth widths behind the lips
    shade[inside] = np.exp(-MOUTH_DECAY * np.clip(depth[inside] - 0.08, 0, 2.0))
    return shade


def make_background(name: str, size: tuple[int, int]) -> Bytes:
    """(H, W, 3) sRGB: a vignette, dithered against banding, or one flat colour.

    Raises:
        TalkError: neither a name of BACKGROUNDS nor #rrggbb.
    """
    width, height = size
    middle, corner = (np.array(color) for color in background_colors(name))
    if (middle == corner).all():
        return np.full((height, width, 3), middle, np.uint8)
    y = (np.arange(height)[:, None] + 0.5) / height - 0.44
    x = (np.arange(width)[None, :] + 0.5) / width - 0.5
    far = np.clip((x**2 + y**2) / 0.5, 0, 1) ** 0.8  # (H, W)
    noise = np.random.default_rng(0).random((height, width, 1))
    picture = middle + far[:, :, None] * (corner - middle) + noise
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def background_colors(name: str) -> tuple[Triple, Triple]:
    """sRGB in the middle and in the corners.

    Raises:
        TalkError: neither a name of BACKGROUNDS nor #rrggbb.
    """
    if re.fullmatch(r"#[0-9a-fA-F]{6}", name):
        red, green, blue = (float(int(name[i : i + 2], 16)) for i in (1, 3, 5))
        return (red, green, blue), (red, green, blue)
    if name not in BACKGROUNDS:
        raise TalkError(f"There is no background {name!r}; use {', '.join(BACKGROUNDS)} or a colour such as #336699.")
    return BACKGROUNDS[name]


def linear_from_srgb(colors: Bytes) -> Floats:
    """sRGB bytes -> linear light in [0, 1] (IEC 61966-2-1)."""
    coded = np.arange(256) / 255
    table = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return table[colors]


def display(light: Floats) -> Floats:
    """Linear light -> sRGB in [0, 255]: a shoulder above the knee, then the sRGB curve."""
    over = np.maximum(light - KNEE, 0) / (1 - KNEE)
    return srgb_from_linear(np.where(light > KNEE, KNEE + (1 - KNEE) * (1 - np.exp(-over)), light))


def srgb_from_linear(light: Floats) -> Floats:
    """Linear light in [0, 1] -> sRGB in [0, 255]."""
    coded = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return np.asarray(coded * 255, np.float32)


def shade(normals: NDArray[np.floating], material: Material) -> Floats:
    """(..., 6) what a surface with these normals (..., 3), in camera axes, sends to the viewer.

    The first three numbers are multiplied by the albedo, the last three (the highlight) are added to that.
    """
    up = normals[..., 1:2] * 0.5 + 0.5
    diffuse = np.array(GROUND) + up * (np.array(SKY) - np.array(GROUND))  # (..., 3)
    highlight = np.zeros_like(diffuse)
    wrap = np.array(material.wrap)
    for light in LIGHTS:
        direction = np.array(light.direction) / np.linalg.norm(light.direction)
        radiance = np.array(light.color) * light.intensity
        toward = (normals @ direction)[..., None]
        diffuse = diffuse + radiance * np.maximum((toward + wrap) / (1 + wrap), 0) ** 1.4
        highlight = highlight + radiance * _specular(normals, direction, material.roughness)[..., None]
    return np.concatenate([diffuse, highlight], axis=-1).astype(np.float32)


def _specular(normals: NDArray[np.floating], direction: NDArray[np.float64], roughness: float) -> NDArray[np.float64]:
    """Cook-Torrance highlight times n.l, for light and viewer as unit vectors (GGX, Smith, Schlick), times pi."""
    half = direction + np.array([0, 0, 1])
    half = half / np.linalg.norm(half)
    nl = np.clip(normals @ direction, 0, 1)
    nv = np.clip(normals[..., 2], 0.05, 1)
    nh = np.clip(normals @ half, 0, 1)
    alpha = roughness**2
    spread = alpha**2 / (nh**2 * (alpha**2 - 1) + 1) ** 2  # GGX without 1 / pi
    k = (roughness + 1) ** 2 / 8
    shadow = nl / (nl * (1 - k) + k) / (nv * (1 - k) + k)  # Smith, n.v cancelled against the denominator
    fresnel = REFLECTANCE + (1 - REFLECTANCE) * (1 - half[2]) ** 5
    return np.asarray(spread * shadow * fresnel / 4, np.float64)
