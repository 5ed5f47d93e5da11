"""Which way to OpenGL pyrender takes here, without anyone setting a variable."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from talkcli.errors import TalkError
from talkcli.render import probe

SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software", "svga", "swr", "lavapipe", "virgl")
DEVICES = ("/dev/dri", "/dev/nvidiactl", "/dev/dxg")  # a graphics card shows itself as one of these
INSTALL = "apt install libegl1 libopengl0 libgl1-mesa-dri (or libosmesa6)"
PATIENCE = 30.0  # seconds for a driver to answer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Platform:
    """A way to OpenGL: name is pyrender's, device counts EGL's, renderer is what draws."""

    name: str
    device: int
    renderer: str

    @property
    def hardware(self) -> bool:
        return not any(word in self.renderer.lower() for word in SOFTWARE)


@cache
def platforms() -> tuple[Platform, ...]:
    """The ways that work here, hardware first, then EGL, which smooths edges itself."""
    try:
        return probed()
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        log.debug("no answer about OpenGL: %s", error)
        return ()


def probed() -> tuple[Platform, ...]:
    """The same, asked anew.

    Raises:
        OSError, subprocess.SubprocessError, ValueError: the process that asks crashed, hangs or answers nonsense.
    """
    command = [sys.executable, "-I", probe.__file__]
    told = json.loads(subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True).stdout)
    found = [Platform("egl", number, name) for number, name in enumerate(told["egl"]) if name]
    if told["osmesa"]:
        found.append(Platform("osmesa", 0, told["osmesa"]))
    return tuple(sorted(found, key=lambda platform: not platform.hardware))


def hardware() -> bool:
    """Whether OpenGL is drawn by hardware here; costs nothing on a machine without a graphics card."""
    wanted = os.environ.get("PYOPENGL_PLATFORM")
    if wanted == "osmesa" or not any(map(os.path.exists, DEVICES)):
        return False
    return any(platform.hardware and platform.name == "egl" for platform in platforms())


def choose() -> Platform:
    """The best way, or the one that PYOPENGL_PLATFORM and EGL_DEVICE_ID ask for.

    Raises:
        TalkError: there is none.
    """
    wanted, device = os.environ.get("PYOPENGL_PLATFORM"), os.environ.get("EGL_DEVICE_ID")
    fitting = [platform for platform in platforms() if wanted in (None, platform.name)]
    if device is not None:
        fitting = [platform for platform in fitting if platform.name != "egl" or str(platform.device) == device]
    if not fitting:
        asked = f" that PYOPENGL_PLATFORM={wanted} asks for" if wanted else ""
        raise TalkError(f"pyrender found no OpenGL{asked} here: {INSTALL}, or use the software renderer.")
    return fitting[0]


def shader_folder() -> Path:
    """Where our shaders lie."""
    return Path(__file__).parent / "shaders"
