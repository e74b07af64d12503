"""Lifecycle, lanes and guards on a real Temporal server; only the Docker host follows a script."""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client, Interceptor, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from activities.adapters.temporal_runs import TemporalRuns
from starter.converter import data_converter
from tests.workflow.scripted_host import HOST, ScriptedHost
from worker.composition import bind_temporal
from worker.search_attributes import server_flags
from worker.settings import WorkerSettings
from worker.workers import Wiring, running_workers
from workflows.models.guarding import guard_id, lane_id
from workflows.models.lane import LaneView
from workflows.models.record import RunRecord
from workflows.ports import PORTS

QUEUE = "mm.orchestrator"
LANE = lane_id(f"{QUEUE}.{HOST}", "shop")
REAL = {"enter_lane", "leave_lane", "look_up", "watch_run", "read_record"}


@dataclass
class Town:
    """A server, workers, and one Docker host by script."""

    client: Client
    host: ScriptedHost
    wiring: Wiring
    writing: list[str] = field(default_factory=list)
    """Run ids between patch and report, in the order in which they began."""

    async def start(self, **fields: Any) -> WorkflowHandle[Any, Any]:
        """Start a run by type name."""
        request = {"instruction": "repair api", **fields}
        return await self.client.start_workflow(
            "MoonMind.OrchestratorRun", request, id=f"mm:{uuid.uuid4()}", task_queue=QUEUE
        )

    async def record(self, handle: WorkflowHandle[Any, Any]) -> RunRecord:
        """The record as the query has it."""
        return RunRecord.model_validate(await handle.query("status"))

    async def until(self, handle: WorkflowHandle[Any, Any], word: str) -> RunRecord:
        """Wait (bounded) until the run has this status or this step is in progress."""
        for _ in range(3000):
            record = await self.record(handle)
            if word in {str(record.status)} | {s.name for s in record.steps if s.status == "in_progress"}:
                return record
            await asyncio.sleep(0.02)
        raise AssertionError(f"never {word}: {record.status} {record.summary}")

    async def lane(self) -> LaneView:
        """What the lane says of itself."""
        return LaneView.model_validate(await self.client.get_workflow_handle(LANE).query("lane"))

    async def guard_report(self, handle: WorkflowHandle[Any, Any]) -> Any:
        """The result of a run's guard."""
        guard = self.client.get_workflow_handle(guard_id(str(handle.first_execution_run_id)))
        return await asyncio.wait_for(guard.result(), 60)


@asynccontextmanager
async def town(
    host: ScriptedHost,
    server: str | None = None,
    interceptors: Sequence[Interceptor] = (),
    **wired: Any,
) -> AsyncIterator[Town]:
    """Start everything; workers and server end with the body.

    Args:
        host: the Docker host.
        server: path of another release's command line; None: the one that is installed with us.
        interceptors: the client's.
        wired: more fields of the wiring.
    """
    settings = WorkerSettings(task_queue=QUEUE)
    binary = server or str(Path(sys.executable).parent / "temporal")
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary,
        dev_server_startup_timeout=timedelta(seconds=60),
        data_converter=data_converter,
        dev_server_extra_args=server_flags(),
        interceptors=list(interceptors),
    ) as env:
        wiring = Wiring(
            host=HOST,
            activities={n: a for n, a in host.activities().items() if n not in REAL},
            mask=str,
            of_temporal=lambda client: bind_temporal(TemporalRuns(client, QUEUE)),
            **wired,
        )
        assert {port.name for port in PORTS} >= REAL
        async with running_workers(env.client, settings, wiring):
            yield Town(env.client, host, wiring)
