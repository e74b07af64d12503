"""What Temporal's visibility tells about runs, a page at a time; no workflow is asked for itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from temporalio.client import Client, WorkflowExecutionStatus

from starter.connection import temporal_errors
from starter.reading import WORKFLOW_TYPE

_PAGE: Final = 1000
_STATE: Final = "mm_state"


@dataclass(frozen=True, slots=True)
class VisibleRun:
    """One execution: whether it goes on, and MoonMind's or Temporal's word for its state."""

    created_at: datetime
    open: bool
    state: str


async def visible_runs(client: Client, since: datetime, until: datetime) -> dict[str, VisibleRun]:
    """Run id -> run, of those that were started in ``[since, until)``.

    Raises:
        OrchestratorError: ``temporal_unavailable``.
    """
    query = (
        f"WorkflowType='{WORKFLOW_TYPE}' AND StartTime >= '{since.isoformat()}' "
        f"AND StartTime < '{until.isoformat()}'"
    )
    found: dict[str, VisibleRun] = {}
    with temporal_errors(client.service_client.config.target_host):
        async for run in client.list_workflows(query, page_size=_PAGE):
            still = run.status is WorkflowExecutionStatus.RUNNING
            closed = run.status.name.lower() if run.status is not None else "unknown"
            word = run.search_attributes.get(_STATE, [])  # the plain form knows an attribute of any type
            state = str(word[0]) if still and word else ("open" if still else closed)
            found[run.run_id] = VisibleRun(created_at=run.start_time, open=still, state=state)
    return found
