"""The package's own head: a mesh with named regions, a rig that poses it, and people to be."""

from __future__ import annotations

from talkcli.head.basis import MotionBasis, load_basis
from talkcli.head.controls import ARKIT, CONTROLS, EXTRAS
from talkcli.head.head import Head, load_head, subject_names

__all__ = ["ARKIT", "CONTROLS", "EXTRAS", "Head", "MotionBasis", "load_basis", "load_head", "subject_names"]
