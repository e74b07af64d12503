"""May this service be changed now, and once more today? (SPEC FR-009)"""

from collections.abc import Iterable
from datetime import datetime

from workflows.budget import require_budget
from workflows.errors import OrchestratorError
from workflows.maintenance import require_open
from workflows.models.policy_rules import Permission


def permitted_now(
    permission: Permission, begun: Iterable[datetime], now: datetime, service: str, *, plan_only: bool
) -> tuple[str, ...]:
    """Refuse what may not be changed now; a run that only plans is told so instead.

    Raises:
        OrchestratorError: ``circuit_open``, ``outside_maintenance_window``.
    """
    try:
        require_budget(begun, permission.repairs_per_day, now, service)
        require_open(permission.windows, now, service)
    except OrchestratorError as error:
        if not plan_only:
            raise
        return (f"the plan could not be carried out now: {error.message}",)
    return ()
