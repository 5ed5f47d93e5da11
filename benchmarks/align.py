"""How well are phones found? Compares what each source finds with the phones that are known, and prints a table.

usage: python benchmarks/align.py DIR           x.wav or x.flac with x.phones.tsv and x.txt beside it
       python benchmarks/align.py --data data/synthetic --split test --voices espeak:en     clips of prepared data

off: how far phones begin from where they do, ms, of those that are found at all: median, mean and 90th percentile of
the distance; visemes: share of speech frames that look alike; p, b, m: how many are found within 60 ms, and how many
of those that are found are there; refused: texts that were taken for other ones; speed: times as fast as speech.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lips import Recording, corpus_clips, noisy, recordings
from talkcli.align import Request, find_phones
from talkcli.clip import Phone
from talkcli.errors import TalkError
from talkcli.phones import BILABIAL, PHONES, VISEME, frame_labels

SOURCES = ("text", "asr", "allphone", "auto")
NEAR = 0.06  # seconds within which a closure is the same
HEADER = (
    "| | clips | refused | off ms: median, mean, 90 % | visemes | p, b, m found | of those found | speed |\n"
    "|---|---|---|---|---|---|---|---|"
)


@dataclass
class Tally:
    """What a source found in all recordings."""

    clips: int = 0
    refused: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    off: list[float] = field(default_factory=list)
    frames: list[int] = field(default_factory=lambda: [0, 0])
    asked: list[int] = field(default_factory=lambda: [0, 0])
    given: list[int] = field(default_factory=lambda: [0, 0])

    def row(self, name: str) -> str:
        off = np.abs(self.off) * 1000
        told = f"{np.median(self.off) * 1000:.0f}, {off.mean():.0f}, {np.percentile(off, 90):.0f}" if len(off) else "-"
        shares = " | ".join(f"{100 * a / max(b, 1):.1f} % ({a}/{b})" for a, b in (self.asked, self.given))
        visemes = f"{100 * self.frames[0] / max(self.frames[1], 1):.0f} %"
        speed = f"{self.seconds / max(self.cpu, 1e-9):.1f}"
        return f"| {name} | {self.clips} | {self.refused} | {told} | {visemes} | {shares} | {speed} |"


def measure(recording: Recording, source: str, tally: Tally, snr: float) -> None:
    audio = noisy(recording.audio, snr)
    request = Request(text=recording.text) if source == "text" else Request(**_source(source))
    began = time.process_time()
    tally.clips += 1
    try:
        found = find_phones(audio, request).phones
    except TalkError:
        tally.refused += 1
        return
    tally.seconds, tally.cpu = tally.seconds + audio.seconds, tally.cpu + time.process_time() - began
    _count(found, recording.phones, tally)


def _source(source: str) -> Any:
    return {"source": source}


def _count(found: Sequence[Phone], known: Sequence[Phone], tally: Tally) -> None:
    mine, theirs = ([phone for phone in some if phone.name != "SIL"] for some in (found, known))
    same = SequenceMatcher(None, [phone.name for phone in mine], [phone.name for phone in theirs], autojunk=False)
    for block in same.get_matching_blocks():
        pairs = zip(mine[block.a : block.a + block.size], theirs[block.b : block.b + block.size], strict=True)
        tally.off += [one.start - two.start for one, two in pairs]
    looks = np.array([sorted(set(VISEME.values())).index(VISEME[name]) for name in PHONES])
    frames = int(100 * known[-1].end)
    labels = [frame_labels(some, 100.0, frames) for some in (found, known)]
    tally.frames[0] += int(((looks[labels[0]] == looks[labels[1]]) & (labels[1] != 0)).sum())
    tally.frames[1] += int((labels[1] != 0).sum())
    for share, here, there in ((tally.asked, theirs, mine), (tally.given, mine, theirs)):
        for phone in (phone for phone in here if phone.name in BILABIAL):
            middle = 0.5 * (phone.start + phone.end)
            near = any(p.name in BILABIAL and p.start - NEAR <= middle <= p.end + NEAR for p in there)
            share[0], share[1] = share[0] + near, share[1] + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="recordings with phone times and transcripts")
    parser.add_argument("--data", type=Path, help="prepared data, in place of a folder")
    parser.add_argument("--split", default="test")
    parser.add_argument("--voices", default="", help="only voices that begin so")
    parser.add_argument("--each", type=int, default=20, help="clips of each voice at most")
    parser.add_argument("--noise", type=float, default=np.inf, metavar="DB", help="under white noise, so far below")
    parser.add_argument("--source", action="append", choices=SOURCES, help="by default all of them")
    given = parser.parse_args()
    if (given.folder is None) == (given.data is None):
        parser.error("give either a folder or --data")
    clips = (
        recordings(given.folder) if given.folder else corpus_clips(given.data, given.split, given.each, given.voices)
    )
    tallies = {source: Tally() for source in given.source or SOURCES}
    for recording in clips:
        for source, tally in tallies.items():
            measure(recording, source, tally, given.noise)
    print("\n".join([HEADER, *(tally.row(source) for source, tally in tallies.items())]))


if __name__ == "__main__":
    main()
