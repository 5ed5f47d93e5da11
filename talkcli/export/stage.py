"""A USD layer as text and samples in time, and how it is saved: as text by us, in binary by usd-core from the same.

Letters: T frames.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from talkcli.clip import Frames
from talkcli.errors import TalkError
from talkcli.export.base import Job

# the first version that has time codes as values: usd-core would start older, and warn; nor need it tell of the setting
SETTINGS = {"USD_WRITE_NEW_USDC_FILES_AS_VERSION": "0.9.0", "TF_ENV_SETTING_ALERTS_ENABLED": "0"}
WAITING = 1 << 25  # bytes of samples that wait to be saved; each time the file keeps the table of those before


@dataclass(frozen=True, eq=False)
class Samples:
    """What an attribute of a prim is at each time code: rows (T, ...), as text or as a value of usd-core's.

    They stand in the text where their attribute is declared, or after it, where it is declared already.
    """

    prim: str
    name: str
    kind: str
    rows: Frames
    text: Callable[[Any], str]
    value: Callable[[ModuleType, Any], Any]
    declared: bool = False


Stage = Sequence[str | Samples]


def save_text(stage: Stage, job: Job) -> None:
    """Piece by piece, so that samples need no memory."""
    with job.path.open("w", encoding="utf-8", newline="\n") as file:
        for piece in stage:
            if isinstance(piece, str):
                file.write(piece)
                continue
            file.write(f"        {piece.kind} {piece.name}.timeSamples = {{\n")
            for number in range(len(piece.rows)):
                file.write(f"            {number}: [{piece.text(piece.rows[number])}],\n")
            file.write("        }\n")


def save_crate(stage: Stage, job: Job) -> None:
    """Samples go to the file whenever so many wait."""
    pxr = check_usdc(job.target)
    path = f"{job.path}.usdc"  # usd-core goes by the suffix
    text = pxr.Sdf.Layer.CreateAnonymous(".usda")
    text.ImportFromString("".join(piece if isinstance(piece, str) else _declaration(piece) for piece in stage))
    text.Export(path)
    layer = pxr.Sdf.Layer.FindOrOpen(path)
    samples = [piece for piece in stage if isinstance(piece, Samples)]
    waiting = 0
    for number in range(max((len(piece.rows) for piece in samples), default=0)):
        for piece in samples:
            row = piece.rows[number]
            place = layer.GetPrimAtPath(piece.prim).path.AppendProperty(piece.name)
            layer.SetTimeSample(place, number, piece.value(pxr, row))
            waiting += row.nbytes
        if waiting > WAITING:
            layer.Save()
            waiting = 0
    layer.Save()
    del layer
    Path(path).replace(job.path)


def _declaration(samples: Samples) -> str:
    return "" if samples.declared else f"        {samples.kind} {samples.name}\n"


def check_usdc(path: Path) -> ModuleType:
    """usd-core, with its modules Gf, Sdf and Vt; TalkError where it is not installed."""
    for setting, value in SETTINGS.items():
        os.environ.setdefault(setting, value)
    try:
        import pxr
        from pxr import Gf, Sdf, Vt  # noqa: F401  # which become pxr's
    except ImportError as error:
        raise TalkError(
            f"{path.name} needs usd-core, which is not installed: pip install 'talkcli[usd]', or write .usda"
        ) from error
    found: ModuleType = pxr
    return found
