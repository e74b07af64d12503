"""Run records of every way a run may stand or end, as the views have to show them."""

from datetime import UTC, datetime, timedelta

from workflows.models.approval import Approval, Verdict
from workflows.models.artifact import ArtifactState, RunArtifact
from workflows.models.failure import Failure
from workflows.models.finding import Finding, FindingKind, FindingOrigin, Quote
from workflows.models.lane import LaneStanding
from workflows.models.plan import (
    ActionPlan,
    AnalyzeStep,
    BuildStep,
    PatchStep,
    RestartStep,
    RollbackStep,
    VerifyStep,
)
from workflows.models.record import FileTouched, RollbackOutcome, RunRecord, StepRecord
from workflows.models.snapshot import ContainerState, NeighbourProof
from workflows.models.status import RunStatus, StepName, StepStatus
from workflows.models.verification import HttpProbe, Verification

RUN_ID = "01a20532-9343-79c5-84b7-88e43f9b7b43"
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NOW = START + timedelta(seconds=95)
DIFF = """\
--- a/api/requirements.txt
+++ b/api/requirements.txt
@@ -1,2 +1,3 @@
 flask==3.0.0
 # keep me [bold]not markup[/bold]
+PyYAML==6.0.2
"""
ESCAPES = "\x1b]0;owned\x07\x1b[2Jgone\x1b[31mred\x1b[0m\r[red]not markup[/red]\u202edesrever\x9b31m"


def artifact(name: str, **changes: object) -> RunArtifact:
    """One piece of evidence."""
    sample = RunArtifact(
        id="art_" + "0" * 26,
        name=name,
        type=name.split(".", 1)[0],
        uri=f"file:///var/lib/mm-orchestrator/artifacts/spec_workflows/{RUN_ID}/{name}",
        sha256="ab" * 32,
        size_bytes=20_480,
        content_type="text/plain",
        created_at=START,
        retain_until=START + timedelta(days=90),
    )
    return sample.model_copy(update=changes)


def plan(**changes: object) -> ActionPlan:
    """A plan that adds one package."""
    finding = Finding(
        rule="python.module-not-found",
        kind=FindingKind.ADD_PYTHON_PACKAGE,
        names=("PyYAML",),
        target="api/requirements.txt",
        version="6.0.2",
        origin=FindingOrigin.EVIDENCE,
        quotes=(Quote(source="container log", line=14, text="ModuleNotFoundError: No module named 'yaml'"),),
    )
    probe = HttpProbe(url="http://localhost:8080/health")
    made = ActionPlan(
        project="shop",
        service="api",
        summary="add PyYAML 6.0.2 to api/requirements.txt",
        steps=(
            AnalyzeStep(rules=("python.module-not-found",)),
            PatchStep(files=("api/requirements.txt",)),
            BuildStep(image="shop-api"),
            RestartStep(scale=2),
            VerifyStep(verification=Verification(http=(probe,))),
            RollbackStep(strategy="restore files and image", image_id="sha256:" + "c0ffee" * 10),
        ),
        diff=DIFF,
        diff_sha256="d" * 64,
        base_hashes={"api/requirements.txt": "b" * 64},
        after_hashes={"api/requirements.txt": "a" * 64},
        findings=(finding,),
        policy_digest="e" * 64,
        warnings=("develop.watch is set: a running watch would rebuild on its own",),
    )
    return made.model_copy(update={"digest": made.compute_digest(), **changes})


def step(
    name: StepName,
    status: StepStatus = StepStatus.SUCCEEDED,
    at: float = 0,
    took: float = 1.5,
    message: str = "",
    **changes: object,
) -> StepRecord:
    """One step that began ``at`` seconds after the run did."""
    begun = START + timedelta(seconds=at)
    open_ = status in {StepStatus.PENDING, StepStatus.IN_PROGRESS}
    return StepRecord(
        name=name,
        status=status,
        started_at=None if status is StepStatus.PENDING else begun,
        completed_at=None if open_ else begun + timedelta(seconds=took),
        message=message,
    ).model_copy(update=changes)


def record(status: RunStatus, **changes: object) -> RunRecord:
    """A run on service api of project shop."""
    sample = RunRecord(
        run_id=RUN_ID,
        workflow_id="mm:5f0c1f5e",
        status=status,
        project="shop",
        service="api",
        instruction="repair the missing dependency for the api service",
        requested_by="alice",
        created_at=START,
        started_at=START,
        completed_at=START + timedelta(seconds=72) if status.terminal else None,
    )
    return sample.model_copy(update=changes)


def container(name: str) -> ContainerState:
    """A neighbour."""
    return ContainerState(id=name * 4, name=name, service=name, status="running", image_id="sha256:1")


SUCCEEDED = record(
    RunStatus.SUCCEEDED,
    summary="api is healthy",
    plan=plan(),
    rounds=1,
    steps=(
        step(StepName.PREFLIGHT, at=0, took=0.9, message="nothing touched; the starting point is measured"),
        step(StepName.ANALYZE, at=1, took=1.1, message="yaml is missing", artifacts=("analyze.log",)),
        step(StepName.PLAN, at=2, took=0.2, message="add PyYAML 6.0.2 to api/requirements.txt"),
        step(StepName.APPROVE, StepStatus.SKIPPED, at=3, took=0, message="policy asks for no approval"),
        step(StepName.PATCH, at=3, took=0.1, message="wrote api/requirements.txt"),
        step(StepName.BUILD, at=4, took=42, message="image sha256:1234 in 42.0 s", artifacts=("build.log",)),
        step(StepName.RESTART, at=46, took=3.2, message="2 container(s) replaced"),
        step(StepName.VERIFY, at=50, took=20, message="healthy and stable after 20.0 s"),
        step(StepName.ROLLBACK, StepStatus.SKIPPED, at=70, took=0, message="not reached"),
        step(StepName.REPORT, at=71, took=0.4, message="evidence stored"),
    ),
    artifacts=(artifact("analyze.log"), artifact("build.log"), artifact("report.json", size_bytes=812)),
    files_touched=(FileTouched(path="api/requirements.txt", before="b" * 64, after="a" * 64),),
    neighbours=NeighbourProof(before=(container("shop-store-1"), container("shop-worker-1")), untouched=True),
    downtime_seconds=3.4,
)
ROLLED_BACK = record(
    RunStatus.ROLLED_BACK,
    code="health_timeout",
    summary="api did not become healthy within 120 s",
    plan=plan(revision=2, round=2),
    rounds=2,
    failure=Failure(
        code="health_timeout",
        step=StepName.VERIFY,
        message="api did not become healthy within 120 s: GET /health answered 500",
        remedy="Read verify.log.",
        artifacts=("verify.2.log",),
    ),
    steps=(
        step(StepName.PREFLIGHT, message="nothing touched; the starting point is measured"),
        step(StepName.ANALYZE, at=1, message="yaml is missing"),
        step(StepName.VERIFY, StepStatus.FAILED, at=9, took=4, message="container exited with 1"),
        step(StepName.ANALYZE, at=14, message="requests is missing", round=2),
        step(
            StepName.VERIFY, StepStatus.FAILED, at=20, took=120,
            message="GET /health answered 500", round=2, artifacts=("verify.2.log",),
        ),
        step(StepName.ROLLBACK, at=141, took=6.1, message="as before"),
        step(StepName.REPORT, at=148, took=0.4, message="evidence stored"),
    ),
    files_touched=(FileTouched(path="api/requirements.txt", before="b" * 64, after="a" * 64),),
    rollback=RollbackOutcome(
        complete=True,
        state="api runs its previous image again; all files are as before",
        files=(FileTouched(path="api/requirements.txt", before="b" * 64, after="b" * 64),),
        image_id_before="sha256:" + "c" * 64,
        image_id_after="sha256:" + "c" * 64,
        not_undone=("what api wrote to volume shop_data",),
    ),
    neighbours=NeighbourProof(
        before=(container("shop-store-1"),), untouched=True, self_restarted=("shop-store-1",)
    ),
    warnings=("neighbour_restarted: shop-store-1 restarted by itself",),
)  # fmt: skip
WAITING = record(
    RunStatus.AWAITING_APPROVAL,
    summary="waits for approval of plan abc",
    plan=plan(),
    approval_deadline=START + timedelta(hours=1),
    steps=(
        step(StepName.PREFLIGHT, message="nothing touched; the starting point is measured"),
        step(StepName.ANALYZE, at=1, message="yaml is missing"),
        step(StepName.PLAN, at=3, message="add PyYAML 6.0.2 to api/requirements.txt"),
        step(StepName.APPROVE, StepStatus.IN_PROGRESS, at=5, message="waiting for approval"),
        step(StepName.PATCH, StepStatus.PENDING),
        step(StepName.BUILD, StepStatus.PENDING),
    ),
    approvals=(
        Approval(
            verdict=Verdict.REFUSED,
            approver="alice",
            at=START + timedelta(seconds=30),
            plan_revision=1,
            code="self_approval",
            message="alice requested this run and cannot approve it.",
        ),
    ),
)
BUILDING = record(
    RunStatus.RUNNING,
    plan=plan(),
    steps=(
        step(StepName.PREFLIGHT),
        step(StepName.PATCH, at=3, message="wrote api/requirements.txt"),
        step(StepName.BUILD, StepStatus.IN_PROGRESS, at=5, message="#8 pip install"),
        step(StepName.RESTART, StepStatus.PENDING),
    ),
)
NOTHING = record(
    RunStatus.SUCCEEDED,
    code="nothing_to_repair",
    summary="api is running and healthy; nothing was asked but a repair",
    steps=(step(StepName.PREFLIGHT), step(StepName.ANALYZE, at=1, message="healthy")),
)
UNAVAILABLE = record(
    RunStatus.FAILED,
    code="docker_unavailable",
    summary="Docker does not answer: no socket",
    failure=Failure(
        code="docker_unavailable",
        step=StepName.PREFLIGHT,
        message="Docker does not answer: no socket",
        remedy="Start the Docker daemon or correct DOCKER_HOST, then run again. Nothing was touched.",
    ),
    steps=(
        step(StepName.PREFLIGHT, StepStatus.FAILED, message="Docker does not answer: no socket"),
        step(StepName.PATCH, StepStatus.SKIPPED, took=0, message="not reached"),
    ),
)
INCOMPLETE = record(
    RunStatus.FAILED,
    code="rollback_incomplete",
    summary="Not everything could be put back: image",
    rounds=1,
    failure=Failure(
        code="rollback_incomplete",
        step=StepName.ROLLBACK,
        message="Not everything could be put back: the image is another one",
        remedy=f"mm-orchestrator recover {RUN_ID}, or with --accept-current-state",
    ),
    steps=(
        step(StepName.PATCH, message="wrote api/requirements.txt"),
        step(StepName.BUILD, StepStatus.FAILED, at=3),
        step(StepName.ROLLBACK, StepStatus.FAILED, at=9, artifacts=("rollback.log",)),
    ),
    files_touched=(FileTouched(path="api/requirements.txt", before=None, after="a" * 64),),
    rollback=RollbackOutcome(
        complete=False,
        state="api runs another image than before; all files are as before",
        mismatches=("image sha256:aaaa, was sha256:bbbb",),
        foreign_changes=("api/app.py",),
        rebuilt=True,
    ),
    neighbours=NeighbourProof(untouched=False, changed=("shop-store-1",), dry_run_new=("worker",)),
)
CANCELLED = record(
    RunStatus.CANCELLED,
    code="cancelled",
    summary="The run was cancelled.",
    failure=Failure(
        code="cancelled", step=StepName.BUILD, message="The run was cancelled.", remedy="Start again."
    ),
    steps=(step(StepName.PATCH), step(StepName.BUILD, StepStatus.FAILED, at=3)),
    rollback=RollbackOutcome(complete=True, state="all files and the image are as before"),
)
REJECTED = record(
    RunStatus.REJECTED,
    code="approval_rejected",
    summary="bob rejected the plan: not today",
    failure=Failure(
        code="approval_rejected", step=StepName.APPROVE, message="bob rejected the plan: not today"
    ),
    plan=plan(),
)
PLANNED = record(RunStatus.PLANNED, summary="add PyYAML", plan=plan())
INTERRUPTED = record(
    RunStatus.FAILED,
    code="run_interrupted",
    failure=Failure(
        code="run_interrupted",
        step=StepName.REPORT,
        message="The run was terminated from outside before it could say how it ended.",
        remedy=f"mm-orchestrator recover {RUN_ID}",
    ),
    steps=(step(StepName.PATCH), step(StepName.BUILD, StepStatus.IN_PROGRESS, at=3)),
)
HOSTILE = record(
    RunStatus.FAILED,
    code="build_failed",
    summary=ESCAPES,
    project=ESCAPES,
    service=ESCAPES,
    instruction=ESCAPES,
    requested_by=ESCAPES,
    workflow_id=ESCAPES,
    failure=Failure(
        code="build_failed", step=StepName.BUILD, message=ESCAPES, remedy=ESCAPES, artifacts=(ESCAPES,)
    ),
    plan=plan(
        summary=ESCAPES,
        service=ESCAPES,
        diff=f"+{ESCAPES}\n",
        warnings=(ESCAPES,),
        image_delta=ESCAPES,
        findings=(
            Finding(
                rule=ESCAPES,
                kind=FindingKind.DECLINE,
                names=(ESCAPES,),
                target=ESCAPES,
                reason=ESCAPES,
                quotes=(Quote(source=ESCAPES, line=1, text=ESCAPES),),
            ),
        ),
    ),
    steps=(
        step(StepName.ANALYZE, StepStatus.FAILED, message=ESCAPES),
        step(StepName.BUILD, StepStatus.FAILED, message=ESCAPES, artifacts=(ESCAPES,), round=2),
    ),
    artifacts=(artifact(ESCAPES, uri=ESCAPES, state=ArtifactState.SPOOLED),),
    files_touched=(FileTouched(path=ESCAPES, after="a" * 64),),
    approvals=(
        Approval(verdict=Verdict.REFUSED, approver=ESCAPES, at=START, message=ESCAPES, comment=ESCAPES),
    ),
    warnings=(ESCAPES,),
    rollback=RollbackOutcome(
        complete=False,
        state=ESCAPES,
        mismatches=(ESCAPES,),
        foreign_changes=(ESCAPES,),
        not_undone=(ESCAPES,),
    ),
    neighbours=NeighbourProof(before=(container(ESCAPES),), untouched=False, changed=(ESCAPES,)),
)
QUEUED = record(
    RunStatus.QUEUED,
    summary="number 1, behind run 01a20532-9343-79c5-84b7-88e43f9b7b44",
    lane=LaneStanding(position=1, holder="01a20532-9343-79c5-84b7-88e43f9b7b44"),
    plan=plan(),
    retry_of="01a20532-9343-79c5-84b7-88e43f9b7b42",
    artifacts=(artifact("analyze.log"), artifact("plan.json"), artifact("patch.diff")),
)
SPOOLED = SUCCEEDED.model_copy(
    update={
        "artifacts": (
            artifact("patch.diff"),
            artifact("build.log", state=ArtifactState.SPOOLED),
            artifact("verify.log", state=ArtifactState.SPOOLED),
            artifact("plan.json", state=ArtifactState.MISSING),
        )
    }
)


ALL = {
    "succeeded": SUCCEEDED,
    "rolled-back": ROLLED_BACK,
    "waiting": WAITING,
    "building": BUILDING,
    "nothing-to-repair": NOTHING,
    "docker-unavailable": UNAVAILABLE,
    "rollback-incomplete": INCOMPLETE,
    "cancelled": CANCELLED,
    "rejected": REJECTED,
    "planned": PLANNED,
    "interrupted": INTERRUPTED,
    "queued": QUEUED,
    "spooled": SPOOLED,
    "hostile": HOSTILE,
}
