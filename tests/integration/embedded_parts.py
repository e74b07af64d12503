"""A tiny workflow and its wiring, for tests of the embedded stack; run as a script it holds one open."""

import asyncio
import sys
from pathlib import Path

from temporalio import activity
from temporalio.client import Client

from activities.adapters.state_dir import StateDir
from tests.integration.ping_workflow import HOST, Ping
from worker.embedded import embedded_stack
from worker.settings import WorkerSettings
from worker.workers import Wiring


@activity.defn(name="locate")
async def locate(name: str) -> str:
    """Stands in for the local activity."""
    return f"located {name}"


@activity.defn(name="ping")
async def ping(name: str) -> str:
    """Stands in for a step on the host's queue."""
    return f"pong {name} on {activity.info().task_queue}"


async def wire_ping(_settings: WorkerSettings, _state: StateDir, _project_dir: Path | None) -> Wiring:
    """The wiring of the tiny workflow."""
    activities = {"locate": locate, "ping": ping}
    return Wiring(host=HOST, activities=activities, mask=str, workflows=(Ping,))


def settings_in(state: Path) -> WorkerSettings:
    """Settings with nothing from the environment but the state directory."""
    return WorkerSettings(configured_state_dir=state, task_queue="mm.orchestrator")


async def run_ping(client: Client, workflow_id: str) -> str:
    """Run the tiny workflow to its end."""
    result: str = await client.execute_workflow(
        "test.Ping", "x", id=workflow_id, task_queue="mm.orchestrator", result_type=str
    )
    return result


async def _hold_open(state: Path) -> None:
    async with embedded_stack(settings_in(state), wire_ping) as stack:
        print(await run_ping(stack.client, "held"), flush=True)  # noqa: T201 - the test reads it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_hold_open(Path(sys.argv[1])))
