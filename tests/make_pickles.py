"""A writer of pickles as Python 2.7 made them with cPickle and numpy 1, which nobody needs to have for the tests.

Protocol 0 comes out byte by byte; in protocol 2 cPickle left out the marks of what nothing else pointed to.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

BATCH = 1000  # items between two marks


def save_python2(path: Path, value: Any, protocol: Literal[0, 2] = 2) -> Path:
    """Writes None, bool, int, float, str, bytes, tuple, list, dict, numpy numbers and arrays, in any depth.

    str and bytes are both Python 2's str, and text beyond latin1 its unicode; whole numbers beyond 64 bits its long.
    """
    path.write_bytes(python2(value, protocol))
    return path


def python2(value: Any, protocol: Literal[0, 2] = 2) -> bytes:
    """What `save_python2` writes."""
    writer = _Writer(binary=protocol == 2)
    writer.save(value)
    return (b"\x80\x02" if writer.binary else b"") + bytes(writer.out) + b"."


class _Writer:
    def __init__(self, *, binary: bool) -> None:
        self.binary = binary
        self.out = bytearray()
        self.memo: dict[Any, int] = {}  # by id where Python 2 had one object, by value where it shared them

    def save(self, value: Any) -> None:
        if value is None:
            self.out += b"N"
        elif isinstance(value, bool):
            self.out += (b"\x88" if value else b"\x89") if self.binary else (b"I01\n" if value else b"I00\n")
        elif isinstance(value, np.generic):
            self.once(("object", id(value)), lambda: self.number(value))
        elif isinstance(value, int):
            self.integer(value)
        elif isinstance(value, float):
            self.out += b"G" + struct.pack(">d", value) if self.binary else f"F{value:.17g}\n".encode()
        elif isinstance(value, str | bytes):
            self.text(value)
        elif isinstance(value, np.ndarray):
            self.array(value)
        elif isinstance(value, tuple):
            self.once(("object", id(value)), lambda: self.tuple(value)) if value else self.tuple(value)
        elif isinstance(value, list | dict):
            self.container(value)
        else:
            raise TypeError(f"{type(value).__name__}: the writer has no such thing")

    def put(self, key: Any) -> None:
        index = self.memo[key] = len(self.memo) + 1
        if not self.binary:
            self.out += b"p%d\n" % index
        else:
            self.out += b"q%c" % index if index < 256 else b"r" + struct.pack("<I", index)

    def once(self, key: Any, write: Callable[[], None]) -> None:
        """Writes and remembers a thing, or points to it where it is there already."""
        if key not in self.memo:
            write()
            self.put(key)
        elif not self.binary:
            self.out += b"g%d\n" % self.memo[key]
        else:
            index = self.memo[key]
            self.out += b"h%c" % index if index < 256 else b"j" + struct.pack("<I", index)

    def name(self, module: str, name: str) -> None:
        self.once(("name", module, name), lambda: self.out.extend(f"c{module}\n{name}\n".encode()))

    def integer(self, value: int) -> None:
        if not -(2**63) <= value < 2**63:
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            self.out += b"\x8a%c" % len(data) + data if self.binary else b"L%dL\n" % value
        elif not self.binary or not -(2**31) <= value < 2**31:
            self.out += b"I%d\n" % value
        elif 0 <= value < 2**16:
            self.out += b"K%c" % value if value < 256 else b"M" + struct.pack("<H", value)
        else:
            self.out += b"J" + struct.pack("<i", value)

    def text(self, value: str | bytes) -> None:
        try:
            data = value if isinstance(value, bytes) else value.encode("latin1")
        except UnicodeEncodeError:
            self.once(("unicode", value), lambda: self.unicode(str(value)))
            return
        if len(data) > 1:
            self.once(("str", data), lambda: self.raw(data))
        else:
            self.raw(data)

    def unicode(self, value: str) -> None:
        if self.binary:
            data = value.encode()
            self.out += b"X" + struct.pack("<I", len(data)) + data
        else:
            self.out += (
                b"V" + value.replace("\\", "\\u005c").replace("\n", "\\u000a").encode("raw-unicode-escape") + b"\n"
            )

    def raw(self, data: bytes) -> None:
        """A str that Python 2 did not remember."""
        if not self.binary:
            self.out += f"S{repr(data)[1:]}\n".encode()
        else:
            self.out += b"U%c" % len(data) if len(data) < 256 else b"T" + struct.pack("<i", len(data))
            self.out += data

    def tuple(self, items: Sequence[Any]) -> None:
        """A tuple that Python 2 did not remember; a callable among the items writes itself."""
        short = self.binary and len(items) <= 3
        self.out += b"" if short else b"("
        for item in items:
            if callable(item):
                item()
            else:
                self.save(item)
        self.out += (b")", b"\x85", b"\x86", b"\x87")[len(items)] if short else b"t"

    def container(self, value: list[Any] | dict[Any, Any]) -> None:
        """A list or dict, which may hold itself."""
        kind = "d" if isinstance(value, dict) else "l"
        key = ("object", id(value))
        if key in self.memo:
            self.once(key, lambda: None)
            return
        self.out += {"l": b"]", "d": b"}"}[kind] if self.binary else b"(" + kind.encode()
        self.put(key)
        items = list(value.items()) if isinstance(value, dict) else [(item,) for item in value]
        one, many = (b"s", b"u") if isinstance(value, dict) else (b"a", b"e")
        size = BATCH if self.binary else 1
        for start in range(0, len(items), size):
            batch = items[start : start + size]
            self.out += b"(" if len(batch) > 1 else b""
            for item in batch:
                for part in item:
                    self.save(part)
            self.out += many if len(batch) > 1 else one

    def dtype(self, dtype: np.dtype[Any]) -> None:
        letters = dtype.kind + str(dtype.itemsize // 4 if dtype.kind == "U" else dtype.itemsize)
        order = {"=": "<"}.get(dtype.byteorder, dtype.byteorder)
        flexible = {"U": (dtype.itemsize, 4, 8), "S": (dtype.itemsize, 1, 0)}.get(dtype.kind, (-1, -1, 0))

        def write() -> None:
            self.name("numpy", "dtype")
            self.tuple((lambda: self.raw(letters.encode()), 0, 1))
            self.out += b"R"

        key = ("dtype", dtype.str)
        if key in self.memo:
            self.once(key, write)
            return
        self.once(key, write)
        self.tuple((3, order, None, None, None, *flexible))
        self.out += b"b"

    def number(self, value: np.generic) -> None:
        self.name("numpy.core.multiarray", "scalar")
        self.tuple((lambda: self.dtype(value.dtype), lambda: self.raw(value.tobytes())))
        self.out += b"R"

    def array(self, value: NDArray[Any]) -> None:
        key = ("object", id(value))
        if key in self.memo:
            self.once(key, lambda: None)
            return
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        self.name("numpy.core.multiarray", "_reconstruct")
        self.tuple((lambda: self.name("numpy", "ndarray"), lambda: self.tuple((0,)), "b"))
        self.out += b"R"
        self.put(key)
        state = (1, lambda: self.tuple(value.shape), lambda: self.dtype(value.dtype), fortran)
        self.tuple((*state, lambda: self.raw(value.tobytes("F" if fortran else "C"))))
        self.out += b"b"
