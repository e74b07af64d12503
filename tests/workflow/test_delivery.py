"""Spooled evidence is delivered by a workflow of its own when the store is back (I6)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.delivering import Delivering
from activities.adapters.directory_depot import DirectoryDepot
from activities.deliver import Deliver
from starter.converter import data_converter
from tests.stores.evidence import RUN, a_run, address_of, assert_complete, evidence_store, fresh_bucket
from tests.stores.proxy import Fault, proxied
from tests.stores.servers import StoreServer
from tests.workflow.scripted_host import HOST, HOST_QUEUE, ScriptedHost
from worker.search_attributes import server_flags
from worker.settings import WorkerSettings
from worker.workers import Wiring, running_workers
from workflows.models.artifact import ArtifactState
from workflows.models.delivery import DeliverInput, DeliverResult, DeliveryReport, DeliveryState, delivery_id
from workflows.ports import DELIVER

DELIVERY = delivery_id(HOST_QUEUE)


def wiring_of(store: ArtifactStore) -> Wiring:
    """A worker whose steps are scripted, but for the delivery of this store's spool."""
    delivering = Delivering(store)
    activities: dict[str, Any] = {**ScriptedHost().activities(), DELIVER.name: Deliver(delivering).deliver}
    return Wiring(host=HOST, activities=activities, mask=str, deliverable=delivering.anything)


async def handle_of(client: Client) -> WorkflowHandle[Any, Any]:
    """The delivery, once the sweep has started it."""
    handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(DELIVERY, result_type=DeliveryReport)
    for _ in range(400):
        if [one async for one in client.list_workflows(f'WorkflowId = "{DELIVERY}"')]:
            return handle
        await asyncio.sleep(0.05)
    raise AssertionError("the sweep started no delivery")


async def problem_shown(handle: WorkflowHandle[Any, Any]) -> str:
    """What an operator reads in the Web UI while the store is away."""
    for _ in range(400):
        described = await handle.query("__temporal_workflow_metadata")
        if "wait for the store" in (text := str(described)):
            return text
        await asyncio.sleep(0.05)
    raise AssertionError("no details")


async def test_delivery_brings_everything_over_once_the_store_is_back(
    store_server: StoreServer, tmp_path: Path
) -> None:
    """Nothing but a worker is needed; the workflow says what it waits for, and ends with the empty spool."""
    with proxied(store_server.endpoint) as proxy:
        address = address_of(store_server, fresh_bucket(), proxy.endpoint)
        store = evidence_store(address, tmp_path, patience=1.0)
        proxy.set(Fault.REFUSE)
        made = await a_run(store)
        assert {a.state for a in made} == {ArtifactState.SPOOLED}
        binary = str(Path(sys.executable).parent / "temporal")
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=binary,
            dev_server_startup_timeout=timedelta(seconds=60),
            data_converter=data_converter,
            dev_server_extra_args=server_flags(),
        ) as env:
            async with running_workers(env.client, WorkerSettings(), wiring_of(store)):
                handle = await handle_of(env.client)
                assert "4 artifacts wait" in await problem_shown(handle)
            # that worker is gone; the next one goes on
            proxy.set(Fault.NONE)
            async with running_workers(env.client, WorkerSettings(), wiring_of(store)):
                report = await asyncio.wait_for(handle.result(), 60)
            assert report.delivered == len(made)
        await assert_complete(store, store_server, made)


async def test_directory_that_was_full_is_delivered_to_as_well(tmp_path: Path) -> None:
    """A worker without an object store has a spool too: its disk was full."""
    store = ArtifactStore(tmp_path / "spool", DirectoryDepot(tmp_path / "artifacts"))
    (tmp_path / "artifacts").write_bytes(b"")  # nothing can be written below a file
    made = await a_run(store)
    assert {a.state for a in made} == {ArtifactState.SPOOLED}
    refused = await Delivering(store).deliver()
    assert (refused.delivered, refused.waiting) == (0, 4)
    assert refused.problem
    (tmp_path / "artifacts").unlink()
    assert (await Delivering(store).deliver()) == DeliverResult(delivered=4)
    for artifact in made:
        assert await store.read(artifact)
        assert (tmp_path / "artifacts" / "spec_workflows" / RUN / artifact.name).is_file()
    assert not Delivering(store).anything()


@pytest.fixture
async def skipping(test_server_path: str) -> Any:
    """A server whose clock runs as fast as it can."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=test_server_path,
        data_converter=data_converter,
        test_server_startup_timeout=timedelta(seconds=60),
    ) as env:
        yield env


async def answered_by(
    env: WorkflowEnvironment, answer: Callable[[DeliverInput], DeliverResult]
) -> DeliveryReport:
    """The delivery's report where each pass ends like this."""
    host = ScriptedHost()
    host.answers[DELIVER.name] = answer
    wiring = Wiring(host=HOST, activities=host.activities(), mask=str)
    async with running_workers(env.client, WorkerSettings(), wiring):
        report: DeliveryReport = await env.client.execute_workflow(
            "MoonMind.ArtifactDelivery", DeliveryState(host_queue=HOST_QUEUE), id=DELIVERY,
            task_queue="mm.orchestrator", result_type=DeliveryReport,
        )  # fmt: skip
    return report


async def pauses(env: WorkflowEnvironment) -> list[int]:
    """The pauses of the newest execution, in seconds, as its history has them."""
    history = env.client.get_workflow_handle(DELIVERY).fetch_history_events()
    started = [event.timer_started_event_attributes async for event in history
               if event.HasField("timer_started_event_attributes")]  # fmt: skip
    return [timer.start_to_fire_timeout.seconds for timer in started]


async def test_store_that_stays_away_is_asked_once_a_minute(skipping: WorkflowEnvironment) -> None:
    """The pauses grow to a minute: an outage of a night costs neither the store nor the history much."""
    passes = 0

    def away(_job: DeliverInput) -> DeliverResult:
        nonlocal passes
        passes += 1
        return DeliverResult(waiting=0 if passes > 30 else 3, problem="away", delivered=passes > 30)

    assert (await answered_by(skipping, away)).delivered == 1
    assert await pauses(skipping) == [4, 8, 16, 32, *[60] * 26]


async def test_long_outage_goes_on_in_a_successor(skipping: WorkflowEnvironment) -> None:
    """What predecessors delivered counts; no history grows without end."""
    passes = 0

    def slowly(_job: DeliverInput) -> DeliverResult:
        nonlocal passes
        passes += 1
        return DeliverResult(waiting=0 if passes == 230 else 1, delivered=1)

    assert (await answered_by(skipping, slowly)).delivered == 230
    assert await pauses(skipping) == [2] * 29  # of the second execution
    handle = skipping.client.get_workflow_handle(DELIVERY)
    described = await handle.describe()
    assert described.status is WorkflowExecutionStatus.COMPLETED
    assert described.history_length < 2000
