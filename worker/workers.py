"""The two Temporal workers of a process: the lifecycle on one queue, a Docker host's steps on another."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from temporalio.client import Client
from temporalio.worker import Interceptor, Worker

from activities.adapters.journal import Journal
from activities.adapters.measuring import Metrics
from activities.adapters.temporal_runs import TemporalRuns
from worker.error_mapping import ErrorMapping
from worker.memory import keep_trimmed
from worker.sandbox import sandbox
from worker.settings import WorkerSettings
from worker.step_metrics import StepMetrics
from worker.sweep import Sweep, running_beside
from worker.telemetry import Mask
from workflows.artifact_delivery import ArtifactDelivery
from workflows.orchestrator_run import OrchestratorRun
from workflows.ports import PORTS
from workflows.project_lane import ProjectLane
from workflows.run_guard import RunGuard

Activity = Callable[..., Any]
Loop = Callable[[], Awaitable[None]]

# A cancellation must reach a build within a second, whatever its heartbeat timeout (TEMPORAL trap 2).
_HEARTBEAT_THROTTLE: Final = timedelta(seconds=1)
# How long a run waits for a killed worker before another one takes it (TEMPORAL trap 11).
_STICKY_TIMEOUT: Final = timedelta(seconds=2)
# One project changes at a time; different projects may, and plans, evidence and waits are cheap.
_CONCURRENT_STEPS: Final = 100
# Each changing run is watched by its lane and by its guard.
_CONCURRENT_WATCHES: Final = 500
# A process that ends waits this long for its last numbers to leave, not longer.
_LAST_NUMBERS_SECONDS: Final = 0.5
_ANYWHERE: Final = {port.name for port in PORTS if not port.on_host}
WORKFLOWS: Final = (OrchestratorRun, ProjectLane, RunGuard, ArtifactDelivery)


async def _nothing() -> int:
    return 0


@dataclass(frozen=True)
class Wiring:
    """What a pair of workers is made of.

    Attributes:
        host: name of the Docker host whose steps are taken.
        activities: port name -> its implementation.
        mask: masks secrets in the text of unexpected errors.
        workflows: workflow classes; the real ones unless a test stands in for them.
        of_temporal: the ports that need a client, once there is one.
        unsettled: journals of this host that await their end, for the sweep; empty where none can be.
        beside: loops that run as long as the workers; they never end by themselves.
        metrics: where steps and runs are counted.
        leftovers: removes throwaway containers that nobody waits for any more, for the sweep.
        deliverable: whether the spool holds evidence that is ready to be delivered, for the sweep.
        around_steps: interceptors between the count of the host's steps and the mapping of their errors.
    """

    host: str
    activities: Mapping[str, Activity]
    mask: Mask
    workflows: tuple[type, ...] = WORKFLOWS
    of_temporal: Callable[[Client], Mapping[str, Activity]] = lambda _client: {}
    unsettled: Callable[[], tuple[Journal, ...]] = lambda: ()
    leftovers: Callable[[], Awaitable[int]] = _nothing
    deliverable: Callable[[], bool] = lambda: False
    beside: Callable[[Client], tuple[Loop, ...]] = lambda _client: ()
    metrics: Metrics = field(default_factory=Metrics)
    around_steps: tuple[Interceptor, ...] = ()


def build_workers(client: Client, settings: WorkerSettings, wiring: Wiring) -> tuple[Worker, Worker]:
    """The worker of the lifecycle and the worker of the host's steps, neither started yet."""
    graceful = timedelta(seconds=settings.graceful_shutdown_seconds)
    mapping = ErrorMapping(wiring.mask, wiring.host)
    bound = {**wiring.of_temporal(client), **wiring.activities}
    lifecycle = Worker(
        client,
        task_queue=settings.task_queue,
        workflows=wiring.workflows,
        activities=[run for name, run in bound.items() if name in _ANYWHERE],
        max_concurrent_activities=_CONCURRENT_WATCHES,
        max_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        workflow_runner=sandbox(),
        interceptors=[mapping],
        sticky_queue_schedule_to_start_timeout=_STICKY_TIMEOUT,
        graceful_shutdown_timeout=graceful,
    )
    steps = Worker(
        client,
        task_queue=settings.host_queue(wiring.host),
        activities=[run for name, run in bound.items() if name not in _ANYWHERE],
        interceptors=[StepMetrics(wiring.metrics), *wiring.around_steps, mapping],
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
        stack.push_async_callback(wiring.metrics.flush, _LAST_NUMBERS_SECONDS)
        for worker in build_workers(client, settings, wiring):
            await stack.enter_async_context(worker)
        runs = TemporalRuns(client, settings.task_queue)
        queue = settings.host_queue(wiring.host)
        sweep = Sweep(runs, queue, wiring.unsettled, wiring.leftovers, wiring.deliverable)
        for loop in (sweep.forever, keep_trimmed, *wiring.beside(client)):
            await stack.enter_async_context(running_beside(loop))
        yield
