"""Opens pages in a headless Chromium: what it shows, what it says, and what a script in it finds out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next((path for path in map(shutil.which, NAMES) if path), None)
FLAGS = "--headless --no-sandbox --hide-scrollbars --disable-gpu --use-angle=swiftshader --enable-unsafe-swiftshader"
HARMLESS = "GL Driver Message"  # of the software OpenGL, when the picture is read
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')

needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason=f"no browser to open the page in: none of {', '.join(NAMES)} is installed"
)


def screenshot(
    page: Path, size: tuple[int, int] = (480, 480), address: str = "", style: str = "", flags: str = ""
) -> NDArray[np.uint8]:
    """(H, W, 3) what the page shows, with this after the # of its address; fails on any word in the console."""
    target = page.with_suffix(".png")
    shown = page
    if style:
        shown = page.with_name("styled.html")
        shown.write_text(POLICY.sub("", page.read_text()).replace("</head>", f"<style>{style}</style></head>"))
    _run(page.parent, f"{flags} --window-size={size[0]},{size[1]} --screenshot={target}", f"{shown.as_uri()}#{address}")
    return np.asarray(Image.open(target).convert("RGB"))


def found(page: Path, script: str, flags: str = "") -> Any:
    """What a script, the body of an async function, returns when it runs in the page's own context."""
    run = f"(async () => {{ {script} }})()"
    keep = "(value) => (document.body.dataset.found = JSON.stringify(value))"
    more = f"<script>{run}.then({keep}, (error) => ({keep})(String(error)))</script></body>"
    changed = page.with_name("scripted.html")
    changed.write_text(POLICY.sub("", page.read_text()).replace("</body>", more))
    shown = _run(page.parent, f"{flags} --dump-dom", changed.as_uri())
    match = re.search(r'data-found="([^"]*)"', shown)
    assert match, "the script did not come to its end"
    return json.loads(unescape(match[1]))


def _run(folder: Path, flags: str, address: str) -> str:
    profile = folder / "profile"
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS.split(), "--virtual-time-budget=8000", "--enable-logging=stderr"]
    done = subprocess.run(
        [*command, f"--user-data-dir={profile}", *flags.split(), address], capture_output=True, text=True, timeout=120
    )
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line and HARMLESS not in line]
    assert not said
    shutil.rmtree(profile, ignore_errors=True)
    return done.stdout
