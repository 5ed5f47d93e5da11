"""Configs are frozen dataclasses: this reads them from TOML and `--set a.b=value`, and names the key that is wrong.

Leaves are plain (bool, int, float, str, Literal, tuple, or one of these | None), so a config goes into a checkpoint as
a dict and comes back equal.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from talkcli.errors import TalkError

T = TypeVar("T")


def load(kind: type[T], path: Path | None = None, overrides: Sequence[str] = (), *, preset: Path | None = None) -> T:
    """A config of this kind: its defaults, changed by a preset, by a TOML file, by "dotted.key=value" overrides.

    Raises:
        TalkError: a file cannot be read, or a key or value does not fit.
    """
    config = kind()
    for file in (preset, path):
        if file:
            config = from_dict(kind, read_toml(file), str(file), config)
    data: dict[str, Any] = {}
    for override in overrides:
        _override(kind, data, override)
    return from_dict(kind, data, "--set", config)


def to_dict(config: Any) -> dict[str, Any]:
    """The config as nested dicts of plain leaves."""
    return dataclasses.asdict(config)


def from_dict(kind: type[T], data: Mapping[str, Any], where: str = "config", base: T | None = None) -> T:
    """The config whose keys differ from base (or from the defaults) as data tells; where names the source in errors."""
    built: T = _build(kind, data, where, "", base)
    return built


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise TalkError(f"cannot read the config '{path}': {reason}") from error
    except tomllib.TOMLDecodeError as error:
        raise TalkError(f"'{path}' is not valid TOML: {error}") from error


def _build(kind: Any, data: Mapping[str, Any], where: str, prefix: str, base: Any = None) -> Any:
    """An instance of kind: base (or kind's defaults) with what data changes."""
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    values = {}
    for key, value in data.items():
        if key not in fields:
            raise TalkError(f"{where}: unknown key '{prefix}{key}'{_nearest(key, list(fields))}")
        default = _default(fields[key]) if base is None else getattr(base, key)
        if dataclasses.is_dataclass(default) and isinstance(value, Mapping):
            values[key] = _build(type(default), value, where, f"{prefix}{key}.", default)
        else:
            values[key] = _value(hints[key], value, where, prefix + key)
    if base is not None:
        return dataclasses.replace(base, **values)
    for name, field in fields.items():
        if name not in values and _default(field) is dataclasses.MISSING:
            raise TalkError(f"{where}: '{prefix}{name}' ({_spelled(hints[name])}) is missing")
    return kind(**values)


def _default(field: dataclasses.Field[Any]) -> Any:
    """A field's default value, or MISSING."""
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _value(hint: Any, value: Any, where: str, key: str) -> Any:
    """The value as the type hint has it (a list as a tuple, an int as a float where floats are meant)."""
    if dataclasses.is_dataclass(hint):
        if isinstance(value, Mapping):
            return _build(hint, value, where, f"{key}.")
    elif get_origin(hint) in (Union, types.UnionType):
        return None if value is None else _value(_without_none(hint), value, where, key)
    elif get_origin(hint) is Literal:
        if value in get_args(hint) and type(value) in map(type, get_args(hint)):
            return value
        guess = _guess(value, [str(choice) for choice in get_args(hint)])
        raise TalkError(f"{where}: '{key}' is {value!r}; choose from: {_spelled(hint)}{guess}")
    elif get_origin(hint) is tuple:
        items = get_args(hint)
        if isinstance(value, list | tuple) and (items[-1] is Ellipsis or len(items) == len(value)):
            kinds = [items[0]] * len(value) if items[-1] is Ellipsis else items
            return tuple(_value(kinds[i], item, where, f"{key}[{i}]") for i, item in enumerate(value))
    elif hint is float and type(value) is int:
        return float(value)
    elif type(value) is hint:  # not isinstance: True is no int here
        return value
    raise TalkError(f"{where}: '{key}' must be {_spelled(hint)}, not {value!r}")


def _override(kind: Any, data: dict[str, Any], text: str) -> None:
    """Puts "dotted.key=value" into data, checked against the key's type."""
    dotted, equals, value = (part.strip() for part in text.partition("="))
    if not dotted or not equals:
        raise TalkError(f"--set {text}: write it as key=value, for example --set optim.lr=3e-4")
    hint: Any = kind
    path = dotted.split(".")
    for depth, name in enumerate(path):
        hint = _without_none(hint)
        known = [field.name for field in dataclasses.fields(hint)] if dataclasses.is_dataclass(hint) else []
        if name not in known:
            raise TalkError(f"--set: unknown key '{'.'.join(path[: depth + 1])}'{_nearest(name, known)}")
        hint = get_type_hints(hint)[name]
    *tables, leaf = path
    for name in tables:
        data[name] = dict(data.get(name) or {})
        data = data[name]
    data[leaf] = _value(hint, _parse(value, hint), "--set", dotted)


def _parse(text: str, hint: Any) -> Any:
    """A value typed on the command line: TOML where it is TOML, else the bare text; `none` where None is allowed."""
    if hint is not _without_none(hint) and text.lower() == "none":
        return None
    hint = _without_none(hint)
    if hint is str or (get_origin(hint) is Literal and text in get_args(hint)):
        quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "'\""
        return text[1:-1] if quoted else text
    try:
        return tomllib.loads(f"value = {text.lower() if hint is bool else text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _without_none(hint: Any) -> Any:
    """X of X | None; other hints as they are."""
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    (inner,) = (choice for choice in get_args(hint) if choice is not type(None))
    return inner


def _nearest(name: object, known: Sequence[str]) -> str:
    """ "; did you mean ...?", or the list of names where none is near."""
    return _guess(name, known) or (f"; there are: {', '.join(known)}" if known else "")


def _guess(name: object, known: Sequence[str]) -> str:
    """ "; did you mean ...?", or nothing where no name is near."""
    near = difflib.get_close_matches(str(name), known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _spelled(hint: Any) -> str:
    """A type as a person writes it."""
    if dataclasses.is_dataclass(hint):
        return "a table"
    if get_origin(hint) is Literal:
        return ", ".join(str(choice) for choice in get_args(hint))
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join("none" if choice is type(None) else _spelled(choice) for choice in get_args(hint))
    if get_origin(hint) is tuple:
        items = get_args(hint)
        if items[-1] is Ellipsis:
            return f"a list of {_spelled(items[0])}"
        return f"[{', '.join(_spelled(item) for item in items)}]"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text"}.get(hint, str(hint))
