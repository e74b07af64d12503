"""A Docker host that follows a script: every port bound, each answer chosen by the test.

The workflow's rules are what is tested here; what activities really do is tested on real parts.
"""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from temporalio import activity

from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.artifact import RunArtifact
from workflows.models.delivery import DeliverInput, DeliverResult
from workflows.models.failure import Failure
from workflows.models.finding import Finding, FindingKind
from workflows.models.guarding import (
    Closing,
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
from workflows.models.plan import ActionPlan, BuildStep, PatchStep, RestartStep, VerifyStep
from workflows.models.policy import ApprovalGate, Limits, Trust
from workflows.models.record import FileTouched, RollbackOutcome
from workflows.models.request import Intent, IntentKind
from workflows.models.snapshot import ServiceSnapshot
from workflows.models.status import StepName
from workflows.models.target import BuildSpec, ComposeProject, Target
from workflows.models.token import CheckTokenInput, TokenChecked
from workflows.models.verification import Verification
from workflows.ports import Port

HOST = "testhost"
HOST_QUEUE = f"mm.orchestrator.{HOST}"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TARGET = Target(
    project=ComposeProject(name="shop", working_dir="/srv/shop", config_files=("/srv/shop/compose.yaml",)),
    service="api",
    image="shop-api",
    build=BuildSpec(context="/srv/shop/api", dockerfile="/srv/shop/api/Dockerfile"),
    workspace="/srv/shop",
)
GATE = ApprovalGate(
    protected=True,
    trust=Trust.UNSIGNED,
    approver_roles=("sre",),
    time_limit_seconds=3600,
    identities={"alice": ("sre",), "bob": ("sre",), "carol": ("intern",)},
)
BESIDES = {
    "check_token",
    "enter_lane",
    "leave_lane",
    "look_around",
    "look_up",
    "await_release",
    "watch_run",
    "read_record",
    "settle",
    "deliver",
    "notify",
}
STEPS = {port.name for port in ports.PORTS} - BESIDES


def artifact(name: str) -> RunArtifact:
    """Evidence as an activity would return it."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return RunArtifact(id="art_" + "0" * 26, name=name, type=name.split(".", maxsplit=1)[0], uri=f"file:///x/{name}",
                       sha256=digest, size_bytes=1, content_type="text/plain",
                       created_at=NOW, retain_until=NOW)  # fmt: skip


def finding(name: str = "PyYAML") -> Finding:
    """A proven missing package."""
    return Finding(rule="python.module-not-found", kind=FindingKind.ADD_PYTHON_PACKAGE, names=(name,),
                   target="api/requirements.txt")  # fmt: skip


def failing(code: str, step: StepName) -> Failure:
    """A failure of the catalogue."""
    return OrchestratorError(code).failure(step)


class ScriptedHost:
    """Answers for every port; replace any of ``answers`` to change the story."""

    def __init__(self, *, gate: ApprovalGate | None = None, max_rounds: int = 5) -> None:
        self.calls: list[str] = []
        """Steps of a run, in the order in which they were asked for."""
        self.asked: list[str] = []
        """What is asked of Temporal and of the host besides: lane, guard, hold."""
        self.jobs: dict[str, list[Any]] = {}
        self.gate = gate or ApprovalGate()
        self.limits = Limits(max_rounds=max_rounds)
        self.answers: dict[str, Callable[[Any], Any]] = {
            port.name: getattr(self, f"_{port.name}") for port in ports.PORTS
        }

    def activities(self) -> dict[str, Callable[..., Any]]:
        """One Temporal activity per port."""
        return {port.name: self._bind(port) for port in ports.PORTS}

    def _bind(self, port: Port[Any, Any]) -> Callable[..., Any]:
        async def call(job: Any) -> Any:
            (self.calls if port.name in STEPS else self.asked).append(port.name)
            self.jobs.setdefault(port.name, []).append(job)
            answer = self.answers[port.name](job)
            return await answer if asyncio.iscoroutine(answer) else answer

        call.__annotations__ = {"job": port.takes, "return": port.gives}
        return activity.defn(name=port.name)(call)

    def then(self, port: str, *answers: Any) -> None:
        """Give these answers (or raise these errors) one after the other, then the usual one."""
        queue, usual = list(answers), self.answers[port]

        def answer(job: Any) -> Any:
            if not queue:
                return usual(job)
            given = queue.pop(0)
            if isinstance(given, Exception):
                raise given
            return given(job) if callable(given) else given

        self.answers[port] = answer

    def hang(self, port: str) -> asyncio.Event:
        """Let a step run until it is cancelled; the event is set once it has begun."""
        begun = asyncio.Event()

        async def wait() -> Any:
            begun.set()
            while True:
                activity.heartbeat()
                await asyncio.sleep(0.05)

        self.answers[port] = lambda _job: wait()
        return begun

    def _locate(self, job: ports.LocateInput) -> ports.Location:
        return ports.Location(project=job.project or "shop", task_queue=HOST_QUEUE, host="testhost")

    def _preflight(self, job: ports.PreflightInput) -> ports.PreflightResult:
        return ports.PreflightResult(
            target=TARGET,
            intent=Intent(kind=IntentKind.REPAIR),
            snapshot=ServiceSnapshot(service="api", image_ref="shop-api", taken_at=NOW),
            gate=self.gate,
            limits=self.limits,
            verification=Verification(),
            policy_digest="p" * 64,
        )

    def _analyze(self, job: ports.AnalyzeInput) -> ports.AnalyzeResult:
        return ports.AnalyzeResult(
            healthy=False,
            findings=(finding(),),
            reason="yaml is missing",
            artifacts=(artifact("analyze.log"),),
        )

    def _plan(self, job: ports.PlanInput) -> ports.PlanResult:
        names = [name for found in job.findings for name in found.names]
        diff = "".join(f"+{name}\n" for name in names)
        plan = ActionPlan(
            project="shop", service="api", revision=job.revision, round=job.run.round,
            summary=f"add {', '.join(names)}", diff=diff,
            diff_sha256=hashlib.sha256(diff.encode()).hexdigest(),
            base_hashes={"api/requirements.txt": "b" * 64}, after_hashes={"api/requirements.txt": "a" * 64},
            findings=job.findings, policy_digest=job.policy_digest,
            steps=(PatchStep(files=("api/requirements.txt",)), BuildStep(image="shop-api"), RestartStep(),
                   VerifyStep(verification=job.verification)),
        )  # fmt: skip
        plan = plan.model_copy(update={"digest": plan.compute_digest()})
        return ports.PlanResult(plan=plan, artifacts=(artifact("plan.json"), artifact("patch.diff")))

    def _revalidate(self, job: ports.RevalidateInput) -> ports.RevalidateResult:
        return ports.RevalidateResult()

    def _record_approvals(self, job: ports.RecordApprovalsInput) -> ports.ArtifactsResult:
        return ports.ArtifactsResult(artifacts=(artifact("approval.json"),))

    def _patch(self, job: ports.PatchInput) -> ports.PatchResult:
        touched = FileTouched(path="api/requirements.txt", before="b" * 64, after="a" * 64)
        return ports.PatchResult(epoch=1, files=(touched,), artifacts=(artifact("diff-after.patch"),))

    def _build(self, job: ports.BuildInput) -> ports.BuildResult:
        return ports.BuildResult(
            image_id="sha256:new", duration_seconds=2, artifacts=(artifact("build.log"),)
        )

    def _restart(self, job: ports.RestartInput) -> ports.RestartResult:
        snapshot = ServiceSnapshot(service="api", image_ref="shop-api", taken_at=NOW)
        return ports.RestartResult(snapshot=snapshot, downtime_seconds=0.5)

    def _verify(self, job: ports.VerifyInput) -> ports.VerifyResult:
        return ports.VerifyResult(duration_seconds=11, artifacts=(artifact("verify.log"),))

    def _rollback(self, job: ports.RollbackInput) -> ports.RollbackResult:
        return ports.RollbackResult(
            outcome=RollbackOutcome(complete=True, state="as before"), artifacts=(artifact("rollback.log"),)
        )

    def _report(self, job: ports.ReportInput) -> ports.ArtifactsResult:
        return ports.ArtifactsResult(
            artifacts=(artifact("report.json"), artifact("report.html"), artifact("manifest.json"))
        )

    def _check_token(self, job: CheckTokenInput) -> TokenChecked:
        """``by:alice`` is a good token of Alice's, anything else one that is refused with that code."""
        kind, _, name = job.token.partition(":")
        if kind != "by":
            error = OrchestratorError(kind)
            return TokenChecked(code=error.code, message=error.message, approver=name or None)
        return TokenChecked(approver=name, token_id=name, plan_digest=job.plan_digest)

    # What asks Temporal: nobody else is there, and the guard's watch ends at once.

    def _enter_lane(self, job: EnterLaneInput) -> LaneStanding:
        return LaneStanding(position=0, holder=job.entry.run_id)

    def _leave_lane(self, job: LeaveLaneInput) -> LeftLane:
        return LeftLane()

    def _look_around(self, job: LookAroundInput) -> LookAroundResult:
        return LookAroundResult()

    def _look_up(self, job: LookUpInput) -> LookUpResult:
        return LookUpResult(alive=tuple(run.run_id for run in job.runs))

    def _await_release(self, job: AwaitReleaseInput) -> AwaitReleaseResult:
        return AwaitReleaseResult(released=True)

    def _watch_run(self, job: GuardedRun) -> WatchRunResult:
        return WatchRunResult(closing=Closing.COMPLETED)

    def _read_record(self, job: GuardedRun) -> ReadRecordResult:
        return ReadRecordResult()

    def _notify(self, job: ports.NotifyInput) -> ports.NotifyResult:
        return ports.NotifyResult(kept=True)

    def _settle(self, job: SettleInput) -> SettleResult:
        return SettleResult(settled=True, state="as before", manifest=artifact("manifest.json"))

    def _deliver(self, job: DeliverInput) -> DeliverResult:
        return DeliverResult()
