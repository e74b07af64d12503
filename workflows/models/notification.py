"""What people are told when a run needs them, wherever they are (a webhook)."""

from datetime import datetime
from enum import StrEnum

from workflows.models.base import Model


class NotifyEvent(StrEnum):
    """What somebody is told about."""

    AWAITING_APPROVAL = "awaiting_approval"
    APPROVAL_EXPIRING = "approval_expiring"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_INCOMPLETE = "rollback_incomplete"
    CIRCUIT_BREAKER_OPEN = "circuit_breaker_open"


class Notification(Model):
    """One event of one run; ``id`` is the same however often it is told."""

    id: str
    event: NotifyEvent
    occurred_at: datetime
    run_id: str
    workflow_id: str
    project: str | None = None
    service: str | None = None
    status: str = ""
    code: str | None = None
    summary: str = ""
    remedy: str = ""
    requested_by: str | None = None
    plan_digest: str | None = None
    plan_revision: int | None = None
    deadline: datetime | None = None
    """Until when an approval counts."""
    commands: tuple[str, ...] = ()
    """What to type, in the order in which one would."""
