"""``mm-orchestrator diagnose``: its answers, its exit codes, and that it needs nothing else."""

import io
import json
import sys
from pathlib import Path

import pytest

from worker.main import run_command_line

Output = pytest.CaptureFixture[str]
CRASH = (
    "Traceback (most recent call last):\n"
    '  File "/app/app.py", line 1, in <module>\n'
    "    import yaml\n"
    "ModuleNotFoundError: No module named 'yaml'\n"
)
REFUSED = CRASH.replace(
    "ModuleNotFoundError: No module named 'yaml'", "ConnectionRefusedError: [Errno 111] x"
)
DOCKERFILE = "FROM python:3.13-slim\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Docker client and no Temporal server to be found."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A build context that installs flask."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "requirements.txt").write_text("# web\nflask\n")
    (folder / "app.py").write_text("import yaml\n")
    return folder


def log(tmp_path: Path, text: str) -> str:
    """A log file with this text."""
    path = tmp_path / "service.log"
    path.write_text(text)
    return str(path)


def test_a_fix_as_json(tmp_path: Path, context: Path, capsys: Output) -> None:
    """Decision, findings best first, reason; nothing else on stdout."""
    code = run_command_line(["diagnose", "--log", log(tmp_path, CRASH), "--context", str(context), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert code == 0
    assert said["decision"] == "fix"
    best = said["findings"][0]
    assert (best["kind"], best["names"], best["target"]) == (
        "add_python_package",
        ["PyYAML"],
        "requirements.txt",
    )
    assert best["rule"]
    assert best["quotes"][0] == {"source": "service.log", "line": 4, "text": CRASH.splitlines()[3]}
    assert said["reason"]
    assert "+PyYAML" in said["diff"]
    assert said["phase"] == "run"


def test_a_decline_is_an_answer_too(tmp_path: Path, capsys: Output) -> None:
    """Exit code 0, with the true cause quoted."""
    assert run_command_line(["diagnose", "--log", log(tmp_path, REFUSED), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["decision"] == "decline"
    assert said["findings"][0]["kind"] == "decline"
    assert "ConnectionRefusedError" in said["findings"][0]["quotes"][0]["text"]
    assert said["diff"] == ""


def test_an_answer_for_a_reader(tmp_path: Path, context: Path, capsys: Output) -> None:
    """Cause, quoted lines with their position, and the diff; files stay as they are."""
    before = {path: path.read_bytes() for path in context.iterdir()}
    assert run_command_line(["diagnose", "--log", log(tmp_path, CRASH), "--context", str(context)]) == 0
    told = capsys.readouterr().out
    for words in (
        "fix",
        "PyYAML",
        "service.log:4: ModuleNotFoundError",
        "+PyYAML",
        "python.module_not_found",
    ):
        assert words in told
    assert {path: path.read_bytes() for path in context.iterdir()} == before


def test_a_reader_of_a_decline_sees_the_cause(tmp_path: Path, capsys: Output) -> None:
    """And no word of a change."""
    assert run_command_line(["diagnose", "--log", log(tmp_path, REFUSED)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("decline\n")
    assert "Would change" not in told


def test_a_log_from_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """`-` reads it, and quotes call it `log`."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CRASH.encode())))
    assert run_command_line(["diagnose", "--log", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"][0]["quotes"][0]["source"] == "log"


@pytest.mark.parametrize("manager", ["apt", "apt-get", "apk", "yum", "dnf", "APT", ""])
def test_facts_about_the_image_are_taken(tmp_path: Path, capsys: Output, manager: str) -> None:
    """Reference and package manager decide what a package is called; a manager has several names."""
    missing = "ImportError: libGL.so.1: cannot open shared object file: No such file or directory\n"
    arguments = ["--base-image", "debian:bookworm-slim", "--package-manager", manager, "--phase", "run"]
    assert run_command_line(["diagnose", "--log", log(tmp_path, missing), *arguments, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    if manager.lower() in ("apt", "apt-get", ""):
        assert said["findings"][0]["names"] == ["libgl1"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--log", "/no/such/file"],
        ["--log", "/"],
        ["--log", "-", "--context", "/no/such/directory"],
        ["--log", "-", "--phase", "yesterday"],
        ["--log", "-", "--dockerfile", "/no/such/file"],
        ["--no-such-option"],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_wrong_usage_is_exit_code_two(arguments: list[str], capsys: Output) -> None:
    """Usage on stderr, nothing on stdout."""
    assert run_command_line(["diagnose", *arguments]) == 2
    captured = capsys.readouterr()
    assert "Usage:" in captured.err
    assert captured.out == ""


def test_no_secret_is_repeated(tmp_path: Path, capsys: Output) -> None:
    """A quoted line is masked as everywhere (I5)."""
    leaky = REFUSED.replace("[Errno 111] x", "postgresql://shop:hunter2secret@db/shop refused")
    for form in ([], ["--json"]):
        assert run_command_line(["diagnose", "--log", log(tmp_path, leaky), *form]) == 0
        told = capsys.readouterr().out
        assert "hunter2secret" not in told
        assert "ConnectionRefusedError" in told


def test_a_terminal_is_not_obeyed(tmp_path: Path, capsys: Output) -> None:
    """Escape sequences of a log are shown, never sent."""
    hostile = CRASH.replace("import yaml\n", "import yaml\n", 1).replace(
        "named 'yaml'", "named 'yaml' \x1b]0;x\x07"
    )
    assert run_command_line(["diagnose", "--log", log(tmp_path, hostile)]) == 0
    assert "\x1b" not in capsys.readouterr().out
