"""The console script: exit codes, and never a traceback."""

from pathlib import Path

import pytest

from worker.main import run_command_line
from workflows.errors import OrchestratorError

Output = pytest.CaptureFixture[str]

VALID = "version: 1\nprojects:\n  shop:\n    workspace: {workspace}\n"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TEMPORAL_ADDRESS", "MM_ORCHESTRATOR_POLICY", "MM_ORCHESTRATOR_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MM_ORCHESTRATOR_STATE_DIR", str(tmp_path / "state"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["dev", "--no-such-option"],
        ["dev", "--project-dir", "/no/such/dir"],
        ["policy", "check"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_two(arguments: list[str], capsys: Output) -> None:
    """Usage on stderr, nothing on stdout."""
    assert run_command_line(arguments) == 2
    captured = capsys.readouterr()
    assert "Usage:" in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("command", ["dev", "worker", "doctor", "recover", "policy"])
def test_every_command_of_the_worker_is_there(command: str, capsys: Output) -> None:
    """DESIGN section 5 names them; each explains itself."""
    assert run_command_line([command, "--help"]) == 0
    assert command in capsys.readouterr().out


def test_a_valid_policy_is_exit_code_zero(tmp_path: Path, capsys: Output) -> None:
    """The answer names the projects."""
    policy, workspace = tmp_path / "policy.yaml", tmp_path / "shop"
    workspace.mkdir()
    policy.write_text(VALID.format(workspace=workspace))
    assert run_command_line(["policy", "check", str(policy)]) == 0
    assert "shop" in capsys.readouterr().out


def test_every_problem_of_a_policy_is_named_with_its_line(tmp_path: Path, capsys: Output) -> None:
    """Exit code 5; file, line and field of each problem."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(VALID.format(workspace="relative") + "limits:\n  max_rounds: many\nprojetcs: {}\n")
    assert run_command_line(["policy", "check", str(policy)]) == 5
    told = capsys.readouterr().out
    for line, field in ((4, "workspace"), (6, "max_rounds"), (7, "projetcs")):
        assert any(f"{policy}:{line}" in row and field in row for row in told.splitlines()), told


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"- a\n- b\n", b"a: [", b"", b"!!python/object:os.system x"]
)
def test_a_file_that_is_no_policy_is_told_so(tmp_path: Path, capsys: Output, content: bytes) -> None:
    """Binary, a list, broken YAML, nothing, a dangerous tag: a line, never a traceback."""
    policy = tmp_path / "policy.yaml"
    policy.write_bytes(content)
    code = run_command_line(["policy", "check", str(policy)])
    captured = capsys.readouterr()
    assert code == (0 if content == b"" else 5)
    assert "Traceback" not in captured.out + captured.err


def test_a_missing_policy_is_told_with_a_remedy(capsys: Output) -> None:
    """``policy_unreadable`` on stderr."""
    assert run_command_line(["policy", "check", "/no/such/policy.yaml"]) == 5
    assert "policy_unreadable" in capsys.readouterr().err


def test_a_bad_environment_is_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """Before anything starts."""
    monkeypatch.setenv("MM_ORCHESTRATOR_LOG_LEVEL", "loud")
    assert run_command_line(["worker"]) == 5
    told = capsys.readouterr().err
    assert "settings_invalid" in told
    assert "MM_ORCHESTRATOR_LOG_LEVEL" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("command", ["dev", "worker"])
def test_a_worker_does_not_start_on_rules_it_cannot_read(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """Told at the start, not by the first run that fails."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 7\n")
    monkeypatch.setenv("MM_ORCHESTRATOR_POLICY", str(policy))
    assert run_command_line([command]) == 5
    assert "policy_invalid" in capsys.readouterr().err


def test_no_server_is_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """``worker`` needs a server; it says which address it tried and how to get one."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("MM_ORCHESTRATOR_HOST", "here")
    assert run_command_line(["worker"]) == 5
    told = capsys.readouterr().err
    assert "temporal_unavailable" in told
    assert "127.0.0.1:1" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (RuntimeError("secret token=abcdefgh12345678 here"), 5, "internal_error"),
        (OrchestratorError("journal_missing", run_id="r"), 5, "journal_missing"),
        (KeyboardInterrupt(), 130, ""),
        (PermissionError(13, "Permission denied", "/state"), 5, "Permission denied"),
    ],
    ids=["unexpected", "catalogue", "interrupt", "os"],
)
def test_the_last_line_of_defence(
    monkeypatch: pytest.MonkeyPatch, capsys: Output, error: BaseException, code: int, told: str
) -> None:
    """Whatever a command raises ends in one line with a remedy, without secrets."""

    def fails(_path: Path) -> None:
        raise error

    monkeypatch.setattr("activities.adapters.policy_file.check_policy", fails)
    assert run_command_line(["policy", "check", "x"]) == code
    stderr = capsys.readouterr().err
    assert told in stderr
    assert "Traceback" not in stderr
    assert "abcdefgh12345678" not in stderr
