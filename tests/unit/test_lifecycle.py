"""The ledger of a run and the rules of its end: pure, so every case is a row."""

from datetime import UTC, datetime, timedelta

import pytest

from workflows.errors import OrchestratorError
from workflows.lifecycle import (
    Ledger,
    brings_new_evidence,
    made_by,
    outage_seconds,
    status_after_rollback,
)
from workflows.models.artifact import RunArtifact, artifact_type
from workflows.models.record import FileTouched, RunRecord
from workflows.models.status import RunStatus, StepName, StepStatus
from workflows.visibility import memo, mm_state, progress, step_ledger
from workflows.web_details import details

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def ledger() -> Ledger:
    """A run that has not begun."""
    return Ledger(RunRecord(run_id="r1", workflow_id="mm:1", instruction="repair api", created_at=T0))


def artifact(name: str, sha256: str = "0" * 64) -> RunArtifact:
    """One piece of evidence."""
    return RunArtifact(id="art_x", name=name, type=artifact_type(name), uri=f"file:///{name}",
                       sha256=sha256, size_bytes=1, content_type="text/plain", created_at=T0,
                       retain_until=T0)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "step", "round_"),
    [
        ("build.log", StepName.BUILD, 1),
        ("build.2.log", StepName.BUILD, 2),
        ("service-before.3.log", StepName.RESTART, 3),
        ("containers.json", StepName.VERIFY, 1),
        ("diff-after.2.patch", StepName.PATCH, 2),
        ("patch.diff", StepName.PLAN, 1),
        ("rollback.2.log", StepName.ROLLBACK, 1),
        ("report.json", StepName.REPORT, 1),
        ("something", StepName.REPORT, 1),
    ],
)
def test_evidence_found_belongs_to_the_step_that_made_it(name: str, step: StepName, round_: int) -> None:
    """A cancelled step cannot name what it wrote; its name tells (I6)."""
    assert made_by(artifact(name)) == (step, round_)
    run = ledger()
    run.begin(step, round_, T0)
    run.store_found((artifact(name),))
    assert run.record.artifacts == (artifact(name),)
    assert [s.artifacts for s in run.record.steps if (s.name, s.round) == (step, round_)] == [(name,)]


def test_a_new_run_has_every_step_pending_in_order() -> None:
    """The operator sees the whole lifecycle from the start."""
    steps = ledger().record.steps
    assert [s.name for s in steps] == list(StepName)
    assert {s.status for s in steps} == {StepStatus.PENDING}


def test_a_later_round_stands_before_rollback_and_report() -> None:
    """Steps of all rounds are kept, in the order they happened."""
    book = ledger()
    for step in (StepName.ANALYZE, StepName.PLAN):
        book.begin(step, 2, T0)
    names = [(s.name, s.round) for s in book.record.steps]
    assert names[-4:] == [("analyze", 2), ("plan", 2), ("rollback", 1), ("report", 1)]


def test_times_are_those_of_begin_and_end() -> None:
    """Each step carries both, and each change is an event (FR-010)."""
    book = ledger()
    book.begin(StepName.BUILD, 1, T0, "go")
    book.end(StepName.BUILD, 1, StepStatus.SUCCEEDED, T0 + timedelta(seconds=3), "built")
    step = next(s for s in book.record.steps if s.name is StepName.BUILD)
    assert (step.started_at, step.completed_at, step.message) == (T0, T0 + timedelta(seconds=3), "built")
    assert [(e.step, e.state) for e in book.events] == [("build", "in_progress"), ("build", "succeeded")]


def test_artifacts_of_one_name_replace_each_other() -> None:
    """A retried step's evidence counts once, with its last checksum."""
    book = ledger()
    book.begin(StepName.BUILD, 1, T0)
    book.store(StepName.BUILD, 1, [artifact("build.log", "1" * 64)])
    book.store(StepName.BUILD, 1, [artifact("build.log", "2" * 64)])
    assert [a.sha256 for a in book.record.artifacts] == ["2" * 64]
    assert next(s.artifacts for s in book.record.steps if s.name is StepName.BUILD) == ("build.log",)


def test_the_first_before_of_a_file_is_the_state_before_round_one() -> None:
    """Two rounds that touch one file leave one entry: original to final (I8)."""
    book = ledger()
    book.touch([FileTouched(path="a", before="0", after="1")])
    book.touch([FileTouched(path="a", before="1", after="2"), FileTouched(path="b", after="9")])
    touched = {f.path: (f.before, f.after) for f in book.record.files_touched}
    assert touched == {"a": ("0", "2"), "b": (None, "9")}


def test_the_outage_of_a_rolled_back_service_ends_with_the_rollback() -> None:
    """The new container never worked, so the gap between two containers is not the outage."""
    book = ledger()
    assert outage_seconds(book.record, T0) is None
    book.begin(StepName.RESTART, 1, T0)
    book.end(StepName.RESTART, 1, StepStatus.SUCCEEDED, T0 + timedelta(seconds=1))
    assert outage_seconds(book.record, T0 + timedelta(seconds=40)) == 40


def test_nothing_stays_open_at_the_end() -> None:
    """Interrupted steps have failed, steps never reached are skipped."""
    book = ledger()
    book.begin(StepName.BUILD, 1, T0)
    book.close_open_steps(T0)
    states = {s.name: s.status for s in book.record.steps}
    assert states[StepName.BUILD] is StepStatus.FAILED
    assert states[StepName.VERIFY] is StepStatus.SKIPPED


@pytest.mark.parametrize(
    ("claimed", "complete", "nothing_written", "status"),
    [
        (RunStatus.FAILED, True, False, RunStatus.ROLLED_BACK),
        (RunStatus.FAILED, True, True, RunStatus.FAILED),
        (RunStatus.FAILED, False, False, RunStatus.FAILED),
        (RunStatus.CANCELLED, True, False, RunStatus.CANCELLED),
        (RunStatus.CANCELLED, True, True, RunStatus.CANCELLED),
        (RunStatus.CANCELLED, False, False, RunStatus.FAILED),
    ],
)
def test_the_status_after_a_rollback_is_what_was_measured(
    claimed: RunStatus, complete: bool, nothing_written: bool, status: RunStatus
) -> None:
    """ "rolled_back" and "cancelled" are claims about the world; an incomplete rollback is neither."""
    assert status_after_rollback(claimed, complete=complete, nothing_written=nothing_written) is status


@pytest.mark.parametrize(
    ("code", "expected"),
    [("build_failed", True), ("container_crashed", True), ("health_timeout", True), ("not_stable", True),
     ("restart_failed", True), ("foreign_change", False), ("neighbour_changed", False),
     ("patch_ineffective", False), ("journal_settled", False)],
)  # fmt: skip
def test_which_failures_may_start_another_round(code: str, expected: bool) -> None:
    """Only those that leave new evidence behind."""
    assert brings_new_evidence(OrchestratorError(code).failure(StepName.VERIFY)) is expected


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        (RunStatus.PENDING, None, "initializing"),
        (RunStatus.AWAITING_APPROVAL, None, "awaiting_external"),
        (RunStatus.QUEUED, None, "awaiting_slot"),
        (RunStatus.SUCCEEDED, None, "completed"),
        (RunStatus.SUCCEEDED, "nothing_to_repair", "no_commit"),
        (RunStatus.PLANNED, None, "no_commit"),
        (RunStatus.ROLLED_BACK, None, "failed"),
        (RunStatus.REJECTED, None, "failed"),
        (RunStatus.FAILED, None, "failed"),
        (RunStatus.CANCELLED, None, "canceled"),
    ],
)
def test_moonminds_word_for_each_status(status: RunStatus, code: str | None, state: str) -> None:
    """The contract's mapping."""
    record = ledger().record.model_copy(update={"status": status, "code": code})
    assert mm_state(record) == state


def test_running_is_planning_or_executing_by_its_step() -> None:
    """MoonMind shows more than "running"."""
    book = ledger()
    book.change(status=RunStatus.RUNNING)
    for step, state in [(StepName.ANALYZE, "planning"), (StepName.BUILD, "executing")]:
        book.begin(step, 1, T0)
        assert mm_state(book.record) == state
        book.end(step, 1, StepStatus.SUCCEEDED, T0)


def test_progress_and_ledger_count_the_same_steps() -> None:
    """Two views of one record."""
    book = ledger()
    book.begin(StepName.PREFLIGHT, 1, T0)
    book.store(StepName.PREFLIGHT, 1, [artifact("x.log")])
    counts, rows = progress(book.record), step_ledger(book.record)
    assert counts.total == len(rows.steps) == len(StepName)
    assert (counts.executing, counts.currentStepTitle) == (1, "preflight")
    assert rows.steps[0].refs == ("file:///x.log",)
    assert rows.steps[1].dependsOn == (rows.steps[0].logicalStepId,)


def test_the_memo_asks_for_attention_where_somebody_must_act() -> None:
    """Waiting for approval, or a rollback that is not complete."""
    record = ledger().record
    waiting = record.model_copy(update={"status": RunStatus.AWAITING_APPROVAL})
    broken = record.model_copy(update={"status": RunStatus.FAILED, "code": "rollback_incomplete"})
    assert memo(waiting)["attention_required"] is memo(broken)["attention_required"] is True
    assert memo(record)["attention_required"] is False
    assert memo(waiting)["waiting_reason"] == "approval"


def test_details_cannot_be_broken_by_a_message() -> None:
    """A pipe or a newline in a message stays inside its cell of the table."""
    book = ledger()
    book.begin(StepName.BUILD, 1, T0, "a | b\n# c")
    row = next(line for line in details(book.record).splitlines() if "\u00a0build" in line)
    assert row.endswith("`a ¦ b # c` |")
