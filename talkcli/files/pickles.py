"""Pickles that hold numpy arrays and plain containers, read as data: nothing that a file names is looked up or called.

The standard library's unpickler in Python does the reading, cut down to the opcodes of plain data: that in C would take
memory for the largest number in the file. What a pickle names stays a word, and the few words that arrays and
containers need are played by functions here, so that it matters neither which numpy wrote it nor which one is here.
"""

from __future__ import annotations

import pickle
import re
import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from talkcli.errors import TalkError
from talkcli.files.arrays import array_from
from talkcli.files.paths import describe_bytes, file_size

_DEEP = 64  # containers in containers
_LONG = 1 << 16  # a text or bytes of more is an array's, and need not be remembered
_PARTS = 8  # of a tuple in which to look for one: numpy's have five
_FORGOTTEN = object()  # in its place
_COPIES = 3  # times that a byte of the file may be copied: out of text, out of an array, into another byte order
_CODE = re.compile(r"[biufSU][0-9]{1,9}")  # dtypes of numbers and names; no objects, no fields, no dates
_SCALARS = str | bytes | int | float | None | np.number | np.bool_
# what the unpickler and the functions below raise for bytes that are no pickle
_CUT = (pickle.UnpicklingError, struct.error, EOFError, LookupError)
_BAD = (*_CUT, ArithmeticError, ValueError, TypeError, AttributeError)
Keep = Callable[[NDArray[Any]], NDArray[Any]]
_OPCODES = """
    PROTO FRAME STOP MARK POP POP_MARK GLOBAL STACK_GLOBAL NONE NEWFALSE NEWTRUE INT
    BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE
    SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST
    LIST APPEND APPENDS EMPTY_DICT EMPTY_SET
"""


def load_pickle(path: Path, keep: Keep | None = None) -> Any:
    """What a pickle of Python 2 or 3 holds: dicts, lists, tuples, sets, strings, bytes, numbers, None and numpy arrays.

    Strings of Python 2 are read as latin1. Arrays come in this machine's byte order and cannot be written to.

    Args:
        keep: gives what takes an array's place in the result, as soon as that is read: the same numbers mapped from
            another file, say, so that a pickle of many arrays takes the memory of one.

    Raises:
        TalkError: no such file, no pickle, one that is cut off, or one that asks for anything else.
    """
    size = file_size(path)
    try:
        with path.open("rb") as file:
            value = _Reader(_Clamped(file, size), size, keep).load()
        _check_plain(value)
        return value
    except _Refused as error:
        what = f"{error}, which is no data: nothing of it was run"
        raise TalkError(f"'{path}' asks for {what}; get the file from its source again") from error
    except _BAD as error:
        raise TalkError(f"'{path}' ({describe_bytes(size)}) is cut off, or is no pickle: download it again") from error
    except OSError as error:
        raise TalkError(f"cannot read '{path}': {error.strerror or error}") from error


class _Clamped:
    """A file that is never asked for more than it has, which would take the memory for it first."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.file, self.size = file, size

    def read(self, count: int) -> bytes:
        return self.file.read(min(count, self.size))

    def readline(self) -> bytes:
        """Half a line of a file that is cut off is none: it would pass for a name that nobody knows."""
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line


class _Refused(Exception):
    """The pickle asks for what is no data; says what."""


@dataclass(slots=True, eq=False)
class _Name:
    """A word in place of the function or class that the pickle names, with our function that plays it."""

    text: str
    play: _Play | None


@dataclass(slots=True, eq=False)
class _Dtype:
    """In place of numpy.dtype, whose byte order comes after it."""

    dtype: np.dtype[Any]

    def build(self, state: Any) -> None:
        match state:
            case (int(), "<" | ">" | "|" | "=" as order, None, None, None, int(size), int(), int(), *_):
                if size not in (-1, self.dtype.itemsize):
                    raise ValueError("a dtype of another size")
                self.dtype = self.dtype.newbyteorder(order)
            case _:
                raise _Refused("an array with fields")


@dataclass(slots=True, eq=False)
class _Array:
    """In place of an empty numpy.ndarray, whose numbers come after it."""

    array: NDArray[Any] | None = None


def _refuse(reader: _Reader) -> None:
    """Any opcode that makes an object of a class, or fetches one from elsewhere."""
    raise _Refused("an object of a kind of its own")


def _getter(code: int) -> Callable[[_Reader], None]:
    """One of the opcodes that take from the memo, which keeps an array as it began."""
    load: Any = pickle._Unpickler.dispatch[code]

    def get(reader: _Reader) -> None:
        load(reader)
        value = reader.stack[-1]
        if type(value) is _Array:
            if value.array is None:
                raise ValueError("an array in itself")
            reader.stack[-1] = value.array
        if value is _FORGOTTEN:
            raise _Refused("one long text twice")

    return get


def _putter(code: int) -> Callable[[_Reader], None]:
    """One of the opcodes that put into the memo, which long texts would fill though nothing asks for them again."""
    load: Any = pickle._Unpickler.dispatch[code]

    def put(reader: _Reader) -> None:
        value = reader.stack[-1]
        parts = value[:_PARTS] if type(value) is tuple else (value,)
        if any(isinstance(part, str | bytes) and len(part) > _LONG for part in parts):
            reader.stack[-1] = _FORGOTTEN
        load(reader)
        reader.stack[-1] = value

    return put


class _Reader(pickle._Unpickler):
    """Makes the containers itself, and arrays of bytes whose number fits."""

    stack: list[Any]
    read: Callable[[int], bytes]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, file: _Clamped, size: int, keep: Keep | None) -> None:
        super().__init__(file, encoding="latin1")
        self.left, self.keep = _COPIES * size, keep

    def find_class(self, module: str, name: str) -> _Name:
        names = _MODULES.get(module, {})
        if name not in names:
            raise _Refused(ascii(f"{module}.{name}"[:100]))
        return _Name(f"{module}.{name}", names[name])

    def reduce(self) -> None:
        arguments = self.stack.pop()
        name = self.stack[-1]
        if type(name) is not _Name or name.play is None or type(arguments) is not tuple:
            raise _Refused(f"a call of {_describe(name)}")
        self.stack[-1] = name.play(self, arguments)

    def build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is _Dtype:
            target.build(state)
        elif type(target) is _Array:
            _, shape, dtype, fortran, raw = state
            self.stack[-1] = target.array = self.kept(self.array(raw, dtype, shape, "F" if fortran else "C"))
        else:
            raise _Refused(f"a change to {_describe(target)}")

    def array(self, raw: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
        """An array over the bytes, in this machine's byte order."""
        raw = self.latin1(raw) if type(raw) is str else raw
        if type(raw) is not bytes or type(kind) is not _Dtype or type(shape) is not tuple:
            raise ValueError("an array of no bytes")
        self.copies(0 if kind.dtype.isnative else len(raw))
        return array_from(raw, kind.dtype, shape, order)

    def kept(self, array: NDArray[Any]) -> NDArray[Any]:
        return array if self.keep is None else self.keep(array)

    def copies(self, count: int) -> None:
        """Counts what is copied: bytes that the file has once may be asked for often."""
        self.left -= count
        if self.left < 0:
            raise _Refused("far more memory than its own size")

    def latin1(self, text: str) -> bytes:
        self.copies(len(text))
        return text.encode("latin1")

    def fill(self, kind: type[dict[Any, Any]] | type[set[Any]], items: Any) -> None:
        if not isinstance(self.stack[-1], kind):
            raise TypeError("items for another container")
        self.stack[-1].update(items)

    def push(self, value: Any) -> None:
        self.stack.append(value)  # the stack as it is after `pop_mark`, which puts another in its place

    dispatch: ClassVar[Any] = {
        **dict.fromkeys(pickle._Unpickler.dispatch, _refuse),
        **{code: pickle._Unpickler.dispatch[code] for code in (getattr(pickle, name)[0] for name in _OPCODES.split())},
        **{code[0]: _getter(code[0]) for code in (pickle.GET, pickle.BINGET, pickle.LONG_BINGET)},
        **{c[0]: _putter(c[0]) for c in (pickle.PUT, pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE)},
        pickle.REDUCE[0]: reduce,
        pickle.BUILD[0]: build,
        pickle.BYTEARRAY8[0]: lambda self: self.push(self.read(int.from_bytes(self.read(8), "little"))),
        pickle.DICT[0]: lambda self: self.push(_pairs(self.pop_mark())),
        pickle.SETITEM[0]: lambda self: self.fill(dict, _pairs([self.stack.pop(-2), self.stack.pop()])),
        pickle.SETITEMS[0]: lambda self: self.fill(dict, _pairs(self.pop_mark())),
        pickle.ADDITEMS[0]: lambda self: self.fill(set, _keys(self.pop_mark())),
        pickle.FROZENSET[0]: lambda self: self.push(frozenset(_keys(self.pop_mark()))),
    }


def _keys(items: list[Any]) -> list[Any]:
    """Keys of a dict or set: plain ones, since tuples of tuples of tuples can take for ever to hash."""
    for key in items:
        if not isinstance(key, _SCALARS) and not (type(key) is tuple and all(isinstance(k, _SCALARS) for k in key)):
            raise _Refused(f"{_describe(key)} as a key")
    return items


def _pairs(items: list[Any]) -> dict[Any, Any]:
    """A dict of a key, its value, the next key, its value."""
    return dict(zip(_keys(items[::2]), items[1::2], strict=True))


_Play = Callable[[_Reader, tuple[Any, ...]], Any]


def _dtype(reader: _Reader, arguments: tuple[Any, ...]) -> _Dtype:
    code = arguments[0]
    if not _CODE.fullmatch(code):
        raise _Refused(f"an array of {code[:20]!a} values")
    return _Dtype(np.dtype(code))


def _reconstruct(reader: _Reader, arguments: tuple[Any, ...]) -> _Array:
    if not isinstance(arguments[0], _Name) or arguments[0].text != "numpy.ndarray":
        raise _Refused(f"an array of the kind {_describe(arguments[0])}")
    return _Array()


def _scalar(reader: _Reader, arguments: tuple[Any, ...]) -> Any:
    dtype, raw = arguments
    reader.copies(len(raw))
    return reader.array(raw, dtype, (), "C")[()]


def _frombuffer(reader: _Reader, arguments: tuple[Any, ...]) -> NDArray[Any]:
    raw, dtype, shape, order, *axes = arguments
    array = reader.array(raw, dtype, shape, "C" if axes else order)
    return reader.kept(array.transpose(*axes) if axes else array)  # axes with "K", numpy 2.3 and later


def _encode(reader: _Reader, arguments: tuple[Any, ...]) -> bytes:
    text, encoding = arguments
    if encoding != "latin1":  # how Python 3 writes bytes for Python 2
        raise _Refused("'_codecs.encode' for other than bytes")
    return reader.latin1(text)


def _items(reader: _Reader, arguments: tuple[Any, ...]) -> list[Any]:
    """The list that a container is made of; none for an empty one."""
    items = arguments[0] if arguments else []
    if type(items) is not list:
        raise ValueError("a container of no list")
    reader.copies(len(items))
    return items


def _ordered(items: list[Any]) -> OrderedDict[Any, Any]:
    return OrderedDict(_pairs([part for key, value in items for part in (key, value)]))


_MULTIARRAY: dict[str, _Play | None] = {"_reconstruct": _reconstruct, "scalar": _scalar}
_BUILTINS: dict[str, _Play | None] = {
    "bytes": lambda reader, arguments: bytes(_items(reader, arguments)),  # called by Python 3 for empty ones alone
    "set": lambda reader, arguments: set(_keys(_items(reader, arguments))),
    "frozenset": lambda reader, arguments: frozenset(_keys(_items(reader, arguments))),
}
_MODULES: dict[str, dict[str, _Play | None]] = {
    "numpy": {"ndarray": None, "dtype": _dtype},
    "numpy.core.multiarray": _MULTIARRAY,
    "numpy._core.multiarray": _MULTIARRAY,
    "numpy.core.numeric": {"_frombuffer": _frombuffer},
    "numpy._core.numeric": {"_frombuffer": _frombuffer},
    "_codecs": {"encode": _encode},
    "collections": {"OrderedDict": lambda reader, arguments: _ordered(_items(reader, arguments))},
    "__builtin__": _BUILTINS,
    "builtins": _BUILTINS,
}


def _check_plain(value: Any) -> None:
    """Whether nothing is left of what the pickle named, and containers do not go down for ever."""
    level, seen = [value], set()
    for _ in range(_DEEP):
        below: list[Any] = []
        for item in level:
            if isinstance(item, np.ndarray | _SCALARS) or id(item) in seen:
                continue
            if not isinstance(item, dict | list | tuple | set | frozenset):
                raise _Refused(_describe(item))
            seen.add(id(item))
            below.extend(item.values() if isinstance(item, dict) else item)
        level = below
    if level:
        raise _Refused(f"containers in containers, {_DEEP} deep")


def _describe(item: Any) -> str:
    return ascii(item.text) if isinstance(item, _Name) else f"a {type(item).__name__.strip('_').lower()}"
