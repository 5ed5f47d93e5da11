"""Weights that a method's authors published, to a checkpoint of ours."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from talkcli.console import note
from talkcli.errors import TalkError
from talkcli.models import method_class
from talkcli.prepared import Corpus

if TYPE_CHECKING:
    from torch import Tensor

    from talkcli.models.base import TalkModel

TOLD = 6  # names that an error lists


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """out is a checkpoint file (.safetensors) or a folder for one."""

    weights: Path
    method: str
    data: Path
    out: Path
    force: bool = False

    @property
    def file(self) -> Path:
        return self.out if self.out.suffix == ".safetensors" else self.out / "best.safetensors"


def import_weights(options: ImportOptions) -> Path:
    """Write a checkpoint with published weights, and the topology, regions and templates of prepared data; its path.

    Nothing in the file runs: only tensors are read.

    Raises:
        TalkError: the weights are none of the method, or of another topology or frame rate, or out is taken.
    """
    from talkcli.models.checkpoint import save_checkpoint

    made = method_class(options.method)
    _check_target(options)
    corpus = Corpus.open(options.data)
    weights = _read(options.weights)
    try:
        config = made.published(weights)
    except (KeyError, StopIteration) as error:
        reason = f"it lacks {error.args[0]}" if error.args else "its tables are others"
        raise TalkError(f"'{options.weights}' is no {options.method} as its authors published it: {reason}") from error
    model = _filled(options, made, config, weights, corpus)
    templates = {name: corpus.template(name) for name in sorted({clip.subject for clip in corpus.clips})}
    told = {"command": _command(options), "weights": options.weights.name, "data": corpus.info.name}
    save_checkpoint(options.file, model, options.method, templates, told)
    left_out = sum(name.startswith((*model.training_only, *model.computed)) for name in weights)
    note(
        f"{options.method}: {corpus.info.topology.vertices} vertices at {corpus.info.fps:g} frames a second"
        + (f"; {left_out} tensors that only training needs are left out" if left_out else "")
    )
    return options.file


def _check_target(options: ImportOptions) -> None:
    if options.out.is_dir() and (options.out / "run.json").is_file():
        raise TalkError(f"{options.out} holds a training run: give another place")
    if options.file.is_dir() or (options.file == options.out / "best.safetensors" and options.out.is_file()):
        raise TalkError(f"{options.out}: give a folder, or a file that ends in .safetensors")
    if options.file.exists() and not options.force:
        raise TalkError(f"{options.file} exists; give another place, or --force to replace it")


def _read(path: Path) -> dict[str, Tensor]:
    from talkcli.models.pretrained import read_tensors

    if not path.is_file():
        raise TalkError(f"there is no file '{path}'")
    try:
        weights = read_tensors(path)
    except ValueError as error:
        raise TalkError(f"cannot read weights from '{path}': {error}") from error
    return {name.removeprefix("module."): tensor for name, tensor in weights.items()}  # of nn.DataParallel


def _filled(
    options: ImportOptions,
    made: type[TalkModel],
    config: object,
    weights: Mapping[str, Tensor],
    corpus: Corpus,
) -> TalkModel:
    """The model with the weights that it animates with."""
    from talkcli.models.layers import WithoutRandomWeights

    _check_corpus(options, weights, config, corpus)
    with WithoutRandomWeights():
        model: TalkModel = made(config, corpus.info)
    needed = {n: t for n, t in weights.items() if not n.startswith((*model.training_only, *model.computed))}
    own = model.state_dict()
    named = {_today(name): tensor for name, tensor in needed.items()}
    wrong = [
        f"{len(names)} {what} ({_listed(names)})"
        for what, names in (
            ("missing", sorted(own.keys() - named.keys())),
            ("unexpected", sorted(named.keys() - own.keys())),
            ("of another shape", sorted(n for n in own.keys() & named.keys() if own[n].shape != named[n].shape)),
        )
        if names
    ]
    if wrong:
        raise TalkError(f"'{options.weights}' does not fit {options.method} on {options.data}: {'; '.join(wrong)}")
    model.load_state_dict(named)
    return model.eval()


def _check_corpus(options: ImportOptions, weights: Mapping[str, Tensor], config: object, corpus: Corpus) -> None:
    """The weights must be of this topology and frame rate."""
    info = corpus.info
    vertices = len(weights["vertice_map_r.bias"]) // 3
    if vertices != info.topology.vertices:
        raise TalkError(
            f"'{options.weights}' moves {vertices} vertices, and the heads of {options.data} have "
            f"{info.topology.vertices}: give the data set it was trained on"
        )
    fps = 25.0 if getattr(config, "time_map", "") == "stack" else 30.0
    if fps != info.fps:
        raise TalkError(
            f"'{options.weights}' makes {fps:g} frames a second, and {options.data} has {info.fps:g}: prepare the data "
            "set at the rate it was trained on"
        )
    styles = weights.get("obj_vector.weight")
    if styles is not None and styles.shape[1] != len(info.subjects):
        raise TalkError(
            f"'{options.weights}' knows {styles.shape[1]} speaking styles, and {options.data} has {len(info.subjects)} "
            "training subjects: prepare the data set as its authors did"
        )


def _today(name: str) -> str:
    """The name that we have for a weight: transformers has had two for those of its normed convolution."""
    return name.replace("parametrizations.weight.original0", "weight_g").replace(
        "parametrizations.weight.original1", "weight_v"
    )


def _listed(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > TOLD else ""
    return ", ".join(names[:TOLD]) + more


def _command(options: ImportOptions) -> str:
    words = ["talk", "import", str(options.weights), "--method", options.method, "--data", str(options.data)]
    return shlex.join([*words, "--out", str(options.out)])
