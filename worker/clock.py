"""How far this machine's clock and that of Temporal's server are apart (approvals expire by the clock)."""

import asyncio
import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueKind, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, PollWorkflowTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

QUEUE: Final = "mm.orchestrator.doctor"
"""Nothing is ever put on it."""
_POLL: Final = timedelta(
    seconds=20
)  # the server refuses polls that are much shorter; it is cancelled at once
_TRIES: Final = 20
_PAUSE_SECONDS: Final = 0.05


def apart(told: datetime, earliest: datetime, latest: datetime) -> timedelta:
    """By how much the server is ahead (negative: behind); it looked at its clock between two instants."""
    if told > latest:
        return told - latest
    return told - earliest if told < earliest else timedelta(0)


async def clock_difference(client: Client) -> timedelta | None:
    """Ask for work on an empty queue, and the server when it was asked; None where it does not tell.

    Raises:
        RPCError: the server does not answer, or does not let us ask.
    """
    queue, who = (
        TaskQueue(name=QUEUE, kind=TaskQueueKind.TASK_QUEUE_KIND_NORMAL),
        f"doctor-{secrets.token_hex(6)}",
    )
    request = PollWorkflowTaskQueueRequest(namespace=client.namespace, task_queue=queue, identity=who)
    began = datetime.now(UTC)
    poll = asyncio.create_task(client.workflow_service.poll_workflow_task_queue(request, timeout=_POLL))
    try:
        for _ in range(_TRIES):
            told = await _last_asked(client, queue, who)
            if told is not None:
                return apart(told, began, datetime.now(UTC))
            await asyncio.sleep(_PAUSE_SECONDS)
        return None
    finally:
        poll.cancel()
        with suppress(asyncio.CancelledError, RPCError):
            await poll


async def _last_asked(client: Client, queue: TaskQueue, who: str) -> datetime | None:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=queue, task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
    )
    pollers = (await client.workflow_service.describe_task_queue(request)).pollers
    return next((one.last_access_time.ToDatetime(tzinfo=UTC) for one in pollers if one.identity == who), None)
