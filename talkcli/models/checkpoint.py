"""One file that animate needs and nothing beside it: weights, config and what the model knows of its corpus.

Format 1 is a safetensors file whose metadata holds one JSON text under "talk". A corpus on the packaged head is kept by
the head's name; any other brings its triangles, regions and templates along as tensors.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

import talkcli
from talkcli import config as configs
from talkcli.clip import CorpusInfo, Topology
from talkcli.errors import TalkError
from talkcli.head import load_head
from talkcli.models import METHODS, method_class
from talkcli.models.base import TalkModel
from talkcli.models.basis import OutputBasis
from talkcli.models.layers import WithoutRandomWeights
from talkcli.models.lipreader import LipReader
from talkcli.models.places import READER, checkpoint_name, find_checkpoint, find_reader
from talkcli.platform import cpu_knows_bfloat16, open_to_readers
from talkcli.stages import stage

FORMAT = 1
Precision = Literal["fp32", "bf16", "auto"]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A model ready to use, its name, the template of each subject it knows, and how it was made."""

    model: TalkModel
    name: str
    method: str
    templates: Mapping[str, NDArray[np.float32]]
    provenance: Mapping[str, Any] = field(default_factory=dict)


class Saved(Protocol):
    """What a checkpoint is made of: a method, or a lip reader."""

    config: Any
    corpus: CorpusInfo
    basis: OutputBasis

    @property
    def training_only(self) -> tuple[str, ...]: ...
    def state_dict(self) -> dict[str, Tensor]: ...


def save_checkpoint(
    path: Path,
    model: Saved,
    method: str,
    templates: Mapping[str, NDArray[np.float32]],
    provenance: Mapping[str, Any],
    weights: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a checkpoint beside path and rename it; weights, if given, stand in for the model's own."""
    tensors = {
        f"model.{name}": tensor.detach().cpu().contiguous()
        for name, tensor in (weights or model.state_dict()).items()
        if not name.startswith(model.training_only)
    }
    corpus = model.corpus
    told: dict[str, Any] = {
        "format": FORMAT,
        "version": talkcli.__version__,
        "method": method,
        "config": configs.to_dict(model.config),
        "corpus": {
            "name": corpus.name,
            "topology": corpus.topology.name,
            "fps": corpus.fps,
            "subjects": list(corpus.subjects),
            "unit": corpus.unit,
            "metres": corpus.metres,
        },
        "basis": model.basis.fingerprint,
        "provenance": dict(provenance),
    }
    if corpus.topology.name != load_head().topology.name:
        tensors |= _topology_tensors(corpus.topology)
        tensors |= {f"template.{name}": torch.from_numpy(np.ascontiguousarray(t)) for name, t in templates.items()}
        told["corpus"]["landmarks"] = dict(corpus.topology.landmarks)
        told["corpus"]["vertices"] = corpus.topology.vertices
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, beside, {"talk": json.dumps(told)})
        open_to_readers(beside)
        beside.replace(path)
    except (OSError, SafetensorError) as error:
        raise TalkError(f"cannot write the checkpoint {path}: {error}") from error


def _topology_tensors(topology: Topology) -> dict[str, Tensor]:
    found = {"topology.faces": torch.from_numpy(np.ascontiguousarray(topology.faces))}
    for name, region in topology.regions.items():
        found[f"topology.region.{name}"] = torch.from_numpy(np.ascontiguousarray(region))
    return found


@stage("load model")
def load_checkpoint(model: str, device: torch.device | None = None, precision: Precision = "fp32") -> Checkpoint:
    """The model that a name, a run's folder or a checkpoint file means, in evaluation mode.

    precision bf16 keeps a pretrained encoder in bfloat16, auto does so where the processor knows it.
    """
    path = find_checkpoint(model)
    told, tensors = _open(path)
    if told.get("method") == READER:
        raise TalkError(f"{path} is a lip reader, and animates nothing: `talk score --reader` takes it")
    built, templates = _build(path, told, tensors, method_class, precision, device)
    assert isinstance(built, TalkModel)
    return Checkpoint(built, checkpoint_name(path), told["method"], templates, told.get("provenance", {}))


@dataclass(frozen=True, eq=False)
class ReaderCheckpoint:
    """A lip reader ready to use, its name, the template of each subject it knows, and how it was made."""

    reader: LipReader
    name: str
    templates: Mapping[str, NDArray[np.float32]]
    provenance: Mapping[str, Any] = field(default_factory=dict)


def load_reader(source: str, device: torch.device | None = None) -> ReaderCheckpoint:
    """The lip reader that a shipped one's name, a run with the dual task, or a file means.

    Raises:
        TalkError: there is none, or it is broken.
    """
    path = find_reader(source)
    told, tensors = _open(path)
    if told.get("method") != READER:
        raise TalkError(f"{path} is no lip reader but a model of '{told.get('method')}': give {READER}.safetensors")
    built, templates = _build(path, told, tensors, lambda _: LipReader, "fp32", device)
    assert isinstance(built, LipReader)
    name = path.parent.name if path.stem == READER else path.stem
    return ReaderCheckpoint(built, name, templates, told.get("provenance", {}))


def _open(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What the file says of itself, and those of its tensors that are no weights."""
    try:
        path.open("rb").close()  # safe_open calls every file that it cannot read missing
        with safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {}).get("talk", "null"))
            if not isinstance(told, dict):
                raise ValueError("it does not say of which model it is")
            others = [name for name in file.keys() if not name.startswith("model.")]  # noqa: SIM118  # not a dict
            tensors = {name: file.get_tensor(name) for name in others}
    except OSError as error:
        raise TalkError(f"{path} cannot be read: {error.strerror or error}") from error
    except (SafetensorError, ValueError) as error:
        raise TalkError(f"{path} is not a checkpoint of talk: {error}") from error
    if told.get("format") != FORMAT:
        raise TalkError(f"{path} has checkpoint format {told.get('format')}; this version reads {FORMAT}: update talk")
    return told, tensors


def _build(
    path: Path,
    told: dict[str, Any],
    tensors: Mapping[str, Tensor],
    kinds: Callable[[str], type[Any]],
    precision: Precision,
    device: torch.device | None,
) -> tuple[TalkModel | LipReader, dict[str, NDArray[np.float32]]]:
    try:
        corpus, templates = _corpus(told["corpus"], tensors)
        made = kinds(told["method"])
        with WithoutRandomWeights():
            built = made(configs.from_dict(made.Config, told["config"], str(path)), corpus)
        if built.basis.fingerprint != told["basis"]:
            raise TalkError(f"{path} was trained on another version of the packaged head: train it anew")
        if precision == "bf16" or (precision == "auto" and knows_bfloat16(device)):
            built.lighten()
        _fill(built, path)
    except (KeyError, RuntimeError, OSError) as error:
        raise TalkError(f"{path} is damaged or was made by another version: {str(error).splitlines()[0]}") from error
    built.eval().requires_grad_(False)
    if device is not None:
        built.to(device)
    return built, templates


def knows_bfloat16(device: torch.device | None) -> bool:
    """Whether arithmetic in bfloat16 is faster there."""
    if device is not None and device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return cpu_knows_bfloat16()


def _fill(model: nn.Module, path: Path) -> None:
    """Read the weights of a checkpoint right to where they belong: mapped memory would be there a second time, and is
    not aligned, which changes last digits.

    Raises:
        KeyError, RuntimeError, OSError: they are not those of the model, or are cut short.
    """
    own = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    with path.open("rb") as file, torch.no_grad():
        start = 8 + int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(start - 8))
        found = {name for name in entries if name.startswith("model.")}
        if found != own.keys():
            raise KeyError(f"it lacks or has too many weights: {', '.join(sorted(found ^ own.keys())[:3])}")
        for name, tensor in own.items():
            if list(tensor.shape) != entries[name]["shape"]:
                raise RuntimeError(f"{name} has the shape {entries[name]['shape']}, not {list(tensor.shape)}")
            kind = _KINDS[entries[name]["dtype"]]
            target = (
                tensor if kind == tensor.dtype and tensor.is_contiguous() else torch.empty(tensor.shape, dtype=kind)
            )
            file.seek(start + entries[name]["data_offsets"][0])
            memory: Any = target.reshape(-1).view(torch.uint8).numpy()
            if file.readinto(memory) != target.nbytes:
                raise RuntimeError(f"it ends in the middle of {name}")
            if target is not tensor:
                tensor.copy_(target)


_KINDS = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16, "I64": torch.int64}


def _corpus(told: dict[str, Any], tensors: Mapping[str, Tensor]) -> tuple[CorpusInfo, dict[str, NDArray[np.float32]]]:
    head = load_head()
    if told["topology"] == head.topology.name:
        topology = head.topology
        templates = {name: head.subject_template(name) for name in head.subjects}
    else:
        start = "topology.region."
        regions = {n.removeprefix(start): t.numpy() for n, t in tensors.items() if n.startswith(start)}
        topology = Topology(
            told["topology"], told["vertices"], tensors["topology.faces"].numpy(), regions, told["landmarks"]
        )
        start = "template."
        templates = {n.removeprefix(start): t.numpy() for n, t in tensors.items() if n.startswith(start)}
    subjects, metres = tuple(told["subjects"]), told.get("metres", 1.0)
    info = CorpusInfo(told["name"], topology, told["fps"], subjects, told["unit"], metres)
    return info, templates


__all__ = ["METHODS", "Checkpoint", "find_checkpoint", "load_checkpoint", "save_checkpoint"]
