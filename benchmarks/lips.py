"""Do the lips follow the speech? Animates recordings whose phones are known, and prints a table of the lip measures.

usage: python benchmarks/lips.py DIR            x.wav or x.flac with x.phones.tsv (start_s, end_s, phone) beside it,
                                                and x.txt, what is spoken, for --phones text
       python benchmarks/lips.py --data data/synthetic --split test     clips of prepared data: voices never trained on

A row a group (a synthesizer and each of its voices, or the letters that a recording's name begins with), a row for
all, and with --clips a row a clip. closure: p, b, m with a closed mouth; false: open vowels with one; corr: of the gap
with the phones' openings; lag: of the mouth behind the sound; still: widest gap in silences, of the wide gap. See
talkcli/metrics.py.
"""

from __future__ import annotations

import argparse
import itertools
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np

from talkcli.animate import AnimateOptions, Phones, animate
from talkcli.audio import load_audio
from talkcli.clip import Audio, Phone
from talkcli.commands.animate import DEFAULT_MODEL
from talkcli.errors import TalkError
from talkcli.metrics import lips as metrics
from talkcli.models.base import pick_device
from talkcli.models.checkpoint import Checkpoint, load_checkpoint
from talkcli.phones.files import read_phones, read_text
from talkcli.prepared import Corpus

HEADER = "| | clips | closure | false | corr | lag ms | still |\n|---|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Recording:
    """Speech whose phones are known."""

    name: str
    groups: tuple[str, ...]  # that it counts in
    audio: Audio
    phones: Sequence[Phone]
    text: str  # what is spoken, where it is known


def recordings(folder: Path) -> Iterator[Recording]:
    """Every x.wav or x.flac of a folder with its x.phones.tsv; "en01_m" is of the group "en"."""
    for table in sorted(folder.glob("*.phones.tsv")):
        name = table.name.removesuffix(".phones.tsv")
        sounds = [folder / f"{name}.{suffix}" for suffix in ("wav", "flac") if (folder / f"{name}.{suffix}").is_file()]
        if not sounds:
            raise TalkError(f"{table} has no {name}.wav or {name}.flac beside it")
        group = "".join(itertools.takewhile(str.isalpha, name))
        transcript = folder / f"{name}.txt"
        text = read_text(transcript) if transcript.is_file() else ""
        yield Recording(name, (group,), load_audio(sounds[0]), read_phones(table), text)


def corpus_clips(folder: Path, split: str, each: int, voices: str) -> Iterator[Recording]:
    """Clips of a split of prepared data, the first few of each voice."""
    corpus = Corpus.open(folder)
    seen: dict[str, int] = {}
    for entry in corpus.part(split):
        if not entry.voice.startswith(voices):
            continue
        seen[entry.voice] = seen.get(entry.voice, 0) + 1
        if seen[entry.voice] <= each:
            groups = (entry.voice.partition(":")[0], entry.voice)
            yield Recording(entry.name, groups, corpus.audio(entry), corpus.phones(entry), entry.text)


def score(recording: Recording, checkpoint: Checkpoint, options: AnimateOptions, snr: float) -> metrics.LipScore:
    """The lip measures of the model's motion for a recording."""
    audio = noisy(recording.audio, snr)
    gap = np.concatenate([metrics.lip_gap(chunk) for chunk in animate(audio, checkpoint, options)])
    opening = metrics.sampled(gap, options.fps, recording.phones[-1].end)
    return metrics.gap_score(opening, metrics.closed(opening), recording.phones)


def noisy(audio: Audio, snr: float) -> Audio:
    """With white noise, snr dB below the sound's mean power, the same each time."""
    if np.isinf(snr):
        return audio
    loudness = float(np.sqrt(np.square(audio.samples).mean())) * 10 ** (-snr / 20)
    noise = np.random.default_rng(0).normal(0.0, loudness, len(audio.samples))
    return Audio(audio.samples + noise.astype(np.float32), audio.rate)


def row(name: str, scores: Sequence[metrics.LipScore]) -> str:
    """One line of the table."""
    all_of = metrics.total(scores)

    def share(part: metrics.Share) -> str:
        return f"{100 * part.value:.1f} % ({part.count}/{part.total})" if part.total else "-"

    still = "-" if np.isnan(all_of.stillness) else f"{all_of.stillness:.3f}"
    return (
        f"| {name} | {len(scores)} | {share(all_of.closures)} | {share(all_of.false_closures)} "
        f"| {all_of.correlation:.3f} | {1000 * all_of.lag:.0f} | {still} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="recordings with phone times")
    parser.add_argument("--data", type=Path, help="prepared data, in place of a folder")
    parser.add_argument("--split", default="test")
    parser.add_argument("--voices", default="", help="only voices that begin so, e.g. espeak:en")
    parser.add_argument("--each", type=int, default=20, help="clips of each voice at most")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--phones", default="auto", choices=[*get_args(Phones), "text"], help="text: of the transcript")
    parser.add_argument("--noise", type=float, default=np.inf, metavar="DB", help="under white noise, so far below")
    parser.add_argument("--no-contact", action="store_true")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--clips", action="store_true", help="a row a clip as well")
    parser.add_argument("--write", type=Path, help="write the table, with its command, to this file too")
    given = parser.parse_args()
    if (given.folder is None) == (given.data is None):
        parser.error("give either a folder or --data")

    by_text = given.phones == "text"
    options = AnimateOptions(fps=given.fps, phones="auto" if by_text else given.phones, contact=not given.no_contact)
    checkpoint = load_checkpoint(given.model, pick_device(given.device))
    source = (
        recordings(given.folder) if given.folder else corpus_clips(given.data, given.split, given.each, given.voices)
    )
    groups: dict[str, list[metrics.LipScore]] = {}
    scores: dict[str, metrics.LipScore] = {}
    for recording in source:
        if by_text and not recording.text:
            raise TalkError(f"{recording.name} has no transcript: put it into {recording.name}.txt beside it")
        said = replace(options, text=recording.text) if by_text else options
        scores[recording.name] = score(recording, checkpoint, said, given.noise)
        for group in recording.groups:
            groups.setdefault(group, []).append(scores[recording.name])
    if not scores:
        raise TalkError(f"nothing to score in {given.folder or given.data}")
    clips = [row(name, [scored]) for name, scored in scores.items()] if given.clips else []
    rows = [*clips, *(row(name, scored) for name, scored in sorted(groups.items())), row("**all**", [*scores.values()])]
    table = "\n".join([HEADER, *rows])
    print(table)
    if given.write:
        command = shlex.join(["python", "benchmarks/lips.py", *sys.argv[1:]])
        given.write.write_text(f"# Lips\n\nMade by `{command}` with the model {checkpoint.name}.\n\n{table}\n")


if __name__ == "__main__":
    try:
        main()
    except TalkError as error:
        sys.exit(f"error: {error}")
