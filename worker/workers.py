"""The two Temporal workers of a process: the lifecycle on one queue, a Docker host's steps on another."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from temporalio.client import Client
from temporalio.worker import Worker

from worker.error_mapping import ErrorMapping
from worker.sandbox import sandbox
from worker.settings import WorkerSettings
from worker.telemetry import Mask
from workflows.orchestrator_run import OrchestratorRun
from workflows.ports import LOCATE

Activity = Callable[..., Any]

# A cancellation must reach a build within a second, whatever its heartbeat timeout (TEMPORAL trap 2).
_HEARTBEAT_THROTTLE: Final = timedelta(seconds=1)
# How long a run waits for a killed worker before another one takes it (TEMPORAL trap 11).
_STICKY_TIMEOUT: Final = timedelta(seconds=2)
# One project changes at a time; different projects may, and plans and evidence are cheap.
_CONCURRENT_STEPS: Final = 20


@dataclass(frozen=True)
class Wiring:
    """What a pair of workers is made of.

    Attributes:
        host: name of the Docker host whose steps are taken.
        activities: port name -> its implementation.
        mask: masks secrets in the text of unexpected errors.
        workflows: workflow classes; the real one unless a test stands in for it.
    """

    host: str
    activities: Mapping[str, Activity]
    mask: Mask
    workflows: tuple[type, ...] = (OrchestratorRun,)


def build_workers(client: Client, settings: WorkerSettings, wiring: Wiring) -> tuple[Worker, Worker]:
    """The worker of the lifecycle and the worker of the host's steps, neither started yet."""
    graceful = timedelta(seconds=settings.graceful_shutdown_seconds)
    mapping = ErrorMapping(wiring.mask)
    lifecycle = Worker(
        client,
        task_queue=settings.task_queue,
        workflows=wiring.workflows,
        activities=[wiring.activities[LOCATE.name]],
        no_remote_activities=True,
        workflow_runner=sandbox(),
        interceptors=[mapping],
        sticky_queue_schedule_to_start_timeout=_STICKY_TIMEOUT,
        graceful_shutdown_timeout=graceful,
    )
    steps = Worker(
        client,
        task_queue=settings.host_queue(wiring.host),
        activities=[run for name, run in wiring.activities.items() if name != LOCATE.name],
        interceptors=[mapping],
        max_concurrent_activities=_CONCURRENT_STEPS,
        max_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=graceful,
    )
    return lifecycle, steps


@asynccontextmanager
async def running_workers(client: Client, settings: WorkerSettings, wiring: Wiring) -> AsyncIterator[None]:
    """Run both; a fatal error of either interrupts the body and is raised.

    The steps stop first, so that the lifecycle still hears how they ended.
    """
    async with AsyncExitStack() as stack:
        for worker in build_workers(client, settings, wiring):
            await stack.enter_async_context(worker)
        yield
