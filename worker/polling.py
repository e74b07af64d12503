"""Does a worker of this machine really poll its queues? Asked of Temporal, for a container's health check."""

import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from activities.adapters.docker_engine import DockerEngine
from starter.address import resolve_address, resolve_namespace
from starter.connection import open_client, temporal_errors
from worker.settings import WorkerSettings
from workflows.errors import OrchestratorError

_FRESH: Final = timedelta(seconds=90)
"""A poll lasts a minute at most; one and a half without a new one is none."""
_WORKFLOW: Final = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
_ACTIVITY: Final = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY


@dataclass(frozen=True)
class Polled:
    """One queue, and when this machine's worker last asked for work there."""

    queue: str
    kind: str
    last: datetime | None


async def polled_queues(settings: WorkerSettings) -> tuple[Polled, ...]:
    """The lifecycle's queue and the host's.

    Raises:
        OrchestratorError: ``temporal_unavailable``; ``docker_unavailable`` where only the daemon could
            say which host this is; ``worker_not_polling`` where one of them is not asked.
    """
    address = resolve_address(settings)
    host = settings.host or (await DockerEngine.from_environment(os.environ).info()).name
    with temporal_errors(address):
        client = await open_client(address, resolve_namespace(settings, address))
        found = (
            Polled(settings.task_queue, "workflows", await _last(client, settings.task_queue, _WORKFLOW)),
            Polled(
                settings.host_queue(host), "steps", await _last(client, settings.host_queue(host), _ACTIVITY)
            ),
        )
    missing = [one.queue for one in found if one.last is None]
    if missing:
        raise OrchestratorError("worker_not_polling", queues=", ".join(missing), machine=socket.gethostname())
    return found


async def served_queues(settings: WorkerSettings) -> tuple[str, ...]:
    """The same two, asked by any worker: that of a container has another host name than its host.

    Raises:
        OrchestratorError: as ``polled_queues``.
    """
    address = resolve_address(settings)
    host = settings.host or (await DockerEngine.from_environment(os.environ).info()).name
    queues = {settings.task_queue: _WORKFLOW, settings.host_queue(host): _ACTIVITY}
    with temporal_errors(address):
        client = await open_client(address, resolve_namespace(settings, address))
        missing = [
            queue for queue, kind in queues.items() if await _last(client, queue, kind, anybody=True) is None
        ]
    if missing:
        raise OrchestratorError("worker_not_polling", queues=", ".join(missing), machine=host)
    return tuple(queues)


async def _last(
    client: Client, queue: str, kind: "TaskQueueType.ValueType", *, anybody: bool = False
) -> datetime | None:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
    )
    answer = await client.workflow_service.describe_task_queue(request)
    times = [_at(poller) for poller in answer.pollers if anybody or _is_ours(poller)]
    return max((at for at in times if datetime.now(UTC) - at < _FRESH), default=None)


def _is_ours(poller: PollerInfo) -> bool:
    """The SDK's identity is ``pid@hostname``; the process id is another one's in the health check."""
    return poller.identity.rpartition("@")[2] == socket.gethostname()


def _at(poller: PollerInfo) -> datetime:
    return poller.last_access_time.ToDatetime(tzinfo=UTC)
