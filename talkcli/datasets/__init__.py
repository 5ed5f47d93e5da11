"""The table of data sets: name -> the module that knows one, with its `Options` and the class that opens it."""

from __future__ import annotations

from collections.abc import Mapping

# module, class of options, class of the source; imported when used
DATASETS: Mapping[str, tuple[str, str, str]] = {
    "vocaset": ("talkcli.datasets.vocaset", "Options", "Vocaset"),
    "biwi": ("talkcli.datasets.biwi", "Options", "Biwi"),
    "folder": ("talkcli.datasets.folder", "Options", "Folder"),
    "synthetic": ("talkcli.datasets.synthetic", "Options", "Synthetic"),
}
