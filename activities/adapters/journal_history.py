"""What the journals tell of earlier runs."""

from datetime import datetime

from activities.adapters.journal import JournalStore


def runs_begun(journals: JournalStore, project: str, service: str, besides: str) -> tuple[datetime, ...]:
    """When each run on a service opened its first journal, oldest first; without the run ``besides``.

    Raises:
        OrchestratorError: ``journal_unreadable``.
    """
    begun: dict[str, datetime] = {}
    for head in journals.heads(project):  # oldest first
        if head.service == service and head.run_id != besides:
            begun.setdefault(head.run_id, head.opened_at)
    return tuple(sorted(begun.values()))
