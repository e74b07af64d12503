"""The lane: one run after the other on a project, visible, and freed whatever becomes of its holder (I7)."""

import asyncio
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from tests.workflow.real_server import LANE, town
from tests.workflow.scripted_host import GATE, NOW, ScriptedHost
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.guarding import LookAroundResult, OpenJournal
from workflows.models.lane import AwaitReleaseResult, Hold
from workflows.models.status import RunStatus

FREED_SECONDS = 50
"""Seconds, not the minute after which a waiting run asks again; generous, for a busy machine."""


class OneWriter:
    """Watches that never two runs are between patch and report, and in which order they come."""

    def __init__(self, host: ScriptedHost) -> None:
        self.now: set[str] = set()
        self.order: list[str] = []
        self.most = 0
        patch, report = host.answers["patch"], host.answers["report"]

        def begin(job: Any) -> Any:
            self.now.add(job.run.run_id)
            self.order.append(job.run.run_id)
            self.most = max(self.most, len(self.now))
            return patch(job)

        def end(job: Any) -> Any:
            self.now.discard(job.run.run_id)
            return report(job)

        host.answers |= {"patch": begin, "report": end}


async def shown_in_the_web_ui(run: WorkflowHandle[Any, Any]) -> str:
    """A workflow's current details."""
    told: WorkflowMetadata = await run.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return told.current_details


async def listed(client: Client, state: str, holds: set[str]) -> set[str]:
    """What a list by state names, once it names these; visibility lags a little."""
    found: set[str] = set()
    for _ in range(1200):
        found = {run.id async for run in client.list_workflows(f'mm_state="{state}"')}
        if holds <= found:
            break
        await asyncio.sleep(0.05)
    return found


async def test_runs_on_one_project_write_one_after_the_other_in_order() -> None:
    """FIFO; a run that waited measures anew whether its plan still holds; the lane ends when it is empty.

    Who is first is the lane's to say: of two runs started together, either may reach it first. So each
    starts once the one before it stands in the lane, and the first stays inside until all the others wait.
    """
    host = ScriptedHost()
    writers = OneWriter(host)
    begun, all_wait, usual = asyncio.Event(), asyncio.Event(), host.answers["build"]

    async def build(job: Any) -> Any:
        begun.set()
        while not all_wait.is_set():
            activity.heartbeat()
            await asyncio.sleep(0.05)
        return usual(job)

    host.answers["build"] = build
    async with town(host) as here:
        runs = [await here.start()]
        await asyncio.wait_for(begun.wait(), 60)
        for place in range(1, 8):
            runs.append(await here.start())
            record = await here.until(runs[-1], "queued")
            assert record.lane is not None
            assert record.lane.position == place
        all_wait.set()
        results = await asyncio.gather(*(run.result() for run in runs))
        assert [result["status"] for result in results] == ["succeeded"] * 8
        assert writers.most == 1
        assert writers.order == [run.first_execution_run_id for run in runs]
        assert host.calls.count("revalidate") > 0
        await asyncio.wait_for(here.client.get_workflow_handle(LANE).result(), 60)


async def test_place_and_holder_are_seen_while_a_run_waits() -> None:
    """In the record (and so in ``show``), in the memo, in MoonMind's state, and in the lane's query."""
    host = ScriptedHost()
    begun = host.hang("build")
    async with town(host) as here:
        first = await here.start()
        await asyncio.wait_for(begun.wait(), 60)
        second = await here.start()
        await here.until(second, "queued")
        third = await here.start()
        record = await here.until(third, "queued")
        holder = first.first_execution_run_id
        assert record.lane is not None
        assert (record.lane.position, record.lane.holder) == (2, holder)
        assert f"number 2 in the lane of shop, behind run {holder}" in record.summary
        described = await third.describe()
        assert await described.memo_value("waiting_reason") == "lane"
        assert described.search_attributes["mm_state"] == ["awaiting_slot"]
        shown = await shown_in_the_web_ui(third)
        assert f"**Waits for its turn** on project shop: place 2, behind run `{holder}`" in shown
        assert f"mm-orchestrator cancel {third.first_execution_run_id}" in shown
        assert await listed(here.client, "awaiting_slot", holds={second.id, third.id}) == {
            second.id,
            third.id,
        }
        assert await listed(here.client, "executing", holds={first.id}) == {first.id}
        order = await shown_in_the_web_ui(here.client.get_workflow_handle(LANE))
        assert f"Run `{holder}` may change it now." in order
        assert f"2. `{third.first_execution_run_id}`" in order
        view = await here.lane()
        waiting = (second.first_execution_run_id, third.first_execution_run_id)
        assert (view.holder, view.waiting) == (holder, waiting)
        await second.cancel()
        with pytest.raises(WorkflowFailureError):
            await second.result()
        for _ in range(1200):
            if (moved := (await here.record(third)).lane) is not None and moved.position == 1:
                break
            await asyncio.sleep(0.05)
        assert moved is not None
        assert moved.position == 1
        await first.cancel()


@pytest.mark.parametrize("how", ["cancel", "terminate"])
async def test_the_lane_is_freed_when_its_holder_goes(how: str) -> None:
    """Within seconds; after a terminate only once the guard has settled what the holder left."""
    host = ScriptedHost()
    begun, usual = host.hang("build"), ScriptedHost().answers["build"]
    settled = asyncio.Event()

    async def settle(job: Any) -> Any:
        await asyncio.sleep(0.5)
        settled.set()
        return ports.SettleResult(settled=True)

    host.answers["settle"] = settle
    async with town(host) as here:
        first = await here.start()
        await asyncio.wait_for(begun.wait(), 60)
        second = await here.start()
        await here.until(second, "queued")
        host.answers["build"] = usual
        await (first.cancel() if how == "cancel" else first.terminate())
        result = await asyncio.wait_for(second.result(), FREED_SECONDS)
        assert result["status"] == "succeeded"
        assert settled.is_set() == (how == "terminate")
        record = await here.record(second)
        assert record.lane is None


async def test_a_waiting_run_that_is_terminated_does_not_block_the_lane() -> None:
    """Its turn passes to the next one."""
    host = ScriptedHost()
    begun, usual = host.hang("build"), ScriptedHost().answers["build"]
    async with town(host) as here:
        first = await here.start()
        await asyncio.wait_for(begun.wait(), 60)
        second, third = await here.start(), await here.start()
        for run in (second, third):
            await here.until(run, "queued")
        await second.terminate()
        host.answers["build"] = usual
        await first.cancel()
        assert (await asyncio.wait_for(third.result(), FREED_SECONDS))["status"] == "succeeded"


async def test_a_run_that_waits_for_approval_stands_in_nobodys_way() -> None:
    """It takes its turn only once it is approved."""
    host = ScriptedHost(gate=GATE)
    writers = OneWriter(host)
    async with town(host) as here:
        waiting = await here.start(requested_by="dave")
        record = await here.until(waiting, "awaiting_approval")
        host.gate = ScriptedHost().gate
        assert (await (await here.start()).result())["status"] == "succeeded"
        assert record.plan is not None
        attempt = {"approver": "alice", "plan_digest": record.plan.digest}
        await waiting.execute_update("Approve", attempt)
        assert (await waiting.result())["status"] == "succeeded"
        assert writers.most == 1


async def test_runs_that_wait_survive_the_end_of_their_lane() -> None:
    """Somebody terminates the lane: whoever waits asks again, and is sorted in by when it first asked."""
    host = ScriptedHost()
    begun, usual = host.hang("build"), ScriptedHost().answers["build"]
    async with town(host) as here:
        first = await here.start()
        await asyncio.wait_for(begun.wait(), 60)
        second = await here.start()
        await here.until(second, "queued")
        await here.client.get_workflow_handle(LANE).terminate()
        host.answers["build"] = usual
        await first.cancel()
        await second.signal("LaneTurn", {"position": 0})  # instead of waiting for it to ask again
        assert (await asyncio.wait_for(second.result(), FREED_SECONDS))["status"] == "succeeded"
        third = await here.start()
        assert (await third.result())["status"] == "succeeded"


async def test_a_project_that_another_live_run_is_changing_is_waited_for() -> None:
    """Preflight in the middle of other changes would measure nonsense; in its turn it measures anew."""
    host = ScriptedHost()
    begun, usual = host.hang("build"), ScriptedHost().answers["build"]
    async with town(host) as here:
        first = await here.start()
        await asyncio.wait_for(begun.wait(), 60)
        other = OpenJournal(run_id=str(first.first_execution_run_id), workflow_id=first.id)
        host.then("preflight", OrchestratorError("project_busy", run_id=other.run_id, project="shop"))
        host.then("look_around", LookAroundResult(unsettled=(other,)))
        second = await here.start()
        await here.until(second, "queued")
        assert host.calls.count("analyze") == 1
        host.answers["build"] = usual
        await first.cancel()
        assert (await asyncio.wait_for(second.result(), FREED_SECONDS))["status"] == "succeeded"


@pytest.mark.parametrize("where", ["analyze", "plan"])
async def test_a_refusal_in_the_middle_of_another_runs_work_is_no_answer(where: str) -> None:
    """What another run had half done is not what was asked about: after its end all is looked at anew."""
    host = ScriptedHost()
    begun, usual = host.hang("build"), ScriptedHost().answers["build"]
    async with town(host) as here:
        first = await here.start()
        await asyncio.wait_for(begun.wait(), 60)
        other = OpenJournal(run_id=str(first.first_execution_run_id), workflow_id=first.id)
        host.then(where, OrchestratorError("no_safe_fix", detail="half a change fits nothing"))
        host.then("look_around", LookAroundResult(unsettled=(other,)))
        second = await here.start()
        await here.until(second, "queued")
        host.answers["build"] = usual
        await first.cancel()
        assert (await asyncio.wait_for(second.result(), FREED_SECONDS))["status"] == "succeeded"
        assert host.calls.count("preflight") == 3


async def test_after_a_lost_run_the_project_is_refused() -> None:
    """Nobody will settle what it left: ``project_busy`` names it and what to type."""
    host = ScriptedHost()
    lost = OpenJournal(run_id="5c4f4f34-0000-4000-8000-000000000000", workflow_id="mm:gone")
    host.then("preflight", OrchestratorError("project_busy", run_id=lost.run_id, project="shop"))
    host.then("look_around", LookAroundResult(unsettled=(lost,)))
    async with town(host) as here:
        result = await (await here.start()).result()
        assert (result["status"], result["code"]) == (RunStatus.FAILED, "project_busy")
        assert f"recover {lost.run_id}" in result["failure"]["remedy"]
        assert "analyze" not in host.calls


@pytest.mark.parametrize("where", ["preflight", "patch"])
async def test_a_hold_pauses_a_run_before_its_first_write(where: str) -> None:
    """It waits, says for whom, and begins with fresh measurements when it is released."""
    host = ScriptedHost()
    released = asyncio.Event()

    async def wait(_job: Any) -> Any:
        await released.wait()
        return AwaitReleaseResult(released=True)

    hold = Hold(project="shop", reason="database move", by="ada", since=NOW)
    refusal = OrchestratorError("project_held", project="shop", detail=hold.sentence)
    host.then(where, refusal)
    if where == "patch":
        host.then("preflight", host.answers["preflight"], refusal)
    host.then("look_around", LookAroundResult(hold=hold))
    host.answers["await_release"] = wait
    async with town(host) as here:
        run = await here.start()
        record = await here.until(run, "queued")
        assert "ada holds project shop" in record.summary
        assert await (await run.describe()).memo_value("waiting_reason") == "hold"
        assert host.calls.count("patch") == (1 if where == "patch" else 0)
        released.set()
        result = await asyncio.wait_for(run.result(), 60)
        assert result["status"] == "succeeded"
        assert "rollback" not in host.calls
        assert host.calls.count("preflight") == (3 if where == "patch" else 2)
