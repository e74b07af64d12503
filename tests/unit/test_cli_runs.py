"""Every command against the real workflow on a real Temporal server, as an operator types it."""

import asyncio
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from starter.cli.exit_codes import ExitCode
from tests.unit.cli_stage import RUN_ID, EvidenceHost, Operator, Stage
from tests.workflow.scripted_host import GATE
from workflows.errors import OrchestratorError
from workflows.models.plan import DIFF_IN_HISTORY_BYTES
from workflows.models.policy import ApprovalGate
from workflows.models.record import RunRecord
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


Serving = Callable[..., EvidenceHost]


@pytest.fixture
def serving(stage: Stage, tmp_path: Path) -> Iterator[Serving]:
    """A factory ``serving(gate=None) -> EvidenceHost`` with workers until the test ends."""
    opened: list[AbstractContextManager[None]] = []

    def serve(gate: ApprovalGate | None = None) -> EvidenceHost:
        host = EvidenceHost(tmp_path, gate=gate)
        workers = stage.serving(host)
        workers.__enter__()
        opened.append(workers)
        return host

    yield serve
    for workers in opened:
        workers.__exit__(None, None, None)


@pytest.mark.parametrize("where", [(), ("--local",)])
def test_json_is_one_document_and_nothing_else(
    operator: Operator, serving: Serving, where: tuple[str, ...]
) -> None:
    """--json: stdout is one RunRecord; the progress, a line per step, is on stderr; exit 0."""
    serving()
    result = operator.types("run", "api", "repair the missing dependency", "--json", *where)
    record = RunRecord.model_validate_json(result.stdout)
    assert (result.exit_code, record.status) == (ExitCode.OK, RunStatus.SUCCEEDED)
    assert record.requested_by == "dave"
    for step in ("preflight", "analyze", "plan", "patch", "build", "restart", "verify", "report"):
        assert re.search(rf"^\d\d:\d\d:\d\dZ {step} +succeeded", result.stderr, re.MULTILINE), step


def test_a_run_without_json_ends_with_its_explanation(operator: Operator, serving: Serving) -> None:
    """The steps as they change, then what happened and what to type; stderr is silent."""
    serving()
    result = operator.types("run", "api", "repair the missing dependency")
    assert result.exit_code == ExitCode.OK
    assert result.stderr == ""
    assert "What state is left" in result.stdout
    assert "git add -- api/requirements.txt" in result.stdout


@pytest.mark.parametrize(
    ("port", "error", "code", "status"),
    [
        ("preflight", OrchestratorError("docker_unavailable", detail="x"), 5, "failed"),
        ("verify", OrchestratorError("probe_unavailable", detail="x"), 4, "rolled_back"),
    ],
)
def test_the_exit_code_tells_the_end(
    operator: Operator,
    serving: Serving,
    port: str,
    error: Exception,
    code: int,
    status: str,
) -> None:
    """4 rolled back, 5 failed; the failure and its remedy are on the screen."""
    serving().then(port, error)
    result = operator.types("run", "api", "repair it")
    assert result.exit_code == code
    assert status in result.stdout
    assert str(error).partition(":")[0] in result.stdout


def test_plan_only(operator: Operator, serving: Serving) -> None:
    """--plan-only ends planned with 0 and writes nothing."""
    host = serving()
    record = operator.run("--plan-only")
    assert record.status is RunStatus.PLANNED
    assert "patch" not in host.calls


def test_the_options_reach_the_request(operator: Operator, serving: Serving, tmp_path: Path) -> None:
    """Project, requester, rounds and the patch's exact text arrive."""
    host = serving()
    patch = tmp_path / "x.patch"
    patch.write_bytes(b"--- a/f\r\n+++ b/f\r\n@@ -1 +1 @@\r\n-a\r\n+b\r\n")
    operator.run("--project", "shop", "--requested-by", "eve", "--max-rounds", "3", "--patch", str(patch))
    request = host.jobs["preflight"][0].request
    assert (request.project, request.requested_by, request.max_rounds) == ("shop", "eve", 3)
    assert request.patch == patch.read_bytes().decode()


def test_a_patch_from_standard_input(operator: Operator, serving: Serving) -> None:
    """--patch - reads standard input."""
    host = serving()
    text = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n"
    assert operator.types("run", "api", "apply", "--patch", "-", text=text).exit_code == ExitCode.OK
    assert host.jobs["preflight"][0].request.patch == text


def test_every_way_to_look_at_a_run(operator: Operator, serving: Serving) -> None:
    """show, explain, watch, plan, diff, logs, artifacts, list: all by run id and workflow id."""
    serving()
    record = operator.run()
    for name in (record.run_id, record.workflow_id):
        assert json.loads(operator.types("show", name, "--json").stdout)["run_id"] == record.run_id
        assert "Files\n- api/requirements.txt" in operator.types("show", name).stdout
        assert operator.types("explain", name).stdout.startswith(f"Run {record.run_id}: succeeded")
        assert operator.types("watch", name).exit_code == ExitCode.OK
    assert record.plan is not None
    assert json.loads(operator.types("plan", record.run_id, "--json").stdout)["digest"] == record.plan.digest
    assert record.plan.digest in operator.types("plan", record.run_id).stdout
    listed = json.loads(operator.types("list", "--json").stdout)
    assert record.run_id in [entry["run_id"] for entry in listed]
    assert re.search(rf"{record.run_id} +succeeded +api", operator.types("list", "--limit", "5").stdout)


def test_an_empty_list_says_how_to_start(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace without runs is not an error."""
    monkeypatch.setattr("starter.reading.WORKFLOW_TYPE", "Nobody.Runs")
    result = operator.types("list")
    assert result.exit_code == ExitCode.OK
    assert "No runs yet" in result.stdout
    assert operator.types("list", "--json").stdout == "[]\n"


def test_diff_is_whole_and_ready_for_git_apply(operator: Operator, serving: Serving) -> None:
    """FR-004: a diff larger than the history carries comes from its artifact, byte for byte."""
    serving().diff_lines = 2000
    record = operator.run()
    assert record.plan is not None
    assert len(record.plan.diff) == DIFF_IN_HISTORY_BYTES
    result = operator.types("diff", record.run_id)
    assert result.exit_code == ExitCode.OK
    assert hashlib.sha256(result.stdout_bytes).hexdigest() == record.plan.diff_artifact.sha256  # type: ignore[union-attr]
    (operator.state / "artifacts" / "spec_workflows" / record.run_id / "patch.diff").unlink()
    gone = operator.types("diff", record.run_id)
    assert gone.exit_code == ExitCode.FAILED
    assert gone.stderr.startswith("artifact_unreadable: ")
    assert gone.stdout == ""


def test_logs_are_shown_and_obeyed_by_no_terminal(operator: Operator, serving: Serving) -> None:
    """A step's log, escape sequences made visible; a step without a log says so."""
    serving()
    record = operator.run()
    result = operator.types("logs", record.run_id, "build")
    assert result.exit_code == ExitCode.OK
    assert result.stdout == "#1 FROM python\n10%\n99%\ndone \\x1b]0;owned\\x07\n"
    none = operator.types("logs", record.run_id, "preflight")
    assert none.exit_code == ExitCode.FAILED
    assert none.stderr.startswith("artifact_missing: ")


def test_the_log_of_a_running_step_is_shown_as_far_as_it_is(
    operator: Operator, serving: Serving, stage: Stage
) -> None:
    """FR-005: build output can be read while the build runs."""
    host = serving()
    begun = host.hang("build")
    run = stage.call(stage.starter().start(_request()))
    stage.call(asyncio.wait_for(begun.wait(), 30))
    growing = operator.state / "spool" / run.run_id / "build.log"
    growing.parent.mkdir(parents=True, exist_ok=True)
    growing.write_text("#1 FROM python\n")
    result = operator.types("logs", run.run_id, "build")
    assert result.exit_code == ExitCode.OK
    assert "#1 FROM python" in result.stdout


def test_artifacts_are_listed_downloaded_and_checked(
    operator: Operator, serving: Serving, tmp_path: Path
) -> None:
    """SC-003: every file is copied and verified; a corrupt one, a foreign one and a lost one are named."""
    serving()
    record = operator.run()
    real = [a for a in record.artifacts if a.uri.startswith(operator.state.as_uri())]
    listing = operator.types("artifacts", record.run_id).stdout
    assert all(a.sha256 in listing and a.uri in listing for a in record.artifacts)
    target = tmp_path / "down"
    result = operator.types("artifacts", record.run_id, "--download", str(target))
    assert result.exit_code == ExitCode.FAILED, "the scripted artifacts have no file"
    assert result.stderr.count("artifact_unreadable: ") == len(record.artifacts) - len(real)
    for artifact in real:
        assert hashlib.sha256((target / artifact.name).read_bytes()).hexdigest() == artifact.sha256
    assert {p.name for p in target.iterdir()} == {a.name for a in real}
    (target / "build.log").write_text("mine")
    stored = operator.state / "artifacts" / "spec_workflows" / record.run_id
    (stored / "patch.diff").write_text("tampered")
    (target / "patch.diff").unlink()
    again = operator.types("artifacts", record.run_id, "--download", str(target))
    assert "file_exists: " in again.stderr
    assert "artifact_corrupt: Artifact patch.diff" in again.stderr
    assert (target / "build.log").read_text() == "mine"
    assert not (target / "patch.diff").exists()
    assert json.loads(operator.types("artifacts", record.run_id, "--json").stdout)[0]["sha256"]


def test_spooled_evidence_is_found_where_it_was_delivered(operator: Operator, serving: Serving) -> None:
    """I6: an artifact that moved from the spool to the store since the record was read is still found."""
    serving()
    record = operator.run()
    stored = operator.state / "artifacts" / "spec_workflows" / record.run_id / "build.log"
    spooled = operator.state / "spool" / record.run_id / "build.log"
    spooled.parent.mkdir(parents=True, exist_ok=True)
    stored.rename(spooled)
    assert "#1 FROM python" in operator.types("logs", record.run_id, "build").stdout


def test_a_protected_run_is_approved_by_somebody_else(operator: Operator, serving: Serving) -> None:
    """SC-002: detach exits 3 and says how; a requester is refused; an approver lets it succeed."""
    host = serving(GATE)
    run = operator.starts_a_waiting_run()
    own = operator.types("approve", run, "--yes")
    assert own.exit_code == ExitCode.FAILED
    assert own.stderr.rstrip().endswith("→ Ask somebody else.")
    assert "self_approval: dave requested this run" in own.stderr
    unasked = operator.types("approve", run, "--approver", "alice")
    assert unasked.exit_code == ExitCode.NO_RUN
    assert "--yes" in unasked.stderr
    assert "+PyYAML==0" in unasked.stderr, "the plan's diff is shown before anybody is asked"
    assert "patch" not in host.calls
    good = operator.types("approve", run, "--approver", "alice", "--comment", "go", "--yes", "--json")
    assert good.exit_code == ExitCode.OK
    assert json.loads(good.stdout)["verdict"] == "approved"
    assert operator.types("watch", run).exit_code == ExitCode.OK
    late = operator.types("approve", run, "--approver", "bob", "--yes")
    assert late.stderr.startswith("run_already_ended: ")
    shown = operator.types("show", run).stdout
    assert "refused by dave (self_approval)" in shown
    assert "approved by alice" in shown


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2), ("", 2)])
def test_a_terminal_is_asked(
    operator: Operator,
    serving: Serving,
    monkeypatch: pytest.MonkeyPatch,
    stage: Stage,
    answer: str,
    code: int,
) -> None:
    """Only a yes approves; a no, or the end of input, leaves the run waiting."""
    host = serving(GATE)
    run = operator.starts_a_waiting_run()
    monkeypatch.setattr("starter.cli.decide._stdin_is_a_terminal", lambda: True)
    result = operator.types("approve", run, "--approver", "alice", text=answer)
    assert result.exit_code == code
    assert "Approve plan" in result.stderr
    if code == 0:
        stage.until(run, RunStatus.SUCCEEDED)
    else:
        assert stage.call(stage.starter().get(run)).status is RunStatus.AWAITING_APPROVAL
    assert ("patch" in host.calls) is (code == 0)


def test_a_rejected_run_exits_6(operator: Operator, serving: Serving) -> None:
    """reject ends the run; watching it says 6; nothing was written."""
    host = serving(GATE)
    run = operator.starts_a_waiting_run()
    unknown = operator.types("reject", run, "--reason", "no", "--approver", "mallory")
    assert unknown.exit_code == ExitCode.FAILED
    assert unknown.stderr.startswith("approver_unknown: ")
    result = operator.types("reject", run, "--reason", "not today", "--approver", "bob")
    assert (result.exit_code, result.stdout.split()[0]) == (ExitCode.OK, "rejected")
    assert operator.types("watch", run).exit_code == ExitCode.STOPPED
    assert "patch" not in host.calls


def test_a_cancelled_run_exits_6(operator: Operator, serving: Serving, stage: Stage) -> None:
    """cancel asks, the run rolls back, watching it says 6; a second cancel says it has ended."""
    host = serving()
    begun = host.hang("build")
    run = stage.call(stage.starter().start(_request()))
    stage.call(asyncio.wait_for(begun.wait(), 30))
    result = operator.types("cancel", run.run_id)
    assert result.exit_code == ExitCode.OK
    assert f"mm-orchestrator watch {run.run_id}" in result.stdout
    watched = operator.types("watch", run.run_id, "--json")
    assert watched.exit_code == ExitCode.STOPPED
    assert json.loads(watched.stdout)["status"] == "cancelled"
    assert host.calls.count("rollback") == 1
    assert operator.types("cancel", run.run_id).stderr.startswith("run_already_ended: ")


def test_approving_too_early_says_so(operator: Operator, serving: Serving, stage: Stage) -> None:
    """Before a plan exists there is nothing to show or approve; afterwards nothing waits."""
    host = serving()
    begun = host.hang("analyze")
    run = stage.call(stage.starter().start(_request()))
    stage.call(asyncio.wait_for(begun.wait(), 30))
    for command in (["approve", run.run_id, "--yes"], ["plan", run.run_id], ["diff", run.run_id]):
        result = operator.types(*command)
        assert result.exit_code == ExitCode.FAILED
        assert result.stderr.startswith("no_plan_yet: ")


def test_detaching_from_an_unprotected_run_exits_0(operator: Operator, serving: Serving) -> None:
    """Ids and how to watch, as soon as it is clear that no approval is needed."""
    host = serving()
    host.hang("build")
    result = operator.types("run", "api", "repair it", "--detach")
    assert result.exit_code == ExitCode.OK
    assert re.search(r"^Workflow +mm:", result.stdout, re.MULTILINE)
    assert "mm-orchestrator watch" in result.stdout
    record = json.loads(operator.types("run", "api", "repair it", "--detach", "--json").stdout)
    assert record["status"] == "running"


def test_hostile_words_are_never_obeyed(operator: Operator, serving: Serving) -> None:
    """An instruction and a plan full of escape sequences and markup come out as visible text everywhere."""
    serving()
    hostile = "repair \x1b]0;owned\x07\x1b[2J [red]x[/red] \u202edesrever"
    result = operator.types("run", "api", hostile)
    found = RUN_ID.search(result.stdout)
    assert found is not None
    run = found.group()
    for command in (
        ["show", run],
        ["explain", run],
        ["plan", run],
        ["list"],
        ["show", run, "--json"],
        ["diff", run],
    ):
        shown = operator.types(*command)
        assert UNSAFE.search(shown.output) is None, command
    assert UNSAFE.search(result.output) is None
    assert "[red]x[/red]" in result.stdout


def test_an_unknown_run_is_an_error(operator: Operator) -> None:
    """unknown_run with a remedy, exit code 5."""
    for command in (["show"], ["watch"], ["cancel"], ["explain"], ["artifacts"], ["approve", "--yes"]):
        result = operator.types(command[0], "mm:nobody", *command[1:])
        assert result.exit_code == ExitCode.FAILED
        assert result.stderr == "unknown_run: No run mm:nobody is known.\n→ mm-orchestrator list\n"


def _request() -> RunRequest:
    return RunRequest(service="api", instruction="repair it", requested_by="dave")
