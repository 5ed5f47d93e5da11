"""So many samples make exactly as many frames as the authors' code makes."""

from __future__ import annotations

from talkcli.models.layers import mesh_frames, reading_steps
from talkcli.models.wav2vec2 import conv_steps
from tests.parity.cases import Numbers


def test_every_length_has_the_authors_count_of_frames(counts: tuple[Numbers, str]) -> None:
    numbers, _ = counts
    columns = [str(name) for name in numbers.arrays["columns"]]
    for row in numbers.arrays["table"].tolist():
        told = dict(zip(columns, row, strict=True))
        steps = conv_steps(told["samples_16k"])
        assert steps == told["conv_frames_50hz"]
        for name, fps, time_map in (("vocaset", 30.0, "front"), ("biwi", 25.0, "stack")):
            frames = mesh_frames(steps, 50.0, fps, time_map)  # type: ignore[arg-type]
            assert frames == told[f"{name}_frames"], told
            assert reading_steps(frames, fps, 50.0) == told[f"{name}_interpreter_len_predict"], told
