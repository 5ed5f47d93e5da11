"""Videos and pictures of the head: frames go to ffmpeg as they are drawn, the sound is joined at the end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from talkcli.clip import MotionClip
from talkcli.console import note
from talkcli.export.base import ExportOptions, Job
from talkcli.export.ffmpeg import Ffmpeg
from talkcli.export.paint import Painter
from talkcli.export.wav import Sound
from talkcli.rates import exact

GIF_MOST = 50.0  # frames a second: delays are whole hundredths, and browsers take 0.01 s for a mistake
# a pattern of dots that stays where it is, so that what does not move is stored once
DITHER = "paletteuse=dither=bayer:bayer_scale=5:diff_mode=rectangle"
LOSSLESS = ["-c:v", "libx264rgb", "-qp", "0", "-preset", "ultrafast", "-f", "matroska"]
BT709 = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]

Arguments = list[str | Path]


@dataclass(frozen=True)
class Container:
    """A kind of video: ffmpeg's name of it, how its pictures are encoded and how its sound."""

    name: str
    audio: tuple[str, ...]
    flags: tuple[str, ...] = ()

    def video(self, options: ExportOptions) -> list[str]:
        """The encoder of the pictures."""
        if self.name == "webm":
            speed = ["-deadline", "realtime", "-cpu-used", "6", "-row-mt", "1"]
            return ["-c:v", "libvpx-vp9", *speed, "-crf", "28", "-b:v", "0"]
        return ["-c:v", "libx264", "-preset", options.preset, "-crf", str(options.crf)]


MP4 = Container("mp4", ("-c:a", "aac", "-b:a", "128k"), ("-movflags", "+faststart"))
WEBM = Container("webm", ("-c:a", "libopus", "-b:a", "64k"))


def write_mp4(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes H.264 (yuv420p, BT.709, limited range) and, where the clip has sound, AAC of the same length."""
    return _write_video(chunks, job, MP4)


def write_webm(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes VP9 (yuv420p, BT.709, limited range) and, where the clip has sound, Opus of the same length."""
    return _write_video(chunks, job, WEBM)


def _write_video(chunks: Iterator[MotionClip], job: Job, container: Container) -> int:
    first = next(chunks)
    silent = job.path if first.audio is None else Path(f"{job.path}.video")
    sound = None if first.audio is None else Sound(Path(f"{job.path}.wav"), first.audio.rate)
    with ExitStack() as stack:
        if sound:
            stack.callback(sound.close)
        encoder = stack.enter_context(Ffmpeg(video_arguments(job.options, first.fps, silent, container)))
        frames = _paint(chain([first], chunks), Painter(first, encoder, job), encoder, sound)
    if sound:
        with Ffmpeg(join_arguments(silent, sound.path, job.path, container)) as joiner:
            joiner.finish()
    return frames


def write_gif(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes a loop without sound, at most GIF_MOST frames a second: of a faster clip, every so-manieth frame."""
    first = next(chunks)
    every = math.ceil(first.fps / GIF_MOST - 1e-9)
    if every > 1:
        note(f"{job.target.name} has {first.fps / every:g} frames a second: browsers show no more than {GIF_MOST:g}.")
    film, palette = Path(f"{job.path}.film"), Path(f"{job.path}.png")
    with Ffmpeg(gif_film_arguments(job.options, first.fps / every, film)) as encoder:
        painter = Painter(first, encoder, job, rgb=True, every=every)
        frames = _paint(chain([first], chunks), painter, encoder, None)
    for arguments in gif_arguments(film, palette, job.path):
        with Ffmpeg(arguments) as encoder:
            encoder.finish()
    return frames


def write_png(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes a picture a frame, counted from 0."""
    first = next(chunks)
    pattern = Path(str(job.path).replace("%", "%%")) / job.pattern
    with Ffmpeg(png_arguments(job.options, first.fps, pattern)) as encoder:
        return _paint(chain([first], chunks), Painter(first, encoder, job, rgb=True), encoder, None)


def _paint(chunks: Iterator[MotionClip], painter: Painter, encoder: Ffmpeg, sound: Sound | None) -> int:
    """Draws all, and gathers the sound as long as the frames."""
    frames = 0
    try:
        for chunk in chunks:
            painter.draw(chunk)
            frames += chunk.frames
            if sound:
                sound.add(chunk.audio, frames / chunk.fps)
        painter.finish()
        encoder.finish()
    finally:
        painter.stop()
    return frames


def _rgb_source(options: ExportOptions, fps: float) -> Arguments:
    width, height = options.size
    return ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(exact(fps)), "-i", "-"]


def gif_film_arguments(options: ExportOptions, fps: float, film: Path) -> Arguments:
    """ffmpeg's arguments to keep raw pictures from its input without a loss, until their colours are known."""
    return [*_rgb_source(options, fps), *LOSSLESS, film]


def gif_arguments(film: Path, palette: Path, path: Path) -> tuple[Arguments, Arguments]:
    """ffmpeg's arguments for a film's palette, which is known at its end, and then for the loop."""
    return (
        ["-i", film, "-vf", "palettegen=stats_mode=full", "-f", "image2", "-update", "1", palette],
        ["-i", film, "-i", palette, "-lavfi", DITHER, "-f", "gif", path],
    )


def png_arguments(options: ExportOptions, fps: float, pattern: Path) -> Arguments:
    """ffmpeg's arguments for a picture a frame of raw pictures from its input."""
    return [*_rgb_source(options, fps), "-start_number", "0", "-f", "image2", pattern]


def video_arguments(options: ExportOptions, fps: float, path: Path, container: Container = MP4) -> Arguments:
    """ffmpeg's arguments to encode raw frames from its input."""
    width, height = options.size
    source = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-r", str(exact(fps))]
    codec = [*container.video(options), "-pix_fmt", "yuv420p", *BT709]
    return [*source, *BT709, "-i", "-", "-an", *codec, *container.flags, "-f", container.name, path]


def join_arguments(video: Path, sound: Path, path: Path, container: Container = MP4) -> Arguments:
    """ffmpeg's arguments to put sound to a video, which is copied as it is."""
    inputs: Arguments = ["-i", video, "-i", sound, "-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy"]
    return [*inputs, *container.audio, *container.flags, "-f", container.name, path]
