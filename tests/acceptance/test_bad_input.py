"""Bad input never leaves a traceback or a half-done change: wrong usage, unknown runs, no server."""

import json
import os
from pathlib import Path

import pytest

from tests.acceptance.bench import REPAIR, Bench, check_refused
from tests.acceptance.operator import Operator
from tests.acceptance.stacks import broken_shop
from tests.sandbox import write_files
from workflows.models.status import RunStatus

USAGE: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing": ((), "INSTRUCTION"),
    "empty instruction": (("api", ""), "instruction"),
    "blank instruction": (("api", " \n\t "), "instruction"),
    "too long": (("api", "repair " + "x" * 5000), "instruction"),
    "unquoted sentence": (("api", "repair", "the", "api"), "quotes"),
    "service is a path": (("../api", REPAIR), "service"),
    "project is a path": (("api", REPAIR, "--project", "/etc"), "project"),
    "project climbs": (("api", REPAIR, "--project", "../shop"), "project"),
    "service is an option": (("--", "-rf", REPAIR), "service"),
    "no such option": (("api", REPAIR, "--force"), "--force"),
    "no rounds": (("api", REPAIR, "--max-rounds", "0"), "max_rounds"),
    "rounds in words": (("api", REPAIR, "--max-rounds", "many"), "max-rounds"),
    "too many rounds": (("api", REPAIR, "--max-rounds", "21"), "max_rounds"),
    "patch is missing": (("api", REPAIR, "--patch", "/nonexistent.diff"), "/nonexistent.diff"),
    "patch is a directory": (("api", REPAIR, "--patch", "/etc"), "/etc"),
    "patch is empty": (("api", REPAIR, "--patch", "/dev/null"), "empty"),
    "local and detached": (("api", REPAIR, "--local", "--detach"), "--detach"),
    "directory without local": (("api", REPAIR, "--project-dir", "/etc"), "--local"),
    "no such directory": (("api", REPAIR, "--local", "--project-dir", "/nonexistent"), "/nonexistent"),
    "empty requester": (("api", REPAIR, "--requested-by", " "), "requested_by"),
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_usage_begins_no_run(operator: Operator, case: str) -> None:
    """Exit 2, nothing on stdout, the field or option named; no server is needed to say so."""
    arguments, named = USAGE[case]
    ran = operator.command("run", "--json", *arguments)
    assert (ran.code, ran.stdout) == (2, "")
    assert named in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not operator.state.exists()


@pytest.mark.parametrize("kind", ["empty", "text file", "inside the project"])
def test_a_local_run_in_the_wrong_place(bench: Bench, tmp_path: Path, kind: str) -> None:
    """A directory without a compose file, no directory at all, a state directory inside the project."""
    operator = Operator(tmp_path)
    directory = tmp_path / "place"
    if kind == "text file":
        directory.write_text("no directory")
    else:
        directory.mkdir()
    if kind == "inside the project":
        write_files(directory, broken_shop("humanize"))
        operator.extra_env["MM_ORCHESTRATOR_STATE_DIR"] = str(directory / "state")
    ran = operator.run_local(directory, "api", REPAIR)
    assert "Traceback" not in ran.stderr
    if kind == "empty":
        record = check_refused(ran, "compose_invalid")
        assert record.failure is not None
        assert "no configuration file provided" in record.failure.message
        assert list(directory.iterdir()) == []
    else:
        assert (ran.code, ran.stdout) == (2, "")
    if kind == "inside the project":
        assert "state_dir_invalid" in ran.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("show", "0" * 36), ("explain", "../../etc/passwd"), ("watch", "nobody"), ("plan", "x y"),
        ("diff", "mm:none"), ("logs", "none", "build"), ("artifacts", "none"), ("approve", "none", "--yes"),
        ("reject", "none", "--reason", "x"), ("cancel", "none"), ("logs", "none", "no-such-step"),
        ("show",), ("reject", "none"), ("recover", "../../etc"), ("recover", "none"),
        ("list", "--limit", "0"),
    ],
    ids=lambda command: " ".join(command)[:30],
)  # fmt: skip
def test_a_run_that_nobody_knows(bench: Bench, command: tuple[str, ...]) -> None:
    """Every command: exit 2 for wrong usage, 5 with ``unknown_run`` or its like; never a traceback."""
    ran = bench.operator.command(*command)
    assert ran.code in {2, 5}, ran.stdout
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr
    assert ran.stderr.strip()
    if ran.code == 5:
        assert any(code in ran.stderr for code in ("unknown_run", "journal_missing", "invalid_request"))


def test_without_a_server_every_command_says_so(operator: Operator) -> None:
    """No Temporal: ``temporal_unavailable`` with what to do; ``run`` began nothing, exit 2, stdout empty."""
    operator.extra_env["TEMPORAL_ADDRESS"] = "127.0.0.1:1"
    for command, code in (
        (("run", "api", REPAIR, "--json"), 2),
        (("show", "x", "--json"), 5),
        (("list",), 5),
    ):
        ran = operator.command(*command)
        assert (ran.code, ran.stdout) == (code, "")
        assert "temporal_unavailable" in ran.stderr
        assert "mm-orchestrator dev" in ran.stderr
    operator.extra_env["TEMPORAL_ADDRESS"] = "not an address"
    ran = operator.command("run", "api", REPAIR, "--json")
    assert (ran.code, ran.stdout) == (2, "")
    assert "Traceback" not in ran.stderr


def test_json_is_one_document_whatever_is_asked(bench: Bench) -> None:
    """With ``--json`` stdout is one JSON document: for a refusal too, and for a plan, a list, artifacts."""
    refused = bench.run("api", "dance")
    run = str(json.loads(refused.stdout)["run_id"])
    for command in (("show", run), ("watch", run), ("list",), ("artifacts", run)):
        ran = bench.operator.command(*command, "--json")
        assert ran.stdout
        json.loads(ran.stdout)
    planned = bench.operator.command(
        "run", "api", REPAIR, "--plan-only", "--project", bench.shop.name, "--json"
    )
    assert (planned.code, planned.record.status) == (0, RunStatus.PLANNED)
    assert json.loads(bench.operator.command("plan", planned.record.run_id, "--json").stdout)["digest"]


def test_a_terminal_that_closes_early_leaves_no_traceback(bench: Bench) -> None:
    """``show | head -0``: a reader that is gone is not an error worth a traceback."""
    run = bench.run("api", "dance").record.run_id
    process = bench.operator.start("show", run)
    assert process.stdout is not None
    os.close(os.dup(process.stdout.fileno()))
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.wait(timeout=30)
