"""A video of the head with its sound: frames go to ffmpeg as they are drawn, the sound is joined at the end.

Shape letters: T frames, V vertices.
"""

from __future__ import annotations

import queue
import threading
import wave
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from talkcli.clip import Audio, MotionClip
from talkcli.export.base import ExportOptions, Job
from talkcli.export.ffmpeg import Ffmpeg
from talkcli.render import Renderer, open_renderer

WAITING = 2  # chunks that may wait to be drawn
SILENCE = 1 << 20  # samples of silence written at once


def write(chunks: Iterator[MotionClip], job: Job) -> int:
    """Writes H.264 (yuv420p, BT.709, limited range) and, where the clip has sound, AAC of the same length."""
    first = next(chunks)
    options = job.options
    silent = job.path if first.audio is None else Path(f"{job.path}.video")
    with ExitStack() as stack:
        encoder = stack.enter_context(Ffmpeg(video_arguments(options, first.fps, silent)))
        sound = None if first.audio is None else Sound(Path(f"{job.path}.wav"), first.audio.rate)
        if sound:
            stack.callback(sound.close)
        painter = Painter(first, encoder, job)
        stack.callback(painter.stop)
        frames = 0
        for chunk in _all(first, chunks):
            painter.draw(chunk)
            frames += chunk.frames
            if sound:
                sound.add(chunk.audio, frames / first.fps)
        painter.finish()
        encoder.finish()
    if sound:
        with Ffmpeg(join_arguments(silent, sound.path, job.path)) as joiner:
            joiner.finish()
    return frames


def _all(first: MotionClip, rest: Iterator[MotionClip]) -> Iterator[MotionClip]:
    yield first
    yield from rest


def video_arguments(options: ExportOptions, fps: float, path: Path) -> list[str | Path]:
    """ffmpeg's arguments to encode raw frames from its input."""
    width, height = options.size
    source = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-r", f"{fps:.10g}"]
    tags = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
    codec = ["-c:v", "libx264", "-preset", options.preset, "-crf", str(options.crf), "-pix_fmt", "yuv420p"]
    return [*source, *tags, "-i", "-", "-an", *codec, *tags, "-movflags", "+faststart", "-f", "mp4", path]


def join_arguments(video: Path, sound: Path, path: Path) -> list[str | Path]:
    """ffmpeg's arguments to put sound to a video, which is copied as it is."""
    inputs: list[str | Path] = ["-i", video, "-i", sound, "-map", "0:v:0", "-map", "1:a:0"]
    return [*inputs, "-c:v", "copy", "-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart", "-f", "mp4", path]


class Sound:
    """The sound of the chunks in one wav file, as long as their frames."""

    def __init__(self, path: Path, rate: int) -> None:
        self.path = path
        self._rate = rate
        self._written = 0
        self._file = wave.open(str(path), "wb")  # noqa: SIM115, closed in close
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(rate)

    def add(self, audio: Audio | None, end: float) -> None:
        """The next piece; what lacks to end, in seconds from the beginning, is silence, and what is over is dropped."""
        wanted = round(end * self._rate) - self._written
        samples = np.zeros(0, np.float32) if audio is None else audio.samples[:wanted]
        clean = np.clip(np.nan_to_num(samples), -1, 1)
        self._file.writeframesraw((clean * 32767).astype("<i2").tobytes())
        missing = wanted - len(samples)
        while missing > 0:
            piece = min(missing, SILENCE)
            self._file.writeframesraw(bytes(2 * piece))
            missing -= piece
        self._written += max(wanted, 0)

    def close(self) -> None:
        """Writes the length into the file's head."""
        self._file.close()


class Painter:
    """Draws chunks in a thread of its own, while the caller makes the next and ffmpeg encodes the last."""

    def __init__(self, first: MotionClip, encoder: Ffmpeg, job: Job) -> None:
        self._first, self._encoder, self._job = first, encoder, job
        self._chunks: queue.Queue[MotionClip | None] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="painter", daemon=True)
        self._thread.start()

    def draw(self, chunk: MotionClip) -> None:
        """Hands a chunk over, waiting while enough of them wait; raises what went wrong with an earlier one."""
        self._put(chunk)

    def finish(self) -> None:
        """Waits until all is drawn; raises what went wrong."""
        self._put(None)
        while self._thread.is_alive():
            self._thread.join(0.2)
        self._check()

    def stop(self) -> None:
        """Ends the thread, whatever it is doing; ffmpeg need not read any more."""
        self._stopped.set()
        self._thread.join()

    def _put(self, chunk: MotionClip | None) -> None:
        while True:
            self._check()
            try:
                return self._chunks.put(chunk, timeout=0.2)
            except queue.Full:
                continue

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        first, options = self._first, self._job.options
        try:
            with open_renderer(  # here, since OpenGL belongs to the thread that opened it
                first.topology,
                first.template,
                size=options.size,
                view=options.view,
                background=options.background,
                renderer=options.renderer,
                colors=first.colors,
            ) as renderer:
                self._draw_all(renderer)
        except BaseException as error:  # raised again where the caller waits
            self._error = error

    def _draw_all(self, renderer: Renderer) -> None:
        while not self._stopped.is_set():
            try:
                chunk = self._chunks.get(timeout=0.2)
            except queue.Empty:
                continue
            if chunk is None:
                return
            for vertices in chunk.vertices:
                if self._stopped.is_set():
                    return
                self._encoder.write(renderer.frame(vertices))
                self._job.step()
