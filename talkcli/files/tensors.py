"""What a safetensors file of ours says of itself; no weights are read, and no torch is needed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkcli.errors import TalkError


@dataclass(frozen=True)
class Header:
    """told is what stands under "talk" in the file's metadata, None where nothing does; shapes are its tensors', and
    bytes the whole file's."""

    told: Any
    shapes: Mapping[str, tuple[int, ...]]
    bytes: int

    def count(self, prefix: str) -> int:
        """How many numbers the tensors whose names begin so hold."""
        return sum(math.prod(shape) for name, shape in self.shapes.items() if name.startswith(prefix))

    def table(self, key: str) -> Mapping[str, Any]:
        """The table under a key of what is told; an empty one where there is none."""
        found = self.told.get(key) if isinstance(self.told, dict) else None
        return found if isinstance(found, dict) else {}


def read_header(path: Path) -> Header:
    """The header of a safetensors file.

    Raises:
        TalkError: it cannot be read, is cut short, or is something else.
    """
    from safetensors import SafetensorError, safe_open

    try:
        path.open("rb").close()  # safe_open calls every file that it cannot read missing
        with safe_open(path, framework="numpy") as data:
            told = json.loads((data.metadata() or {}).get("talk", "null"))
            shapes = {name: tuple(data.get_slice(name).get_shape()) for name in data.keys()}  # noqa: SIM118  # no dict
        return Header(told, shapes, path.stat().st_size)
    except OSError as error:
        raise TalkError(f"'{path}' cannot be read: {error.strerror or error}") from error
    except (SafetensorError, ValueError) as error:
        raise TalkError(f"'{path}' cannot be read as safetensors: {error}") from error
