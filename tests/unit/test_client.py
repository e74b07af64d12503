"""The programmatic starter against a real Temporal server, the real workflow and a scripted host."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from starter.client import OrchestratorClient, RunHandle
from starter.reading import NO_WORKER, NO_WORKER_NOW
from tests.unit.cli_stage import EvidenceHost, Stage
from tests.unit.record_samples import ROLLED_BACK, artifact
from tests.workflow.scripted_host import GATE
from workflows.errors import OrchestratorError
from workflows.models.approval import Verdict
from workflows.models.manifest import Manifest, ManifestEntry
from workflows.models.policy import ApprovalGate
from workflows.models.record import RunRecord, RunReport
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus, StepName, StepStatus

REQUEST = RunRequest(service="api", instruction="repair the missing dependency", requested_by="dave")


@pytest.fixture
def serving(stage: Stage, tmp_path: Path) -> Iterator[Callable[..., EvidenceHost]]:
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


async def collect(starter: OrchestratorClient, run: RunHandle | str) -> list[RunRecord]:
    """Everything ``watch`` says, bounded."""
    async with asyncio.timeout(40):
        return [record async for record in starter.watch(run)]


async def until(condition: Callable[[], bool]) -> None:
    """Wait, bounded, for something that another task does."""
    async with asyncio.timeout(40):
        while not condition():  # noqa: ASYNC110 - the other task is a thread away
            await asyncio.sleep(0.05)


def test_a_run_is_started_watched_and_read(stage: Stage, serving: Callable[..., EvidenceHost]) -> None:
    """Start gives the ids, watch ends with the final record, get reads the same by either id."""
    serving()
    starter = stage.starter()
    run = stage.call(starter.start(REQUEST))
    records = stage.call(collect(starter, run))
    assert records[-1].status is RunStatus.SUCCEEDED
    assert run.workflow_id.startswith("mm:")
    assert records[-1].run_id == run.run_id
    assert records[-1].requested_by == "dave"
    assert len({record.model_dump_json() for record in records}) == len(records), "each change once"
    for name in (run.run_id, run.workflow_id, run.workflow_id.removeprefix("mm:")):
        assert stage.call(starter.get(name)) == records[-1]
    assert stage.call(starter.plan(run)).digest == records[-1].plan.digest  # type: ignore[union-attr]
    assert [a.name for a in stage.call(starter.artifacts(run))] == [a.name for a in records[-1].artifacts]
    assert run.run_id in [record.run_id for record in stage.call(starter.list(50))]


def test_start_sends_what_lists_show(stage: Stage) -> None:
    """Memo and the registered search attributes are there before any worker is."""
    run = stage.call(stage.starter().start(REQUEST))

    async def look() -> tuple[dict[str, object], dict[str, object]]:
        described = await stage.client.get_workflow_handle(run.workflow_id).describe()
        attributes = {pair.key.name: pair.value for pair in described.typed_search_attributes}
        return dict(await described.memo()), attributes

    memo, attributes = stage.call(look())
    assert memo == {"title": "api: repair the missing dependency", "summary": "pending"}
    assert attributes["mm_owner_type"] == "user"
    assert attributes["mm_owner_id"] == "dave"
    assert attributes["mm_state"] == "initializing"
    stage.call(stage.client.get_workflow_handle(run.workflow_id).terminate())


def test_without_a_worker_the_start_event_still_tells(stage: Stage) -> None:
    """No worker at all: the record is pending, names who asked for what, and says why it is thin."""
    starter = stage.starter()
    run = stage.call(starter.start(REQUEST))
    record = stage.call(starter.get(run))
    assert (record.status, record.instruction, record.service) == (
        RunStatus.PENDING, REQUEST.instruction, "api",
    )  # fmt: skip
    assert record.warnings == (NO_WORKER,)
    with pytest.raises(OrchestratorError) as caught:
        stage.call(starter.approve(run, plan_digest="x"))
    assert caught.value.code == "worker_unavailable"
    stage.call(stage.client.get_workflow_handle(run.workflow_id).terminate())


def test_secrets_never_reach_the_history(stage: Stage, serving: Callable[..., EvidenceHost]) -> None:
    """I5: a credential in the instruction is masked before it is sent; in a patch it is refused."""
    serving()
    starter = stage.starter()
    asked = REQUEST.model_copy(update={"instruction": "add foo from https://bob:hunter2@host/x to api"})
    run = stage.call(starter.start(asked))
    stage.call(collect(starter, run))

    async def history() -> str:
        fetched = await stage.client.get_workflow_handle(run.workflow_id).fetch_history()
        return fetched.to_json()

    text = stage.call(history())
    assert "hunter2" not in text
    assert stage.call(starter.get(run)).instruction == "add foo from https://[masked]@host/x to api"
    leaking = REQUEST.model_copy(update={"patch": "+ok\n+API_TOKEN=abcdef\n"})
    with pytest.raises(OrchestratorError, match="line 2"):
        stage.call(starter.start(leaking))


def test_approve_is_answered(stage: Stage, serving: Callable[..., EvidenceHost]) -> None:
    """SC-002: a refusal is heard with its code, an approval lets the run go on."""
    serving(GATE)
    starter = stage.starter()
    run = stage.call(starter.start(REQUEST))
    stage.until(run.run_id, RunStatus.AWAITING_APPROVAL)
    digest = stage.call(starter.plan(run)).digest
    for who, code in (
        ("dave", "self_approval"),
        ("eve", "approver_unknown"),
        ("carol", "approver_role_missing"),
    ):
        refused = stage.call(starter.approve(run, plan_digest=digest, approver=who))
        assert (refused.verdict, refused.code) == (Verdict.REFUSED, code)
    other = stage.call(starter.approve(run, plan_digest="0" * 64, approver="alice"))
    assert other.code == "plan_digest_mismatch"
    approved = stage.call(starter.approve(run, plan_digest=digest, approver="alice", comment="go"))
    assert (approved.verdict, approved.comment) == (Verdict.APPROVED, "go")
    assert stage.call(collect(starter, run))[-1].status is RunStatus.SUCCEEDED
    with pytest.raises(OrchestratorError) as late:
        stage.call(starter.approve(run, plan_digest=digest, approver="alice"))
    assert late.value.code == "run_already_ended"


def test_reject_ends_the_run(stage: Stage, serving: Callable[..., EvidenceHost]) -> None:
    """A rejection with its reason ends the run before anything is written."""
    host = serving(GATE)
    starter = stage.starter()
    run = stage.call(starter.start(REQUEST))
    stage.until(run.run_id, RunStatus.AWAITING_APPROVAL)
    answer = stage.call(starter.reject(run, reason="not today", approver="bob"))
    assert answer.verdict is Verdict.REJECTED
    last = stage.call(collect(starter, run))[-1]
    assert (last.status, last.code) == (RunStatus.REJECTED, "approval_rejected")
    assert "patch" not in host.calls


def test_cancel_ends_cancelled_after_the_rollback(stage: Stage, serving: Callable[..., EvidenceHost]) -> None:
    """I4: a cancelled run has rolled back; its record is read though the workflow has no result."""
    host = serving()
    begun = host.hang("build")
    starter = stage.starter()
    run = stage.call(starter.start(REQUEST))
    stage.call(asyncio.wait_for(begun.wait(), 30))
    stage.call(starter.cancel(run))
    last = stage.call(collect(starter, run))[-1]
    assert (last.status, last.code) == (RunStatus.CANCELLED, "cancelled")
    assert host.calls.count("rollback") == 1
    with pytest.raises(OrchestratorError) as late:
        stage.call(starter.cancel(run))
    assert late.value.code == "run_already_ended"


def test_a_terminated_run_never_claims_to_run(stage: Stage, serving: Callable[..., EvidenceHost]) -> None:
    """A terminate runs no code of the workflow: the record says it was interrupted and what to type."""
    host = serving()
    begun = host.hang("build")
    starter = stage.starter()
    run = stage.call(starter.start(REQUEST))
    stage.call(asyncio.wait_for(begun.wait(), 30))
    stage.call(stage.client.get_workflow_handle(run.workflow_id).terminate())
    record = stage.call(starter.get(run))
    assert (record.status, record.code) == (RunStatus.FAILED, "run_interrupted")
    assert record.failure is not None
    assert record.failure.remedy == f"mm-orchestrator recover {run.run_id}"
    assert StepStatus.IN_PROGRESS in {step.status for step in record.steps}, "how far it came is kept"


def test_bad_input_from_another_client_is_told(stage: Stage, serving: Callable[..., EvidenceHost]) -> None:
    """A run that another client started with a wrong type failed with invalid_request, and get says so."""
    serving()

    async def start_badly() -> str:
        handle = await stage.client.start_workflow(
            "MoonMind.OrchestratorRun", {"instruction": 7}, id="mm:bad-input", task_queue="mm.orchestrator"
        )
        return handle.id

    record = stage.call(collect(stage.starter(), stage.call(start_badly())))[-1]
    assert (record.status, record.code) == (RunStatus.FAILED, "invalid_request")
    assert "instruction" in record.summary


def test_the_same_workflow_id_is_the_same_run(stage: Stage) -> None:
    """Starting again under an id that runs gives that run; another one is not begun."""
    starter = stage.starter()
    one = stage.call(starter.start(REQUEST, workflow_id="mm:once"))
    two = stage.call(starter.start(REQUEST, workflow_id="mm:once"))
    assert one == two
    stage.call(stage.client.get_workflow_handle("mm:once").terminate())


@pytest.mark.parametrize(
    "run",
    ["nonsense", "mm:nonsense", "00000000-0000-0000-0000-000000000000", "../../etc/passwd", "x" * 2000, "'"],
)
def test_an_unknown_run_is_named(stage: Stage, tmp_path: Path, run: str) -> None:
    """Neither a wrong id nor a hostile one is more than an unknown run."""
    with pytest.raises(OrchestratorError) as caught:
        stage.call(stage.starter(tmp_path).get(run))
    assert caught.value.code == "unknown_run"


def test_a_workflow_of_another_type_is_no_run(stage: Stage) -> None:
    """Somebody else's workflow is not ours to show or cancel."""

    async def start_other() -> None:
        await stage.client.start_workflow("Other", id="other", task_queue="elsewhere")

    stage.call(start_other())
    with pytest.raises(OrchestratorError, match="No run other is known"):
        stage.call(stage.starter().cancel("other"))
    stage.call(stage.client.get_workflow_handle("other").terminate())


def stored_report(state: Path, record: RunRecord) -> None:
    """Write a report as the worker stores it."""
    path = state / "artifacts" / "spec_workflows" / record.run_id / "report.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(RunReport(record=record).model_dump_json())


async def test_without_temporal_the_stored_report_is_read(tmp_path: Path) -> None:
    """No server: the report on this machine is shown by either id, and says where it comes from."""
    stored_report(tmp_path, ROLLED_BACK)
    starter = await OrchestratorClient.connect("localhost:1", state_dir=tmp_path)
    for name in (ROLLED_BACK.run_id, ROLLED_BACK.workflow_id):
        record = await starter.get(name)
        assert record.status is RunStatus.ROLLED_BACK
        assert "this is the stored report" in record.warnings[-1]
    assert [r.run_id for r in await starter.list()] == [ROLLED_BACK.run_id]
    with pytest.raises(OrchestratorError) as caught:
        await starter.get("mm:other")
    assert caught.value.code == "temporal_unavailable"
    assert "localhost:1" in caught.value.message
    assert "connection refused" in caught.value.message


async def test_a_stored_report_is_evidence_itself(tmp_path: Path) -> None:
    """The report cannot name itself, its page or its manifest; read back, the record has all of them (I6)."""
    run_id = "01a2055f-7204-79a3-8011-6ff8ad3ed7b9"
    others = (artifact("analyze.log"), artifact("build.log"))
    stored_report(tmp_path, ROLLED_BACK.model_copy(update={"run_id": run_id, "artifacts": others}))
    directory = tmp_path / "artifacts" / "spec_workflows" / run_id
    page = b"<!DOCTYPE html>"
    (directory / "report.html").write_bytes(page)
    entry = ManifestEntry(
        name="report.html",
        sha256=hashlib.sha256(page).hexdigest(),
        size_bytes=len(page),
        content_type="text/html; charset=utf-8",
    )
    (directory / "manifest.json").write_text(Manifest(run_id=run_id, artifacts=(entry,)).model_dump_json())
    starter = await OrchestratorClient.connect("localhost:1", state_dir=tmp_path)
    found = {a.name: a for a in (await starter.get(run_id)).artifacts}
    assert set(found) == {*(a.name for a in others), "report.json", "report.html", "manifest.json"}
    assert found["report.html"].content_type == "text/html; charset=utf-8"
    for name in ("report.json", "report.html", "manifest.json"):
        data = (directory / name).read_bytes()
        assert (found[name].sha256, found[name].size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))


def test_a_terminated_run_is_told_by_its_report(
    stage: Stage, serving: Callable[..., EvidenceHost], tmp_path: Path
) -> None:
    """After a terminate whoever settled the run wrote the report, and that counts."""
    host = serving()
    begun = host.hang("build")
    starter = stage.starter(tmp_path)
    run = stage.call(starter.start(REQUEST))
    stage.call(asyncio.wait_for(begun.wait(), 30))
    before = stage.call(starter.get(run))
    stage.call(stage.client.get_workflow_handle(run.workflow_id).terminate())
    settled = before.model_copy(update={"status": RunStatus.ROLLED_BACK, "code": "settled"})
    stored_report(tmp_path, settled)
    assert stage.call(starter.get(run)) == settled


def test_a_recovery_that_came_later_wins(
    stage: Stage, serving: Callable[..., EvidenceHost], tmp_path: Path
) -> None:
    """A run that failed with its rollback incomplete and was recovered since is shown as recovered."""
    host = serving()
    host.then("verify", OrchestratorError("container_crashed", detail="exit 1"))
    starter = stage.starter(tmp_path)
    run = stage.call(starter.start(REQUEST))
    last = stage.call(collect(starter, run))[-1]
    assert last.completed_at is not None
    report = tmp_path / "artifacts" / "spec_workflows" / run.run_id / "report.json"
    later = last.model_copy(
        update={
            "status": RunStatus.ROLLED_BACK,
            "summary": "recovered",
            "completed_at": last.completed_at.replace(year=2100),
        }
    )
    report.write_text(RunReport(record=later).model_dump_json())
    assert stage.call(starter.get(run)).summary == "recovered"


def test_watch_survives_a_worker_that_goes_away(stage: Stage, tmp_path: Path) -> None:
    """While no worker answers, what was known stays with a word of warning; the next one goes on."""
    starter = stage.starter()
    first, second = EvidenceHost(tmp_path, gate=GATE), EvidenceHost(tmp_path, gate=GATE)
    seen: list[RunRecord] = []

    async def note_all() -> None:
        async for record in starter.watch(run):
            seen.append(record)  # noqa: PERF401 - one by one is the point

    with stage.serving(first, leave_runs=True):
        run = stage.call(starter.start(REQUEST))
        stage.until(run.run_id, RunStatus.AWAITING_APPROVAL)
        watching = stage.begin(note_all())
        stage.call(until(lambda: bool(seen)))
    stage.call(until(lambda: NO_WORKER_NOW in seen[-1].warnings))
    with stage.serving(second):
        digest = stage.call(starter.plan(run)).digest
        stage.call(starter.approve(run, plan_digest=digest, approver="alice"))
        watching.result(timeout=60)
    assert any(NO_WORKER_NOW in record.warnings and record.plan for record in seen)
    assert seen[-1].status is RunStatus.SUCCEEDED
    assert NO_WORKER_NOW not in seen[-1].warnings
    assert "patch" in second.calls
    assert "patch" not in first.calls


def test_failure_codes_travel(stage: Stage, serving: Callable[..., EvidenceHost]) -> None:
    """A step's failure arrives with code, step and remedy."""
    host = serving()
    host.then("preflight", OrchestratorError("docker_unavailable", detail="no socket"))
    record = stage.call(collect(stage.starter(), stage.call(stage.starter().start(REQUEST))))[-1]
    told = OrchestratorError("docker_unavailable", detail="no socket").failure(StepName.PREFLIGHT)
    assert record.failure == told


def test_the_evidence_matches_its_checksums(
    stage: Stage, serving: Callable[..., EvidenceHost], tmp_path: Path
) -> None:
    """SC-003: what the record names lies there with that hash."""
    serving()
    starter = stage.starter(tmp_path)
    record = stage.call(collect(starter, stage.call(starter.start(REQUEST))))[-1]
    real = {a.name: a for a in record.artifacts if a.uri.startswith(tmp_path.as_uri())}
    assert set(real) == {"patch.diff", "build.log", "report.json"}
    for stored in real.values():
        data = Path(stored.uri.removeprefix("file://")).read_bytes()
        assert hashlib.sha256(data).hexdigest() == stored.sha256
