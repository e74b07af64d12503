"""Which evidence a run must have left, by what it did (SPEC FR-011, SC-003): pure rules over its record."""

from collections.abc import Iterable
from typing import Final

from workflows.models.artifact import ArtifactState, RunArtifact
from workflows.models.record import RunRecord
from workflows.models.status import StepName, StepStatus

_BEGAN: Final = frozenset({StepStatus.IN_PROGRESS, StepStatus.SUCCEEDED, StepStatus.FAILED})
_LOGGED: Final = (StepName.BUILD, StepName.VERIFY, StepName.ROLLBACK)
CHANGING: Final = (StepName.PATCH, StepName.BUILD, StepName.RESTART)


def began(record: RunRecord, step: StepName) -> bool:
    """Whether the run did the step in any round."""
    return any(entry.name is step and entry.status in _BEGAN for entry in record.steps)


def wrote(record: RunRecord) -> bool:
    """Whether the run may have changed a file, an image or a container."""
    if record.rollback is not None and record.rollback.nothing_written:
        return False
    return bool(record.files_touched) or any(began(record, step) for step in CHANGING)


def needed_types(record: RunRecord) -> tuple[str, ...]:
    """Artifact types that the run must have: the diff, and the logs of build, verify and rollback it did."""
    if not wrote(record):
        return ()
    diff = ("patch",) if record.plan is not None and record.plan.writes else ()
    return (*diff, *(str(step) for step in _LOGGED if began(record, step)))


def missing_types(record: RunRecord, artifacts: Iterable[RunArtifact]) -> tuple[str, ...]:
    """What of it no artifact is there for; spooled evidence exists, lost evidence does not."""
    there = {artifact.type for artifact in artifacts if artifact.state is not ArtifactState.MISSING}
    return tuple(kind for kind in needed_types(record) if kind not in there)
