"""Sends an approval or rejection as a Temporal update, so that whoever decides hears the answer."""

from datetime import timedelta
from typing import Final

from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from starter.connection import temporal_errors
from starter.reading import Located, RunReader
from workflows.errors import CATALOGUE, OrchestratorError
from workflows.models.approval import Approval, Approve, Reject

UPDATE_TIMEOUT: Final = timedelta(seconds=10)


async def send_decision(
    reader: RunReader, run: Located, name: str, attempt: Approve | Reject
) -> Approval | None:
    """Send the update ``Approve`` or ``Reject`` (SPEC FR-009).

    Returns:
        The attempt as it went on record; None where the run ended meanwhile.

    Raises:
        OrchestratorError: ``worker_unavailable``, ``temporal_unavailable``, or what the worker refused.
    """
    handle = reader.client.get_workflow_handle(run.workflow_id, run_id=run.execution_run_id)
    try:
        approval: Approval = await handle.execute_update(
            name, attempt, result_type=Approval, rpc_timeout=UPDATE_TIMEOUT
        )
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        raise OrchestratorError("worker_unavailable", run=run.run_id) from None
    except WorkflowUpdateFailedError as error:
        raise _refused(error) from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        with temporal_errors(reader.address, run.workflow_id):
            raise
    return approval


def _refused(error: WorkflowUpdateFailedError) -> OrchestratorError:
    cause = error.cause
    detail = cause.message if isinstance(cause, ApplicationError) else str(cause)
    code = cause.type if isinstance(cause, ApplicationError) else None
    if code in CATALOGUE and "{" not in CATALOGUE[code].cause:
        return OrchestratorError(code)
    return OrchestratorError("invalid_request", detail=detail)
