"""How large is a page? Writes the sample speech, said again and again, as .html, and prints what that took.

usage: python benchmarks/page.py [--minutes 0.135 1 10 60] [--write benchmarks/page.md]

The motion is made once by the shipped model; further rounds are weaker and stronger, so that none is the same twice.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from talkcli.animate import AnimateOptions, animate
from talkcli.audio import load_audio
from talkcli.clip import Audio, MotionClip
from talkcli.commands.animate import DEFAULT_MODEL
from talkcli.export import write
from talkcli.models.checkpoint import load_checkpoint

SAMPLE = Path(__file__).parents[1] / "assets" / "sample.flac"
RATE = 16000
HEAD = "| speech | page | of it code | a second more | CPU | peak memory |\n|---|---|---|---|---|---|\n"


def rounds(clip: MotionClip, audio: Audio, count: int) -> Iterator[MotionClip]:
    """The clip again and again, each time a little different."""
    for number in range(count):
        strength = np.float32(0.8 + 0.2 * np.cos(number))
        vertices = clip.template + strength * (np.roll(clip.vertices, 37 * number, 0) - clip.template)
        turn = None if clip.turn is None else strength * np.roll(clip.turn, 37 * number, 0)
        yield replace(clip, vertices=vertices, turn=turn, audio=Audio(np.roll(audio.samples, 999 * number), RATE))


def row(minutes: float) -> tuple[str, float, int]:
    """A line of the table with a gap, and what fills it: seconds and bytes; for a process of its own."""
    audio = load_audio(SAMPLE, RATE)
    clips = list(animate(audio, load_checkpoint(DEFAULT_MODEL), AnimateOptions(phones="head")))
    vertices, turn = np.concatenate([each.vertices for each in clips]), [each.turn for each in clips]
    clip = replace(clips[0], vertices=vertices, turn=np.concatenate([each for each in turn if each is not None]))
    count = max(1, round(minutes * 60 / clip.seconds))
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "face.html"
        before = time.process_time()
        write(rounds(clip, audio, count), page, total=count * clip.frames)
        used = time.process_time() - before
        text = page.read_text(encoding="utf-8")
    code = sum(len(part) for part in text.split("</script>")[3:]) + text.index('<script type="application/json"')
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = count * clip.seconds
    told = (
        f"| {seconds:.0f} s | {len(text) / 1e6:.2f} MB | {code / 1e3:.0f} kB | {{}} | {used:.1f} s | {memory:.0f} MB |"
    )
    return told, seconds, len(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[0.135, 1.0, 10.0, 60.0])
    parser.add_argument("--write", type=Path)
    parser.add_argument("--row", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        print(*row(options.minutes[0]), sep="\t")
        return
    table, last = HEAD, None
    for minutes in options.minutes:  # each in a process of its own, for the memory
        command = [sys.executable, __file__, "--row", "--minutes", str(minutes)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        told, *numbers = done.stdout.rstrip().split("\t")
        seconds, size = map(float, numbers)
        more = "" if last is None else f"{(size - last[1]) / (seconds - last[0]) / 1e3:.1f} kB"
        table, last = table + told.format(more) + "\n", (seconds, size)
    print(table, end="")
    if options.write:
        made = f"Made by `python benchmarks/page.py --write {options.write}`."
        options.write.write_text(f"# Pages\n\n{made}\n\n{table}", encoding="utf-8")


if __name__ == "__main__":
    main()
