"""What the exit code of a command says."""

from enum import IntEnum
from typing import Final

from workflows.models.status import RunStatus


class ExitCode(IntEnum):
    """Fixed for scripts; never renumbered."""

    OK = 0
    """Succeeded, planned, or detached while it runs."""
    NO_RUN = 2
    """No run began: wrong usage, or ``invalid_request``."""
    AWAITING_APPROVAL = 3
    """Detached, and the run waits for an approval."""
    ROLLED_BACK = 4
    FAILED = 5
    """The run failed; also a command that could not do what it was asked."""
    STOPPED = 6
    """Rejected or cancelled."""
    INTERRUPTED = 130
    """Ctrl-C ended a command that only looks."""


_OUTCOME: Final = {
    RunStatus.AWAITING_APPROVAL: ExitCode.AWAITING_APPROVAL,
    RunStatus.ROLLED_BACK: ExitCode.ROLLED_BACK,
    RunStatus.FAILED: ExitCode.FAILED,
    RunStatus.REJECTED: ExitCode.STOPPED,
    RunStatus.CANCELLED: ExitCode.STOPPED,
}


def outcome(status: RunStatus) -> ExitCode:
    """The exit code that a run's status stands for."""
    return _OUTCOME.get(status, ExitCode.OK)
