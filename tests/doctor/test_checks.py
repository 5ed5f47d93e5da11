"""Each check says what works, having tried it; and of each thing that is broken here on purpose, what mends it."""

from __future__ import annotations

import importlib.metadata
import shutil
import signal
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from talkcli import resources
from talkcli.datasets import festvox
from talkcli.doctor import CHECKS, DoctorOptions, machine, pictures, places, speech
from talkcli.doctor.base import Check, Finding, Report
from talkcli.doctor.machine import Limits, limits
from talkcli.doctor.process import tried
from talkcli.errors import TalkError
from talkcli.export.ffmpeg import find_ffmpeg
from talkcli.render import platforms
from talkcli.render.platforms import Platform
from tests.make import make_checkpoint

OPTIONS = DoctorOptions()
LLVM = Platform("egl", 0, "llvmpipe (LLVM 15.0.6, 256 bits)")


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def make_program(path: Path, code: str) -> Path:
    """A program of Python code."""
    path.write_text(f"#!{sys.executable}\nimport os, signal, sys\n{code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the Python that checks start another program."""
    return lambda code: monkeypatch.setattr(sys, "executable", str(make_program(tmp_path / "other-python", code)))


# -- checks as such --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (TalkError("the thing is broken: mend it"), "the thing is broken: mend it"),
        (ZeroDivisionError("division\nby zero"), "ZeroDivisionError: division by zero"),
        (ImportError("libGL.so.1: cannot open"), "ImportError: libGL.so.1: cannot open"),
    ],
)
def test_whatever_a_check_raises_is_a_finding(error: Exception, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_options: DoctorOptions) -> list[Finding]:
        raise error

    monkeypatch.setitem(CHECKS, "python", Check(fail, "places"))
    report = tried("python", OPTIONS)
    assert report.state == "broken"
    assert report.findings[0].what == what
    assert report.findings[0].mend


def test_a_report_is_as_bad_as_its_worst_finding() -> None:
    states = ("ok", "missing", "info")
    report = Report("x", tuple(Finding(state, "") for state in states), 0.0)  # type: ignore[arg-type]
    assert report.state == "missing"


# -- the machine -----------------------------------------------------------------------------------------------------


def test_python_and_talk_are_told() -> None:
    found = only(machine.python(OPTIONS))
    assert found.what.startswith(f"Python {sys.version.split()[0]}, talk ")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, Limits(None, None)),
        ({"cgroup": "0::/\n", "cpu.max": "max 100000", "memory.max": "max"}, Limits(None, None)),
        ({"cgroup": "0::/\n", "cpu.max": "150000 100000", "memory.max": "1000"}, Limits(1.5, 1000)),
        ({"cgroup": "0::/a/b\n", "a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, Limits(0.5, None)),
        ({"cgroup": "0::/a/b\n", "a/memory.max": "700", "a/b/memory.max": "900"}, Limits(None, 700)),
        (
            {
                "cgroup": "5:memory:/job\n3:cpu,cpuacct:/job\n1:name=systemd:/x\n",
                "memory/job/memory.limit_in_bytes": "5000",
                "memory/memory.limit_in_bytes": "9223372036854771712",
                "cpu,cpuacct/job/cpu.cfs_quota_us": "200000",
                "cpu,cpuacct/job/cpu.cfs_period_us": "100000",
                "cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            Limits(2.0, 5000),
        ),
    ],
    ids=["no groups", "no limits", "version 2", "cores of an outer group", "memory of an outer group", "version 1"],
)
def test_limits_are_those_of_all_control_groups(files: dict[str, str], expected: Limits, tmp_path: Path) -> None:
    for name, text in files.items():
        path = tmp_path / ("proc/self/cgroup" if name == "cgroup" else f"sys/fs/cgroup/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert limits(tmp_path) == expected


@pytest.mark.parametrize(("free", "limit"), [(400_000_000, None), (20_000_000_000, 500_000_000)])
def test_too_little_memory_is_told(free: int, limit: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "free_memory", lambda: free)
    monkeypatch.setattr(machine, "limits", lambda: Limits(1.5, limit))
    cores, memory = machine.machine(OPTIONS)
    assert "limited to the time of 1.5" in cores.what
    assert memory.state == "missing"
    assert "a film takes about 1.5 GB" in memory.mend


def test_memory_that_nobody_tells_is_no_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "free_memory", lambda: None)
    monkeypatch.setattr(machine, "limits", lambda: Limits(None, None))
    assert [finding.state for finding in machine.machine(OPTIONS)] == ["info", "info"]


def test_more_threads_than_cores_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(machine, "limits", lambda: Limits(1.5, None))
    found, bfloat = machine.torch(OPTIONS)
    assert (found.state, bfloat.state) == ("missing", "info")
    assert "with 8 threads on 1.5 cores" in found.what
    assert "OMP_NUM_THREADS=2" in found.mend


def test_torch_and_torchaudio_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert machine.torch(OPTIONS)[0].state == "ok"
    assert "makes a spectrogram of (80, 7)" in only(machine.torchaudio(OPTIONS)).what


def test_a_torchaudio_that_does_not_import_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    found = only(machine.torchaudio(OPTIONS))
    assert found.state == "broken"
    assert "pip install --upgrade torch torchaudio" in found.mend


def make_gpu(monkeypatch: pytest.MonkeyPatch, *, build: str | None, works: bool, card: Path) -> None:
    """As if torch were built for CUDA, and there were a card."""
    monkeypatch.setattr(torch.version, "cuda", build)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: works)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    told = types.SimpleNamespace(name="NVIDIA H200", major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: told)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (100_000_000_000, 150_000_000_000))
    monkeypatch.setattr(machine, "CARDS", (str(card),))


@pytest.mark.parametrize(
    ("build", "card", "state", "said"),
    [
        (None, False, "info", "none is needed to animate"),
        (None, True, "missing", "pip install --force-reinstall torch"),
        ("12.8", False, "info", "torch knows CUDA 12.8, and finds no GPU"),
        ("12.8", True, "missing", "let nvidia-smi list it first"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_told(
    build: str | None, card: bool, state: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_gpu(monkeypatch, build=build, works=False, card=tmp_path if card else tmp_path / "none")
    found = only(machine.gpu(OPTIONS))
    assert found.state == state
    assert said in f"{found.what} {found.mend}"


def test_a_gpu_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_gpu(monkeypatch, build="12.8", works=True, card=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "ones", lambda *size, device: torch.full(size, 1.0))
        found = only(machine.gpu(OPTIONS))
        assert (found.state, found.mend) == ("ok", "")
        assert "cuda:0 NVIDIA H200 computes, 100.0 GB of 150.0 GB free" in found.what

    def fail(*_size: int, device: str) -> None:
        raise RuntimeError(f"CUDA error: no kernel image for {device}\nmore")

    monkeypatch.setattr(torch, "ones", fail)
    found = only(machine.gpu(OPTIONS))
    assert found.state == "broken"
    assert "cuda:0 does not compute: CUDA error: no kernel image" in found.what
    assert "driver" in found.mend


# -- pictures --------------------------------------------------------------------------------------------------------


def test_the_software_renderer_was_tried() -> None:
    found = only(pictures.software(OPTIONS))
    assert found.state == "ok"
    assert "needs no OpenGL" in found.what


def test_a_renderer_that_draws_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from talkcli.render.software import SoftwareRenderer

    monkeypatch.setattr(SoftwareRenderer, "image", lambda self, vertices: self.scene.background.copy())
    report = tried("software renderer", OPTIONS)
    assert report.state == "broken"
    assert "drew no head: 0% of its picture is dark" in report.findings[0].what


@pytest.fixture
def opengl(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Makes the ways to OpenGL be these."""
    for name in ("PYOPENGL_PLATFORM", "EGL_DEVICE_ID"):
        monkeypatch.delenv(name, raising=False)

    def ways(*found: Platform) -> None:
        monkeypatch.setattr(pictures, "probed", lambda: found)
        monkeypatch.setattr(platforms, "platforms", lambda: found)

    return ways  # type: ignore[return-value]


def test_no_opengl_is_no_trouble_and_says_what_to_install(opengl: Callable[..., None]) -> None:
    opengl()
    found = only(pictures.opengl(OPTIONS))
    assert found.state == "missing"
    assert "the software renderer, which needs none" in found.what
    assert "apt install libegl1 libopengl0 libgl1-mesa-dri" in found.mend


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (subprocess.CalledProcessError(-signal.SIGSEGV, "probe"), "was killed by SIGSEGV"),
        (subprocess.CalledProcessError(3, "probe"), "ended with exit code 3"),
        (subprocess.TimeoutExpired("probe", 30), "do not answer"),
        (ValueError("Expecting value"), "do not answer (Expecting value)"),
    ],
)
def test_drivers_that_crash_when_asked_are_told(error: Exception, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(pictures, "probed", fail)
    found = only(pictures.opengl(OPTIONS))
    assert found.state == "broken"
    assert said in found.what
    assert "--renderer software" in found.mend


def test_a_platform_that_is_asked_for_and_not_here_is_told(
    opengl: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    opengl(LLVM)
    monkeypatch.setenv("PYOPENGL_PLATFORM", "osmesa")
    found = only(pictures.opengl(OPTIONS))
    assert found.state == "missing"
    assert "PYOPENGL_PLATFORM=osmesa asks for" in found.what
    assert "EGL device 0 llvmpipe" in found.what
    assert "unset PYOPENGL_PLATFORM=osmesa" in found.mend


@pytest.mark.parametrize(
    ("code", "state", "said"),
    [
        ("print('0.25')", "ok", "drew a head on EGL device 0 llvmpipe (LLVM 15.0.6, 256 bits) (drawn by the CPU)"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "broken", "pyrender's process was killed by SIGSEGV on EGL device 0"),
        ("sys.exit('ImportError: no pyrender')", "broken", "ended with exit code 1 on EGL"),
    ],
)
def test_drawing_is_tried_in_a_process_that_may_crash(
    code: str, state: str, said: str, opengl: Callable[..., None], python: Callable[[str], None]
) -> None:
    opengl(LLVM, Platform("osmesa", 0, "llvmpipe"))
    python(code)
    best, other = pictures.opengl(OPTIONS)
    assert best.state == state
    assert said in best.what
    assert (other.state, other.what) == ("info", "OSMESA llvmpipe (drawn by the CPU) gives an OpenGL context")


def test_a_driver_that_hangs_is_told(
    opengl: Callable[..., None], python: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    opengl(LLVM)
    python("import time; time.sleep(60)")
    monkeypatch.setattr(pictures, "PATIENCE", 0.2)
    assert "pyrender hangs on EGL device 0" in only(pictures.opengl(OPTIONS)).what


@pytest.mark.skipif(not platforms.platforms(), reason="no OpenGL (libEGL or libOSMesa) on this machine")
@pytest.mark.slow
def test_opengl_was_tried_here() -> None:
    assert pictures.opengl(OPTIONS)[0].state == "ok"


def test_every_encoding_was_tried() -> None:
    found = only(pictures.ffmpeg(OPTIONS))
    assert found.state == "ok"
    assert found.what.startswith("ffmpeg version ")
    assert all(name in found.what for name in pictures.ENCODINGS)


def test_no_ffmpeg_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nowhere"))
    found = only(pictures.ffmpeg(OPTIONS))
    assert found.state == "broken"
    assert "nowhere" in found.what
    assert "pip install --force-reinstall imageio-ffmpeg, or name a complete ffmpeg" in found.mend


@pytest.mark.parametrize(
    ("lacking", "format"),
    [("libx264", ".mp4"), ("libvpx-vp9", ".webm"), ("libopus", ".webm"), ("gif", ".gif"), ("libmp3lame", ".html")],
)
def test_an_encoder_that_is_not_there_is_told(
    lacking: str, format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = find_ffmpeg()
    code = f"""
if {lacking!r} in sys.argv:
    sys.exit("Unknown encoder '{lacking}'")
os.execv({real!r}, [{real!r}, *sys.argv[1:]])"""
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(make_program(tmp_path / "ffmpeg", code)))
    whole, found = pictures.ffmpeg(OPTIONS)
    assert whole.state == "ok"
    assert format not in whole.what.partition("read: ")[2]
    assert found.state == "broken"
    assert found.what.startswith(format)
    assert f"Unknown encoder '{lacking}'" in found.what


# -- speech ----------------------------------------------------------------------------------------------------------


def test_the_recogniser_was_tried() -> None:
    sphinx, ear = speech.recogniser(OPTIONS)
    assert (sphinx.state, ear.state) == ("ok", "ok")
    assert "phones of 'Hello, I am a head made of numbers.'" in sphinx.what


def test_a_recogniser_that_cannot_be_imported_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    found = only(speech.recogniser(OPTIONS))
    assert found.state == "broken"
    assert found.mend == "pip install --force-reinstall pocketsphinx; meanwhile give --phones head"


def test_a_dictionary_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pocketsphinx

    shutil.copytree(pocketsphinx.get_model_path("en-us"), tmp_path / "en-us")
    (tmp_path / "en-us" / "cmudict-en-us.dict").unlink()
    monkeypatch.setattr(pocketsphinx, "get_model_path", lambda: str(tmp_path))
    found = only(speech.recogniser(OPTIONS))
    assert (found.state, found.what) == ("broken", f"{tmp_path / 'en-us'} lacks cmudict-en-us.dict")


def test_a_recogniser_that_dies_is_told(python: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    python("os.kill(os.getpid(), signal.SIGKILL)")
    found = speech.recogniser(OPTIONS)[0]
    assert found.state == "broken"
    assert "SIGKILL" in found.what


def test_the_weaker_ear_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkcli.audio.vad.has_silero", lambda: False)
    found = only(speech._ear())
    assert found.state == "missing"
    assert found.mend == "pip install 'silero-vad>=6.2.3'"


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of shipped models, without any."""
    monkeypatch.setattr(resources, "MODELS", tmp_path / "models")
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def test_shipped_models_move_a_second_of_speech() -> None:
    found = speech.models(OPTIONS)
    assert [finding.state for finding in found] == ["ok"] * len(resources.shipped_models())
    assert any(finding.what.startswith("selftalk-tiny made 30 frames of 1 s") for finding in found)


def test_a_build_without_models_is_told(shipped: Path) -> None:
    found = only(speech.models(OPTIONS))
    assert found.state == "broken"
    assert "no model came with this talk" in found.what


def test_a_model_that_is_cut_short_is_told_and_the_next_is_tried(shipped: Path) -> None:
    path = resources.SPEECH.parent / "models" / "selftalk-tiny.safetensors"
    (shipped / "cut.safetensors").write_bytes(path.read_bytes()[:-1000])
    make_checkpoint(shipped / "still.safetensors")
    cut, still = speech.models(OPTIONS)
    assert cut.state == "broken"
    assert cut.what.startswith("cut: ")
    assert cut.mend == "install talk anew: its models come with it"
    assert (still.state, still.what) == ("broken", "still loads, and moves by 0 mm")


@pytest.fixture
def no_synthesizers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A path on which there is only what the test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("talkcli.datasets.espeak.available", lambda: False)
    for voices in (festvox.flite_voices, festvox.festival_voices):
        voices.cache_clear()
    yield tmp_path
    for voices in (festvox.flite_voices, festvox.festival_voices):
        voices.cache_clear()


@pytest.mark.usefixtures("no_synthesizers")
def test_synthesizers_that_are_missing_are_told_with_what_to_install() -> None:
    found = speech.synthesizers(OPTIONS)
    assert [finding.state for finding in found] == ["missing"] * 3
    assert [finding.mend.split()[:2] for finding in found] == [
        ["pip", "install"],
        ["sudo", "apt-get"],
        ["sudo", "apt-get"],
    ]
    assert "only for `talk preprocess synthetic`: espeak-ng is missing" in found[0].what


def test_a_synthesizer_that_fails_is_told(no_synthesizers: Path) -> None:
    make_program(no_synthesizers / "flite", "sys.exit('no sound today')")
    found = only(speech.synthesizers(OPTIONS))
    assert found.state == "broken"
    assert "'flite' failed: no sound today" in found.what


def test_a_synthesizer_that_makes_no_sound_is_told(no_synthesizers: Path) -> None:
    code = "print('Voices available: kal16') if '-lv' in sys.argv else sys.exit('no sound today')"
    make_program(no_synthesizers / "flite", code)
    found = speech.synthesizers(OPTIONS)
    assert found[0].state == "broken"
    assert "flite says nothing" in found[0].what
    assert "no sound today" in found[0].what


@pytest.mark.slow
def test_the_synthesizers_of_this_machine_were_tried() -> None:
    tried_ones = [finding for finding in speech.synthesizers(OPTIONS) if finding.state != "missing"]
    assert all(finding.state == "ok" and " said a word of 4 phones as " in finding.what for finding in tried_ones)


# -- places ----------------------------------------------------------------------------------------------------------


def test_caches_are_told_with_their_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "voices" / "cache").mkdir(parents=True)
    (tmp_path / "data" / "voices" / "cache" / "one").write_bytes(bytes(2000))
    (tmp_path / "data" / "voices" / "cache" / "two").hardlink_to(tmp_path / "data" / "voices" / "cache" / "one")
    features = places.caches(OPTIONS)[1]
    assert (features.state, features.what) == ("ok", "features of training in data/voices/cache (2.0 kB)")


def test_features_that_cannot_be_written_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "voices").mkdir(parents=True)
    (tmp_path / "data" / "voices" / "cache").touch()
    features = places.caches(OPTIONS)[1]
    assert features.state == "broken"
    assert "make data/voices/cache yours to write to" in features.mend


@pytest.mark.parametrize("folder", [None, "/proc/nowhere"])
def test_compiled_code_that_cannot_be_kept_is_told(folder: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    stats = types.SimpleNamespace(cache_path=folder)
    monkeypatch.setattr("talkcli.render.raster.project", types.SimpleNamespace(stats=stats))
    found = places.caches(OPTIONS)[0]
    assert found.state == "missing"
    assert "NUMBA_CACHE_DIR" in found.mend
    assert "compiled at every start" in found.what


def test_a_hub_cache_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "/proc/nowhere/hub")
    found = places.caches(OPTIONS)[-2]
    assert found.state == "missing"
    assert "HF_HOME" in found.mend


def test_a_full_disk_and_no_place_for_temporary_files_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkcli.doctor.places.shutil.disk_usage", lambda _: types.SimpleNamespace(free=5_000_000))
    found = places.caches(OPTIONS)[-1]
    assert found.state == "missing"
    assert "(5.0 MB free)" in found.what

    def fail() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", fail)
    found = places._temporary()
    assert found.state == "broken"
    assert "TMPDIR" in found.mend


def make_hub(folder: Path, name: str, *files: str) -> None:
    """A model as the Hub's cache has it."""
    repo = folder / f"models--{name.replace('/', '--')}"
    snapshot = repo / "snapshots" / "abc123"
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc123")
    (repo / "blobs").mkdir()
    for file in files:
        (repo / "blobs" / file).write_bytes(bytes(1000))
        (snapshot / file).symlink_to(repo / "blobs" / file)


def test_models_of_the_hub_are_told_and_what_they_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_hub(tmp_path, "facebook/whole", "config.json", "model.safetensors")
    make_hub(tmp_path, "facebook/part", "config.json")
    for module in ("file_download", "utils._cache_manager"):
        monkeypatch.setattr(f"huggingface_hub.{module}.HF_HUB_CACHE", str(tmp_path), raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    part, whole = places.hub(OPTIONS)
    assert (whole.state, whole.what) == ("info", "facebook/whole (2.0 kB) is here, config and weights")
    assert (part.state, part.what) == ("missing", "facebook/part (1.0 kB), without its weights")


def test_no_model_of_the_hub_is_no_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.utils._cache_manager.HF_HUB_CACHE", str(tmp_path / "none"), raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "none"))
    assert only(places.hub(OPTIONS)).state == "info"


def make_extras(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: [*lines])


def test_extras_are_told_by_the_package_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    make_extras(
        monkeypatch,
        "numpy>=2.0",
        'safetensors>=0.4; extra == "kept"',
        'no-such-package>=1; extra == "lost"',
        "pytest>=8; extra == 'dev'",
        'numpy>=2; python_version < "3" and extra == "kept"',
    )
    assert places.optional_parts() == {"kept": ["safetensors", "numpy"], "lost": ["no-such-package"]}
    kept, lost = places.extras(OPTIONS)
    assert kept.state == "ok"
    assert kept.what.startswith("kept: safetensors ")
    assert kept.what.endswith(" was imported")
    assert (lost.state, lost.mend) == ("missing", "pip install 'talkcli[lost]'")


def test_an_extra_that_cannot_be_imported_is_told(
    python: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_extras(monkeypatch, 'safetensors>=0.4; extra == "kept"')
    python("sys.exit('ImportError: libtbb.so: cannot open')")
    found = only(places.extras(OPTIONS))
    assert found.state == "broken"
    assert "cannot be imported: ImportError: libtbb.so: cannot open" in found.what
    assert found.mend == "pip install --force-reinstall safetensors"


def test_a_talk_that_is_not_installed_knows_no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", fail)
    assert only(places.extras(OPTIONS)).state == "info"


def test_the_extras_of_the_project_are_known() -> None:
    assert {"usd", "synthetic"} <= places.optional_parts().keys()
    assert "dev" not in places.optional_parts()
