"""A video has the frames, the colours and the sound it was given, decoded back with ffmpeg."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from talkcli.clip import Audio, Floats, MotionClip
from talkcli.errors import TalkError
from talkcli.export import ExportOptions, write
from talkcli.export.ffmpeg import find_ffmpeg
from talkcli.render import open_renderer
from talkcli.render.platforms import platforms
from tests.export.make_clips import RATE, make_chunks
from tests.make import make_tone

LOOK = ExportOptions(size=(96, 64), renderer="software")


def decode(path: Path, *arguments: str) -> bytes:
    command = [find_ffmpeg(), "-v", "error", "-i", str(path), *arguments, "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def frames(path: Path, size: tuple[int, int] = (96, 64)) -> NDArray[np.uint8]:
    raw = np.frombuffer(decode(path, "-map", "0:v:0", "-f", "rawvideo", "-pix_fmt", "gray"), np.uint8)
    return raw.reshape(-1, size[1], size[0])


def sound(path: Path) -> Floats:
    return np.frombuffer(decode(path, "-map", "0:a:0", "-f", "f32le"), np.float32)


def described(path: Path) -> str:
    return subprocess.run([find_ffmpeg(), "-i", str(path)], capture_output=True, text=True, check=False).stderr


def test_frames_tags_and_sound_are_as_long_as_the_motion(tmp_path: Path) -> None:
    path = tmp_path / "face.mp4"
    assert write(make_chunks([7, 0, 13], fps=25), path, LOOK, total=20) == 20
    assert len(frames(path)) == 20
    assert abs(len(sound(path)) - 20 / 25 * RATE) <= RATE / 25
    text = described(path)
    assert re.search(r"h264.*yuv420p\(tv, bt709", text)
    assert re.search(r"25 fps", text)
    assert re.search(r"Audio: aac.*mono", text)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # faststart
    assert list(tmp_path.iterdir()) == [path]


def test_a_webm_has_vp9_and_opus_as_long_as_the_motion(tmp_path: Path) -> None:
    path = tmp_path / "face.webm"
    assert write(make_chunks([7, 13], fps=25), path, LOOK) == 20
    assert len(frames(path)) == 20
    assert abs(len(sound(path)) - 20 / 25 * 48000) <= 48000 / 25
    assert re.search(r"Video: vp9.*yuv420p\(tv, bt709", described(path))
    assert re.search(r"Audio: opus.*mono", described(path))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("fps", "shown"), [(25.0, 20), (30.0, 20), (60.0, 10)])
def test_a_gif_loops_for_ever_and_lasts_as_long_as_the_motion(tmp_path: Path, fps: float, shown: int) -> None:
    path = tmp_path / "face.gif"
    assert write(make_chunks([7, 13], fps=fps), path, LOOK) == 20
    with Image.open(path) as gif:
        assert (gif.n_frames, gif.size, gif.info["loop"]) == (shown, (96, 64), 0)
        delays = [(gif.seek(number), gif.info["duration"])[1] for number in range(shown)]
    assert min(delays) >= 20  # ms: browsers take less for a mistake
    assert sum(delays) == pytest.approx(1000 * 20 / fps, abs=11)
    assert "Audio" not in described(path)


def test_pictures_are_the_renderers_own_one_a_frame(tmp_path: Path) -> None:
    folder = tmp_path / "100% face"
    assert write(make_chunks([2, 3]), folder / "50% %03d.png", LOOK) == 5
    assert sorted(path.name for path in folder.iterdir()) == [f"50% {number:03d}.png" for number in range(5)]
    clip = next(make_chunks([5]))
    with open_renderer(clip.topology, clip.template, size=LOOK.size, renderer="software") as renderer:
        for number in (0, 4):
            with Image.open(folder / f"50% {number:03d}.png") as picture:
                assert np.array_equal(np.asarray(picture), renderer.image(clip.vertices[number]))
    assert list(tmp_path.iterdir()) == [folder]


RATES = [  # frames and samples a second
    (24000 / 1001, 44100),
    (24.0, 22050),
    (25.0, 16000),
    (30000 / 1001, 48000),
    (30.0, 8000),
    (50.0, 11025),
    (60.0, 8000),
    (60.0, 48000),
]


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
@pytest.mark.parametrize(("fps", "rate"), RATES)
def test_picture_and_sound_end_within_a_frame_of_each_other(tmp_path: Path, suffix: str, fps: float, rate: int) -> None:
    chunks = [replace(chunk, audio=make_tone(chunk.seconds, rate)) for chunk in make_chunks([16, 15], fps=fps)]
    path = tmp_path / f"face.{suffix}"
    write(chunks, path, replace(LOOK, size=(16, 16)))
    picture, tone = ends(path)
    assert picture == pytest.approx(31 / fps, abs=0.001)  # webm counts whole milliseconds
    assert abs(tone - picture) < 0.5 / fps


def ends(path: Path) -> list[float]:
    """Where each stream of a file ends, in seconds, as ffmpeg's list of decoded packets says."""
    told = decode(path, "-f", "framecrc").decode()
    bases = [Fraction(base) for base in re.findall(r"^#tb \d+: (\S+)", told, re.MULTILINE)]
    packets = re.findall(r"^(\d+), *-?\d+, *(-?\d+), *(\d+)", told, re.MULTILINE)
    last = [max(int(pts) + int(length) for at, pts, length in packets if int(at) == i) for i in range(len(bases))]
    return [float(base * end) for base, end in zip(bases, last, strict=True)]


@pytest.mark.skipif(not platforms(), reason="no OpenGL (libEGL or libOSMesa) on this machine")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pyrender_draws_for_the_video_too(tmp_path: Path) -> None:
    pictures = []
    for renderer in ("software", "pyrender", "pyrender"):
        path = tmp_path / f"{len(pictures)}.mp4"
        write(make_chunks([3, 2]), path, ExportOptions(size=(96, 64), renderer=renderer))
        pictures.append(frames(path).astype(int))
    assert np.abs(pictures[0] - pictures[1]).mean() < 2
    assert len(pictures[2]) == 5


def test_a_clip_without_sound_has_no_sound_track(tmp_path: Path) -> None:
    path = tmp_path / "face.mp4"
    write(make_chunks([3], audio=False), path, LOOK)
    assert "Audio" not in described(path)
    assert len(frames(path)) == 3


@pytest.mark.parametrize("fps", [25.0, 29.97])
def test_picture_and_sound_stay_together(tmp_path: Path, fps: float) -> None:
    def chunks() -> Iterator[MotionClip]:
        for number, chunk in enumerate(make_chunks([10] * 4, fps=fps)):
            vertices, samples = chunk.vertices.copy(), np.zeros_like(chunk.audio.samples)
            if number == 2:
                vertices[0] *= np.float32(3)  # the head fills one frame ...
                samples[:40] = 0.9  # ... in which it clicks
            yield MotionClip(vertices, chunk.template, chunk.topology, fps, Audio(samples, RATE))

    path = tmp_path / "face.mp4"
    write(chunks(), path, LOOK)
    corner = frames(path)[:, 2, 2].astype(int)
    assert np.abs(corner - np.median(corner)).argmax() == 20
    assert abs(np.abs(sound(path)).argmax() / RATE - 20 / fps) < 0.01


def test_sound_is_cut_or_filled_to_the_frames(tmp_path: Path) -> None:
    for factor in (0.5, 2.0):
        path = tmp_path / f"{factor}.mp4"
        write(make_chunks([10, 10], sound=factor), path, LOOK)
        assert abs(len(sound(path)) - 20 / 30 * RATE) <= RATE / 30


def test_the_same_motion_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        write(make_chunks([5]), tmp_path / name, LOOK)
    assert (frames(tmp_path / "a.mp4") == frames(tmp_path / "b.mp4")).all()


def test_odd_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TalkError, match="even"):
        write(make_chunks([3]), tmp_path / "face.mp4", ExportOptions(size=(95, 64), renderer="software"))
    assert not list(tmp_path.iterdir())


def test_a_failing_ffmpeg_gives_its_last_words_and_leaves_nothing(tmp_path: Path) -> None:
    look = ExportOptions(size=(96, 64), renderer="software", preset="no such preset")
    with pytest.raises(TalkError, match=r"ffmpeg could not write the video: [^\n]+$"):
        write(make_chunks([5, 5, 5]), tmp_path / "face.mp4", look)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_an_error_midway_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def chunks() -> Iterator[MotionClip]:
        yield from make_chunks([5, 5])
        raise error

    with pytest.raises(type(error)):
        write(chunks(), tmp_path / "face.mp4", LOOK)
    assert not list(tmp_path.iterdir())


def test_a_missing_ffmpeg_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nowhere" / "ffmpeg"))
    with pytest.raises(TalkError, match="ffmpeg"):
        write(make_chunks([3]), tmp_path / "face.mp4", LOOK)
    assert not list(tmp_path.iterdir())
