"""The table of methods. To add one: its file, its line here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from talkcli.errors import TalkError

if TYPE_CHECKING:
    from talkcli.models.base import TalkModel

METHODS: dict[str, str] = {
    "faceformer": "FaceFormer",
    "selftalk": "SelfTalk",
    "kmtalk": "KMTalk",
    "dualtalker": "DualTalker",
}


def method_class(name: str) -> type[TalkModel]:
    """The class of a method by its name."""
    if name not in METHODS:
        raise TalkError(f"unknown method '{name}'; choose from: {', '.join(METHODS)}")
    found: type[TalkModel] = getattr(import_module(f"talkcli.models.{name}"), METHODS[name])
    return found
