"""The report's pure parts: how a journal ends, the suggested commit, masking (SPEC FR-010, I4, I5)."""

import json

import pytest

from activities.adapters.redaction import Redactor
from activities.report import commit_message, event_lines, masked_report, settles_as
from tests.unit.state_samples import NOW
from workflows.models.record import FileTouched, RollbackOutcome, RunEvent, RunRecord, RunReport
from workflows.models.status import RunStatus, StepName, StepStatus

TOKEN = "ghp_" + "a1B2" * 9


def record(
    status: RunStatus, rollback: RollbackOutcome | None = None, instruction: str = "repair api"
) -> RunRecord:
    """A finished run."""
    return RunRecord(
        run_id="r-1", workflow_id="mm:1", status=status, instruction=instruction, service="api",
        project="shop", files_touched=(FileTouched(path="api/requirements.txt", before="a", after="b"),),
        rollback=rollback, created_at=NOW,
    )  # fmt: skip


WHOLE = RollbackOutcome(complete=True)
PART = RollbackOutcome(complete=False)
NONE = RollbackOutcome(complete=True, nothing_written=True)


@pytest.mark.parametrize(
    ("status", "rollback", "outcome"),
    [
        (RunStatus.SUCCEEDED, None, "succeeded"),
        (RunStatus.ROLLED_BACK, WHOLE, "rolled_back"),
        (RunStatus.CANCELLED, WHOLE, "rolled_back"),
        (RunStatus.FAILED, PART, None),
        (RunStatus.FAILED, NONE, None),
        (RunStatus.FAILED, None, None),
        (RunStatus.PLANNED, None, None),
    ],
)
def test_a_journal_is_settled_only_by_what_was_measured(
    status: RunStatus, rollback: RollbackOutcome | None, outcome: str | None
) -> None:
    """An incomplete rollback leaves the journal open for `recover`."""
    assert settles_as(record(status, rollback)) == outcome


def test_a_repair_comes_with_a_commit_message() -> None:
    """Subject of one short line, what was done, the files, the run."""
    message = commit_message(record(RunStatus.SUCCEEDED, instruction="repair " + "x" * 100))
    subject, empty, *body = message.splitlines()
    assert len(subject) <= 72
    assert empty == ""
    assert "- api/requirements.txt" in body
    assert body[-1] == "Orchestrator-Run: r-1"
    assert commit_message(record(RunStatus.ROLLED_BACK, WHOLE)) == ""


def test_a_file_that_an_earlier_round_changed_and_that_was_put_back_is_not_committed() -> None:
    """The text names what the repair left changed, nothing else."""
    back = FileTouched(path="api/Dockerfile", before="a", after="a")
    done = record(RunStatus.SUCCEEDED)
    both = done.model_copy(update={"files_touched": (back, *done.files_touched)})
    assert commit_message(both) == commit_message(done)
    assert commit_message(done.model_copy(update={"files_touched": (back,)})) == ""


def test_report_and_events_are_masked_and_stay_readable() -> None:
    """A secret in any text goes; the documents still parse (I5)."""
    leaking = record(RunStatus.SUCCEEDED, instruction=f'repair "api" with {TOKEN} and PASSWORD="hunter22x"')
    event = RunEvent(
        ts=NOW, run_id="r-1", round=1, step=StepName.BUILD, state=StepStatus.FAILED, message=f"said\n{TOKEN}"
    )
    report = masked_report(RunReport(record=leaking, events=(event,)), Redactor())
    lines = event_lines((event, event), Redactor()).decode()
    for text in (report.model_dump_json(), lines):
        assert TOKEN not in text
        assert "hunter22x" not in text
    assert report.record.run_id == "r-1"
    assert [json.loads(line)["step"] for line in lines.splitlines()] == ["build", "build"]
