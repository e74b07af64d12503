"""The record of one run, as clients, the Web UI and the report see it (SPEC OrchestratorRun)."""

from datetime import datetime

from workflows.models.approval import Approval
from workflows.models.artifact import RunArtifact
from workflows.models.base import Model
from workflows.models.failure import Failure
from workflows.models.lane import LaneStanding
from workflows.models.plan import ActionPlan
from workflows.models.snapshot import NeighbourProof
from workflows.models.status import RunStatus, StepName, StepStatus


class StepRecord(Model):
    """One step in one round."""

    name: StepName
    round: int = 1
    status: StepStatus = StepStatus.PENDING
    started_at: datetime | None = None
    completed_at: datetime | None = None
    message: str = ""
    artifacts: tuple[str, ...] = ()
    """Names of the artifacts this step produced."""


class FileTouched(Model):
    """One file this run wrote, by hash."""

    path: str
    before: str | None = None
    """SHA-256, or None where the file did not exist."""
    after: str | None = None


class Compared(Model):
    """One line of the comparison that proves a rollback; in words, for people and for programs."""

    what: str
    """``file <path>``, ``image <reference>``, ``replicas``, ``container <name>`` ..."""
    before: str
    after: str
    same: bool


class RollbackOutcome(Model):
    """What was measured after everything was put back."""

    complete: bool
    nothing_written: bool = False
    """True where the run had no journal yet, so that there was nothing to put back."""
    state: str = ""
    """One sentence: the state the service is in now."""
    files: tuple[FileTouched, ...] = ()
    image_id_before: str | None = None
    image_id_after: str | None = None
    rebuilt: bool = False
    """True where the old image was gone and had to be built again: rebuilt, not identical."""
    mismatches: tuple[str, ...] = ()
    foreign_changes: tuple[str, ...] = ()
    not_undone: tuple[str, ...] = ()
    compared: tuple[Compared, ...] = ()
    """What was measured before the run and after the rollback; ``rollback.log`` ends with it."""


class RunEvent(Model):
    """One line of ``events.jsonl`` (SPEC FR-010)."""

    ts: datetime
    run_id: str
    round: int
    step: StepName
    state: StepStatus
    message: str = ""
    artifacts: tuple[str, ...] = ()


class RunRecord(Model):
    """Everything an operator needs to know about one run."""

    run_id: str
    workflow_id: str
    status: RunStatus = RunStatus.PENDING
    code: str | None = None
    """``nothing_to_repair`` on such a success; else the failure's code."""
    summary: str = ""
    project: str | None = None
    service: str | None = None
    instruction: str
    requested_by: str | None = None
    retry_of: str | None = None
    """Run id of the run that this one repeats."""
    plan: ActionPlan | None = None
    steps: tuple[StepRecord, ...] = ()
    rounds: int = 0
    approvals: tuple[Approval, ...] = ()
    artifacts: tuple[RunArtifact, ...] = ()
    files_touched: tuple[FileTouched, ...] = ()
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    rollback: RollbackOutcome | None = None
    neighbours: NeighbourProof | None = None
    downtime_seconds: float | None = None
    """Old container's end to new one's start; after a rollback: first restart until all was put back."""
    approval_deadline: datetime | None = None
    lane: LaneStanding | None = None
    """Its place while it is ``queued`` behind other runs of the project; position 1 is next."""
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None


class RunReport(Model):
    """The final artifact ``report.json``: the record and what it rests on."""

    schema_version: int = 1
    record: RunRecord
    events: tuple[RunEvent, ...] = ()
    commit_message: str = ""
    """Suggested text for committing the repair, so that the next deploy keeps it."""
