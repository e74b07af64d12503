"""The only side effects a workflow can name: one typed port per activity.

A port is a name, an input model and an output model. The workflow calls it, the worker's
composition binds exactly one implementation to it, and a test holds the two together.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import PlainSerializer, ValidationInfo, field_serializer, field_validator

from workflows.models.approval import Approval
from workflows.models.artifact import RunArtifact
from workflows.models.base import Model
from workflows.models.delivery import DeliverInput, DeliverResult
from workflows.models.failure import Failure
from workflows.models.finding import Finding
from workflows.models.guarding import (
    GuardedRun,
    LookAroundInput,
    LookAroundResult,
    LookUpInput,
    LookUpResult,
    ReadRecordResult,
    SettleInput,
    SettleResult,
    WatchRunResult,
)
from workflows.models.lane import (
    AwaitReleaseInput,
    AwaitReleaseResult,
    EnterLaneInput,
    LaneStanding,
    LeaveLaneInput,
    LeftLane,
)
from workflows.models.notification import Notification
from workflows.models.plan import ActionPlan
from workflows.models.policy import ApprovalGate, Limits
from workflows.models.policy_rules import Permission, RiskRule
from workflows.models.record import FileTouched, RollbackOutcome, RunEvent, RunRecord
from workflows.models.request import Intent, RunRequest
from workflows.models.snapshot import NeighbourProof, ServiceSnapshot
from workflows.models.status import StepName
from workflows.models.target import Target
from workflows.models.token import CheckTokenInput, TokenChecked
from workflows.models.verification import ProbeResult, Verification

In = TypeVar("In", bound=Model)
Out = TypeVar("Out", bound=Model)

SentTarget = Annotated[
    Target,
    PlainSerializer(lambda told: told.model_dump(mode="json", exclude_defaults=True), when_used="json"),
]
"""A target that is in nearly every event: fields at their defaults are not written."""


@dataclass(frozen=True)
class Port(Generic[In, Out]):
    """One activity as the workflow sees it."""

    name: str
    step: StepName
    takes: type[In]
    gives: type[Out]
    on_host: bool = True
    """False: it asks Temporal only, so any worker that runs workflows may take it."""


class RunRef(Model):
    """Which run, which round: part of every activity's input."""

    run_id: str
    workflow_id: str
    round: int = 1
    generation: int = 1
    """Counts the journals of a run: a round that must wait for approval settles one and opens the next."""
    epoch: int = 0
    """The journal's epoch this workflow holds; 0 before a journal exists."""


class LocateInput(Model):
    """Where does the project live?"""

    run_id: str
    project: str | None = None


class Location(Model):
    """The project's name and the task queue of the Docker host it lives on."""

    project: str
    task_queue: str
    host: str


class PreflightInput(Model):
    """Everything preflight needs; it touches nothing."""

    run: RunRef
    request: RunRequest
    project: str


class PreflightResult(Model):
    """The measured starting point and the rules pinned for this run."""

    target: SentTarget
    intent: Intent
    snapshot: ServiceSnapshot
    gate: ApprovalGate
    limits: Limits
    verification: Verification
    policy_digest: str
    permission: Permission = Permission()
    may_ask_llm: bool = True
    """Whether policy lets a language model be asked about this service, where one is configured."""
    instruction: str = ""
    """As it may stand in the record: without the project's secrets (I5)."""
    warnings: tuple[str, ...] = ()


class AnalyzeInput(Model):
    """Evidence wanted for this round; ``failure`` is what ended the round before."""

    run: RunRef
    target: SentTarget
    intent: Intent
    verification: Verification
    failure: Failure | None = None
    known: tuple[Finding, ...] = ()
    """Findings that earlier rounds have acted on already."""
    min_package_age_days: int = 14
    """The policy's limit: younger packages are doubtful."""
    may_ask_llm: bool = True


class AnalyzeResult(Model):
    """What the rules made of the evidence."""

    healthy: bool
    """True: the service is fine and nothing was asked but a repair."""
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    """Why there is nothing to do, or no safe fix."""
    artifacts: tuple[RunArtifact, ...] = ()
    warnings: tuple[str, ...] = ()


class PlanInput(Model):
    """All findings of all rounds so far; the plan is cumulative against the original files."""

    run: RunRef
    target: SentTarget
    intent: Intent
    findings: tuple[Finding, ...]
    snapshot: ServiceSnapshot
    limits: Limits
    verification: Verification
    policy_digest: str
    revision: int = 1
    operator_patch: str | None = None
    requires_approval_when: tuple[RiskRule, ...] = ()
    """Which risks to look for."""
    approvable: bool = True
    """Whether anybody could approve; where nobody can, a package that the operator named counts as wanted."""


class PlanResult(Model):
    """The plan; its real bytes are in the state directory under the plan's digest."""

    plan: ActionPlan
    artifacts: tuple[RunArtifact, ...] = ()
    risks: tuple[str, ...] = ()
    """Why this plan needs an approval although the service may not be protected, one sentence each."""


class RevalidateInput(Model):
    """Does the approved plan still fit what is there? (SPEC edge case: approval received mid-run)"""

    run: RunRef
    target: SentTarget
    plan: ActionPlan
    policy_digest: str
    permission: Permission = Permission()
    snapshot: ServiceSnapshot | None = None
    """The target when the plan was made: its images must still be there; None where they are not known."""


class RevalidateResult(Model):
    """``drift`` names what no longer holds; empty: earlier steps need not run again."""

    drift: tuple[str, ...] = ()


class RecordApprovalsInput(Model):
    """Every attempt so far, for ``approval.json``."""

    run: RunRef
    gate: ApprovalGate
    plan: ActionPlan
    approvals: tuple[Approval, ...]


class ArtifactsResult(Model):
    """Evidence stored."""

    artifacts: tuple[RunArtifact, ...] = ()
    warnings: tuple[str, ...] = ()


class PatchInput(Model):
    """Open the journal, then write the plan's files."""

    run: RunRef
    target: SentTarget
    plan: ActionPlan
    permission: Permission = Permission()
    approved_until: datetime | None = None
    """Nothing is written for the first time after this instant; None: no approval was needed."""


class PatchResult(Model):
    """Files as written and read back; the epoch to present from now on."""

    epoch: int
    files: tuple[FileTouched, ...] = ()
    artifacts: tuple[RunArtifact, ...] = ()
    warnings: tuple[str, ...] = ()


class BuildInput(Model):
    """Build the target's image; the previous one is pinned before."""

    run: RunRef
    target: SentTarget
    plan: ActionPlan


class BuildResult(Model):
    """The new image, and how long it took."""

    image_id: str
    previous_image_id: str | None = None
    duration_seconds: float = 0.0
    artifacts: tuple[RunArtifact, ...] = ()
    warnings: tuple[str, ...] = ()


class RestartInput(Model):
    """Replace the target's containers only (SPEC FR-006)."""

    run: RunRef
    target: SentTarget
    plan: ActionPlan


class RestartResult(Model):
    """The new containers; downtime runs from the old container's end to the new one's start."""

    snapshot: ServiceSnapshot
    downtime_seconds: float | None = None
    artifacts: tuple[RunArtifact, ...] = ()
    warnings: tuple[str, ...] = ()


class VerifyInput(Model):
    """Prove that the target is healthy and that nobody else was touched."""

    run: RunRef
    target: SentTarget
    verification: Verification


class VerifyResult(Model):
    """``failure`` is None exactly when every check passed and stayed good."""

    failure: Failure | None = None
    probes: tuple[ProbeResult, ...] = ()
    """First and last result of each check; all of them are in ``verify.log``."""
    neighbours: NeighbourProof | None = None
    duration_seconds: float = 0.0
    artifacts: tuple[RunArtifact, ...] = ()
    warnings: tuple[str, ...] = ()


class RollbackInput(Model):
    """Put everything back as the journal has it; ``final`` false for an interim rollback between rounds."""

    run: RunRef
    reason: str
    final: bool = True


class RollbackResult(Model):
    """What was measured after the rollback."""

    outcome: RollbackOutcome
    neighbours: NeighbourProof | None = None
    artifacts: tuple[RunArtifact, ...] = ()
    warnings: tuple[str, ...] = ()


class ReportInput(Model):
    """The final record; the report settles the journal unless the rollback was incomplete.

    It is the largest thing in a history, so what every reader puts back by itself is not written: fields
    at their defaults, and the run's id in each of its events.
    """

    run: RunRef
    record: RunRecord
    events: tuple[RunEvent, ...] = ()

    @field_serializer("record")
    def _without_defaults(self, record: RunRecord) -> dict[str, Any]:
        """The plan whole: its steps are told apart by names that are their defaults."""
        told = record.model_dump(mode="json", exclude_defaults=True, exclude={"plan"})
        return told | ({"plan": record.plan.model_dump(mode="json")} if record.plan else {})

    @field_serializer("events")
    def _without_run(self, events: tuple[RunEvent, ...]) -> list[dict[str, Any]]:
        return [
            event.model_dump(mode="json", exclude_defaults=True, exclude={"run_id"})
            if event.run_id == self.run.run_id
            else event.model_dump(mode="json")
            for event in events
        ]

    @field_validator("events", mode="before")
    @classmethod
    def _with_run(cls, events: object, info: ValidationInfo) -> object:
        run = info.data.get("run")
        if not isinstance(events, list | tuple) or not isinstance(run, RunRef):
            return events
        return [{"run_id": run.run_id} | event if isinstance(event, dict) else event for event in events]


class NotifyInput(Model):
    """Word for people, to be left in the host's outbox."""

    run: RunRef
    notification: Notification


class NotifyResult(Model):
    """Whether it waits for delivery now."""

    kept: bool = False


LOCATE = Port("locate", StepName.PREFLIGHT, LocateInput, Location, on_host=False)
PREFLIGHT = Port("preflight", StepName.PREFLIGHT, PreflightInput, PreflightResult)
ANALYZE = Port("analyze", StepName.ANALYZE, AnalyzeInput, AnalyzeResult)
PLAN = Port("plan", StepName.PLAN, PlanInput, PlanResult)
REVALIDATE = Port("revalidate", StepName.APPROVE, RevalidateInput, RevalidateResult)
RECORD_APPROVALS = Port("record_approvals", StepName.APPROVE, RecordApprovalsInput, ArtifactsResult)
CHECK_TOKEN = Port("check_token", StepName.APPROVE, CheckTokenInput, TokenChecked)
PATCH = Port("patch", StepName.PATCH, PatchInput, PatchResult)
BUILD = Port("build", StepName.BUILD, BuildInput, BuildResult)
RESTART = Port("restart", StepName.RESTART, RestartInput, RestartResult)
VERIFY = Port("verify", StepName.VERIFY, VerifyInput, VerifyResult)
ROLLBACK = Port("rollback", StepName.ROLLBACK, RollbackInput, RollbackResult)
REPORT = Port("report", StepName.REPORT, ReportInput, ArtifactsResult)
ENTER_LANE = Port("enter_lane", StepName.PATCH, EnterLaneInput, LaneStanding, on_host=False)
LEAVE_LANE = Port("leave_lane", StepName.REPORT, LeaveLaneInput, LeftLane, on_host=False)
LOOK_UP = Port("look_up", StepName.PREFLIGHT, LookUpInput, LookUpResult, on_host=False)
LOOK_AROUND = Port("look_around", StepName.PREFLIGHT, LookAroundInput, LookAroundResult)
AWAIT_RELEASE = Port("await_release", StepName.PREFLIGHT, AwaitReleaseInput, AwaitReleaseResult)
WATCH_RUN = Port("watch_run", StepName.ROLLBACK, GuardedRun, WatchRunResult, on_host=False)
READ_RECORD = Port("read_record", StepName.ROLLBACK, GuardedRun, ReadRecordResult, on_host=False)
NOTIFY = Port("notify", StepName.APPROVE, NotifyInput, NotifyResult)
SETTLE = Port("settle", StepName.ROLLBACK, SettleInput, SettleResult)
DELIVER = Port("deliver", StepName.REPORT, DeliverInput, DeliverResult)

PORTS: tuple[Port, ...] = (  # type: ignore[type-arg]
    LOCATE, PREFLIGHT, ANALYZE, PLAN, CHECK_TOKEN, REVALIDATE, RECORD_APPROVALS,
    PATCH, BUILD, RESTART, VERIFY, ROLLBACK, REPORT,
    ENTER_LANE, LEAVE_LANE, LOOK_UP, LOOK_AROUND, AWAIT_RELEASE, WATCH_RUN, READ_RECORD, SETTLE, DELIVER,
    NOTIFY,
)  # fmt: skip
