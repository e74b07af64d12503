"""The report counts a run once and tells people once, whoever settles it (FR-012)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.counted import Counted
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.journal import JournalStore
from activities.adapters.measuring import Metrics
from activities.adapters.outbox import Outbox
from activities.adapters.state_dir import StateDir
from activities.report import Report
from tests.unit.told_numbers import Told, rolled_back
from worker.composition import build_adapters, recovery_of, report_step
from worker.settings import load_settings
from workflows.errors import OrchestratorError
from workflows.models.notification import NotifyEvent
from workflows.models.record import RollbackOutcome
from workflows.models.status import RunStatus, StepName
from workflows.ports import ReportInput, RunRef

UNTOUCHED = {"DOCKER_HOST": "unix:///no/such/docker.sock", "PATH": ""}
RUN = RunRef(run_id="run-1", workflow_id="mm:1")


def ended(code: str, status: RunStatus) -> ReportInput:
    """The report of a run that ended so, with nothing of it left on this host."""
    failure = OrchestratorError(code, detail="x", run_id="run-1").failure(StepName.ROLLBACK)
    outcome = RollbackOutcome(complete=status is RunStatus.ROLLED_BACK, state="")
    record = rolled_back("run-1").model_copy(
        update={"status": status, "code": code, "failure": failure, "rollback": outcome}
    )
    return ReportInput(run=RUN, record=record)


async def test_incomplete_then_recovered_is_one_run_and_two_messages(tmp_path: Path) -> None:
    """The run has failed once; that it was recovered later is a fact of its own, and worth telling."""
    told, state = Told(), StateDir(tmp_path / "state")

    def report(settled_by: str) -> Report:
        return Report(
            JournalStore(state), ArtifactStore.in_state_dir(state), DockerEngine.from_environment(UNTOUCHED),
            Metrics((told,), Counted(state)), settled_by, Outbox(state),
        )  # fmt: skip

    for _ in range(2):  # the activity is tried again after its worker died
        await report("report").report(ended("rollback_incomplete", RunStatus.FAILED))
    assert "runs.recovered" not in told.counted
    for _ in range(2):
        await report("recover").report(ended("run_recovered", RunStatus.ROLLED_BACK))
    runs = sorted(name for name in told.counted if name.startswith(("runs.", "failures.")))
    assert runs == ["failures.rollback_incomplete", "runs.recovered", "runs.status.failed"]
    events = [letter.notification.event for letter in Outbox(state).letters()]
    assert events == [NotifyEvent.ROLLBACK_INCOMPLETE, NotifyEvent.ROLLED_BACK]
    assert Outbox(state).letters()[0].notification.occurred_at <= datetime.now(UTC)


async def test_guard_and_recover_tell_as_the_workflow_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wiring gives them the same numbers and the same outbox."""
    monkeypatch.setenv("MM_ORCHESTRATOR_NOTIFY_URL", "http://127.0.0.1:9/x")
    monkeypatch.setenv("MM_ORCHESTRATOR_NOTIFY_EVENTS", "rolled_back")
    adapters = await build_adapters(load_settings(), StateDir(tmp_path / "state"), None, UNTOUCHED)
    assert adapters.outbox is not None
    assert adapters.outbox.events == {NotifyEvent.ROLLED_BACK}
    recovering = recovery_of(adapters).report.__self__  # type: ignore[attr-defined]
    assert recovering.settled_by == "recover"
    assert recovering.outbox is report_step(adapters).outbox is adapters.outbox
    assert recovering.metrics is adapters.metrics
