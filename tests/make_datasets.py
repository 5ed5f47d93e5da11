"""Builders of miniature data sets in the formats in which the real ones are handed out, and not in ours.

Shape letters: T frames, V vertices, F triangles.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from talkcli import preprocess as room
from talkcli.clip import Floats
from talkcli.datasets import biwi, folder, vocaset
from talkcli.datasets.base import Recipe
from tests.make import make_tone, save_sound
from tests.make_pickles import save_python2

VERTICES = 12
SECONDS = 0.5
SUBJECTS = (
    "FaceTalk_170728_03272_TA",
    "FaceTalk_170904_00128_TA",
    "FaceTalk_170811_03275_TA",
    "FaceTalk_170809_00138_TA",
)
SENTENCES = {SUBJECTS[0]: (1, 2), SUBJECTS[1]: (1,), SUBJECTS[2]: (21,), SUBJECTS[3]: (21, 22)}
PEOPLE = {"F2": ("e01", "e33", "e37", "01"), "M3": ("e02",), "F1": ("e38",)}
FACES = np.array([[i, (i + 1) % VERTICES, (i + 5) % VERTICES] for i in range(VERTICES)], np.int32)


def make_template(subject: str, height: float = 0.25, vertices: int = VERTICES) -> Floats:
    """(V, 3) a cloud of points of a head's size, another for each subject."""
    rng = np.random.default_rng([ord(letter) for letter in subject])
    points = rng.uniform(-0.5, 0.5, (vertices, 3))
    points[:, 1] *= height / np.ptp(points[:, 1])
    return np.asarray(points * [0.16, 1.0, 0.2], np.float32)


def make_motion(template: Floats, frames: int, seed: int = 0) -> Floats:
    """(T, V, 3) that moves by millimetres."""
    rng = np.random.default_rng(seed)
    return np.asarray(template + 0.002 * rng.standard_normal((frames, *template.shape)), np.float32)


def make_mesh(path: Path, vertices: Floats, faces: NDArray[np.int32] = FACES) -> Path:
    """A binary little-endian .ply with uchar counts and int indices, as FLAME_sample.ply has it."""
    head = ["ply", "format binary_little_endian 1.0", f"element vertex {len(vertices)}"]
    head += [f"property float {axis}" for axis in "xyz"]
    head += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header", ""]
    body = np.asarray(vertices, "<f4").tobytes() + b"".join(struct.pack("<B3i", 3, *face) for face in faces.tolist())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join(head).encode() + body)
    return path


# -- VOCASET ----------------------------------------------------------------------------------------------------------


def make_vocaset(
    root: Path, sentences: Mapping[str, Sequence[int]] = SENTENCES, frames: int = round(60 * SECONDS)
) -> dict[str, Floats]:
    """The four files of the download and FLAME_masks.pkl; returns the motion (T, V, 3) at 60 fps by clip name."""
    root.mkdir(parents=True, exist_ok=True)
    clips: dict[str, Floats] = {}
    index: dict[str, Any] = {}
    sounds: dict[str, Any] = {}
    row = 3  # the first rows belong to nobody
    for subject, numbers in sentences.items():
        for number in numbers:
            name = f"sentence{number:02d}"
            clips[f"{subject}_{name}"] = make_motion(make_template(subject), frames, row)
            rows = dict(sorted({frame: row + frame for frame in range(frames)}.items(), key=lambda item: item[0] % 7))
            index.setdefault(subject, {})[name] = rows  # a Python 2 dict comes in any order
            tone = make_tone(frames / 60, 22000).samples
            sound = {"audio": (tone * 32767).astype(np.int16), "sample_rate": 22000}
            sounds.setdefault(subject, {})[name] = sound
            row += frames
    np.save(root / "data_verts.npy", np.concatenate([np.zeros((3, VERTICES, 3), np.float32), *clips.values()]))
    save_python2(root / "subj_seq_to_idx.pkl", index)
    save_python2(root / "raw_audio_fixed.pkl", sounds)
    save_python2(root / "templates.pkl", {s: make_template(s).astype(np.float64) for s in sentences})
    save_masks(root / "FLAME_masks.pkl")
    return clips


def save_masks(path: Path) -> None:
    """FLAME's masks in small: protocol 0, and lips with repetitions at the end."""
    masks = {"face": [0, 1, 2, 3, 4, 5], "lips": [2, 4, 5, 7, 4, 2], "forehead": [8, 9], "eye_region": [9, 10, 11]}
    save_python2(path, {name: np.array(mask, np.int64) for name, mask in masks.items()}, protocol=0)


def make_processed(root: Path, clips: Mapping[str, Floats], rate: float = 60, flat: bool = True) -> None:
    """The community's layout of these clips, motion at so many frames a second."""
    for sub in ("wav", "vertices_npy", "regions", "templates"):
        (root / sub).mkdir(parents=True, exist_ok=True)
    for name, vertices in clips.items():
        kept = vertices.astype(np.float64) if name.endswith("1") else vertices
        np.save(root / "vertices_npy" / f"{name}.npy", kept.reshape(len(kept), -1) if flat else kept)
        save_sound(root / "wav" / f"{name}.wav", make_tone(len(vertices) / rate, 22000).samples, 22000)
    subjects = {name.rpartition("_")[0] for name in clips}
    save_python2(root / "templates.pkl", {s: make_template(s).astype(np.float64) for s in sorted(subjects)})
    (root / "regions" / "lve.txt").write_text("2, 4, 5, 7", encoding="utf-8")
    (root / "regions" / "fdd.txt").write_text("8,9,10,11", encoding="utf-8")


# -- BIWI -------------------------------------------------------------------------------------------------------------


def make_biwi(root: Path, people: Mapping[str, Sequence[str]] = PEOPLE, header: str = "<I") -> dict[str, Floats]:
    """faces/, rigid_scans/ and audio/ of the release; returns the frames (T, V, 3) as they were recorded, by name."""
    clips = {}
    frames = round(25 * SECONDS)
    (root / "audio").mkdir(parents=True, exist_ok=True)
    (root / "rigid_scans").mkdir(exist_ok=True)
    for subject, sentences in people.items():
        template = make_template(subject) * np.float32(1000) + np.float32(7)  # millimetres, off the centre
        save_scan(root / "rigid_scans" / f"{subject}.obj", template)
        for sentence in sentences:
            motion = np.asarray(template + 2 * (make_motion(template * 0, frames, len(clips)) / 0.002), np.float32)
            clips[f"{subject}_{sentence}"] = motion
            save_frames(root / "faces" / subject / sentence, motion, header)
            save_sound(root / "audio" / f"{subject}_{sentence}_cut.wav", make_tone(frames / 25, 44100).samples, 44100)
    return clips


def save_frames(where: Path, motion: Floats, header: str = "<I") -> None:
    """One .vl a frame: a count, then little-endian float32."""
    where.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(motion, 1):
        (where / f"frame_{number:03d}.vl").write_bytes(struct.pack(header, len(frame)) + frame.astype("<f4").tobytes())


def save_scan(path: Path, template: Floats) -> None:
    """An .obj with texture coordinates of another numbering."""
    lines = ["mtllib scan.mtl", *(f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in template.tolist())]
    lines += [f"vt {i / 40:.3f} 0.5" for i in range(3 * len(FACES))]
    lines += [
        "f " + " ".join(f"{v + 1}/{3 * i + j + 1}" for j, v in enumerate(face)) for i, face in enumerate(FACES.tolist())
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


# -- folder -----------------------------------------------------------------------------------------------------------

TOML = """
name = "mine"
fps = 25
regions = "regions"
[[subjects]]
name = "ann"
template = "templates/ann.ply"
[[subjects]]
name = "ben"
template = "templates/ben.ply"
[split]
test = ["*_3"]
val = ["*_2"]
[[landmarks]]
name = "chin"
vertex = 5
"""
RECORDED = ("ann_1", "ann_2", "ben_1", "ben_3")


def make_folder(root: Path, toml: str = TOML) -> dict[str, Floats]:
    """Recordings of two people with a talk.toml; returns the motion (T, V, 3) by clip name."""
    for sub in ("audio", "motion", "templates", "regions", "text", "phones"):
        (root / sub).mkdir(parents=True, exist_ok=True)
    (root / "talk.toml").write_text(toml, encoding="utf-8")
    clips = {}
    frames = round(25 * SECONDS)
    for number, name in enumerate(RECORDED):
        subject = name.partition("_")[0]
        make_mesh(root / "templates" / f"{subject}.ply", make_template(subject))
        clips[name] = make_motion(make_template(subject), frames, number)
        np.save(root / "motion" / f"{name}.npy", clips[name])
        save_sound(root / "audio" / f"{name}.wav", make_tone(frames / 25, 44100).samples, 44100)
    (root / "regions" / "lips.txt").write_text("2 4 5 7\n", encoding="utf-8")
    (root / "text" / "ann_1.txt").write_text("Bah.\n", encoding="utf-8")
    (root / "phones" / "ann_1.tsv").write_text("start\tend\tphone\n0.1\t0.2\tB\n0.2\t0.4\tAA1\n", encoding="utf-8")
    return clips


# -- all --------------------------------------------------------------------------------------------------------------


def _vocaset(root: Path) -> vocaset.Options:
    make_vocaset(root)
    return vocaset.Options(raw=root)


def _biwi(root: Path) -> biwi.Options:
    make_biwi(root)
    return biwi.Options(raw=root)


def _folder(root: Path) -> folder.Options:
    make_folder(root)
    return folder.Options(raw=root)


def _synthetic(root: Path) -> Any:
    from talkcli.datasets.synthetic import Options

    return Options(hours=0.02)


# what makes a miniature of each data set in a folder, and the options that open it
MINIATURES: dict[str, Callable[[Path], Any]] = {
    "vocaset": _vocaset,
    "biwi": _biwi,
    "folder": _folder,
    "synthetic": _synthetic,
}


def inline(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lets clips be made in this process, which starts no workers; returns the names of those that were."""
    made: list[str] = []

    def here(source: Any, out: Path, batch: Sequence[Recipe], jobs: int, died: dict[str, int]) -> Any:
        monkeypatch.setattr(room, "_source", source)
        monkeypatch.setattr(room, "_out", out)
        for recipe in batch:
            made.append(recipe.name)
            yield recipe.name, room._make_one(recipe)

    monkeypatch.setattr(room, "_round", here)
    return made
