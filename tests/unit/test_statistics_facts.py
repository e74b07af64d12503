"""What one record says about SC-001 to SC-004, row by row."""

from datetime import timedelta

import pytest

from starter.statistics.completeness import missing_types, needed_types, wrote
from starter.statistics.facts import Cause, facts_of
from tests.unit.record_samples import NOTHING, PLANNED, UNAVAILABLE, artifact, plan, record, step
from tests.unit.statistics_samples import AT, approval, gated, repair, rolled_back
from workflows.models.approval import Verdict
from workflows.models.artifact import ArtifactState
from workflows.models.record import RollbackOutcome, RunRecord
from workflows.models.status import RunStatus, StepName, StepStatus

APPROVE = step(StepName.APPROVE, at=2, took=7)
SECOND_ROUND = (
    APPROVE,
    step(StepName.PATCH, at=10),
    step(StepName.VERIFY, StepStatus.FAILED, at=20, took=5),
    step(StepName.APPROVE, at=30, took=10, round=2),
    step(StepName.PATCH, at=50, round=2),
    step(StepName.VERIFY, at=60, took=30, round=2),
)


def test_a_repair_is_timed_from_its_first_change_to_its_last_verify() -> None:
    """SC-001: the wait for an approval before the first change is not repair time, later rounds are."""
    assert facts_of(repair()).repair_seconds == 50.0
    assert facts_of(gated(approval(5))).repair_seconds == 50.0
    assert facts_of(repair(steps=SECOND_ROUND)).repair_seconds == 80.0


@pytest.mark.parametrize("record", [rolled_back(), NOTHING, PLANNED, UNAVAILABLE])
def test_only_a_success_that_changed_something_is_a_repair(record: RunRecord) -> None:
    """A rollback, a plan, a failure, or nothing to repair has no repair time."""
    assert facts_of(record).repair_seconds is None


EXPIRED = AT + timedelta(seconds=9)
SC_002 = [
    (gated(approval(5)), None),
    (gated(approval(10)), None),
    (gated(approval(10.001)), "the first write came before"),
    (gated(), "no approval is on record"),
    (gated(approval(5, verdict=Verdict.REFUSED)), "no approval is on record"),
    (gated(approval(5, valid_until=EXPIRED)), "the first write came before"),
    (gated(approval(5, plan_digest="0" * 64)), "names the digest"),
    (gated(approval(5, plan_digest=None)), "names the digest"),
    (gated(approval(5, plan_digest="0" * 64), approval(35), steps=SECOND_ROUND), None),
    (gated(approval(35), steps=SECOND_ROUND), "the first write came before"),
    (gated(approval(5, plan_digest="0" * 64), approval(55), steps=SECOND_ROUND), "names the digest"),
]


@pytest.mark.parametrize(("record", "problem"), SC_002)
def test_an_approval_counts_before_the_write_and_for_that_plan(
    record: RunRecord, problem: str | None
) -> None:
    """SC-002: in force when the first write begins, and one of the carried-out plan when that begins."""
    facts = facts_of(record)
    assert facts.gated
    assert facts.approval_problem is None if problem is None else problem in (facts.approval_problem or "")


def test_a_blocked_run_needs_no_approval_on_record() -> None:
    """A gated run that wrote nothing is what SC-002 calls blocked."""
    steps = (step(StepName.APPROVE, StepStatus.FAILED, at=2, took=3600),)
    facts = facts_of(gated(steps=steps, status=RunStatus.REJECTED, code="approval_expired"))
    assert (facts.gated, facts.wrote, facts.approval_problem) == (True, False, None)


def test_a_patch_that_refused_to_write_is_no_write() -> None:
    """The patch step checks the approval once more; what it refused is measured as nothing written."""
    steps = (APPROVE, step(StepName.PATCH, StepStatus.FAILED, at=10))
    refused = gated(steps=steps, rollback=RollbackOutcome(complete=True, nothing_written=True))
    assert not wrote(refused)
    assert facts_of(refused).approval_problem is None
    assert facts_of(gated(steps=steps)).approval_problem is not None, "else it counts as one that may have"


@pytest.mark.parametrize(
    ("record", "needed"),
    [
        (repair(), ("patch", "build", "verify")),
        (rolled_back(), ("patch", "build", "verify", "rollback")),
        (
            repair(plan=plan(after_hashes={}), steps=(step(StepName.RESTART), step(StepName.VERIFY))),
            ("verify",),
        ),
        (NOTHING, ()),
        (PLANNED, ()),
    ],
)
def test_a_run_needs_the_evidence_of_what_it_did(record: RunRecord, needed: tuple[str, ...]) -> None:
    """SC-003: diff, build log, verify log, rollback log where applicable."""
    assert needed_types(record) == needed


def with_artifact(name: str, **changes: object) -> RunRecord:
    """The repair with one artifact changed."""
    base = repair()
    changed = tuple(a.model_copy(update=changes) if a.name == name else a for a in base.artifacts)
    return base.model_copy(update={"artifacts": changed})


def test_evidence_is_retrievable_when_the_last_of_it_is_stored() -> None:
    """SC-003: by the record's time, or by the store's own, which knows better."""
    assert facts_of(repair()).retrievable_seconds == 0.0
    late = with_artifact("verify.log", created_at=AT + timedelta(seconds=100))
    assert facts_of(late).retrievable_seconds == 38.0
    taken = {"verify.log": AT + timedelta(seconds=72)}
    assert facts_of(late, taken).retrievable_seconds == 10.0


def test_spooled_evidence_is_not_retrievable_until_the_store_took_it() -> None:
    """SC-003: what waits in the spool counts as not; what was lost is missing altogether."""
    spooled = with_artifact("build.log", state=ArtifactState.SPOOLED)
    assert (facts_of(spooled).lacking, facts_of(spooled).retrievable_seconds) == (("build",), None)
    delivered = {"build.log": AT + timedelta(seconds=92)}
    assert (facts_of(spooled, delivered).lacking, facts_of(spooled, delivered).retrievable_seconds) == (
        (),
        30.0,
    )
    lost = with_artifact("build.log", state=ArtifactState.MISSING)
    assert facts_of(lost).lacking == missing_types(lost, lost.artifacts) == ("build",)
    gone = repair(artifacts=(artifact("patch.diff"), artifact("build.2.log")))
    assert facts_of(gone).lacking == ("verify",)


@pytest.mark.parametrize(
    ("record", "commands"),
    [
        (repair(), 1),
        (gated(approval(4, verdict=Verdict.REFUSED, code="self_approval"), approval(5)), 3),
        (record(RunStatus.CANCELLED, code="cancelled"), 2),
        (record(RunStatus.FAILED, code="state_accepted"), 2),
    ],
)
def test_what_operators_typed_is_counted(record: RunRecord, commands: int) -> None:
    """SC-004: start, every attempt to decide, cancel, recover."""
    assert facts_of(record).typed_commands == commands


def test_the_rest_of_a_record() -> None:
    """Causes from the plan, waits from the approve step, refusals with their code."""
    refused = approval(4, verdict=Verdict.REFUSED, code="self_approval")
    facts = facts_of(gated(refused, approval(5), downtime_seconds=2.5))
    assert facts.causes == (Cause("python.module-not-found", "add_python_package", ("PyYAML",)),)
    assert (facts.approved, facts.rejected, facts.refused) == (1, 0, ("self_approval",))
    assert facts.waits == (7.0,)
    assert (facts.downtime_seconds, facts.rolled_back) == (2.5, False)
    assert facts_of(rolled_back()).rolled_back
    interim = RollbackOutcome(complete=True, state="as before")
    assert not facts_of(repair(rollback=interim)).rolled_back, "a later round succeeded"
