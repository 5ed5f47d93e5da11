"""What an evaluation found, as PNG pictures: curves, intervals, distributions, and errors on the head itself.

Pictures have no ground of their own and ink of middle grey, so that they stand on light and dark pages alike; the same
data gives the same bytes. Shape letters: T frames, V vertices, H, W the picture.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, Phone, Topology
from talkcli.evaluate.results import Score
from talkcli.export.compare import color_table, error_colors
from talkcli.phones import BILABIAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Doubles = NDArray[np.float64]

INK = "#7d8590"
COLORS = ("#0a7fd1", "#e2631b", "#12a071", "#c25a9e", "#c9951a", "#5a67d8", "#8d6a4f", "#5f9ea0")  # of models
DPI = 160
WIDTH, SMALL = 9.0, 3.2  # inches of a picture as wide as the page, and of one of three in a row
NARROW = 11.0  # pixels under which a phone's name finds no room
VIEWS = ("front", "three-quarter", "profile")  # of the heat map
HEAD = (480, 520)  # pixels of one of them
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "text.color": INK,
    "text.parse_math": False,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": INK,
    "grid.alpha": 0.22,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "savefig.transparent": True,
}


def color_of(place: int) -> str:
    """The colour of the model at this place, the same in all pictures."""
    return COLORS[place % len(COLORS)]


def _colors(found: Iterable[str], names: Sequence[str]) -> list[tuple[str, str]]:
    """Each model with its colour, where names are all models in order, or none if those found are."""
    order = [*(names or found)]
    return [(name, color_of(order.index(name))) for name in found]


@contextmanager
def _figure(width: float, height: float) -> Iterator[tuple[Figure, io.BytesIO]]:
    """A figure of so many inches, and the bytes that hold it as PNG afterwards."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    written = io.BytesIO()
    with style.context(["default", _STYLE]):  # whatever the user's own settings are
        figure = Figure((width, height), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure, written
        figure.savefig(written, format="png", metadata={"Software": None})


def openings(
    target_mm: Doubles,
    predicted_mm: Mapping[str, Doubles],
    fps: float,
    phones: Sequence[Phone] = (),
    names: Sequence[str] = (),
) -> bytes:
    """How wide the mouth opens over time, (T,) mm recorded and by each model; p, b and m are shaded where known.

    names are all models in order, which gives each its colour, by default those of the curves.
    """
    with _figure(WIDTH, 2.6) as (figure, written):
        axes = figure.add_subplot()
        axes.fill_between(_ms(target_mm, fps), target_mm, color=INK, alpha=0.16, linewidth=0)
        axes.plot(_ms(target_mm, fps), target_mm, color=INK, linewidth=1.8, label="target")
        for name, color in _colors(predicted_mm, names):
            curve = predicted_mm[name]
            axes.plot(_ms(curve, fps), curve, color=color, linewidth=1.3, label=name)
        axes.set(xlabel="time in ms", ylabel="lip opening in mm", ylim=(0, max(axes.get_ylim()[1], 1)))
        axes.set_xlim(0, max(1000 * (len(target_mm) - 1) / fps, 1))
        axes.grid(axis="x", visible=False)
        _mark(axes, phones, figure.get_figwidth() * DPI)
        figure.legend(loc="outside upper right", ncols=8, fontsize=8)
    return written.getvalue()


def readability(
    agreement: Doubles, seconds: Sequence[float | None], spoken: NDArray[np.bool_], chance: float | None, fps: float
) -> bytes:
    """How far the lips of each frame (T,) agree with the sound, and of each second; frames where nobody speaks are
    shaded, and chance is what other sound would get."""
    with _figure(WIDTH, 2.6) as (figure, written):
        axes = figure.add_subplot()
        axes.plot(_ms(agreement, fps), agreement, color=INK, linewidth=0.8, alpha=0.7, label="frame")
        for place, value in enumerate(seconds):
            if value is not None:
                ends = [1000 * place, min(1000 * (place + 1), 1000 * len(agreement) / fps)]
                axes.plot(ends, [value] * 2, color=COLORS[0], linewidth=2.6, label="_" if place else "second")
        if chance is not None:
            axes.axhline(chance, color=COLORS[1], linewidth=1, linestyle="--", label="other sound")
        silent = np.flatnonzero(np.diff(np.concatenate([[False], ~spoken, [False]]).astype(int)))
        for start, end in silent.reshape(-1, 2):
            axes.axvspan(1000 * start / fps, 1000 * end / fps, color=INK, alpha=0.12, linewidth=0)
        axes.set(xlabel="time in ms", ylabel="readability", ylim=(-1, 1))
        axes.set_xlim(0, max(1000 * (len(agreement) - 1) / fps, 1))
        axes.grid(axis="x", visible=False)
        figure.legend(loc="outside upper right", ncols=8, fontsize=8)
    return written.getvalue()


def _ms(curve: Doubles, fps: float) -> Doubles:
    return np.asarray(1000 * np.arange(len(curve)) / fps, np.float64)


def _mark(axes: Axes, phones: Sequence[Phone], pixels: float) -> None:
    """Shades the phones at which lips must meet, and names all that have room above the curves."""
    end = axes.get_xlim()[1]
    label = "p, b, m"
    for phone in phones:
        start, stop = 1000 * phone.start, min(1000 * phone.end, end)
        if stop <= start or phone.name == "SIL":
            continue
        closed = phone.name in BILABIAL
        if closed:
            axes.axvspan(start, stop, color=COLORS[3], alpha=0.22, linewidth=0, label=label)
            label = "_"  # once in the legend
        if 0.9 * pixels * (stop - start) / end > NARROW * len(phone.name):
            axes.text(
                (start + stop) / 2,
                1.01,
                phone.name.lower(),
                transform=axes.get_xaxis_transform(),
                ha="center",
                va="bottom",
                fontsize=6.5,
                color=COLORS[3] if closed else INK,
            )


def scores(title: str, unit: str, found: Mapping[str, Score], names: Sequence[str] = ()) -> bytes:
    """A metric's mean for each model, with its 95 % interval over clips and, thinner, over subjects; names as above."""
    with _figure(SMALL, 0.7 + 0.22 * len(found)) as (figure, written):
        axes = figure.add_subplot()
        for place, (name, color) in enumerate(_colors(found, names)):
            score, subjects = found[name], found[name].over_subjects
            if subjects is not None:
                axes.plot([subjects.low, subjects.high], [place, place], color=color, linewidth=1, alpha=0.7)
            axes.plot([score.over_clips.low, score.over_clips.high], [place, place], color=color, linewidth=3)
            axes.plot(score.value, place, "o", color=color, markersize=6, markeredgecolor="white")
        axes.set_yticks(range(len(found)), [_short(name, 20) for name in found])
        axes.set_ylim(len(found) - 0.4, -0.6)
        _value_axis(axes, f"{title} in {unit}" if unit else title)
    return written.getvalue()


def distribution(title: str, unit: str, found: Mapping[str, Mapping[str, Sequence[float]]]) -> bytes:
    """How a metric spreads: by model and then by group (a subject, a sentence), the values of its clips.

    Each clip is a dot, the mean of a group a bar.
    """
    groups = sorted({group for values in found.values() for group in values})
    lanes = max(1, len(found))
    with _figure(WIDTH, 0.75 + len(groups) * (0.12 + 0.14 * lanes)) as (figure, written):
        axes = figure.add_subplot()
        for place, (name, values) in enumerate(found.items()):
            rows = np.arange(len(groups)) + ((place + 0.5) / lanes - 0.5) * 0.75
            axes.plot([], [], "o", color=color_of(place), markersize=4, label=name)
            for row, group in zip(rows, groups, strict=True):
                each = values.get(group, ())
                axes.plot(each, [row] * len(each), "o", color=color_of(place), markersize=3.4, alpha=0.6, mew=0)
                if len(each) > 1:
                    axes.plot(np.mean(each), row, "|", color=color_of(place), markersize=9, mew=2)
        axes.set_yticks(range(len(groups)), [_short(group, 44) for group in groups])
        axes.set_ylim(len(groups) - 0.4, -0.6)
        _value_axis(axes, f"{title} in {unit}" if unit else title)
        if lanes > 1:
            figure.legend(loc="outside upper right", ncols=8, fontsize=8)
    return written.getvalue()


def _value_axis(axes: Axes, label: str) -> None:
    """Values along x, with a power of ten in the label where they are small or large."""
    largest = max(abs(limit) for limit in axes.get_xlim())
    power = int(np.floor(np.log10(largest))) if 0 < largest < np.inf else 0
    power = 0 if -3 < power < 5 else power
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 10.0**power:.4g}")
    axes.set_xlabel(f"{label}, 1e{power}" if power else label)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=5)


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


# -- errors on the head -----------------------------------------------------------------------------------------------


def heat(topology: Topology, template: Floats, errors_mm: NDArray[np.floating], limit_mm: float) -> bytes:
    """The head (V, 3) seen from several sides, in the colours of each vertex' error (V,), with their scale.

    Raises:
        TalkError: the topology has no triangles.
    """
    from matplotlib.colorbar import ColorbarBase
    from matplotlib.colors import ListedColormap

    colors = error_colors(errors_mm, limit_mm)
    heads = np.concatenate([_cut_out(topology, template, colors, view) for view in VIEWS], axis=1)  # (H, W, 4)
    width, height = heads.shape[1] / DPI, heads.shape[0] / DPI
    with _figure(width + 0.75, height) as (figure, written):
        figure.set_layout_engine("none")
        whole = width + 0.75
        picture = figure.add_axes((0, 0, width / whole, 1))
        picture.imshow(heads, interpolation="none")
        picture.set_axis_off()
        scale = figure.add_axes(((width + 0.05) / whole, 0.14, 0.13 / whole, 0.7))
        table = ListedColormap(color_table() / 255)
        bar = ColorbarBase(scale, cmap=table, ticks=[0, 0.5, 1])
        bar.set_ticklabels([f"{share * limit_mm:.3g}" for share in (0, 0.5, 1)], fontsize=7.5)
        bar.outline.set_visible(False)
        scale.set_title("mm", fontsize=8, loc="left", color=INK)
    return written.getvalue()


def _cut_out(topology: Topology, template: Floats, colors: NDArray[np.uint8], view: str) -> Floats:
    """(H, W, 4) in [0, 1] the head alone: what black and white grounds show alike is opaque."""
    from talkcli.render import open_renderer

    pictures = []
    for ground in ("black", "white"):
        with open_renderer(
            topology, template, size=HEAD, view=view, background=ground, renderer="software", colors=colors
        ) as renderer:
            pictures.append(renderer.image(template).astype(np.float32) / 255)
    alpha = 1 - (pictures[1] - pictures[0]).mean(axis=2, keepdims=True)  # (H, W, 1)
    alone = np.clip(pictures[0] / np.maximum(alpha, 1 / 255), 0, 1)
    return np.concatenate([alone, np.clip(alpha, 0, 1)], axis=2)


def round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 7.5 and 10 times a power of ten: where a scale may end."""
    if not 0 < value < np.inf:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(power * step for step in (1, 1.5, 2, 3, 5, 7.5, 10) if power * step >= value * (1 - 1e-9)))
