"""The command line before any server is asked: usage, validation, help, masking, settings."""

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.client import Client
from typer.testing import CliRunner

from starter.cli.app import build_app
from starter.cli.asking import build_request, split_words
from starter.cli.exit_codes import ExitCode, outcome
from starter.masking import MASK, mask, secret_lines
from starter.settings import StarterSettings
from starter.starting import chosen_attributes
from tests.unit.record_samples import START
from workflows.errors import OrchestratorError
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus

COMMANDS = (
    "run", "list", "show", "explain", "watch", "plan",
    "diff", "logs", "approve", "reject", "cancel", "artifacts",
)  # fmt: skip
NO_SERVER = {"TEMPORAL_ADDRESS": "localhost:1"}


@asynccontextmanager
async def no_stack(_: Path | None) -> AsyncIterator[Client]:
    """An embedded stack that cannot start."""
    raise OrchestratorError("embedded_failed", detail="no port is free")
    yield  # makes this a generator


def invoke(*args: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command."""
    result = CliRunner().invoke(build_app(no_stack), args, env={**NO_SERVER, "COLUMNS": "40", **(env or {})})
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    """Help names the command's purpose and ends with 0."""
    code, out, _ = invoke(command, "--help")
    assert code == 0
    assert "Usage:" in out
    assert len(out.splitlines()) > 4


def test_help_lists_every_command() -> None:
    """The table of contents is complete."""
    code, out, _ = invoke("--help")
    assert code == 0
    assert all(f"\n  {command} " in out for command in COMMANDS)


def test_the_summaries_are_those_of_the_commands() -> None:
    """The table of contents is written beforehand, because --help should not import what it lists."""
    listed = typer.main.get_command(build_app(no_stack))
    real = typer.main.get_command(build_app(no_stack)).load()  # type: ignore[attr-defined]
    assert {name: one.get_short_help_str(200) for name, one in listed.commands.items()} == {
        name: one.get_short_help_str(200) for name, one in real.commands.items()
    }


def test_help_loads_what_it_needs() -> None:
    """A command's help does without the client library, and that of all does without the commands."""
    for asked, spared in (["run", "--help"], "temporalio"), (["--help"], "starter.cli.session"):
        script = (
            "import sys; from starter.cli.app import build_app\n"
            f"try: build_app(None)({asked})\n"
            "except SystemExit: pass\n"
            f"sys.exit(any(name.startswith({spared!r}) for name in sys.modules))"
        )
        done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
        assert done.returncode == 0, asked


def test_version() -> None:
    """--version names the program."""
    code, out, _ = invoke("--version")
    assert code == 0
    assert out.startswith("mm-orchestrator ")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["run"], "INSTRUCTION"),
        (["run", "api", "repair", "it"], "put it in quotes"),
        (["run", "api", ""], "instruction: may not be empty"),
        (["run", "api", "   "], "instruction: may not be empty"),
        (["run", "api", "x" * 4001], "instruction: may have at most 4000 characters"),
        (["run", "a b", "repair"], "service: starts with a letter or digit"),
        (["run", "../api", "repair"], "service: starts with"),
        (["run", "api", "repair", "--project", "/etc"], "project: starts with"),
        (["run", "api", "repair", "--max-rounds", "0"], "max_rounds: must be at least 1"),
        (["run", "api", "repair", "--max-rounds", "21"], "max_rounds: must be at most 20"),
        (["run", "api", "repair", "--max-rounds", "many"], "--max-rounds"),
        (["run", "api", "repair", "--requested-by", "x" * 257], "requested_by: may have at most 256"),
        (["run", "api", "repair", "--patch", "/nonexistent/x.patch"], "No such file"),
        (["run", "api", "repair", "--patch", "/"], "Is a directory"),
        (["run", "api", "repair", "--local", "--detach"], "exclude each other"),
        (["run", "api", "repair", "--project-dir", "/"], "--project-dir needs --local"),
        (["run", "api", "repair", "--local", "--project-dir", "/nonexistent"], "does not exist"),
        (["run", "api", "repair", "--nonsense"], "--nonsense"),
        (["reject", "x"], "--reason"),
        (["reject", "x", "--reason", " "], "reason: may not be empty"),
        (["logs", "x", "nonsense"], "preflight"),
        (["list", "--limit", "0"], "--limit"),
        (["nonsense"], "nonsense"),
    ],
)
def test_wrong_usage_is_said_in_a_line_and_nothing_begins(args: list[str], said: str) -> None:
    """Exit code 2, the field named, no traceback, nothing on stdout."""
    code, out, err = invoke(*args)
    assert code == ExitCode.NO_RUN
    assert said in err
    assert out == ""


def test_every_wrong_field_is_named_at_once() -> None:
    """Two mistakes cost one round trip."""
    code, _, err = invoke("run", "a b", "", "--max-rounds", "99")
    assert code == ExitCode.NO_RUN
    assert [line.split(":")[0].strip() for line in err.splitlines()[1:4]] == [
        "instruction", "service", "max_rounds",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"\xff\xfe", "is not UTF-8 text"), (b"x" * 1_100_000, "larger than")],
)
def test_an_unusable_patch_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """A patch that is no text, or far too large, begins no run."""
    path = tmp_path / "x.patch"
    path.write_bytes(content)
    code, _, err = invoke("run", "api", "apply it", "--patch", str(path))
    assert code == ExitCode.NO_RUN
    assert said in err


def test_a_patch_longer_than_a_request_permits_is_refused(tmp_path: Path) -> None:
    """The request's own limit is told before anything is sent."""
    path = tmp_path / "x.patch"
    path.write_text("+x\n" * 100_000)
    code, _, err = invoke("run", "api", "apply it", "--patch", str(path))
    assert code == ExitCode.NO_RUN
    assert "patch: may have at most 262144 characters" in err


@pytest.mark.parametrize("command", [["list"], ["show", "x"], ["watch", "x"], ["cancel", "x"], ["diff", "x"]])
def test_no_server_is_an_error_with_a_remedy(command: list[str], tmp_path: Path) -> None:
    """temporal_unavailable, exit code 5, and what to do."""
    code, out, err = invoke(*command, env={"MM_ORCHESTRATOR_STATE_DIR": str(tmp_path)})
    assert code == ExitCode.FAILED
    assert err.startswith("temporal_unavailable: Temporal does not answer at localhost:1")
    assert "→ Start it (mm-orchestrator dev)" in err
    assert out == ""


def test_a_run_that_cannot_begin_exits_2() -> None:
    """No server, or no embedded one: no run began."""
    assert invoke("run", "api", "repair")[0] == ExitCode.NO_RUN
    code, _, err = invoke("run", "api", "repair", "--local")
    assert code == ExitCode.NO_RUN
    assert err.startswith("embedded_failed: ")


@pytest.mark.parametrize(
    "address", ["not a host", "localhost:99999", "::", "http://[", "http://localhost:1", "\x1b[2J"]
)
def test_a_wrong_address_is_told_without_a_traceback(address: str, tmp_path: Path) -> None:
    """Whatever TEMPORAL_ADDRESS holds, the answer is temporal_unavailable, and no terminal obeys it."""
    env = {"TEMPORAL_ADDRESS": address, "MM_ORCHESTRATOR_STATE_DIR": str(tmp_path)}
    code, _, err = invoke("show", "x", env=env)
    assert code == ExitCode.FAILED
    assert err.startswith("temporal_unavailable: ")
    assert "\x1b" not in err


def test_an_unexpected_error_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """internal_error with its kind; MM_ORCHESTRATOR_DEBUG shows the rest."""

    def broken(_: StarterSettings) -> str:
        raise ZeroDivisionError("a bug with password=hunter2")

    monkeypatch.setattr("starter.address.resolve_address", broken)
    code, _, err = invoke("show", "x")
    assert code == ExitCode.FAILED
    assert err.startswith(
        "internal_error: An unexpected error: ZeroDivisionError: a bug with password=[masked]\n"
    )
    result = CliRunner().invoke(
        build_app(no_stack), ["show", "x"], env={**NO_SERVER, "MM_ORCHESTRATOR_DEBUG": "1"}
    )
    assert isinstance(result.exception, ZeroDivisionError)


def test_exit_codes_of_every_status() -> None:
    """The table of exit codes, complete."""
    codes = {status: int(outcome(status)) for status in RunStatus}
    assert codes == {
        "pending": 0, "queued": 0, "running": 0, "awaiting_approval": 3, "succeeded": 0, "planned": 0,
        "rolled_back": 4, "failed": 5, "rejected": 6, "cancelled": 6,
    }  # fmt: skip


def test_words_of_a_request() -> None:
    """One word is the instruction, two are service and instruction."""
    assert split_words(["repair"]) == (None, "repair")
    assert split_words(["api", "repair"]) == ("api", "repair")
    with pytest.raises(OrchestratorError):
        split_words([])


def test_a_request_never_echoes_a_value() -> None:
    """I5: what was typed into a wrong field is not repeated."""
    with pytest.raises(OrchestratorError) as caught:
        build_request(instruction="x", service="hunter2 secret", requested_by=None)
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("add foo from https://user:pa@ss@host/x", f"add foo from https://{MASK}@host/x"),
        ("git+https://ghp_abcdefghijklmnopqrst123@github.com/x", f"git+https://{MASK}@github.com/x"),
        ("PASSWORD=abc and more", f"PASSWORD={MASK} and more"),
        ('"db_password": "hunter2"', f'"db_password": {MASK}'),
        ("Authorization: Basic Zm9vOmJhcg==", f"Authorization: Basic {MASK}"),
        ("use bearer abcdefghijklmnop1234", f"use bearer {MASK}"),
        ("AKIAIOSFODNN7EXAMPLE", MASK),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2ln", MASK),
        ("xoxb-1234567890-abc", MASK),
    ],
)
def test_secrets_are_masked(text: str, masked: str) -> None:
    """I5: secret-like values go, the words around them stay."""
    assert mask(text) == masked
    assert mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "repair the missing dependency for the api service",
        "add tokenizers==0.15 to api",
        '"jsonwebtoken": "^9.0.1"',
        "rotate the token for api",
        "git+ssh://git@github.com/x/y",
        "https://${USER}:${PASS}@host/x",
        "ENV DB_PASSWORD=$PW",
        "SecretStorage==3.3.3",
        "basic authentication-of-the-service",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    """Package names, variable references and plain words are no secrets."""
    assert mask(text) == text
    assert secret_lines(text) == ()


@given(st.text())
def test_masking_twice_changes_nothing_more(text: str) -> None:
    """Masking is idempotent on any text."""
    assert mask(mask(text)) == mask(text)


def test_masking_a_large_patch_is_quick() -> None:
    """A quarter of a megabyte of awkward text takes seconds of processor time, not minutes."""
    for awkward in ("a-" * 120_000, "token_" * 40_000, "://a:" * 50_000, "eyJ" * 80_000):
        begun = time.process_time()
        mask(awkward)
        assert time.process_time() - begun < 10


def test_settings_take_an_empty_variable_as_unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Empty counts as unset; a relative XDG_STATE_HOME is ignored; the user has three sources."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", "")
    monkeypatch.setenv("MM_ORCHESTRATOR_USER", "")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    settings = StarterSettings()
    assert settings.temporal_address is None
    assert settings.state_dir == tmp_path / ".local" / "state" / "mm-orchestrator"
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg")
    assert StarterSettings().state_dir == Path("/xdg/mm-orchestrator")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert StarterSettings().state_dir == Path("/var/lib/mm-orchestrator")
    monkeypatch.setenv("MM_ORCHESTRATOR_STATE_DIR", "/elsewhere")
    assert StarterSettings().state_dir == Path("/elsewhere")
    monkeypatch.setenv("MM_ORCHESTRATOR_USER", "carol")
    assert StarterSettings().identity == "carol"


def test_a_user_without_a_name_still_has_an_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """A uid without a passwd entry is named by its number."""

    def nobody() -> str:
        raise KeyError("getpwuid")

    monkeypatch.delenv("MM_ORCHESTRATOR_USER", raising=False)
    monkeypatch.setattr("getpass.getuser", nobody)
    assert StarterSettings().identity == f"uid:{os.getuid()}"


def test_search_attributes_follow_what_is_registered() -> None:
    """Only attributes that the namespace has, with the type that is sent, may go into a start."""
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    instant = IndexedValueType.INDEXED_VALUE_TYPE_DATETIME
    request = RunRequest(instruction="x", requested_by="alice")
    registered = {"mm_state": keyword, "mm_owner_id": keyword, "mm_entry": instant, "mm_updated_at": instant}
    chosen = {pair.key.name: pair.value for pair in chosen_attributes(request, registered, START)}
    assert chosen == {"mm_state": "initializing", "mm_owner_id": "alice", "mm_updated_at": START}
    assert list(chosen_attributes(request, {}, START)) == []
