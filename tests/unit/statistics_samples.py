"""Records and facts for the numbers of ``stats``: a repair, and what can be different about it."""

from datetime import UTC, datetime, timedelta

from starter.statistics.facts import Cause, RunFacts
from tests.unit.record_samples import RUN_ID, artifact, plan, record, step
from workflows.models.approval import Approval, Verdict
from workflows.models.record import RollbackOutcome, RunRecord
from workflows.models.status import RunStatus, StepName, StepStatus

AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
PYYAML = Cause("python.module-not-found", "add_python_package", ("PyYAML",))


def approval(after_seconds: float, **changes: object) -> Approval:
    """An approval of the sample plan, so long after the run began."""
    at = AT + timedelta(seconds=after_seconds)
    given = Approval(verdict=Verdict.APPROVED, approver="alice", at=at, plan_digest=plan().digest)
    return given.model_copy(update=changes)


def repair(**changes: object) -> RunRecord:
    """A run that patched at 10 s, built, and was seen healthy at 60 s; its end is at 62 s."""
    logs = ("patch.diff", "build.log", "verify.log")
    made = record(
        RunStatus.SUCCEEDED,
        plan=plan(),
        steps=(
            step(StepName.APPROVE, StepStatus.SKIPPED, at=9, took=0, message="policy asks for no approval"),
            step(StepName.PATCH, at=10, took=1),
            step(StepName.BUILD, at=11, took=30),
            step(StepName.RESTART, at=41, took=3),
            step(StepName.VERIFY, at=45, took=15),
            step(StepName.ROLLBACK, StepStatus.SKIPPED, at=61, took=0, message="not reached"),
        ),
        artifacts=tuple(artifact(name, created_at=AT + timedelta(seconds=61)) for name in logs),
        completed_at=AT + timedelta(seconds=62),
    )
    return made.model_copy(update=changes)


def gated(*approvals: Approval, **changes: object) -> RunRecord:
    """The same run held for an approval from 2 s to 9 s."""
    base = repair()
    steps = (step(StepName.APPROVE, at=2, took=7), *base.steps[1:])
    return base.model_copy(update={"steps": steps, "approvals": approvals, **changes})


def rolled_back() -> RunRecord:
    """The run failed its verification and was put back."""
    base = repair()
    steps = (
        *base.steps[:4],
        step(StepName.VERIFY, StepStatus.FAILED, at=45, took=15),
        step(StepName.ROLLBACK, at=61),
    )
    logs = (*base.artifacts, artifact("rollback.log", created_at=AT + timedelta(seconds=62)))
    return base.model_copy(
        update={
            "status": RunStatus.ROLLED_BACK,
            "code": "health_timeout",
            "steps": steps,
            "artifacts": logs,
            "rollback": RollbackOutcome(complete=True, state="as before"),
        }
    )


def facts(number: int = 1, **changes: object) -> RunFacts:
    """Facts of a run that succeeded; the number makes its id."""
    values: dict[str, object] = {
        "run_id": f"{RUN_ID[:-4]}{number:04x}",
        "project": "shop",
        "service": "api",
        "status": RunStatus.SUCCEEDED,
        "code": None,
        "created_at": AT + timedelta(hours=number),
        "ended_at": AT + timedelta(hours=number, seconds=62),
        "repair_seconds": 50.0,
        "wrote": True,
        "gated": False,
        "approval_problem": None,
        "needed": ("patch", "build", "verify"),
        "lacking": (),
        "retrievable_seconds": 0.5,
        "approved": 0,
        "rejected": 0,
        "refused": (),
        "waits": (),
        "rolled_back": False,
        "rollback_incomplete": False,
        "causes": (PYYAML,),
        "downtime_seconds": 3.0,
        "typed_commands": 1,
    }
    return RunFacts(**(values | changes))  # type: ignore[arg-type]
