"""retry and stats against the real workflow and a scripted host, as an operator types them."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from starter.cli.exit_codes import ExitCode
from starter.statistics.model import Statistics
from tests.unit.cli_stage import RUN_ID, BundleHost, Operator, Stage
from tests.unit.record_samples import ROLLED_BACK, SUCCEEDED
from tests.workflow.scripted_host import GATE
from workflows.errors import OrchestratorError
from workflows.models.finding import FindingKind
from workflows.models.record import RunRecord, RunReport
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus

PATCH = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n"
FORGOTTEN = "0190a1b2-0000-4000-8000-000000000001"
REQUEST = RunRequest(service="api", instruction="repair it", requested_by="dave")


Serving = Callable[..., BundleHost]


@pytest.fixture
def serving(stage: Stage, operator: Operator) -> Iterator[Serving]:
    """A factory ``serving(gate=None) -> BundleHost`` with workers until the test ends."""
    hosts: list[BundleHost] = []

    def serve(gate: object = None) -> BundleHost:
        host = BundleHost(operator.state, gate=gate)  # type: ignore[arg-type]
        opened = stage.serving(host)
        opened.__enter__()
        closing.append(opened)
        hosts.append(host)
        return host

    closing: list[object] = []
    yield serve
    for opened in closing:
        opened.__exit__(None, None, None)  # type: ignore[attr-defined]


def stored_report(operator: Operator, record: RunRecord) -> None:
    """A report in the state directory of a run that Temporal does not know."""
    path = operator.state / "artifacts" / "spec_workflows" / record.run_id / "report.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(RunReport(record=record).model_dump_json())


def test_a_run_that_was_rolled_back_is_repeated(operator: Operator, serving: Serving, tmp_path: Path) -> None:
    """The same instruction, service, project, patch and rounds; the requester is who retries."""
    patch = tmp_path / "x.patch"
    patch.write_text(PATCH)
    host = serving()
    host.then("verify", OrchestratorError("probe_unavailable", detail="x"))
    first = operator.run("--patch", str(patch), "--max-rounds", "3", "--project", "shop")
    assert first.status is RunStatus.ROLLED_BACK
    operator.user = "erin"
    again = operator.types("retry", first.run_id, "--json")
    record = RunRecord.model_validate_json(again.stdout)
    assert (again.exit_code, record.status) == (ExitCode.OK, RunStatus.SUCCEEDED)
    assert f"Run {record.run_id} repeats run {first.run_id}." in again.stderr
    asked, repeated = (job.request for job in host.jobs["preflight"])
    assert repeated == asked.model_copy(update={"requested_by": "erin", "retry_of": first.run_id})
    assert (record.retry_of, record.requested_by) == (first.run_id, "erin")
    assert f"It repeats run {first.run_id}." in operator.types("explain", record.run_id).stdout


def test_what_goes_on_or_succeeded_is_not_repeated(
    operator: Operator, serving: Serving, stage: Stage
) -> None:
    """Each with its own code and remedy; no new run begins."""
    host = serving()
    done = operator.run()
    refused = operator.types("retry", done.run_id)
    assert refused.exit_code == ExitCode.NO_RUN
    assert refused.stderr.startswith("nothing_to_retry: ")
    begun = host.hang("build")
    run = stage.call(stage.starter().start(REQUEST))
    stage.call(asyncio.wait_for(begun.wait(), 30))
    for command in (["retry", run.run_id], ["verify-bundle", run.run_id]):
        refused = operator.types(*command)
        assert refused.exit_code != ExitCode.OK
        assert refused.stderr.startswith(f"run_not_ended: Run {run.run_id} has not ended: running")
    assert operator.types("retry", "mm:nobody").stderr.startswith("unknown_run: ")
    assert host.calls.count("preflight") == 2


def test_a_run_that_temporal_forgot_is_repeated_from_its_report(operator: Operator, serving: Serving) -> None:
    """What the record tells is asked again; a patch comes from its artifact."""
    host = serving()
    stored_report(operator, ROLLED_BACK.model_copy(update={"run_id": FORGOTTEN, "workflow_id": "mm:gone"}))
    assert operator.types("retry", FORGOTTEN, "--json").exit_code == ExitCode.OK
    request = host.jobs["preflight"][-1].request
    assert (request.instruction, request.service, request.project, request.patch, request.retry_of) == (
        ROLLED_BACK.instruction,
        "api",
        "shop",
        None,
        FORGOTTEN,
    )


def test_a_forgotten_patch_is_read_from_the_evidence_or_refused(
    operator: Operator, serving: Serving, stage: Stage
) -> None:
    """Never is a run with a patch repeated without it."""
    host = serving()
    assert ROLLED_BACK.plan is not None
    finding = ROLLED_BACK.plan.findings[0].model_copy(update={"kind": FindingKind.OPERATOR_PATCH})
    diff = stage.call(host.store.put(FORGOTTEN, "patch.diff", PATCH.encode()))
    plan = ROLLED_BACK.plan.model_copy(
        update={"findings": (finding,), "diff_artifact": diff, "diff": PATCH[:9]}
    )
    stored_report(operator, ROLLED_BACK.model_copy(update={"run_id": FORGOTTEN, "plan": plan}))
    assert operator.types("retry", FORGOTTEN, "--json").exit_code == ExitCode.OK
    assert host.jobs["preflight"][-1].request.patch == PATCH
    (operator.state / "artifacts" / "spec_workflows" / FORGOTTEN / "patch.diff").write_text("another")
    refused = operator.types("retry", FORGOTTEN)
    assert refused.exit_code == ExitCode.NO_RUN
    assert refused.stderr.startswith("artifact_corrupt: ")


def test_a_masked_instruction_is_not_repeated(operator: Operator, serving: Serving) -> None:
    """The secret in it was not kept, so that it would mean something else."""
    host = serving()
    masked = ROLLED_BACK.model_copy(update={"run_id": FORGOTTEN, "instruction": "use token=[masked] for api"})
    stored_report(operator, masked)
    refused = operator.types("retry", FORGOTTEN)
    assert refused.exit_code == ExitCode.NO_RUN
    assert "type it again" in refused.stderr
    assert "preflight" not in host.calls


def test_stats_counts_runs_reports_and_what_has_none(
    operator: Operator, serving: Serving, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From Temporal's list and the reports: ended, waiting, terminated, and one that Temporal forgot."""
    monkeypatch.setattr("starter.statistics.visible._PAGE", 2)  # so that there is more than one page
    started = datetime.now(UTC)
    host = serving(GATE)
    waiting = operator.starts_a_waiting_run()
    lost = operator.starts_a_waiting_run()
    stage.call(stage.client.get_workflow_handle(_workflow(operator, lost)).terminate())
    approved = operator.starts_a_waiting_run()
    operator.types("approve", approved, "--approver", "alice", "--yes")
    assert operator.types("watch", approved).exit_code == ExitCode.OK
    stored_report(
        operator, SUCCEEDED.model_copy(update={"run_id": FORGOTTEN, "created_at": datetime.now(UTC)})
    )
    since = started.isoformat()
    numbers = Statistics.model_validate_json(operator.types("stats", "--since", since, "--json").stdout)
    assert numbers.runs.by_status == {"succeeded": 2}
    assert numbers.runs.open == {"awaiting_external": 1}
    assert numbers.runs.without_record == {"terminated": 1}
    assert numbers.runs.total == 4
    assert [(c.id, c.n, c.met) for c in numbers.criteria[:2]] == [("SC-001", 2, True), ("SC-002", 1, True)]
    assert (numbers.approvals.approved, numbers.approvals.wait.n) == (1, 1)
    assert host.calls.count("preflight") == 3
    assert waiting


def _workflow(operator: Operator, run_id: str) -> str:
    return str(json.loads(operator.types("show", run_id, "--json").stdout)["workflow_id"])


def test_stats_with_a_baseline_reports_and_a_page(operator: Operator, tmp_path: Path) -> None:
    """SC-004 end to end: baseline file, report-manual, a whole month; the page holds its own plots."""
    operator.settings = {"TEMPORAL_ADDRESS": "127.0.0.1:1"}
    at = datetime(2026, 3, 10, tzinfo=UTC)
    by_hand = ("report-manual", "2", "--period", "2026-03")
    stored_report(operator, SUCCEEDED.model_copy(update={"run_id": FORGOTTEN, "created_at": at}))
    assert operator.types(*by_hand, "--note", "token=abc123def456").exit_code == ExitCode.OK
    assert "abc123def456" not in (operator.state / "manual-commands.jsonl").read_text()
    baseline = tmp_path / "baseline.yaml"
    baseline.write_text("manual_commands_per_recovery: 12\n")
    page = tmp_path / "stats.html"
    march = ("--since", "2026-03-01", "--until", "2026-04-01")
    shown = operator.types("stats", *march, "--baseline", str(baseline), "--html", str(page))
    assert shown.exit_code == ExitCode.OK, shown.output
    assert "Open runs, and runs without a report, are not counted" in shown.stdout
    assert "met: 100 % (1 of n=1)" in shown.stdout
    assert "75 % less" in shown.stdout
    assert page.read_text().startswith("<!doctype html>")
    again = operator.types("stats", "--since", str(at + timedelta(days=1)), "--until", "2026-04-01", "--json")
    numbers = Statistics.model_validate_json(again.stdout)
    assert (numbers.runs.total, numbers.criteria[0].n, numbers.months[0].recoveries) == (0, 0, 1)


@pytest.mark.parametrize(
    "args",
    [
        ("stats", "--since", "yesterday"),
        ("stats", "--since", "1d", "--until", "2d"),
        ("report-manual", "-1"),
        ("report-manual", "3", "--period", "March"),
    ],
)
def test_wrong_usage_is_refused(operator: Operator, args: tuple[str, ...]) -> None:
    """Exit code 2, before anything is asked or written."""
    assert operator.types(*args).exit_code == ExitCode.NO_RUN
    assert list(operator.state.iterdir()) == []


def test_stats_without_temporal_and_reports_is_an_error(operator: Operator) -> None:
    """Nothing is no zero."""
    operator.settings = {"TEMPORAL_ADDRESS": "127.0.0.1:1"}
    found = operator.types("stats")
    assert found.exit_code == ExitCode.FAILED
    assert found.stderr.startswith("temporal_unavailable: ")
    assert RUN_ID.search(found.stdout) is None
