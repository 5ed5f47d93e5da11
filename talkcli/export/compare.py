"""Heads side by side in one video, each under its title, and errors as colours on the head.

Shape letters: T frames, V vertices, H, W the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Audio, Floats, Topology
from talkcli.console import progress
from talkcli.errors import TalkError
from talkcli.export.base import ExportOptions, beside, check_target
from talkcli.export.ffmpeg import Ffmpeg
from talkcli.export.video import join_arguments, video_arguments
from talkcli.export.wav import Sound
from talkcli.render import open_renderer
from talkcli.render.pixels import yuv420p

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from talkcli.render.software import SoftwareRenderer

Bytes = NDArray[np.uint8]

LIMIT_MM = 5.0  # at which the colours of errors end
# of errors, at equal steps: clay where there is none, so that the head keeps its shape, then ever darker (CIE L* falls
# from 83 to 16), so that it is read without colours too
COLORS = ("#d2d0cc", "#e3b25a", "#e2702e", "#a81c42", "#46103f")
PAPER, INK = "#14171c", "#e8eaed"  # of the titles
TITLE = 0.085  # height of the titles, of a picture's


@dataclass(frozen=True, eq=False)
class Panel:
    """One head of the video: its frames (V, 3) in metres, one after another, and the template (V, 3) that frames it.

    colors (V, 3) sRGB override the topology's; where there is a target, frame by frame like frames, the head has the
    colours of each vertex' distance from it instead.
    """

    title: str
    frames: Iterable[Floats]
    template: Floats
    colors: Bytes | None = None
    target: Iterable[Floats] | None = None


def write(
    panels: Sequence[Panel],
    path: Path,
    *,
    topology: Topology,
    fps: float,
    audio: Audio | None = None,
    options: ExportOptions | None = None,
    limit_mm: float = LIMIT_MM,
    total: int | None = None,
) -> int:
    """Writes an .mp4 of heads of one topology from left to right, as long as the shortest; gives its frames.

    The options' size is that of one head, to which a title is added; the software renderer draws, whatever they say.
    limit_mm is the error from which on the colour stays the same; total is the number of frames where it is known.

    Raises:
        TalkError: nothing can be drawn or written, or there are no frames.
    """
    options = options or ExportOptions()
    check_target(path, options.force)
    with beside(path) as part, ExitStack() as stack:
        sheet = stack.enter_context(_open_sheet(panels, topology, options, limit_mm))
        step = stack.enter_context(progress(f"Writing {path.name}", total))
        silent = part if audio is None else Path(f"{part}.video")
        size = replace(options, size=(sheet.picture.shape[1], sheet.picture.shape[0]))
        encoder = stack.enter_context(Ffmpeg(video_arguments(size, fps, silent)))
        frames = 0
        for picture in sheet.pictures():
            encoder.write(yuv420p(picture).tobytes())
            frames += 1
            step()
        if not frames:
            raise TalkError(f"There is no motion to write to {path}: a clip has no frames.")
        encoder.finish()
        if audio is not None:
            _join(silent, audio, frames / fps, part)
    return frames


def _join(silent: Path, audio: Audio, seconds: float, path: Path) -> None:
    sound = Sound(Path(f"{path}.wav"), audio.rate)
    sound.add(audio, seconds)
    sound.close()
    with Ffmpeg(join_arguments(silent, sound.path, path)) as joiner:
        joiner.finish()


@dataclass(frozen=True, eq=False)
class Sheet:
    """The picture (H, W, 3) that all panels share, with their titles in it, and who draws them."""

    panels: Sequence[Panel]
    renderers: Sequence[SoftwareRenderer]
    picture: Bytes
    limit_mm: float

    def pictures(self) -> Iterator[Bytes]:
        """The picture, frame by frame; it is the same array each time."""
        targets = [repeat(None) if panel.target is None else panel.target for panel in self.panels]
        sources = [zip(panel.frames, target) for panel, target in zip(self.panels, targets, strict=True)]  # noqa: B905
        with ThreadPoolExecutor(len(self.panels)) as pool:  # the kernels run beside each other, without the GIL
            for heads in zip(*sources, strict=False):
                list(pool.map(self._draw, range(len(heads)), heads))
                yield self.picture

    def _draw(self, place: int, head: tuple[Floats, Floats | None]) -> None:
        vertices, target = head
        renderer = self.renderers[place]
        if target is not None:
            renderer.paint(error_colors(distance_mm(vertices, target), self.limit_mm))
        width, height = renderer.scene.camera.size
        self.picture[-height:, place * width : (place + 1) * width] = renderer.image(vertices)


@contextmanager
def _open_sheet(
    panels: Sequence[Panel], topology: Topology, options: ExportOptions, limit_mm: float
) -> Iterator[Sheet]:
    width, height = options.size
    bar = max(24, round(TITLE * height / 4) * 4) + -height % 4  # players err at the last row of others than fours
    titles = [title_bar(panel.title, (width, bar), limit_mm if panel.target is not None else None) for panel in panels]
    picture = np.zeros((bar + height, len(panels) * width, 3), np.uint8)
    with ExitStack() as stack:
        renderers = [
            stack.enter_context(
                open_renderer(
                    topology,
                    panel.template,
                    size=options.size,
                    view=options.view,
                    background=options.background,
                    renderer="software",
                    colors=panel.colors,
                )
            )
            for panel in panels
        ]
        picture[:bar] = np.concatenate(titles, axis=1)
        yield Sheet(panels, cast("list[SoftwareRenderer]", renderers), picture, limit_mm)


# -- errors as colours ------------------------------------------------------------------------------------------------


def distance_mm(vertices: Floats, target: Floats) -> NDArray[np.float64]:
    """(V,) how far vertices (V, 3) in metres are from the target's."""
    return np.asarray(1000 * np.linalg.norm(np.subtract(vertices, target, dtype=np.float64), axis=1), np.float64)


def error_colors(errors: NDArray[np.floating], limit: float) -> Bytes:
    """(V, 3) sRGB of errors (V,), from none to the limit and beyond; what is no number is beyond."""
    share = np.nan_to_num(errors / limit, nan=1.0)
    return np.asarray(color_table()[(255 * np.clip(share, 0, 1) + 0.5).astype(np.intp)], np.uint8)


@cache
def color_table() -> Bytes:
    """(256, 3) sRGB of errors from none to the limit."""
    steps = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in COLORS])
    places = np.linspace(0, len(steps) - 1, 256)
    table = [np.interp(places, np.arange(len(steps)), channel) for channel in steps.T]
    return np.asarray(np.stack(table, axis=1) + 0.5, np.uint8)


# -- titles -----------------------------------------------------------------------------------------------------------


def title_bar(title: str, size: tuple[int, int], limit_mm: float | None = None) -> Bytes:
    """(H, W, 3) a title on a dark ground; with a limit, the scale of the colours of errors to its right."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = size
    with style.context("default"):
        figure = Figure((width / 100, height / 100), dpi=100, facecolor=PAPER)
        canvas: Any = FigureCanvasAgg(figure)
        edge = width - 0.4 * height
        if limit_mm is not None:
            edge = _scale(figure, size, limit_mm)
        text = _text(figure, 0.4 * height, height, title)
        while text.get_window_extent().x1 > edge and len(title) > 1:
            title = title[:-1]
            text.set_text(f"{title}…")
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def _text(figure: Figure, x: float, height: float, text: str, *, size: float = 0.46, align: str = "left") -> Text:
    return figure.text(
        x,
        0.5 * height,
        text,
        transform=None,
        ha=align,
        va="center_baseline",
        color=INK,
        parse_math=False,
        family="DejaVu Sans",
        size=0.72 * size * height,  # points, of which 72 make the 100 pixels of an inch
    )


def _scale(figure: Figure, size: tuple[int, int], limit_mm: float) -> float:
    """Draws the colours from 0 to the limit at the right end; gives where they begin."""
    width, height = size
    label = _text(figure, width - 0.4 * height, height, f"{limit_mm:g} mm", size=0.38, align="right")
    end = label.get_window_extent().x0 - 0.2 * height
    begin = end - 0.22 * width
    axes = figure.add_axes((begin / width, 0.36, (end - begin) / width, 0.28))
    axes.imshow(color_table()[None], aspect="auto")
    axes.set_axis_off()
    zero = _text(figure, begin - 0.2 * height, height, "0", size=0.38, align="right")
    return float(zero.get_window_extent().x0) - 0.3 * height
