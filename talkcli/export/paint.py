"""Draws a clip's frames for an encoder, in a thread of its own.

Shape letters: V vertices.
"""

from __future__ import annotations

import queue
import threading
from itertools import count

from talkcli.clip import Floats, MotionClip
from talkcli.export.base import Job
from talkcli.export.ffmpeg import Ffmpeg
from talkcli.render import Renderer, open_renderer
from talkcli.stages import stage

WAITING = 2  # chunks that may wait to be drawn


class Painter:
    """Draws chunks in a thread of its own, while the caller makes the next and ffmpeg encodes the last.

    ffmpeg gets every so-manieth frame, as rgb24 or else as yuv420p.
    """

    def __init__(self, first: MotionClip, encoder: Ffmpeg, job: Job, *, rgb: bool = False, every: int = 1) -> None:
        self._first, self._encoder, self._job = first, encoder, job
        self._rgb, self._every = rgb, every
        self._chunks: queue.Queue[MotionClip | None] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="painter", daemon=True)
        self._thread.start()

    @stage("waiting")
    def draw(self, chunk: MotionClip) -> None:
        """Hands a chunk over, waiting while enough of them wait; raises what went wrong with an earlier one."""
        self._put(chunk)

    @stage("waiting")
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
        numbers = count()
        while not self._stopped.is_set():
            try:
                chunk = self._chunks.get(timeout=0.2)
            except queue.Empty:
                continue
            if chunk is None:
                return
            for vertices, number in zip(chunk.vertices, numbers):  # noqa: B905  # the vertices end first
                if self._stopped.is_set():
                    return
                if number % self._every == 0:
                    self._encoder.write(self._picture(renderer, vertices))
                self._job.step()

    @stage("render")
    def _picture(self, renderer: Renderer, vertices: Floats) -> bytes:
        return renderer.image(vertices).tobytes() if self._rgb else renderer.frame(vertices)
