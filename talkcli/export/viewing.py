"""What a page's script is told: the head, its motion and its look, as a few words of JSON and compressed arrays.

Materials, lights and the camera's stands come from talkcli/render, so that a page shows what a video does. Shape
letters: T frames, V vertices, L vertices that have a lining, F triangles, K components, M vertices that move.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, MotionClip
from talkcli.export.base import ExportOptions
from talkcli.export.components import Components
from talkcli.head import load_head
from talkcli.render import scene as look
from talkcli.render.camera import VIEWS, make_camera

RATIOS = (0.4, 0.55, 0.75, 1.0)  # width to height of the pictures for which a view is told; wider ones are as the last
LIGHT = "light"  # the background of the page's light theme, where none was asked for
LEVELS = 65535  # of a coordinate within the head's box, and of a vertex' part in the head's turn
ANGLE = 1e-4  # radians: a step of the head's turn

Json = dict[str, Any]


def described(
    clip: MotionClip, motion: Components, options: ExportOptions, turn: Floats | None = None
) -> tuple[Json, bytes]:
    """The words and the packed arrays of a clip, of which only what all chunks share is read; turn (T, 3) is that of
    the head, which holds still without one."""
    scene = look.make_scene(clip.topology, clip.template, background=options.background, colors=clip.colors)
    low, extent = clip.template.min(0), float(np.ptp(clip.template, axis=0).max()) or 1.0
    order = np.argsort(scene.material, kind="stable")
    moved = np.flatnonzero(motion.shapes.any((0, 2)))  # (M,)
    glossiest = max(kind.gloss for kind in look.MATERIALS)
    surface = np.c_[look.srgb_from_linear(scene.albedo), 255 * scene.gloss / glossiest]  # (V + L, 4)
    headers, data = pack(
        {
            "template": np.rint((clip.template - low) / extent * LEVELS).astype(np.uint16).T,  # (3, V)
            "lined": scene.lined.astype(np.uint32),  # (L,)
            "faces": scene.faces[order].astype(np.uint32).T,  # (3, F)
            "surface": np.rint(surface).astype(np.uint8).T,  # (4, V + L)
            "moved": moved.astype(np.uint32),  # (M,)
            "shapes": motion.shapes[:, moved].transpose(0, 2, 1),  # (K, 3, M)
            "weights": motion.weights.T,  # (K, T)
        }
        | ({} if turn is None else turning(turn))
    )
    words = {
        "subject": clip.subject,
        "model": clip.model,
        "head": clip.topology.name,
        "fps": clip.fps,
        "frames": len(motion.weights),
        "arrays": headers,
        "low": low.tolist(),
        "step": extent / LEVELS,
        "scales": motion.scales.tolist(),
        "materials": materials(scene),
        "light": light(glossiest),
        "views": views(clip),
        "view": options.view,
        "backgrounds": backgrounds(options.background),
        "pivot": load_head().neck.pivot(clip.template).tolist() if turn is not None else None,
        "angle": ANGLE,
    }
    return words, data


def turning(turn: Floats) -> dict[str, NDArray[Any]]:
    """How much each vertex turns with the head (V,), and by what angles, in steps of ANGLE (3, T)."""
    weights = load_head().neck.weights
    return {
        "neck": np.rint(weights * LEVELS).astype(np.uint16),
        "turn": np.rint(turn.T / ANGLE).clip(-32767, 32767).astype(np.int16),
    }


def pack(arrays: Mapping[str, NDArray[Any]]) -> tuple[list[Json], bytes]:
    """Names, types and sizes of whole-number arrays, and all of them compressed.

    Neighbours are alike: of each number the difference to the one before is kept, its sign in the lowest bit, and all
    lowest bytes come before all second ones.
    """
    headers, pieces = [], []
    for name, array in arrays.items():
        flat = np.ascontiguousarray(array).ravel()
        bits = 8 * flat.itemsize
        steps = np.diff(flat, prepend=flat.dtype.type(0)).view(f"i{flat.itemsize}")  # wraps, and so does the sum
        coded = (steps << 1) ^ (steps >> (bits - 1))
        pieces.append(coded.astype(f"<i{flat.itemsize}").view(np.uint8).reshape(-1, flat.itemsize).T.tobytes())
        headers.append({"name": name, "type": flat.dtype.str[1:], "size": flat.size})
    return headers, zlib.compress(b"".join(pieces), 9)


def materials(scene: look.Scene) -> list[Json]:
    """Those that the scene uses, each with its number of triangles, which follow each other in this order."""
    linings = [kind.lining for kind in look.MATERIALS]
    counts = np.bincount(scene.material, minlength=len(look.MATERIALS))
    return [
        {"faces": int(count), "roughness": kind.roughness, "wrap": kind.wrap, "lining": kind in linings}
        for kind, count in zip(look.MATERIALS, counts, strict=True)
        if count
    ]


def light(glossiest: float) -> Json:
    """The scene's lights, directions of length 1 in the camera's axes, and what else the shading needs."""
    return {
        "directions": [(np.array(lamp.direction) / np.linalg.norm(lamp.direction)).tolist() for lamp in look.LIGHTS],
        "radiances": [(np.array(lamp.color) * lamp.intensity).tolist() for lamp in look.LIGHTS],
        "sky": look.SKY,
        "ground": look.GROUND,
        "reflectance": look.REFLECTANCE,
        "knee": look.KNEE,
        "glossiest": glossiest,
    }


def views(clip: MotionClip) -> Json:
    """The point to turn round, the lens, and for each view its angles in degrees and the camera's stands.

    A stand is how far right, up and back of the point the camera is, in its own axes, for each of RATIOS.
    """
    pivot = (clip.template.min(0) + clip.template.max(0)).astype(np.float64) / 2
    known = len(clip.topology.regions.get("lips", ())) > 0
    told, focal = {}, 1.0
    for name, view in VIEWS.items():
        if view.close and not known:
            continue
        stands = []
        for ratio in RATIOS:
            camera = make_camera(clip.topology, clip.template, (round(1000 * ratio), 1000), name)
            stands.append((camera.axes @ (camera.eye - pivot)).tolist())
            focal = camera.focal
        told[name] = {"yaw": view.yaw, "pitch": view.pitch, "stands": stands}
    return {"pivot": pivot.tolist(), "focal": focal, "ratios": RATIOS, "named": told}


def backgrounds(name: str) -> Json:
    """Middle and corner colour, sRGB, of the dark and the light page: both the one asked for, unless it is ours."""
    dark = look.background_colors(name)
    return {"dark": dark, "light": look.background_colors(LIGHT) if name == ExportOptions.background else dark}
