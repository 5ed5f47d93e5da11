"""Settings that all tests share."""

from __future__ import annotations

from hypothesis import settings

# Time is no test of a shared machine; the same examples every time make a failure one that comes back.
settings.register_profile("talk", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("talk")
