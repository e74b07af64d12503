"""The circuit breaker: how many runs may change one service within a day. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from workflows.errors import OrchestratorError

DAY = timedelta(hours=24)


def closes_at(begun: Iterable[datetime], limit: int | None, now: datetime) -> datetime | None:
    """When a further run may begin; None: now.

    Args:
        begun: when each earlier run on this service made its first change.
        limit: runs within 24 hours; None: no limit.
        now: the present.
    """
    recent = sorted(at for at in begun if at > now - DAY)
    if limit is None or len(recent) < limit:
        return None
    return recent[len(recent) - limit] + DAY


def require_budget(begun: Iterable[datetime], limit: int | None, now: datetime, service: str) -> None:
    """Refuse a run that would be one too many.

    Raises:
        OrchestratorError: ``circuit_open`` with count, limit and when the next run may begin.
    """
    counted = tuple(at for at in begun if at > now - DAY)
    again = closes_at(counted, limit, now)
    if again is not None:
        raise OrchestratorError(
            "circuit_open",
            service=service,
            count=len(counted),
            limit=limit,
            again=again.strftime("%Y-%m-%d %H:%M:%S UTC"),
        )
