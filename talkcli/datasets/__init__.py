"""The table of data sets: name -> the module that knows one, with its `Options` and the class that opens it."""

from __future__ import annotations

from collections.abc import Mapping

# module, class of options, class of the source; imported when used
DATASETS: Mapping[str, tuple[str, str, str]] = {
    "synthetic": ("talkcli.datasets.synthetic", "Options", "Synthetic"),
}
