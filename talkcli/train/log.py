"""What a run tells of itself as it goes: a table (CSV), TensorBoard's event files, and curves (PNG) at the end."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

OUTSIDE = ("step", "total", "validation")  # columns that are no loss term
GRADIENT = "gradient "  # begins the column of how strongly a term pulls


class Log:
    """One line a validation: step, each loss term, their sum, validation loss, and norms of the terms' gradients."""

    def __init__(self, folder: Path, stage: str, step: int) -> None:
        """Goes on after step: what a killed run told of later steps is told again."""
        self.path, self.stage, self.step = folder / f"{stage}.csv", stage, step
        self._events: Any = None
        if step == 0:
            self.path.unlink(missing_ok=True)
        elif self.path.is_file():
            head, *lines = self.path.read_text("utf-8").splitlines(keepends=True)
            self.path.write_text(head + "".join(line for line in lines if int(line.split(",")[0]) <= step), "utf-8")

    def write(
        self, step: int, terms: Mapping[str, Tensor], loss: float, lr: float, pulls: Mapping[str, Tensor] | None = None
    ) -> None:
        values = {name: float(term) for name, term in terms.items()}
        gradients = {GRADIENT + name: float(norm) for name, norm in (pulls or {}).items()}
        total = sum(values.values())
        fresh = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            if fresh:
                lines.writerow(["step", *values, "total", "validation", *gradients])
            row = (*values.values(), total, loss, *gradients.values())
            lines.writerow([step, *(f"{value:.6g}" for value in row)])
        told = {**values, "total": total, "validation": loss, **gradients, "lr": lr}
        self._tell(step, {f"{self.stage}/{name}": value for name, value in told.items()})

    def _tell(self, step: int, values: Mapping[str, float]) -> None:
        """To TensorBoard: at once and to the disk, so that a killed run has told all that it knew."""
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog
        from tensorboardX.summary import scalar

        if self._events is None:
            folder = self.path.parent / "events"
            folder.mkdir(exist_ok=True)
            self._events = EventsWriter(str(folder / "events"), f".{self.stage}.{self.step}.{os.getpid()}")
            begun = SessionLog(status=SessionLog.START)  # strikes out the steps after the one that a run goes on from
            self._events.write_event(Event(wall_time=time.time(), step=self.step + 1, session_log=begun))
        for name, value in values.items():
            self._events.write_event(Event(wall_time=time.time(), step=step, summary=scalar(name, value)))
        self._events.flush()

    def close(self) -> None:
        if self._events is not None:
            self._events.close()


def draw_curves(folder: Path) -> Path | None:
    """Every stage's losses over its steps as one picture in the run's folder; None where nothing was logged."""
    tables = {path.stem: _read(path) for path in sorted(folder.glob("*.csv"))}
    tables = {name: table for name, table in tables.items() if table.get("step")}
    if not tables:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4 * len(tables)), layout="constrained")
    axes = figure.subplots(len(tables), 1, squeeze=False)[:, 0]
    for axis, (name, table) in zip(axes, tables.items(), strict=True):
        losses = [column for column in table if not column.startswith(GRADIENT)]
        for column in (column for column in losses if column not in OUTSIDE):
            axis.plot(table["step"], table[column], label=column, linewidth=1)
        for column, style in (("total", "-"), ("validation", "--")):
            axis.plot(table["step"], table[column], style, label=column, color="black")
        positive = any(value > 0 for column in losses if column != "step" for value in table[column])
        axis.set(title=name, xlabel="step", ylabel="loss", yscale="log" if positive else "linear")
        axis.legend(fontsize="small")
    path, beside = folder / "curves.png", folder / ".curves.png"
    figure.savefig(beside, dpi=120, format="png")
    beside.replace(path)
    return path


def _read(path: Path) -> dict[str, list[float]]:
    """A table's columns by name."""
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = list(csv.reader(file)) or [[]]
    return {name: [float(row[place]) for row in rows] for place, name in enumerate(head)}
