"""`python -m tools.head` makes talkcli/resources/head.npz again."""

from __future__ import annotations

from talkcli.console import note
from tools.head.resource import PATH, save

save()
note(f"wrote {PATH.relative_to(PATH.parents[2])} ({PATH.stat().st_size / 1e6:.2f} MB)")
