"""The default head as the other rooms see it: template, topology, subjects and posing.

Shape letters: T frames, V vertices, C controls, N subjects, I identity parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkcli.clip import Floats, Topology, Track
from talkcli.head.controls import CONTROLS
from talkcli.head.neck import Neck
from talkcli.head.rig import Rig

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Head:
    """template (V, 3) metres; subjects: names, the first of which is the template itself."""

    template: Floats
    topology: Topology
    subjects: tuple[str, ...]
    rig: Rig
    neck: Neck
    identity_names: tuple[str, ...]
    subject_parameters: Floats  # (N, I)
    _identity: Floats = field(repr=False)  # (I, V, 3) displacements of one step of each parameter
    _colors: NDArray[np.uint8] = field(repr=False)  # (N, V, 3)

    @property
    def blendshapes(self) -> Floats:
        """Linear displacements (C, V, 3) at weight 1, in CONTROLS order; the first 52 are ARKit's."""
        return self.rig.shapes

    def subject_template(self, name: str) -> Floats:
        """(V, 3) the head of a subject at rest."""
        return self.identity(dict(zip(self.identity_names, self.subject_parameters[self._subject(name)], strict=True)))

    def subject_colors(self, name: str) -> NDArray[np.uint8]:
        """(V, 3) sRGB."""
        colors: NDArray[np.uint8] = self._colors[self._subject(name)]
        return colors

    def identity(self, parameters: Mapping[str, float]) -> Floats:
        """(V, 3) a head made of shape parameters; 0 is the template, useful from -1.5 to 1.5."""
        weights = np.array([parameters.get(name, 0.0) for name in self.identity_names], np.float32)  # (I,)
        if unknown := set(parameters) - set(self.identity_names):
            raise ValueError(f"no such shape parameter: {', '.join(sorted(unknown))}")
        return self.template + np.tensordot(weights, self._identity, 1)  # (V, 3)

    def values(self, track: Track) -> Floats:
        """(T, C) the track's curves in CONTROLS order; controls it does not name stay 0.

        Raises:
            ValueError: the track names a control that the head does not have.
        """
        values = np.zeros((len(track.values), len(CONTROLS)), np.float32)  # (T, C)
        values[:, [CONTROLS.index(name) for name in track.names]] = track.values
        return values

    def pose(self, values: Floats, template: Floats | None = None) -> Floats:
        """Vertices (T, V, 3) metres for control values (T, C) in CONTROLS order.

        template (V, 3) is a subject's head, by default the head's own.
        """
        return self.rig.pose(values, self.template if template is None else template)

    def _subject(self, name: str) -> int:
        if name not in self.subjects:
            raise ValueError(f"no subject {name!r} among {', '.join(self.subjects)}")
        return self.subjects.index(name)


@cache
def load_head() -> Head:
    """The head that ships with the package."""
    with as_file(files("talkcli.resources") / "head.npz") as path:
        return read_head(path)


def subject_names() -> tuple[str, ...]:
    """The names of the packaged head's subjects, without loading the head."""
    with as_file(files("talkcli.resources") / "head.npz") as path, np.load(path, allow_pickle=False) as data:
        return _names(data, "subject_names")


def read_head(path: Path) -> Head:
    """A head from the file that tools/head writes."""
    with np.load(path, allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    rig = Rig.from_arrays(arrays)
    topology = _topology(arrays, rig)
    return Head(
        template=arrays["vertices"],
        topology=topology,
        subjects=_names(arrays, "subject_names"),
        rig=rig,
        neck=Neck.of(arrays["vertices"], topology.regions["ears"]),
        identity_names=_names(arrays, "identity_names"),
        subject_parameters=arrays["subject_parameters"],
        _identity=arrays["identity_deltas"].astype(np.float32) * arrays["identity_unit"],
        _colors=arrays["subject_colors"],
    )


def _names(arrays: Arrays, key: str) -> tuple[str, ...]:
    return tuple(str(name) for name in arrays[key])


def _topology(arrays: Arrays, rig: Rig) -> Topology:
    indices = arrays["landmark_indices"].astype(int).tolist()
    landmarks = dict(zip(_names(arrays, "landmark_names"), indices, strict=True))
    return Topology(
        name="talk-head",
        vertices=len(arrays["vertices"]),
        faces=arrays["faces"].astype(np.int32),
        regions={key[7:]: value.astype(np.int32) for key, value in arrays.items() if key.startswith("region_")},
        landmarks=landmarks,
        contact=rig.contact,
        colors=arrays["subject_colors"][0].astype(np.uint8),
        part_names=_names(arrays, "part_names"),
        part_ids=arrays["part_ids"].astype(np.uint8),
    )
