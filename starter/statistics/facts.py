"""What one run's record says about the success criteria: pure rules, one small value per run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starter.statistics.completeness import CHANGING, missing_types, needed_types, wrote
from workflows.models.approval import Approval, Verdict
from workflows.models.artifact import ArtifactState, RunArtifact
from workflows.models.record import RunRecord, StepRecord
from workflows.models.status import RunStatus, StepName, StepStatus

_BEGAN: Final = frozenset({StepStatus.IN_PROGRESS, StepStatus.SUCCEEDED, StepStatus.FAILED})
_SETTLED_BY_HAND: Final = frozenset({"run_recovered", "state_accepted"})


@dataclass(frozen=True, slots=True)
class Cause:
    """What a plan was made for."""

    rule: str
    kind: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One ended run, as far as the criteria ask; durations in seconds.

    Attributes:
        repair_seconds: start of the first changing step to the end of the last verify; None unless the run
            succeeded by changing something.
        gated: whether policy held it for an approval.
        approval_problem: why a write of a gated run does not count as approved; None: it does.
        lacking: needed artifact types that cannot be had, or were spooled when the run ended.
        retrievable_seconds: run's end until the last needed artifact could be had; None where one cannot.
        waits: how long each wait for an approval took.
        refused: codes of refused attempts to decide.
        typed_commands: what operators typed for this run: start, each attempt to decide, cancel, recover.
    """

    run_id: str
    project: str
    service: str
    status: RunStatus
    code: str | None
    created_at: datetime
    ended_at: datetime | None
    repair_seconds: float | None
    wrote: bool
    gated: bool
    approval_problem: str | None
    needed: tuple[str, ...]
    lacking: tuple[str, ...]
    retrievable_seconds: float | None
    approved: int
    rejected: int
    refused: tuple[str, ...]
    waits: tuple[float, ...]
    rolled_back: bool
    rollback_incomplete: bool
    causes: tuple[Cause, ...]
    downtime_seconds: float | None
    typed_commands: int


def facts_of(record: RunRecord, taken: Mapping[str, datetime] | None = None) -> RunFacts:
    """The facts of an ended run.

    Args:
        record: as its report has it.
        taken: when the object store took each artifact, by name; None where no store was asked.
    """
    lacking, retrievable = _retrievable(record, taken or {})
    verdicts = [approval.verdict for approval in record.approvals]
    findings = record.plan.findings if record.plan is not None else ()
    return RunFacts(
        run_id=record.run_id,
        project=record.project or "?",
        service=record.service or "?",
        status=record.status,
        code=record.code,
        created_at=record.created_at,
        ended_at=record.completed_at,
        repair_seconds=_repair_seconds(record),
        wrote=wrote(record),
        gated=_gated(record),
        approval_problem=_approval_problem(record) if _gated(record) and wrote(record) else None,
        needed=needed_types(record),
        lacking=lacking,
        retrievable_seconds=retrievable,
        approved=verdicts.count(Verdict.APPROVED),
        rejected=verdicts.count(Verdict.REJECTED),
        refused=tuple(a.code or "?" for a in record.approvals if a.verdict is Verdict.REFUSED),
        waits=tuple(_spent(step) for step in _begun(record, StepName.APPROVE) if step.completed_at),
        rolled_back=_rolled_back(record),
        rollback_incomplete=record.code == "rollback_incomplete",
        causes=tuple(Cause(f.rule, str(f.kind), f.names) for f in findings),
        downtime_seconds=record.downtime_seconds,
        typed_commands=_typed(record),
    )


def _begun(record: RunRecord, *names: StepName) -> list[StepRecord]:
    return [s for s in record.steps if s.name in names and s.status in _BEGAN and s.started_at]


def _spent(step: StepRecord) -> float:
    assert step.started_at is not None and step.completed_at is not None  # noqa: S101, PT018 - as selected
    return max(0.0, (step.completed_at - step.started_at).total_seconds())


def _repair_seconds(record: RunRecord) -> float | None:
    if record.status is not RunStatus.SUCCEEDED or not wrote(record):
        return None
    starts = [s.started_at for s in _begun(record, *CHANGING) if s.started_at]
    ends = [s.completed_at for s in _begun(record, StepName.VERIFY) if s.completed_at]
    return (max(ends) - min(starts)).total_seconds() if starts and ends else None


def _gated(record: RunRecord) -> bool:
    return bool(_begun(record, StepName.APPROVE))


def _approval_problem(record: RunRecord) -> str | None:
    """SC-002: a valid approval of this plan, given before its first write and still in force then."""
    writes = [s for s in _begun(record, *CHANGING) if s.started_at]
    starts = [s.started_at for s in writes if s.started_at]
    approvals = [a for a in record.approvals if a.verdict is Verdict.APPROVED]
    if not approvals:
        return "no approval is on record"
    if not starts:
        return "the record does not say when it wrote"
    if not any(_in_force(a, min(starts)) for a in approvals):
        return "the first write came before an approval was in force"
    last = max(step.round for step in writes)
    begun = min(s.started_at for s in writes if s.round == last and s.started_at)
    digest = record.plan.digest if record.plan is not None else None
    if not any(a.plan_digest == digest and _in_force(a, begun) for a in approvals):
        return "no approval in force names the digest of the plan that was carried out"
    return None


def _rolled_back(record: RunRecord) -> bool:
    """Whether it was taken back in the end: before a later round's approval it is only put aside."""
    undone = record.rollback is not None and not record.rollback.nothing_written
    return undone and record.status is not RunStatus.SUCCEEDED


def _in_force(approval: Approval, at: datetime) -> bool:
    return approval.at <= at and (approval.valid_until is None or at <= approval.valid_until)


def _retrievable(record: RunRecord, taken: Mapping[str, datetime]) -> tuple[tuple[str, ...], float | None]:
    """Needed types that cannot be had, and the seconds after which the others could."""
    lacking = list(missing_types(record, record.artifacts))
    instants: list[datetime] = []
    for artifact in (a for a in record.artifacts if a.type in needed_types(record)):
        at = _instant(artifact, taken)
        if at is not None:
            instants.append(at)
        elif artifact.type not in lacking:
            lacking.append(artifact.type)
    if lacking or not instants or record.completed_at is None:
        return tuple(lacking), None
    return (), max(0.0, (max(instants) - record.completed_at).total_seconds())


def _instant(artifact: RunArtifact, taken: Mapping[str, datetime]) -> datetime | None:
    """Since when it could be had from its store: by the store's own clock, else by the record."""
    known = taken.get(artifact.name)
    if known is not None:
        return known
    return artifact.created_at if artifact.state is ArtifactState.STORED else None


def _typed(record: RunRecord) -> int:
    cancelled = record.status is RunStatus.CANCELLED
    return 1 + len(record.approvals) + int(cancelled) + int(record.code in _SETTLED_BY_HAND)
