"""Records about which far more could be said than fits anywhere."""

from tests.unit.record_samples import HOSTILE, RUN_ID, artifact, plan, step
from workflows.models.artifact import ArtifactState
from workflows.models.failure import Failure
from workflows.models.record import FileTouched, RollbackOutcome, RunRecord
from workflows.models.status import RunStatus, StepName, StepStatus


def overflowing(status: RunStatus) -> RunRecord:
    """A run about which far more could be said than fits on a screen."""
    much = "far more than anybody reads on one screen " * 30
    many = tuple(f"{number}: {much}" for number in range(40))
    return HOSTILE.model_copy(
        update={
            "status": status,
            "code": "rollback_incomplete" if status is RunStatus.FAILED else "some_code",
            "instruction": much,
            "summary": much,
            "plan": plan(summary=much),
            "warnings": many,
            "rounds": 5,
            "retry_of": RUN_ID,
            "downtime_seconds": 5000.0,
            "failure": Failure(
                code="build_failed", step=StepName.BUILD, message=much, remedy=much, artifacts=many
            ),
            "files_touched": tuple(FileTouched(path=path) for path in many),
            "rollback": RollbackOutcome(
                complete=False,
                state=much,
                mismatches=many,
                foreign_changes=many,
                not_undone=many,
                rebuilt=True,
            ),
            "artifacts": tuple(
                artifact(f"build.{number}.log", uri=f"file:///{number}/x", state=state)
                for number in range(60)
                for state in ArtifactState
            ),
            "steps": (step(StepName.BUILD, StepStatus.FAILED, artifacts=("build.log",)),),
        }
    )
