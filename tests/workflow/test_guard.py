"""The guard: a run whose workflow is gone is settled from its journal, and nobody else is (I4)."""

import asyncio
from typing import Any

import pytest

from activities.adapters.temporal_runs import TemporalRuns
from tests.workflow.real_server import QUEUE, town
from tests.workflow.scripted_host import HOST_QUEUE, ScriptedHost
from workflows import ports
from workflows.models.guarding import Closing, GuardedRun, guard_id


async def test_a_run_that_ends_by_itself_leaves_its_guard_nothing_to_do() -> None:
    """Succeeded or rolled back: the run reports, the guard only sees the end."""
    host = ScriptedHost()
    async with town(host) as here:
        run = await here.start()
        await run.result()
        report = await here.guard_report(run)
        assert (report["closing"], report["settled"]) == ("completed", False)
        assert "settle" not in host.asked


@pytest.mark.parametrize("step", ["patch", "build", "restart", "verify", "report"])
async def test_a_terminated_run_is_settled(step: str) -> None:
    """Whatever it was doing; the guard brings along what the run knew of itself."""
    host = ScriptedHost()
    begun = host.hang(step)
    async with town(host) as here:
        run = await here.start()
        await asyncio.wait_for(begun.wait(), 60)
        await run.terminate("an operator was in a hurry")
        report = await here.guard_report(run)
        assert (report["closing"], report["settled"], report["complete"]) == ("terminated", True, True)
        assert report["manifest"]["sha256"], "the checksum that proves the bundle is in the result"
        (job,) = host.jobs["settle"]
        assert job.run_id == run.first_execution_run_id
        assert job.record is not None
        assert job.record.instruction == "repair api"
        under_way = {s.name for s in job.record.steps if s.status == "in_progress"}
        assert under_way == ({step} - {"report"})  # which ends its own step before it is stored


@pytest.mark.parametrize("step", ["preflight", "analyze", "plan"])
async def test_before_the_first_write_there_is_no_guard(step: str) -> None:
    """Nothing was written, so nothing needs guarding; a terminate then ends the run at once."""
    host = ScriptedHost()
    begun = host.hang(step)
    async with town(host) as here:
        run = await here.start()
        await asyncio.wait_for(begun.wait(), 60)
        await run.terminate()
        runs = TemporalRuns(here.client, QUEUE)
        assert await runs.closing(guard_id(str(run.first_execution_run_id))) is Closing.UNKNOWN


async def test_a_guard_that_cannot_settle_says_so() -> None:
    """The journal stays open; the sweep of the next worker, or ``recover``, tries again."""
    host = ScriptedHost()
    begun = host.hang("build")
    host.answers["settle"] = lambda _job: ports.SettleResult(settled=True, complete=False, state="image gone")
    async with town(host) as here:
        run = await here.start()
        await asyncio.wait_for(begun.wait(), 60)
        await run.terminate()
        report = await here.guard_report(run)
        assert (report["complete"], report["state"]) == (False, "image gone")


async def test_a_second_guard_of_a_run_is_the_first_one() -> None:
    """The sweep may ask for a guard that is at work already."""
    host = ScriptedHost()
    settling, go_on = asyncio.Event(), asyncio.Event()

    async def settle(_job: Any) -> Any:
        settling.set()
        await go_on.wait()
        return ports.SettleResult(settled=True)

    begun = host.hang("build")
    host.answers["settle"] = settle
    async with town(host) as here:
        run = await here.start()
        await asyncio.wait_for(begun.wait(), 60)
        await run.terminate()
        await asyncio.wait_for(settling.wait(), 60)
        run_id = str(run.first_execution_run_id)
        guarded = GuardedRun(run_id=run_id, workflow_id=run.id, host_queue=HOST_QUEUE)
        await TemporalRuns(here.client, QUEUE).guard(guarded)
        go_on.set()
        await here.guard_report(run)
        assert host.asked.count("settle") == 1
