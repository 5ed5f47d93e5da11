"""Which OpenGL this machine has, asked of the system's libraries in a process of its own, since drivers can crash.

Run as a script it prints one line of JSON; it uses ctypes alone, so that it starts fast.
"""

from __future__ import annotations

import ctypes
import json
from ctypes import POINTER, byref, c_char_p, c_int, c_uint, c_void_p
from typing import Any

GL_RENDERER = 0x1F01
PLATFORM_DEVICE, OPENGL_API, OPENGL_BIT, PBUFFER_BIT, NONE = 0x313F, 0x30A2, 0x0008, 0x0001, 0x3038
CONFIG = (0x3033, PBUFFER_BIT, 0x3024, 8, 0x3025, 24, 0x3040, OPENGL_BIT, NONE)  # surface, red, depth, renderable
CONTEXT = (0x3098, 4, 0x30FB, 1, 0x30FD, 1, NONE)  # OpenGL 4.1, core profile
OSMESA = (0x22, 0x1908, 0x30, 24, 0x33, 0x34, 0x36, 3, 0x37, 3, 0)  # RGBA, depth 24, core profile, OpenGL 3.3


def egl_renderers() -> list[str | None]:
    """What draws, for each device that EGL lists; None for one that cannot."""
    egl = ctypes.CDLL("libEGL.so.1")
    ctypes.CDLL("libOpenGL.so.0")  # PyOpenGL needs it
    egl.eglGetProcAddress.restype = c_void_p
    devices = (c_void_p * 16)()
    count = c_int()
    query = _function(egl, "eglQueryDevicesEXT", c_uint, c_int, POINTER(c_void_p), POINTER(c_int))
    query(len(devices), devices, byref(count))
    return [_egl_renderer(egl, devices[i]) for i in range(count.value)]


def _egl_renderer(egl: Any, device: int | None) -> str | None:
    display_of = _function(egl, "eglGetPlatformDisplayEXT", c_void_p, c_uint, c_void_p, c_void_p)
    display = c_void_p(display_of(PLATFORM_DEVICE, device, None))
    config, found = c_void_p(), c_int()
    egl.eglCreateContext.restype = c_void_p
    if not egl.eglInitialize(display, None, None):
        return None
    egl.eglChooseConfig(display, (c_int * len(CONFIG))(*CONFIG), byref(config), 1, byref(found))
    egl.eglBindAPI(OPENGL_API)
    context = egl.eglCreateContext(display, config, None, (c_int * len(CONTEXT))(*CONTEXT))
    if not (found.value and context and egl.eglMakeCurrent(display, None, None, c_void_p(context))):
        return None
    name = _function(egl, "glGetString", c_char_p, c_uint)(GL_RENDERER)
    return name.decode(errors="replace") if name else None


def osmesa_renderer() -> str | None:
    """What OSMesa draws with; None where it cannot."""
    library = next(
        (loaded for loaded in map(_load, ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so")) if loaded), None
    )
    if library is None:
        return None
    library.OSMesaCreateContextAttribs.restype = c_void_p
    library.OSMesaGetProcAddress.restype = c_void_p
    context = library.OSMesaCreateContextAttribs((c_int * len(OSMESA))(*OSMESA), None)
    if not context or not library.OSMesaMakeCurrent(c_void_p(context), (ctypes.c_ubyte * 1024)(), 0x1401, 16, 16):
        return None
    address = library.OSMesaGetProcAddress(b"glGetString")
    name = ctypes.CFUNCTYPE(c_char_p, c_uint)(address)(GL_RENDERER)
    return name.decode(errors="replace") if name else None


def _function(egl: Any, name: str, result: Any, *arguments: Any) -> Any:
    address = egl.eglGetProcAddress(name.encode())
    if not address:
        raise OSError(f"EGL has no {name}")
    return ctypes.CFUNCTYPE(result, *arguments)(address)


def _load(name: str) -> Any:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


def main() -> None:
    """Prints {"egl": [...], "osmesa": ...}."""
    try:
        egl = egl_renderers()
    except (OSError, AttributeError):
        egl = []
    try:
        osmesa = osmesa_renderer()
    except (OSError, AttributeError):
        osmesa = None
    print(json.dumps({"egl": egl, "osmesa": osmesa}))  # noqa: T201, another process reads it


if __name__ == "__main__":
    main()
