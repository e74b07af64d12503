"""What the guard of a run is told, and how a workflow was seen to end (I4)."""

from enum import StrEnum

from workflows.models.artifact import RunArtifact
from workflows.models.base import Model
from workflows.models.lane import Hold
from workflows.models.record import RunRecord


class Closing(StrEnum):
    """How a workflow execution stands, in Temporal's words."""

    OPEN = "open"
    COMPLETED = "completed"
    CANCELED = "canceled"
    FAILED = "failed"
    TERMINATED = "terminated"
    TIMED_OUT = "timed_out"
    UNKNOWN = "unknown"
    """This Temporal server has no such workflow."""

    @property
    def lost(self) -> bool:
        """Whether it ended without a chance to put back what it changed."""
        return self in _LOST


_LOST = frozenset({Closing.FAILED, Closing.TERMINATED, Closing.TIMED_OUT})


class GuardedRun(Model):
    """The run a guard watches, and the queue of the host where its journal is."""

    run_id: str
    workflow_id: str
    execution_run_id: str | None = None
    """The execution that writes; None: the newest one."""
    project: str = ""
    service: str | None = None
    host_queue: str = ""
    """Where its journal is; only a guard needs to know."""


class GuardReport(Model):
    """How a guard ended: what it saw, and what it settled."""

    closing: Closing
    settled: bool = False
    """Whether the guard had to put something back."""
    complete: bool = True
    """Whether all of that was measured to be as before."""
    state: str = ""
    """One sentence: the state the service was left in."""
    manifest: RunArtifact | None = None
    """The manifest of the run's evidence, with the checksum that proves the bundle (I6)."""


class OpenJournal(Model):
    """A journal that awaits its end, and the run that opened it."""

    run_id: str
    workflow_id: str


class LookAroundInput(Model):
    """What stands in this run's way on the host?"""

    run_id: str
    project: str


class LookAroundResult(Model):
    """An operator's pause, and other runs whose changes to the project are not settled."""

    hold: Hold | None = None
    unsettled: tuple[OpenJournal, ...] = ()


class LookUpInput(Model):
    """Which of these runs are alive: their workflow is open, or their guard is still at work?"""

    runs: tuple[OpenJournal, ...]


class LookUpResult(Model):
    """Run ids, as far as alive."""

    alive: tuple[str, ...] = ()


class WatchRunResult(Model):
    """How the run ended; ``open`` where the worker stopped first, and the workflow asks again."""

    closing: Closing


class SettleInput(Model):
    """Put back what a lost run left, from its journals; ``record`` is what its workflow still tells."""

    run_id: str
    workflow_id: str
    record: RunRecord | None = None


class SettleResult(Model):
    """``state`` in one sentence; ``settled`` false where no journal was open."""

    settled: bool
    complete: bool = True
    state: str = ""
    manifest: RunArtifact | None = None
    """The manifest of the evidence, with its checksum; None where nothing was reported."""


class ReadRecordResult(Model):
    """The record of a run whose workflow has ended without reporting; None where nobody can tell."""

    record: RunRecord | None = None


def lane_id(host_queue: str, project: str) -> str:
    """Workflow id of a project's lane; ``host_queue`` ends with the Docker host's name."""
    host = host_queue.removeprefix("mm.orchestrator.")
    return f"mm.lane:{host}:{project}"


def guard_id(run_id: str) -> str:
    """Workflow id of a run's guard."""
    return f"mm.guard:{run_id}"
