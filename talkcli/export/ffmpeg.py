"""The ffmpeg that comes with imageio-ffmpeg: where it is, and what it said when it failed."""

from __future__ import annotations

import logging
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from talkcli.errors import TalkError
from talkcli.stages import stage

PIPE = 1 << 20  # bytes the pipe to ffmpeg may hold, where that can be set: more than a frame at 512 x 512

log = logging.getLogger(__name__)


def find_ffmpeg() -> str:
    """The path of ffmpeg; TalkError where there is none."""
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise TalkError(
            "ffmpeg was not found: pip install imageio-ffmpeg, or name one in IMAGEIO_FFMPEG_EXE."
        ) from error


class Ffmpeg:
    """One run of ffmpeg that reads what is written to it; a context manager that leaves no process behind."""

    def __init__(self, arguments: Sequence[str | Path]) -> None:
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115, closed in __exit__
        command = [find_ffmpeg(), "-y", "-hide_banner", "-loglevel", "error", *map(str, arguments)]
        log.debug("running %s", command)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._words,
                bufsize=0,
                start_new_session=True,  # Ctrl-C is for us: we end it and tidy up
            )
        except OSError as error:
            self._words.close()
            raise TalkError(f"ffmpeg at {command[0]} cannot be run: {error.strerror or error}.") from error
        assert self._process.stdin is not None
        self._input = self._process.stdin
        _widen(self._input)

    @stage("encode")
    def write(self, data: bytes) -> None:
        """Hands data over; TalkError with ffmpeg's last words if it has ended."""
        view = memoryview(data)
        try:
            while view:
                view = view[self._input.write(view) :]
        except (BrokenPipeError, ValueError) as error:
            raise self._failure() from error

    @stage("encode")
    def finish(self) -> None:
        """Closes the input and waits; TalkError with ffmpeg's last words if it failed."""
        try:
            self._input.close()
        except BrokenPipeError as error:
            raise self._failure() from error
        if self._process.wait():
            raise self._failure()

    def _failure(self) -> TalkError:
        code = self._process.wait()
        self._words.seek(0)
        lines = self._words.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), f"it ended with code {code}")
        return TalkError(f"ffmpeg could not write the video: {last}")

    def __enter__(self) -> Ffmpeg:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        try:
            self._input.close()
        except BrokenPipeError:
            log.debug("ffmpeg had closed its input")
        self._process.wait()
        self._words.close()


def _widen(pipe: IO[bytes]) -> None:
    """Lets the pipe hold a whole frame, so that rendering and encoding do not wait for each other; Linux only."""
    try:
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE)
    except (ImportError, AttributeError, OSError):
        log.debug("the pipe to ffmpeg keeps its size")
