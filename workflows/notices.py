"""Which moments of a run people are told about, and in which words. Pure."""

import hashlib
from datetime import datetime

from workflows.models.notification import Notification, NotifyEvent
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

_TEXT_CHARACTERS = 2000
_COMMANDS = {
    NotifyEvent.AWAITING_APPROVAL: ("diff {run}", "approve {run}", "reject {run} --reason TEXT"),
    NotifyEvent.APPROVAL_EXPIRING: ("diff {run}", "approve {run}", "reject {run} --reason TEXT"),
    NotifyEvent.ROLLED_BACK: ("explain {run}", "artifacts {run}"),
    NotifyEvent.ROLLBACK_INCOMPLETE: (
        "explain {run}", "recover {run}", "recover {run} --accept-current-state",
    ),
    NotifyEvent.CIRCUIT_BREAKER_OPEN: ("show {run}", "list"),
}  # fmt: skip
_HEADLINES = {
    NotifyEvent.AWAITING_APPROVAL: "A repair of {what} waits for an approval",
    NotifyEvent.APPROVAL_EXPIRING: "Nobody has decided about the repair of {what}",
    NotifyEvent.ROLLED_BACK: "The repair of {what} failed; everything is as it was",
    NotifyEvent.ROLLBACK_INCOMPLETE: "NOT everything of {what} could be put back",
    NotifyEvent.CIRCUIT_BREAKER_OPEN: "{what} keeps breaking; no further repair is begun",
}


def event_of_the_end(record: RunRecord) -> NotifyEvent | None:
    """Whether somebody is told how this run ended."""
    if record.code == "rollback_incomplete":
        return NotifyEvent.ROLLBACK_INCOMPLETE
    if record.code == "circuit_open":
        return NotifyEvent.CIRCUIT_BREAKER_OPEN
    return NotifyEvent.ROLLED_BACK if record.status is RunStatus.ROLLED_BACK else None


def notification(record: RunRecord, event: NotifyEvent, now: datetime) -> Notification:
    """The event as it is told. An approval is another one for each revision of the plan."""
    plan = record.plan if event in _ASKING else None
    about = f"{record.run_id} {event} {plan.revision if plan else ''} {record.code or ''}"
    return Notification(
        id=hashlib.sha256(about.encode()).hexdigest()[:32],
        event=event,
        occurred_at=now,
        run_id=record.run_id,
        workflow_id=record.workflow_id,
        project=record.project,
        service=record.service,
        status=record.status,
        code=record.code,
        summary=_what_it_is(record, event)[:_TEXT_CHARACTERS],
        remedy=record.failure.remedy[:_TEXT_CHARACTERS] if record.failure else "",
        requested_by=record.requested_by,
        plan_digest=plan.digest if plan else None,
        plan_revision=plan.revision if plan else None,
        deadline=record.approval_deadline if plan else None,
        commands=tuple(f"mm-orchestrator {line.format(run=record.run_id)}" for line in _COMMANDS[event]),
    )


_ASKING = frozenset({NotifyEvent.AWAITING_APPROVAL, NotifyEvent.APPROVAL_EXPIRING})


def headline(told: Notification) -> str:
    """One sentence for people."""
    return _HEADLINES[told.event].format(what=f"{told.service or '?'} of {told.project or '?'}")


def _what_it_is(record: RunRecord, event: NotifyEvent) -> str:
    if event in _ASKING and record.plan:
        return record.plan.summary
    return record.failure.message if record.failure else record.summary
