"""A contact sheet of the head, for whoever changes it: `python -m tools.head.pictures sheet.png` (needs OSMesa)."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("PYOPENGL_PLATFORM", "osmesa")

from PIL import Image, ImageDraw

from talkcli.head.controls import CONTROLS
from talkcli.head.head import Head, read_head
from tools.head.maths import normals
from tools.head.resource import PATH

Picture = NDArray[np.uint8]
LIGHTS = (
    ((0.7, 0.8, 0.9), 2.5, (1, 0.97, 0.94)),
    ((-1, 0.15, 0.9), 1.1, (0.88, 0.93, 1)),
    ((0.4, 0.6, -1), 1.2, (1, 1, 1)),
    ((-0.6, 0.5, -1), 0.8, (1, 1, 1)),
)


def both(name: str, weight: float) -> dict[str, float]:
    return {f"{name}Left": weight, f"{name}Right": weight}


RECIPES: dict[str, dict[str, float]] = {
    "rest": {},
    "ah": {"jawOpen": 0.7},
    "m": {"jawOpen": 0.12, **both("mouthPress", 0.4), "mouthSeal": 1},
    "f": {"jawOpen": 0.06, "mouthRollLower": 1},
    "oo": {"jawOpen": 0.1, "mouthPucker": 0.95, "mouthFunnel": 0.15},
    "oh": {"jawOpen": 0.4, "mouthFunnel": 0.9},
    "ee": {"jawOpen": 0.16, **both("mouthStretch", 0.8), **both("mouthUpperUp", 0.3), **both("mouthLowerDown", 0.4)},
    "th": {"jawOpen": 0.22, "tongueOut": 0.8},
    "wide": {"jawOpen": 1},
    "smile": {**both("mouthSmile", 1), **both("cheekSquint", 0.5)},
    "blink": both("eyeBlink", 1),
    "down": both("eyeLookDown", 0.8),
    "up": both("eyeLookUp", 0.8),
    "left": {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8},
    "surprise": {"jawOpen": 0.45, "browInnerUp": 1, **both("browOuterUp", 1), **both("eyeWide", 1)},
    "stern": {**both("browDown", 1), **both("mouthFrown", 1), **both("noseSneer", 0.5)},
    "squint": both("eyeSquint", 1),
    "puff": {"cheekPuff": 1},
    "shrug": {"mouthShrugLower": 1, "mouthShrugUpper": 0.7},
    "sideways": {"mouthLeft": 1},
}


def values(weights: Mapping[str, float]) -> NDArray[np.float32]:
    """(1, C)"""
    row = np.zeros((1, len(CONTROLS)), np.float32)
    for name, weight in weights.items():
        row[0, CONTROLS.index(name)] = weight
    return row


def _look(eye: NDArray[Any], at: NDArray[Any]) -> NDArray[Any]:
    z = (eye - at) / np.linalg.norm(eye - at)
    x = np.cross((0, 1, 0), z)
    x /= np.linalg.norm(x)
    pose = np.eye(4)
    pose[:3] = np.stack([x, np.cross(z, x), z, eye], 1)
    return pose


class Camera:
    """Draws one head from anywhere."""

    def __init__(self, head: Head) -> None:
        self.head, self.renderers = head, dict[tuple[int, int], Any]()

    def __call__(
        self,
        vertices: NDArray[np.float32],
        *,
        subject: str = "sam",
        yaw: float = 0,
        at: tuple[float, float, float] = (0, -0.03, 0.01),
        distance: float = 1.0,
        angle: float = 17,
        size: tuple[int, int] = (300, 360),
    ) -> Picture:
        import pyrender

        scene = pyrender.Scene(bg_color=(0.62, 0.65, 0.68, 1), ambient_light=(0.13, 0.13, 0.14))
        self._add(scene, pyrender, vertices, subject)
        turn = np.radians(yaw)
        center = np.array(at)
        view = _look(center + distance * np.array([np.sin(turn), 0, np.cos(turn)]), center)
        scene.add(pyrender.PerspectiveCamera(yfov=np.radians(angle)), pose=view)
        for way, power, color in LIGHTS:
            light = pyrender.DirectionalLight(color=color, intensity=power)
            scene.add(light, pose=_look(view[:3, :3] @ np.array(way), np.zeros(3)))
        if size not in self.renderers:
            self.renderers[size] = pyrender.OffscreenRenderer(size[0] * 2, size[1] * 2)
        image = self.renderers[size].render(scene)[0].astype(float)
        return np.asarray(image.reshape(size[1], 2, size[0], 2, 3).mean((1, 3)).round().astype(np.uint8))

    def _add(self, scene: Any, pyrender: Any, vertices: NDArray[np.float32], subject: str) -> None:
        topology, colors = self.head.topology, self.head.subject_colors(subject) / 255
        for i, name in enumerate(topology.part_names):
            k = topology.regions[f"part_{name}"]
            faces = (
                topology.faces[topology.part_ids[topology.faces[:, 0]] == i] - k[0]
                if topology.part_ids is not None
                else topology.faces
            )
            rough = 0.3 if name.startswith("eye") else 0.48 if name.startswith("t") else 0.66
            material = pyrender.MetallicRoughnessMaterial(
                metallicFactor=0.0, roughnessFactor=rough, baseColorFactor=(1.0, 1.0, 1.0, 1.0)
            )
            color = np.c_[colors[k] ** 2.2, np.ones(len(k))]
            n = normals(vertices[k].astype(float), faces.astype(np.int64))
            primitive = pyrender.Primitive(vertices[k], n, color_0=color, indices=faces, material=material, mode=4)
            scene.add(pyrender.Mesh([primitive]))


def label(picture: Picture, text: str) -> Picture:
    image = Image.fromarray(picture)
    ImageDraw.Draw(image).text((8, 5), text, fill=(30, 32, 36))
    return np.array(image)


def sheet(head: Head) -> Picture:
    """Views, expressions and people."""
    camera = Camera(head)
    rest = head.template
    rows = [[label(camera(rest, yaw=y, size=(336, 400)), f"{y}") for y in (0, 35, 90, 150, -35)]]
    names = list(RECIPES)
    posed = {name: head.pose(values(recipe))[0] for name, recipe in RECIPES.items()}
    near: dict[str, Any] = {"at": (0, -0.04, 0.04), "distance": 0.9, "angle": 15.5, "size": (240, 280)}
    rows += [[label(camera(posed[name], **near), name) for name in names[i : i + 7]] for i in (0, 7)]
    rows += [[label(camera(posed[name], yaw=40, **near), name) for name in names[13:]]]
    rows += [[label(camera(posed[name], yaw=40, **near), name) for name in names[:7]]]
    few: dict[str, Any] = {"at": (0, -0.04, 0.02), "distance": 1.15, "angle": 14.5, "size": (168, 205)}
    for i in (0, 10):
        people = head.subjects[i : i + 10]
        rows += [[label(camera(head.subject_template(s), subject=s, yaw=y, **few), s) for s in people] for y in (0, 40)]
    return np.concatenate([np.concatenate(row, 1) for row in rows])


if __name__ == "__main__":
    Image.fromarray(sheet(read_head(PATH))).save(Path(sys.argv[1]))
