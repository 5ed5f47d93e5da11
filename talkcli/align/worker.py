"""Finding phones in a process of its own, beside whatever else goes on: PocketSphinx holds the interpreter's lock.

The process is started once, with nothing in it but the aligner, and ends with the one that started it. What goes
between the two are pickles, which nobody else can write. `python -m talkcli.align.worker` is the process.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO

import numpy as np

from talkcli.align import Found, Request, find_phones, uses_ctc
from talkcli.clip import Audio
from talkcli.errors import TalkError
from talkcli.platform import with_these_modules
from talkcli.stages import stage

Answer = Callable[[], Found]  # waits until the phones are found
NOTHING = Found((), (), "head")


@contextmanager
def found_ahead(
    audio: Audio, parts: Sequence[tuple[float, float]], request: Request | None, gain: float = 1.0
) -> Iterator[list[Answer]]:
    """Begins to find the phones of each part, (start, end) in seconds, and gives for each what waits for its answer.

    Times are those of the whole sound, which is heard times gain. A text and a file are of the whole sound, and each
    part gets its share; otherwise each part is listened to by itself, one after another. None finds nothing.
    """
    if request is None:
        yield [lambda: NOTHING] * len(parts)
        return
    whole = not request.listens
    worker = _IDLE.pop() if _IDLE else Worker()
    with ThreadPoolExecutor(1, "phones") as pool:
        spans = [(0.0, audio.seconds)] if whole else parts
        asked = [pool.submit(_found, worker, audio.part(*span), gain, request, span[0]) for span in spans]
        try:
            yield (
                [partial(_share, asked[0], *part) for part in parts]
                if whole
                else [partial(_wait, one) for one in asked]
            )
        finally:
            for one in asked:
                one.cancel()
            stopped = False
            while wait(asked, timeout=0.05).not_done:
                worker.stop()  # nobody waits for its answer any more
                stopped = True
            if stopped:
                worker.close()  # its answer may have come before it was killed, so that nobody has noticed
            _IDLE.append(worker)


def _share(whole: Future[Found], start: float, end: float) -> Found:
    return _wait(whole).part(start, end)


@stage("waiting")
def _wait(asked: Future[Found]) -> Found:
    return asked.result()


@stage("recogniser")
def _found(worker: Worker, audio: Audio, gain: float, request: Request, start: float) -> Found:
    find = find_phones if request.file is not None or uses_ctc(request) else worker.find
    levelled = audio if gain == 1.0 else Audio(audio.samples * np.float32(gain), audio.rate)
    return find(levelled, request).moved(start)


class Worker:
    """The process, started when it is first asked; one thread at a time may ask."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def find(self, audio: Audio, request: Request) -> Found:
        """The same as find_phones.

        Raises:
            TalkError: what find_phones raises, or the process was killed.
            RuntimeError: a bug in it, with its traceback.
        """
        process = self._process = self._process or _start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump((audio.samples, audio.rate, request), process.stdin, pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            kind, answer = pickle.load(process.stdout)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
            self._process = None
            raise _ended(process) from error
        if kind == "found":
            return answer  # type: ignore[no-any-return]  # as main() sends it
        raise TalkError(answer) if kind == "mistake" else RuntimeError(f"in the process that finds phones: {answer}")

    def stop(self) -> None:
        """Ends the process; who waits for its answer, in another thread, is told so."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """Ends the process, for whom nobody waits, and closes its pipes."""
        process, self._process = self._process, None
        if process is not None:
            _reap(process)


_IDLE: list[Worker] = []  # that wait, warm, for the next sound


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "talkcli.align.worker"]
    try:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=with_these_modules())
    except OSError as error:
        raise TalkError(f"cannot start the process that finds phones: {error.strerror or error}") from error


def _ended(process: subprocess.Popen[bytes]) -> TalkError:
    _reap(process)
    code = process.returncode
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    hint = "free some memory and try again, or do without it (--phones head)"
    return TalkError(f"the process that finds phones ended before it was done ({how}): {hint}")


def _reap(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with contextlib.suppress(OSError, ValueError):  # what was left to write
        process.communicate()


def main() -> None:
    """Answers requests from standard input on standard output, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started this, and ends it
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    while True:
        try:
            samples, rate, request = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        _send(answers, *_answer(Audio(np.asarray(samples), rate), request))


def _answer(audio: Audio, request: Request) -> tuple[str, Found | str]:
    try:
        return "found", find_phones(audio, request)
    except TalkError as error:
        return "mistake", str(error)
    except Exception:  # told where it can be read
        return "bug", traceback.format_exc()


def _send(answers: BinaryIO, kind: str, answer: Found | str) -> None:
    pickle.dump((kind, answer), answers, pickle.HIGHEST_PROTOCOL)
    answers.flush()


if __name__ == "__main__":
    main()
