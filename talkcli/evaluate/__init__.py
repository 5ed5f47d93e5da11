"""Models and prepared data to numbers: each clip is predicted, compared and forgotten, so that memory does not grow.

A single clip is judged in job.py.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import talkcli
from talkcli.clip import MotionClip
from talkcli.console import counted, note, progress, some
from talkcli.errors import TalkError
from talkcli.evaluate.job import Found, Job
from talkcli.evaluate.predictions import FolderPredictions, Motion, Phones, open_predictions
from talkcli.evaluate.protocols import protocol_of
from talkcli.evaluate.results import ClipResult, Evaluation, ModelResult
from talkcli.metrics import Settings
from talkcli.prepared import ClipEntry, Corpus

RESULT = "result.json"


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """What differs from call to call.

    sources are models (a shipped name, a run's folder, a checkpoint) or folders of predicted motion. keep_going: a clip
    that cannot be compared is told at the end, and the others count.
    """

    sources: Sequence[str]
    data: Path
    split: str = "test"
    protocol: str = "talk"
    settings: Settings = field(default_factory=Settings)
    device: str = "auto"
    jobs: int = 1
    keep_going: bool = False
    phones: Phones = "auto"  # who tells the product where lips meet; see animate
    styles: int = (
        0  # the most in which a model speaks a clip of a subject that it does not know; 0: all, as protocols ask
    )
    reader: str = ""  # a lip reader that judges as well; see score
    command: str = ""
    heat: bool = False  # measure every vertex as well, for the report


def evaluate(options: EvaluateOptions) -> Evaluation:
    """Judges each model on a split of prepared data by a protocol.

    Raises:
        TalkError: no such data, split, protocol or model, nothing to compare, or (unless keep_going) a clip that cannot
            be compared.
    """
    protocol = protocol_of(options.protocol, bool(options.reader))
    corpus = Corpus.open(options.data)
    entries = list(corpus.part(options.split))
    if not entries:
        splits = ", ".join(dict.fromkeys(entry.split for entry in corpus.clips)) or "none"
        raise TalkError(f"'{options.data}' has no clips in the split '{options.split}'; it has: {splits}")
    opened = [
        open_predictions(source, corpus, entries, options.device, options.phones, options.styles)
        for source in options.sources
    ]
    reader = None
    if options.reader:
        from talkcli.reading import open_reader  # here: judging files alone needs no torch

        reader = open_reader(options.reader, corpus.info, options.device)
    results = []
    for predictions, name in zip(opened, _names([predictions.name for predictions in opened]), strict=True):
        job = Job(corpus, predictions, protocol, options.settings, reader, options.heat)
        results.append(_judged(job, name, entries, options))
    info = corpus.info
    return Evaluation(
        models=results,
        metrics=protocol.metrics,
        data=info.name,
        split=options.split,
        protocol=options.protocol,
        unit=info.unit,
        vertices={name: len(set(region.tolist())) for name, region in info.topology.regions.items()}
        | {"all vertices": info.topology.vertices, "inner lips": 2},
        settings=options.settings,
        provenance={
            "command": options.command,
            "version": talkcli.__version__,
            "data": str(options.data),
            "sources": [str(source) for source in options.sources],
            **({"reader": options.reader} if options.reader else {}),
        },
    )


class Again:
    """The motion behind an evaluation, made or read once more, for pictures (see results.Motions)."""

    def __init__(self, evaluation: Evaluation, options: EvaluateOptions) -> None:
        self.corpus = Corpus.open(options.data)
        self.entries = {entry.name: entry for entry in self.corpus.part(options.split)}
        entries = list(self.entries.values())
        opened = [open_predictions(source, self.corpus, entries, options.device) for source in options.sources]
        self.models = {model.name: each for model, each in zip(evaluation.models, opened, strict=True)}

    def target(self, clip: str) -> MotionClip:
        return self.corpus.clip(self.entries[clip])

    def predicted(self, model: str, clip: str) -> Motion:
        entry, predictions = self.entries[clip], self.models[model]
        return predictions.motion(entry, predictions.styles(entry)[0])[: entry.frames]


def check_out(out: Path, force: bool) -> None:
    """Raises TalkError unless a report can be written into this folder; over another one only with force."""
    if out.exists() and not out.is_dir():
        raise TalkError(f"{out} is a file; name a folder for the report")
    if (out / RESULT).exists() and not force:
        raise TalkError(f"{out} holds a report already; use --force to replace it")


def save_report(evaluation: Evaluation, options: EvaluateOptions, out: Path, videos: int) -> None:
    """Writes result.json and the report into a folder."""
    from talkcli.evaluate.report import write_report
    from talkcli.evaluate.tables import as_dict

    try:
        out.mkdir(parents=True, exist_ok=True)
        beside = out / f".{RESULT}.{os.getpid()}"
        beside.write_text(json.dumps(as_dict(evaluation), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        beside.replace(out / RESULT)
    except OSError as error:
        raise TalkError(f"cannot write to {out}: {error.strerror or error}") from error
    again = Again(evaluation, options)
    write_report(evaluation, again, out, info=again.corpus.info, videos=videos)


def _names(names: Sequence[str]) -> list[str]:
    """Names that differ: the second of a kind is name-2."""
    return [name if name not in names[:i] else f"{name}-{names[:i].count(name) + 1}" for i, name in enumerate(names)]


def _judged(job: Job, name: str, entries: Sequence[ClipEntry], options: EvaluateOptions) -> ModelResult:
    """All clips of one model."""
    results: list[ClipResult] = []
    missing, short, failed = [], {}, {}
    heat, various = np.zeros(job.corpus.info.topology.vertices), []
    with progress(name, len(entries)) as step:
        for entry, found in zip(entries, _each(job, entries, options.jobs), strict=True):
            step()
            if found.failed and not options.keep_going:
                raise TalkError(f"{entry.name}: {found.failed}" if entry.name not in found.failed else found.failed)
            if found.missing:
                missing.append(entry.name)
            if found.short:
                short[entry.name] = found.short
            if found.failed:
                failed[entry.name] = found.failed
            if found.result is not None:
                results.append(found.result)
            if found.error is not None:
                heat += found.error
            if found.diversity is not None:
                various.append(found.diversity)
    _tell(name, missing, short, failed)
    if not results:
        reason = next(iter([*short.values(), *failed.values()]), "none is there")
        raise TalkError(f"no clip of '{name}' can be compared: {reason}")
    heat /= sum(result.frames for result in results)
    return ModelResult(name, results, heat, missing, short, failed, float(np.mean(various)) if various else None)


def _tell(name: str, missing: Sequence[str], short: dict[str, str], failed: dict[str, str]) -> None:
    if missing:
        note(f"{name}: {counted(len(missing), 'clip')} without prediction: {some(missing)}")
    if short:
        note(f"{name}: {counted(len(short), 'prediction')} shorter than the protocol allows: {some([*short.values()])}")
    for clip, reason in failed.items():
        note(f"{name}: {clip} cannot be compared: {reason}")


def _each(job: Job, entries: Sequence[ClipEntry], jobs: int) -> Iterator[Found]:
    """What each clip gives, in order; files are judged by several threads, a model by one: it uses all cores itself."""
    if jobs < 2 or not isinstance(job.predictions, FolderPredictions):
        yield from map(job.judge, entries)
        return
    with ThreadPoolExecutor(jobs) as pool:
        waiting: deque[Future[Found]] = deque()
        for entry in entries:
            waiting.append(pool.submit(job.judge, entry))
            if len(waiting) > 2 * jobs:  # no more results than that wait in memory
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


__all__ = ["EvaluateOptions", "Evaluation", "check_out", "evaluate", "save_report"]
