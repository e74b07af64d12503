"""A time-skipping Temporal server per test module, and a run on a scripted host per test."""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from starter.converter import data_converter
from tests.workflow.scripted_host import HOST, ScriptedHost
from worker.search_attributes import SEARCH_ATTRIBUTES
from worker.settings import WorkerSettings
from worker.workers import Wiring, running_workers
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

QUEUE = "mm.orchestrator"


@dataclass
class Stage:
    """A server, and workers that follow the host's script."""

    client: Client
    host: ScriptedHost

    async def start(
        self, instruction: str = "repair the missing dependency", **fields: Any
    ) -> WorkflowHandle[Any, Any]:
        """Start a run by type name, as any client would."""
        request = {"instruction": instruction, **fields}
        name, run_id = "MoonMind.OrchestratorRun", f"mm:{uuid.uuid4()}"
        return await self.client.start_workflow(name, request, id=run_id, task_queue=QUEUE)

    async def run(self, instruction: str = "repair the missing dependency", **fields: Any) -> RunRecord:
        """Start a run and read its final record."""
        handle = await self.start(instruction, **fields)
        return RunRecord.model_validate(await handle.result())

    async def record(self, handle: WorkflowHandle[Any, Any]) -> RunRecord:
        """The record as the query has it."""
        return RunRecord.model_validate(await handle.query("status"))

    async def until(
        self, handle: WorkflowHandle[Any, Any], status: RunStatus, revision: int | None = None
    ) -> RunRecord:
        """Wait (bounded) for a status, of a plan revision where one is named, without skipping time."""
        for _ in range(3000):
            record = await self.record(handle)
            planned = record.plan.revision if record.plan else 0
            if record.status is status and revision in {None, planned}:
                return record
            await asyncio.sleep(0.02)
        raise AssertionError(f"never {status}: {record.status} {record.summary}")


@pytest.fixture(scope="session")
def test_server_path() -> str:
    """The time-skipping test server that the package of that name puts beside the interpreter."""
    return str(Path(sys.executable).parent / "temporal-test-server")


@pytest.fixture
async def stage_of(test_server_path: str) -> AsyncIterator[Callable[[ScriptedHost], Any]]:
    """A factory ``await stage_of(host) -> Stage``."""
    async with AsyncExitStack() as stack:

        async def make(host: ScriptedHost) -> Stage:
            env = await stack.enter_async_context(
                await WorkflowEnvironment.start_time_skipping(
                    test_server_existing_path=test_server_path,
                    data_converter=data_converter,
                    test_server_startup_timeout=timedelta(seconds=60),
                )
            )
            attributes = AddSearchAttributesRequest(search_attributes=SEARCH_ATTRIBUTES)
            await env.client.operator_service.add_search_attributes(attributes)
            wiring = Wiring(host=HOST, activities=host.activities(), mask=str)
            await stack.enter_async_context(running_workers(env.client, WorkerSettings(), wiring))
            return Stage(env.client, host)

        yield make
