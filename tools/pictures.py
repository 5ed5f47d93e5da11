"""The pictures of README.md: `python -m tools.pictures`, or `python -m tools.pictures films keys` for some of them.

Everything in them comes from the sample speech in assets/ and from commands that anyone can type. Needs Pillow and, for
the page, a Chromium.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from talkcli.audio import load_audio
from talkcli.cli import main as talk
from talkcli.console import note
from talkcli.files.motion import open_motion
from talkcli.head import load_head

ASSETS = Path(__file__).parents[1] / "assets"
SPEECH, WORDS = ASSETS / "sample.flac", ASSETS / "sample.txt"
FRAME = 104  # the a of a word
SHOWN = (0.0, 4.0)  # seconds of the sample in the plots
INK, SOFT, ACCENT = "#22303c", "#9aa7b2", "#c8553d"
COLOURS = ("#c8553d", "#2a7f9e", "#7a9e3f", "#8a5fa8")


def run(*words: object) -> None:
    """A command that must succeed."""
    if talk([str(word) for word in words]):
        raise SystemExit(f"talk {' '.join(map(str, words))} failed")


def films(folder: Path) -> Image.Image:
    """One frame in four looks: subjects, views and backgrounds."""
    looks = (("ada", "front", "studio"), ("ben", "three-quarter", "warm"), ("emi", "profile", "light"))
    pictures = []
    for subject, view, background in (*looks, ("ada", "close", "#336699")):
        frames = folder / f"{subject}-{view}"
        look = ["--view", view, "--background", background, "--size", "360x440"]
        run("animate", SPEECH, "--text-file", WORDS, "--subject", subject, *look, "--out", frames / "%05d.png")
        pictures.append(Image.open(frames / f"{FRAME:05d}.png").convert("RGB"))
    sheet = Image.new("RGB", (4 * 360, 440))
    for place, picture in enumerate(pictures):
        sheet.paste(picture, (360 * place, 0))
    return sheet


def page(folder: Path) -> Image.Image:
    """The page of --out face.html in a browser."""
    path = folder / "face.html"
    run("animate", SPEECH, "--text-file", WORDS, "--out", path)
    where = f"{path.as_uri()}#t={FRAME / 30:.2f}&view=three-quarter&theme=light"
    return _shown(where, (960, 640), folder)


def report(folder: Path) -> Image.Image:
    """The beginning of an evaluation's report, on a small corpus."""
    data, out = folder / "synthetic", folder / "report"
    run("preprocess", "synthetic", "--out", data, "--hours", "0.1")
    models = ["selftalk-tiny", "kmtalk-tiny"]
    run("evaluate", *models, "--data", data, "--split", "test", "--phones", "head", "--styles", "1", "--out", out)
    return _shown((out / "report.html").as_uri(), (1100, 760), folder)


def _shown(address: str, size: tuple[int, int], folder: Path) -> Image.Image:
    """What a browser shows."""
    picture = folder / "shown.png"
    browser = next((found for found in map(shutil.which, ("chromium", "google-chrome")) if found), None)
    if browser is None:
        raise SystemExit("this picture needs a Chromium: apt install chromium")
    gl = ["--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    flags = [
        "--hide-scrollbars",
        f"--window-size={size[0]},{size[1]}",
        f"--screenshot={picture}",
        "--virtual-time-budget=8000",
    ]
    subprocess.run(
        [browser, "--headless", "--no-sandbox", *gl, *flags, f"--user-data-dir={folder / 'profile'}", address],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return Image.open(picture).convert("RGB")


def tracks(folder: Path) -> Image.Image:
    """ARKit's weights, Rhubarb's cues and visemes, under the sound."""
    paths = [folder / name for name in ("face.arkit.csv", "face.cues.json", "face.visemes.json")]
    run("animate", SPEECH, "--text-file", WORDS, *(word for path in paths for word in ("--out", path)))
    rows = list(csv.DictReader(paths[0].read_text(encoding="utf-8").splitlines()))
    cues = json.loads(paths[1].read_text(encoding="utf-8"))["mouthCues"]
    visemes = json.loads(paths[2].read_text(encoding="utf-8"))["mouthCues"]
    figure, (sound, weights, mouth) = _figure(3, (9.6, 4.2), heights=(1, 2.2, 1.2))
    _wave(sound)
    times = np.arange(len(rows)) / 60
    for name, colour in zip(("JawOpen", "MouthPucker", "MouthFunnel", "MouthPressLeft"), COLOURS, strict=True):
        weights.plot(times, [float(row[name]) for row in rows], color=colour, lw=1.5, label=name)
    weights.legend(ncols=4, frameon=False, fontsize=9, loc="upper right")
    weights.set_ylabel("weight")
    for level, (name, spans) in enumerate((("visemes", visemes), ("cues", cues))):
        for span in spans:
            _block(
                mouth,
                span["start"],
                span["end"],
                level,
                span["value"],
                ACCENT if span["value"] in ("A", "PP") else SOFT,
            )
        mouth.text(-0.01, level, name, ha="right", va="center", transform=mouth.get_yaxis_transform(), color=INK)
    mouth.set(yticks=[], ylim=(-0.5, 1.5), xlabel="seconds")
    return _drawn(figure, folder)


def keys(folder: Path) -> Image.Image:
    """Phones, key frames, and how far the mouth opens."""
    path, motion = folder / "keys.json", folder / "face.npz"
    run("keys", SPEECH, "--text-file", WORDS, "--out", path)
    run("animate", SPEECH, "--model", "kmtalk-tiny", "--keys", path, "--out", motion)
    told = json.loads(path.read_text(encoding="utf-8"))
    opened = _opening(motion)
    figure, (phones, curve) = _figure(2, (9.6, 3.2), heights=(0.5, 2))
    for span in told["phones"]:
        _block(
            phones, span["start"], span["end"], 0, span["phone"], ACCENT if span["phone"] in ("P", "B", "M") else SOFT
        )
    phones.set(yticks=[], ylim=(-0.5, 0.5), ylabel="phones")
    curve.plot(np.arange(len(opened)) / told["fps"], opened, color=INK, lw=1.2)
    numbers = [key["frame"] for key in told["keys"] if key["frame"] < len(opened)]
    curve.plot(np.array(numbers) / told["fps"], opened[numbers], "o", color=ACCENT, ms=4.5, label="key frames")
    curve.set(xlabel="seconds", ylabel="lips apart, mm")
    curve.legend(frameon=False, fontsize=9, loc="upper right")
    return _drawn(figure, folder)


def _opening(path: Path) -> Any:
    """(T,) millimetres between the inner lips."""
    marks = load_head().topology.landmarks
    vertices = open_motion(path).vertices
    apart = vertices[:, marks["lip_inner_upper"]] - vertices[:, marks["lip_inner_lower"]]
    return 1000 * np.linalg.norm(apart, axis=-1)


def _figure(rows: int, size: tuple[float, float], heights: tuple[float, ...]) -> tuple[Any, Any]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(rows, 1, figsize=size, sharex=True, height_ratios=heights, layout="constrained")
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(colors=INK, labelsize=9)
        axis.set_xlim(*SHOWN)
    return figure, axes


def _wave(axis: Any) -> None:
    audio = load_audio(SPEECH)
    blocks = audio.samples[: len(audio.samples) // 80 * 80].reshape(-1, 80)
    times = np.arange(len(blocks)) * 80 / audio.rate
    axis.fill_between(times, blocks.min(1), blocks.max(1), color=SOFT, lw=0)
    axis.set(yticks=[], ylabel="sound")


def _block(axis: Any, start: float, end: float, level: int, text: str, colour: str) -> None:
    axis.barh(level, end - start, left=start, height=0.8, color=colour, edgecolor="white", lw=0.8)
    if SHOWN[0] <= start < SHOWN[1] and end - start > 0.045:
        axis.text((start + end) / 2, level, text, ha="center", va="center", fontsize=7, color="white", clip_on=True)


def _drawn(figure: Any, folder: Path) -> Image.Image:
    path = folder / "figure.png"
    figure.savefig(path, dpi=120, facecolor="white")
    return Image.open(path).convert("RGB").quantize(64, dither=Image.Dither.NONE)


PICTURES: dict[str, Callable[[Path], Image.Image]] = {
    "films.jpg": films,
    "page.jpg": page,
    "tracks.png": tracks,
    "keys.png": keys,
    "report.jpg": report,
}


def main() -> None:
    for name, make in PICTURES.items():
        path = ASSETS / name
        if sys.argv[1:] and path.stem not in sys.argv[1:]:
            continue
        with TemporaryDirectory() as folder:
            make(Path(folder)).save(path, optimize=True, quality=85)
        note(f"assets/{name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
