"""Makes talkcli/resources/basis.npz: the principal motions of the packaged head in speech.

    python -m tools.head.motion_basis [OUT]

The rig is posed for random phone strings in random styles on all subjects, with blinks, brows and gaze; lip vertices
weigh LIP_WEIGHT times. Shape letters: N poses, V vertices, M moved vertices, K coefficients.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkcli.articulation import Style, lively_controls
from talkcli.clip import Audio, Floats, Phone
from talkcli.head import Head, load_head
from talkcli.phones import PHONES

COEFFICIENTS = 56
STRINGS = 160
SECONDS = 3.0
FPS = 8.0  # few frames a second: neighbours tell little new
LIP_WEIGHT = 4.0
FLOOR = 0.02
STEPS = 32767  # of a 16-bit number


def random_phones(rng: np.random.Generator) -> list[Phone]:
    """A string of phones, each as long as phones are, with a silence at either end."""
    names = ["SIL", *rng.choice(PHONES, 60), "SIL"]
    found, time = [], 0.0
    for name in names:
        length = float(rng.uniform(0.04, 0.2))
        found.append(Phone(str(name), time, time + length))
        time += length
    return [phone for phone in found if phone.start < SECONDS]


def displacements(head: Head, rng: np.random.Generator) -> Floats:
    """(N, V, 3) in metres."""
    parts = []
    frames = round(SECONDS * FPS)
    for string in range(STRINGS):
        template = head.subject_template(head.subjects[string % len(head.subjects)])
        noise = Audio(0.05 * rng.standard_normal(round(SECONDS * 16000)).astype(np.float32), 16000)
        track = lively_controls(random_phones(rng), noise, FPS, frames, Style.drawn(rng), string)
        parts.append(head.pose(head.values(track), template) - template)
    return np.concatenate(parts)


def principal(motion: Floats, lips: NDArray[np.int32]) -> tuple[Floats, NDArray[np.intp]]:
    """The basis (K, M, 3) and the vertices it moves (M,).

    A coefficient of 1 is a standard deviation, but at least FLOOR of the first one's: less would be numbers of no use.
    """
    moved = np.flatnonzero(np.abs(motion).max((0, 2)) > 1e-5)
    weight = np.ones(motion.shape[1], np.float32)
    weight[lips] = LIP_WEIGHT
    weighted = (motion * weight[:, None])[:, moved].reshape(len(motion), -1)  # (N, 3M)
    values, vectors = np.linalg.eigh((weighted @ weighted.T).astype(np.float64))
    values, vectors = values[::-1][:COEFFICIENTS], vectors[:, ::-1][:, :COEFFICIENTS]
    vectors = vectors * np.sign(vectors.sum(0))  # eigenvectors have no sign of their own
    rows = (vectors.T @ weighted) / np.sqrt(len(motion))  # (K, 3M): one standard deviation
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows *= np.maximum(norms, FLOOR * norms[0]) / norms
    return rows.reshape(COEFFICIENTS, -1, 3).astype(np.float32) / weight[moved][:, None], moved


def main(out: Path) -> None:
    head = load_head()
    motion = displacements(head, np.random.default_rng(0))
    rows, moved = principal(motion, head.topology.regions["lips"])
    units = np.abs(rows).max((1, 2)) / STEPS
    steps = np.round(rows / units[:, None, None]).astype(np.int16)
    np.savez_compressed(out, vertices=moved.astype(np.int32), steps=steps, units=units.astype(np.float32))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "talkcli/resources/basis.npz"))
