"""How this package compiles its kernels: without the GIL, and cached on disk wherever a cache can be kept."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba  # noqa: TID253, this module is for it alone and loaded when a renderer opens

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function as machine code, compiled at its first call with new argument types.

    numba keeps the code beside the package, else in the user's cache folder or NUMBA_CACHE_DIR; where none of them can
    be written, in a private folder for temporary files; and if even that fails, nowhere.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "arcp"}}
    try:
        code: Callable[P, R] = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no place for a cache
        folder = _private_folder()
        if folder is None:
            code = numba.njit(**options)(function)
        else:
            numba.config.__dict__["CACHE_DIR"] = str(folder)
            code = numba.njit(cache=True, **options)(function)
    return code


def _private_folder() -> Path | None:
    """A folder of this user's alone, so that nobody else can put code there; None where there is none."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"talk-kernels-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(state.st_mode) and state.st_uid == user and not state.st_mode & 0o022
    return folder if private and os.access(folder, os.W_OK) else None
