"""The words used everywhere: run statuses, step statuses and step names."""

from enum import StrEnum


class RunStatus(StrEnum):
    """Where a run stands; the last six are terminal."""

    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    AWAITING_APPROVAL = "awaiting_approval"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    PLANNED = "planned"

    @property
    def terminal(self) -> bool:
        """Whether nothing will change any more."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        RunStatus.SUCCEEDED,
        RunStatus.ROLLED_BACK,
        RunStatus.FAILED,
        RunStatus.REJECTED,
        RunStatus.CANCELLED,
        RunStatus.PLANNED,
    }
)


class StepStatus(StrEnum):
    """Where one step of a run stands."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class StepName(StrEnum):
    """The steps of a run, in the order of the lifecycle."""

    PREFLIGHT = "preflight"
    ANALYZE = "analyze"
    PLAN = "plan"
    APPROVE = "approve"
    PATCH = "patch"
    BUILD = "build"
    RESTART = "restart"
    VERIFY = "verify"
    ROLLBACK = "rollback"
    REPORT = "report"
