"""What drawing and encoding cost: CPU milliseconds a frame, child processes included, of a 10 s clip at 512 x 512.

usage: python benchmarks/render.py > benchmarks/render.md

Each way runs in a process of its own: a short clip first, so that imports and caches are not counted, then the clip
that is, from the motion in memory to the file under its name. `published` is the way of the papers' repositories,
written plainly: for every frame a new renderer, scene and mesh (pyrender through OSMesa), frames into an MPEG-4 file,
which is then encoded again with the sound; it is measured over fewer frames, since each costs the same.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from talkcli.clip import Audio, Floats, MotionClip
from talkcli.export import ExportOptions, write
from talkcli.export.ffmpeg import find_ffmpeg
from talkcli.head import CONTROLS, load_head

FPS, SECONDS, RATE, SIZE = 30, 10, 16000, 512
REFERENCE_SECONDS = 2
CHUNK = 75


def clip(seconds: float) -> MotionClip:
    """The default head, speaking nonsense."""
    head = load_head()
    time_ = np.arange(round(seconds * FPS)) / FPS
    values = np.zeros((len(time_), len(CONTROLS)), np.float32)
    values[:, CONTROLS.index("jawOpen")] = 0.25 - 0.25 * np.cos(2 * np.pi * 3.1 * time_)
    values[:, CONTROLS.index("mouthPucker")] = 0.4 + 0.4 * np.sin(2 * np.pi * 1.3 * time_)
    values[:, CONTROLS.index("mouthSmileLeft")] = values[:, CONTROLS.index("mouthSmileRight")] = 0.2
    samples = 0.2 * np.sin(np.arange(round(seconds * RATE)) * 0.05)
    audio = Audio(samples.astype(np.float32), RATE)
    return MotionClip(head.pose(values), head.template, head.topology, FPS, audio, model="benchmark")


def ours(renderer: str) -> Callable[[MotionClip, Path], None]:
    """The package's own way with one of its renderers."""

    def run(motion: MotionClip, path: Path) -> None:
        def chunks() -> Iterator[MotionClip]:
            for first in range(0, motion.frames, CHUNK):
                part = motion.vertices[first : first + CHUNK]
                sound = motion.audio.part(first / FPS, (first + len(part)) / FPS) if motion.audio else None
                yield MotionClip(part, motion.template, motion.topology, FPS, sound, first / FPS)

        write(chunks(), path, ExportOptions(size=(SIZE, SIZE), renderer=renderer, force=True), motion.frames)

    return run


def published(motion: MotionClip, path: Path) -> None:
    """A new renderer, scene and mesh for every frame; two encodings."""
    import soundfile

    silent, sound = path.with_suffix(".silent.mp4"), path.with_suffix(".wav")
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{SIZE}x{SIZE}", "-r", str(FPS), "-i", "-"]
    command = [find_ffmpeg(), "-y", "-v", "error", *raw, "-c:v", "mpeg4", "-q:v", "3", str(silent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder:
        assert encoder.stdin
        for vertices in motion.vertices:
            encoder.stdin.write(published_frame(vertices, motion).tobytes())
    soundfile.write(sound, motion.audio.samples, RATE)
    again = ["-i", str(silent), "-i", str(sound), "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)]
    subprocess.run([find_ffmpeg(), "-y", "-v", "error", *again], check=True)


def published_frame(vertices: Floats, motion: MotionClip) -> Floats:
    """One picture (H, W, 3)."""
    import pyrender
    import trimesh

    mesh = trimesh.Trimesh(vertices, motion.topology.faces, process=False)
    material = pyrender.MetallicRoughnessMaterial(
        alphaMode="BLEND", baseColorFactor=[0.3, 0.3, 0.3, 1.0], metallicFactor=0.8, roughnessFactor=0.8
    )
    scene = pyrender.Scene(ambient_light=[0.2, 0.2, 0.2], bg_color=[255, 255, 255])
    pose = np.eye(4)
    scene.add(pyrender.Mesh.from_trimesh(mesh, material=material, smooth=True), pose=pose)
    pose[:3, 3] = [0, -0.03, 1.0]
    scene.add(pyrender.PerspectiveCamera(yfov=0.33, znear=0.01, zfar=10), pose=pose)
    for _ in range(5):
        scene.add(pyrender.DirectionalLight(color=[1, 1, 1], intensity=2.0), pose=pose)
    renderer = pyrender.OffscreenRenderer(SIZE, SIZE)
    color, _depth = renderer.render(scene, flags=pyrender.RenderFlags.SKIP_CULL_FACES)
    renderer.delete()
    return color


def cpu_seconds() -> float:
    """Of this process and the children it has waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def measure(way: str) -> None:
    """Prints CPU ms a frame and frames a second."""
    if way == "published":
        os.environ["PYOPENGL_PLATFORM"] = "osmesa"
        viewer = types.ModuleType("pyrender.viewer")
        viewer.__dict__["Viewer"] = None
        sys.modules["pyrender.viewer"] = viewer
    run = published if way == "published" else ours(way)
    motion = clip(REFERENCE_SECONDS if way == "published" else SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        run(clip(0.2), Path(folder) / "warm.mp4")
        cpu, wall = cpu_seconds(), time.perf_counter()
        run(motion, Path(folder) / "face.mp4")
        cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    print(1000 * cpu / motion.frames, motion.frames / wall)


def main() -> None:
    """The table."""
    ways = {
        "published": "new renderer, scene and mesh a frame (OSMesa), two encodings",
        "pyrender": "`--renderer pyrender`, drawn by the CPU where there is no graphics card",
        "software": "`--renderer software`",
    }
    print("# Rendering and encoding\n")
    print(f"{SECONDS} s at {SIZE} x {SIZE} and {FPS} fps, {len(load_head().template)} vertices, H.264 with sound;")
    print(f"{os.cpu_count()} x {platform.machine()} cores, load {os.getloadavg()[0]:.1f} at the start.")
    print("Made by `python benchmarks/render.py > benchmarks/render.md`.\n")
    print("| way | CPU ms a frame | frames a second | less CPU than published |\n|---|---|---|---|")
    reference = 0.0
    for way, text in ways.items():
        command = [sys.executable, __file__, way]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        cost, speed = map(float, answer.stdout.split()[-2:])
        reference = reference or cost
        print(f"| {text} | {cost:.1f} | {speed:.0f} | x {reference / cost:.0f} |", flush=True)


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
