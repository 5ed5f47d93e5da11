"""What is kept on disk, and what may be installed beside: caches, models of the Hub, extras."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from talkcli.doctor.base import AGAIN, DoctorOptions, Finding, ended, reason
from talkcli.files.paths import describe_bytes

DATA = Path("data")  # where README's commands prepare data
PACKAGE = "talkcli"
PATIENCE = 60.0  # seconds for a library to be imported
SPACE = 1_000_000_000  # bytes free below which a film may not fit


def caches(_options: DoctorOptions) -> list[Finding]:
    """Compiled kernels, features of data in the current folder, models of the Hub, temporary files."""
    return [_kernels(), *_features(), _hub_folder(), _temporary()]


def _kernels() -> Finding:
    """Where numba keeps the renderer's machine code."""
    from talkcli.render import raster

    stats = getattr(raster.project, "stats", None)  # numba's dispatcher has them, a plain function has none
    folder = Path(stats.cache_path) if stats is not None and stats.cache_path else None
    mend = "name a folder that can be written to in NUMBA_CACHE_DIR"
    if folder is None:
        return Finding("missing", "the software renderer's code is kept nowhere, and compiled at every start", mend)
    size = _size(folder.glob("*.nb[ic]"))
    told = f"the software renderer's code is kept in {folder} ({describe_bytes(size)})"
    trouble = _trouble(folder)
    if trouble and not size:
        return Finding("missing", f"{told}, where nothing can be written ({trouble}): compiled at every start", mend)
    return Finding("ok", f"{told}, which is only read here ({trouble})" if trouble else told)


def _features() -> list[Finding]:
    """Of each prepared data set in the current folder, what training keeps beside it."""
    findings = []
    for folder in sorted(DATA.glob("*/cache")):
        told = f"features of training in {folder} ({describe_bytes(_size(folder.rglob('*')))})"
        trouble = _trouble(folder)
        mend = f"make {folder} yours to write to, or prepare the data elsewhere"
        findings.append(Finding("broken", f"{told}: {trouble}", mend) if trouble else Finding("ok", told))
    return findings or [Finding("info", f"no features of training in {DATA}/*/cache of this folder yet")]


def _hub_folder() -> Finding:
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE)
    there = next(place for place in (folder, *folder.parents) if place.is_dir())
    trouble = _trouble(there)
    if trouble:
        mend = "name a folder that can be written to in HF_HOME"
        return Finding("missing", f"models of the Hub cannot be kept in {folder}: {trouble}", mend)
    size = f"{describe_bytes(_size(folder.rglob('*')))}" if folder.is_dir() else "not made yet"
    return Finding("ok", f"models of the Hub are kept in {folder} ({size})")


def _temporary() -> Finding:
    mend = "name another folder in TMPDIR, or make room there"
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        return Finding("broken", f"there is no folder for temporary files: {reason(error)}", mend)
    free = shutil.disk_usage(folder).free
    told = f"temporary files in {folder} ({describe_bytes(free)} free)"
    return Finding("ok", told) if free >= SPACE else Finding("missing", told, mend)


def _trouble(folder: Path) -> str:
    """Why no file can be written into a folder, tried; empty where one can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _size(paths: Iterable[Path]) -> int:
    """Bytes of the files among the paths, each once, however many links there are to it."""
    sizes: dict[tuple[int, int], int] = {}
    for path in paths:
        try:
            state = path.stat()
        except OSError:  # a link to nothing, or gone meanwhile
            continue
        if not path.is_dir():
            sizes[state.st_dev, state.st_ino] = state.st_size
    return sum(sizes.values())


def hub(_options: DoctorOptions) -> list[Finding]:
    """The models of the Hub that are here already; only pretrained encoders need one."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    nothing = [Finding("info", "no model of the Hub is here; only pretrained encoders and CTC aligners need one")]
    try:
        found = scan_cache_dir()
    except CacheNotFound:
        return nothing
    models = [repo for repo in found.repos if repo.repo_type == "model"]
    findings = [_repo(repo.repo_id, repo.size_on_disk) for repo in sorted(models, key=lambda repo: repo.repo_id)]
    damaged = [
        Finding("broken", reason(error), "remove that folder, and fetch the model again") for error in found.warnings
    ]
    return [*findings, *damaged] or nothing


def _repo(name: str, size: int) -> Finding:
    """A model of the Hub with its config and weights, or what of it is not here."""
    from huggingface_hub import try_to_load_from_cache

    here = {file: isinstance(try_to_load_from_cache(name, file), str) for file in ("config.json", *WEIGHTS)}
    told = f"{name} ({describe_bytes(size)})"
    if not here["config.json"] or not any(here[file] for file in WEIGHTS):
        lacking = "its config.json" if not here["config.json"] else "its weights"
        return Finding("missing", f"{told}, without {lacking}", "use it once while online, and the rest is fetched")
    return Finding("info", f"{told} is here, config and weights")


WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # as talkcli.models.pretrained, which brings torch, has them


# -- extras ----------------------------------------------------------------------------------------------------------


def extras(_options: DoctorOptions) -> list[Finding]:
    """What talk's optional parts need: imported in a process of their own, or what to install."""
    try:
        needs = optional_parts()
    except importlib.metadata.PackageNotFoundError:
        return [Finding("info", "this talk is run without being installed: which extras it knows cannot be told")]
    return [_extra(extra, packages) for extra, packages in needs.items()]


def optional_parts(package: str = PACKAGE) -> dict[str, list[str]]:
    """The packages of each extra for users.

    Raises:
        PackageNotFoundError: the package is not installed.
    """
    parts: dict[str, list[str]] = {}
    for line in importlib.metadata.requires(package) or []:
        requirement, _, marker = line.partition(";")
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", marker)
        name = re.match(r"[\w.-]+", requirement.strip())
        if extra and name and extra[1] != "dev":
            parts.setdefault(extra[1], []).append(name[0])
    return parts


def _extra(extra: str, packages: list[str]) -> Finding:
    install = f"pip install 'talkcli[{extra}]'"
    lacking = [package for package in packages if not _version(package)]
    if lacking:
        return Finding("missing", f"{extra}: {', '.join(lacking)} is not installed", install)
    told = ", ".join(f"{package} {_version(package)}" for package in packages)
    trouble = _import_trouble([module for package in packages for module in _modules(package)])
    if trouble:
        return Finding("broken", f"{extra}: {told} cannot be imported: {trouble}", f"{AGAIN} {' '.join(packages)}")
    return Finding("ok", f"{extra}: {told} was imported")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _modules(package: str) -> list[str]:
    """The names under which a package is imported."""
    plain = package.lower().replace("_", "-")
    owners = importlib.metadata.packages_distributions()
    return sorted(
        name
        for name, owned in owners.items()
        if name.isidentifier() and plain in (owner.lower().replace("_", "-") for owner in owned)
    )


def _import_trouble(modules: list[str]) -> str:
    """Why a process of its own cannot import them; empty where it can."""
    command = [sys.executable, "-c", f"import {', '.join(modules)}" if modules else "pass"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer in {PATIENCE:g} s"
    lines = done.stderr.strip().splitlines()
    if not done.returncode:
        return ""
    return lines[-1] if lines and done.returncode > 0 else f"its process {ended(done.returncode)}"
