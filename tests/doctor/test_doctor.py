"""Checks are tried in processes that may crash or hang, the others go on, and the exit code is the film's."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from talkcli import doctor, resources
from talkcli.cli import main
from talkcli.doctor import CHECKS, DoctorOptions, Finding, Report, examine, verdict
from talkcli.doctor.process import tried
from talkcli.platform import with_these_modules
from tests.make import make_checkpoint
from tests.processes import ends

OPTIONS = DoctorOptions()
TELL = """
names = json.loads(sys.argv[3])["names"]
def tell(name, state="ok"):
    found = [{"state": state, "what": f"{name} was seen", "mend": ""}]
    print(json.dumps({"name": name, "findings": found, "seconds": 0.5}), flush=True)
"""


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Leaves these checks alone in the table."""

    def keep(*names: str) -> None:
        monkeypatch.setattr(doctor, "CHECKS", {name: CHECKS[name] for name in CHECKS if name in names})

    return keep


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the process that tries checks another program, which has names, and tell(name)."""

    def make(code: str) -> None:
        path = tmp_path / "other-python"
        names = TELL if "tell(" in code else ""
        path.write_text(f"#!{sys.executable}\nimport json, os, signal, sys, time\n{names}\n{code}\n")
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(path))

    return make


def reports() -> dict[str, Report]:
    return {report.name: report for report in examine(OPTIONS)}


# -- processes -------------------------------------------------------------------------------------------------------


def test_every_check_gives_one_report(process: Callable[[str], None]) -> None:
    process("for name in names: tell(name)")
    found = reports()
    assert found.keys() == CHECKS.keys()
    assert all(report.findings == (Finding("ok", f"{report.name} was seen"),) for report in found.values())


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "its process was killed by SIGSEGV"),
        (
            "print('a driver said so', file=sys.stderr); sys.exit(3)",
            "its process ended with exit code 3: a driver said so",
        ),
        ("sys.exit()", "its process ended with exit code 0"),
    ],
)
def test_a_check_that_takes_its_process_down_is_told_and_the_others_go_on(
    code: str, said: str, checks: Callable[..., None], process: Callable[[str], None]
) -> None:
    checks("torch", "torchaudio", "gpu", "models", "film")
    process(f"for name in names:\n    if name == 'torchaudio':\n        {code}\n    tell(name)")
    found = reports()
    assert {name: report.state for name, report in found.items()} == {
        "torch": "ok",
        "torchaudio": "broken",
        "gpu": "ok",
        "models": "ok",
        "film": "ok",
    }
    assert found["torchaudio"].findings[0].what == said


def test_a_check_that_hangs_is_ended_with_all_that_it_started(
    checks: Callable[..., None], process: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checks("film")
    told = tmp_path / "pid"
    process(
        f"import subprocess; other = subprocess.Popen(['sleep', '600']); open({str(told)!r}, 'w')"
        ".write(str(other.pid)); time.sleep(600)"
    )

    class Clock(threading.Timer):
        """Is over when the process has started another, however long that takes."""

        def run(self) -> None:
            while not (self.finished.is_set() or (told.is_file() and told.read_text())):
                time.sleep(0.01)
            super().run()

    monkeypatch.setattr(threading, "Timer", Clock)
    monkeypatch.setattr(doctor, "PATIENCE", 0.1)
    assert reports()["film"].findings[0].what == "its process gave no answer in 0.1 s"
    assert ends(int(told.read_text()))


def test_nonsense_from_a_process_is_a_bug_that_is_told(
    checks: Callable[..., None], process: Callable[[str], None]
) -> None:
    checks("film")
    process("print('nonsense')")
    with pytest.raises(json.JSONDecodeError):
        reports()


def test_control_c_ends_every_process(
    process: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = sys.executable
    process(f"open({str(tmp_path)!r} + f'/pid-{{os.getpid()}}', 'w'); time.sleep(60)")
    code = f"import sys; sys.executable = {sys.executable!r}; from talkcli.cli import main; sys.exit(main(['doctor']))"
    with subprocess.Popen([python, "-c", code], env=with_these_modules()) as talk:
        end = time.monotonic() + 60
        while len(list(tmp_path.glob("pid-*"))) < 2 and time.monotonic() < end:
            time.sleep(0.1)
        talk.send_signal(signal.SIGINT)
        try:
            assert talk.wait(timeout=30) == 130
        finally:
            talk.kill()  # or the test would wait for it for ever
    pids = [int(path.name.removeprefix("pid-")) for path in tmp_path.glob("pid-*")]
    assert len(pids) >= 2
    assert all(map(ends, pids))


# -- what it comes to ------------------------------------------------------------------------------------------------


def judged(**states: str) -> list[Report]:
    """Reports of all checks, ok but for these."""
    made = []
    for name in CHECKS:
        state = states.get(name, "ok")
        made.append(Report(name, (Finding(state, f"{name} is {state}"),), 0.1))  # type: ignore[arg-type]
    return made


def test_a_film_that_was_made_is_enough() -> None:
    assert verdict(judged()) == ""
    assert verdict(judged(opengl="broken", synthesizers="missing", models="broken")) == ""


def test_without_a_film_it_says_why_and_what_else_is_broken() -> None:
    said = verdict(judged(film="broken", ffmpeg="broken", opengl="broken", recogniser="missing"))
    assert said == "`talk animate` makes no film here: film is broken; broken here: ffmpeg"
    assert verdict(judged(film="broken")) == "`talk animate` makes no film here: film is broken"


# -- the command -----------------------------------------------------------------------------------------------------


def told(monkeypatch: pytest.MonkeyPatch, made: list[Report]) -> None:
    """The reports come in another order than they are told in."""
    monkeypatch.setattr("talkcli.doctor.examine", lambda _: iter(made[::-1]))


def test_lines_stand_in_the_tables_order_with_what_to_do_beneath(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = judged()
    made[1] = Report("machine", (Finding("info", "2 cores"), Finding("missing", "no room", "make some")), 0.1)
    told(monkeypatch, made)
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "python             ok       python is ok"
    assert lines[1] == "machine            info     2 cores"
    assert lines[2] == "                   missing  no room"
    assert lines[3] == "                            -> make some"
    assert lines[-2].split()[0] == "film"
    assert lines[-1] == "`talk animate` makes films here."


def test_no_film_is_exit_code_2_and_everything_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told(monkeypatch, judged(film="broken", ffmpeg="broken"))
    assert main(["doctor"]) == 2
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == len(CHECKS)
    assert said.err == "error: `talk animate` makes no film here: film is broken; broken here: ffmpeg\n"


def test_json_has_it_all(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told(monkeypatch, judged(film="broken"))
    assert main(["doctor", "--json"]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["film"] is False
    assert [check["name"] for check in answer["checks"]] == list(CHECKS)
    film = {"state": "broken", "what": "film is broken", "mend": ""}
    assert answer["checks"][-1] == {"name": "film", "state": "broken", "seconds": 0.1, "findings": [film]}


def test_a_model_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--model", "nowhere"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: no model 'nowhere'")


# -- for real --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_film_is_made_by_the_command_itself(
    checks: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checks("python", "film")
    assert main(["doctor", "--model", str(make_checkpoint(tmp_path / "small.safetensors"))]) == 0
    said = capsys.readouterr().out
    assert "film    ok       1 s of speech became a film of 30 frames in" in said


@pytest.mark.slow
def test_without_ffmpeg_no_film_is_made_and_ffmpeg_is_named(
    checks: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    checks("ffmpeg", "film")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nowhere"))
    assert main(["doctor"]) == 2
    said = capsys.readouterr()
    assert "-> pip install --force-reinstall imageio-ffmpeg" in said.out
    assert said.err.startswith("error: `talk animate` makes no film here: ffmpeg at ")
    assert said.err.endswith("; broken here: ffmpeg\n")


@pytest.mark.slow
def test_with_a_damaged_model_no_film_is_made(
    checks: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checks("film")
    whole = (resources.MODELS / f"{resources.DEFAULT_MODEL}.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-1000])
    assert main(["doctor", "--model", str(tmp_path / "cut.safetensors")]) == 2
    assert "cut.safetensors is not a checkpoint of talk" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "its process was killed by SIGSEGV"),
        ("print('note: x', file=sys.stderr); sys.exit('error: no room on the disk')", "no room on the disk"),
        ("raise ImportError('libGL.so')", "ImportError: libGL.so"),
        ("os._exit(9)", "its process ended with exit code 9"),
        ("time.sleep(60)", "the command hangs: no film in 2 s"),
        ("sys.exit()", "the film has 0 frames in place of 30"),
    ],
)
def test_a_film_that_is_not_made_is_told(
    code: str, said: str, process: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    process(code)
    if "hangs" in said:
        monkeypatch.setattr("talkcli.doctor.film.PATIENCE", 2.0)
    report = tried("film", OPTIONS)
    assert report.state == "broken"
    assert said in report.findings[0].what
