"""What draws and what encodes, each tried on a picture of the packaged head or on a few frames."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from talkcli.clip import Floats
from talkcli.doctor.base import AGAIN, DoctorOptions, Finding, ended, reason
from talkcli.errors import TalkError
from talkcli.export import html, video
from talkcli.export.base import ExportOptions
from talkcli.export.ffmpeg import Ffmpeg, find_ffmpeg
from talkcli.platform import with_these_modules
from talkcli.render.platforms import INSTALL, Platform, choose, probed

SIZE = (64, 64)
FRAMES, FPS, RATE = 3, 25.0, 16000
PATIENCE = 60.0  # seconds for a driver to draw
NO_NEED = "films are drawn by the software renderer, which needs none"
FFMPEG = f"{AGAIN} imageio-ffmpeg, or name a complete ffmpeg in IMAGEIO_FFMPEG_EXE"


def software(_options: DoctorOptions) -> list[Finding]:
    """Whether the renderer that needs no OpenGL draws, compiled here or read from its cache."""
    seconds = draw("software")
    from talkcli.render import raster

    stats = getattr(raster.project, "stats", None)  # numba's
    compiled = ", compiled just now, so that the next start is faster" if stats and stats.cache_misses else ""
    return [Finding("ok", f"--renderer software drew a head in {seconds:.1f} s{compiled}; it needs no OpenGL")]


def draw(renderer: str) -> float:
    """Draws the packaged head; the seconds it took.

    Raises:
        TalkError: the renderer cannot draw, or drew nothing.
    """
    from talkcli.head import load_head
    from talkcli.render import open_renderer

    began = time.perf_counter()
    head = load_head()
    with open_renderer(head.topology, head.template, size=SIZE, background="white", renderer=renderer) as opened:
        picture = opened.image(head.template)
    seen = float((picture.reshape(-1, 3).min(1) < 200).mean())
    if not 0.1 < seen < 0.9:
        raise TalkError(f"--renderer {renderer} drew no head: {seen:.0%} of its picture is dark")
    return time.perf_counter() - began


def opengl(_options: DoctorOptions) -> list[Finding]:
    """Each way to OpenGL, asked in a process of its own, and the best one tried by drawing in another."""
    try:
        found = probed()
    except subprocess.CalledProcessError as error:
        return [
            Finding("broken", f"the process that asked the drivers {ended(error.returncode)}; {NO_NEED}", _driver())
        ]
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return [Finding("broken", f"the drivers do not answer ({reason(error)}); {NO_NEED}", _driver())]
    if not found:
        mend = f"only for --renderer pyrender: {INSTALL}"
        return [Finding("missing", f"neither EGL nor OSMesa draws here; {NO_NEED}", mend)]
    try:
        best = choose()
    except TalkError as error:
        asked = " and ".join(
            f"{name}={os.environ[name]}" for name in ("PYOPENGL_PLATFORM", "EGL_DEVICE_ID") if name in os.environ
        )
        has = ", ".join(map(_told, found))
        return [Finding("missing", f"{reason(error)}; there is {has}", f"unset {asked}, or install what it names")]
    others = [Finding("info", f"{_told(one)} gives an OpenGL context") for one in found if one != best]
    return [_drawn(best), *others]


def _told(platform: Platform) -> str:
    kind = "hardware" if platform.hardware else "drawn by the CPU"
    device = f" device {platform.device}" if platform.name == "egl" else ""
    return f"{platform.name.upper()}{device} {platform.renderer} ({kind})"


def _drawn(platform: Platform) -> Finding:
    """pyrender tried in a process of its own: a driver may take it down with it."""
    command = [sys.executable, "-m", "talkcli.doctor.pictures"]
    try:
        done = subprocess.run(
            command, env=with_these_modules(), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding("broken", f"pyrender hangs on {_told(platform)}", _driver())
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        why = f": {lines[-1]}" if lines and done.returncode > 0 else ""
        return Finding("broken", f"pyrender's process {ended(done.returncode)} on {_told(platform)}{why}", _driver())
    seconds = json.loads(done.stdout.splitlines()[-1])
    use = "auto takes it" if platform.hardware else "auto leaves it for the software renderer"
    return Finding("ok", f"pyrender drew a head on {_told(platform)} in {seconds:.1f} s; --renderer {use}")


def _driver() -> str:
    return f"give --renderer software, or mend the driver: {INSTALL}"


def main() -> None:
    """Draws with pyrender, and prints the seconds."""
    print(json.dumps(draw("pyrender")))  # noqa: T201, another process reads it


# -- ffmpeg ----------------------------------------------------------------------------------------------------------


def ffmpeg(_options: DoctorOptions) -> list[Finding]:
    """Which ffmpeg there is, and whether it encodes what our formats hold, and reads it again."""
    try:
        path = find_ffmpeg()
        told = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    except (TalkError, OSError, subprocess.SubprocessError) as error:
        return [Finding("broken", f"no ffmpeg that runs: {reason(error)}", FFMPEG)]
    version = " ".join(told.split()[:3])  # "ffmpeg version 7.0.2-static Copyright ..."
    works, fails = [], []
    for name, encode in ENCODINGS.items():
        with tempfile.TemporaryDirectory(prefix="talk-doctor-") as folder:
            try:
                encoded = encode(Path(folder))
                with Ffmpeg(["-i", encoded, "-f", "null", "-"]) as reader:
                    reader.finish()
                works.append(name)
            except (TalkError, OSError) as error:
                fails.append(Finding("broken", f"{name} cannot be written: {reason(error)}", FFMPEG))
    what = f"; {FRAMES} frames each were written and read: {', '.join(works)}" if works else ""
    return [Finding("ok" if works else "broken", f"{version} at {path}{what}", "" if works else FFMPEG), *fails]


def _film(folder: Path, container: video.Container) -> Path:
    """Pictures, then sound put to them, as a film is written."""
    silent, sound, path = folder / "silent", _sound(folder), folder / f"face.{container.name}"
    _feed(video.video_arguments(ExportOptions(size=SIZE), FPS, silent, container), SIZE[0] * SIZE[1] * 3 // 2)
    with Ffmpeg(video.join_arguments(silent, sound, path, container)) as joiner:
        joiner.finish()
    return path


def _gif(folder: Path) -> Path:
    film, path = folder / "film", folder / "face.gif"
    _feed(video.gif_film_arguments(ExportOptions(size=SIZE), FPS, film), SIZE[0] * SIZE[1] * 3)
    for arguments in video.gif_arguments(film, folder / "palette.png", path):
        with Ffmpeg(arguments) as encoder:
            encoder.finish()
    return path


def _png(folder: Path) -> Path:
    _feed(video.png_arguments(ExportOptions(size=SIZE), FPS, folder / "%05d.png"), SIZE[0] * SIZE[1] * 3)
    return folder / f"{FRAMES - 1:05d}.png"


def _mp3(folder: Path) -> Path:
    with Ffmpeg(html.sound_arguments(_sound(folder), folder / "face.mp3")) as encoder:
        encoder.finish()
    return folder / "face.mp3"


def _feed(arguments: video.Arguments, size: int) -> None:
    """Frames of so many bytes, each of another grey."""
    with Ffmpeg(arguments) as encoder:
        for number in range(FRAMES):
            encoder.write(bytes([60 + 40 * number]) * size)
        encoder.finish()


def _sound(folder: Path) -> Path:
    import soundfile

    tone: Floats = (0.1 * np.sin(np.arange(round(RATE * FRAMES / FPS)) * 0.1)).astype(np.float32)
    soundfile.write(folder / "sound.wav", tone, RATE)
    return folder / "sound.wav"


ENCODINGS: dict[str, Callable[[Path], Path]] = {
    ".mp4 (H.264, AAC)": lambda folder: _film(folder, video.MP4),
    ".webm (VP9, Opus)": lambda folder: _film(folder, video.WEBM),
    ".gif": _gif,
    ".png": _png,
    ".html's sound (MP3)": _mp3,
}


if __name__ == "__main__":
    main()
