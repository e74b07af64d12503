"""Cancellation at every step: what was written is put back, what was not is left (invariant I4)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError

from tests.workflow.scripted_host import GATE, ScriptedHost, failing
from workflows import ports
from workflows.models.status import RunStatus, StepName

StageOf = Callable[[ScriptedHost], Any]


async def cancelled(handle: Any) -> None:
    """Assert that Temporal itself calls the run cancelled."""
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, CancelledError)


@pytest.mark.parametrize("step", ["analyze", "patch", "build", "restart", "verify"])
async def test_cancel_in_the_middle_of_a_step(stage_of: StageOf, step: str) -> None:
    """The step ends first, then the rollback runs if anything may have been written."""
    host = ScriptedHost()
    begun = host.hang(step)
    stage = await stage_of(host)
    handle = await stage.start()
    await asyncio.wait_for(begun.wait(), 60)
    await handle.cancel()
    await cancelled(handle)
    record = await stage.record(handle)
    assert (record.status, record.code) == (RunStatus.CANCELLED, "cancelled")
    assert host.calls.count("rollback") == (0 if step == "analyze" else 1)
    assert host.calls[-1] == "report"
    assert record.failure is not None
    assert record.failure.step == step


async def test_cancel_while_waiting_for_approval(stage_of: StageOf) -> None:
    """Nothing was written, so nothing is rolled back."""
    stage = await stage_of(ScriptedHost(gate=GATE))
    handle = await stage.start(requested_by="dave")
    await stage.until(handle, RunStatus.AWAITING_APPROVAL)
    await handle.cancel()
    await cancelled(handle)
    assert "rollback" not in stage.host.calls
    assert (await stage.record(handle)).status is RunStatus.CANCELLED


async def test_a_cancel_that_a_step_outran_is_not_swallowed(stage_of: StageOf) -> None:
    """The build finishes although it was cancelled: the run must still end cancelled, not succeeded."""
    host = ScriptedHost()
    begun, sent, usual = asyncio.Event(), asyncio.Event(), host.answers["build"]

    async def deaf(job: Any) -> Any:
        begun.set()
        with suppress(asyncio.CancelledError):  # it ends well just before its cancellation is delivered
            await sent.wait()
        return usual(job)

    host.answers["build"] = deaf
    stage = await stage_of(host)
    handle = await stage.start()
    await asyncio.wait_for(begun.wait(), 60)
    await handle.cancel()
    sent.set()
    await cancelled(handle)
    assert "restart" not in host.calls
    assert host.calls.count("rollback") == 1


async def test_a_cancel_does_not_interrupt_the_rollback(stage_of: StageOf) -> None:
    """The rollback of a failed run is shielded; it is not run twice either."""
    host = ScriptedHost()
    host.answers["verify"] = lambda _job: ports.VerifyResult(
        failure=failing("neighbour_changed", StepName.VERIFY)
    )
    begun, go_on, finished, usual = *(asyncio.Event() for _ in range(3)), host.answers["rollback"]

    async def slow(job: Any) -> Any:
        begun.set()
        await go_on.wait()
        finished.set()
        return usual(job)

    host.answers["rollback"] = slow
    stage = await stage_of(host)
    handle = await stage.start()
    await asyncio.wait_for(begun.wait(), 60)
    await handle.cancel()
    await stage.record(handle)  # the workflow has heard of it
    go_on.set()
    final = await handle.result()
    assert finished.is_set()
    assert final["status"] == "rolled_back"
    assert host.calls.count("rollback") == 1


async def test_a_cancelled_run_whose_rollback_fails_is_failed(stage_of: StageOf) -> None:
    """A claim of "cancelled" would say that everything is as before; it is not."""
    host = ScriptedHost()
    begun = host.hang("build")
    outcome = ports.RollbackOutcome(complete=False, state="image gone", mismatches=("image",))
    host.then("rollback", ports.RollbackResult(outcome=outcome))
    stage = await stage_of(host)
    handle = await stage.start()
    await asyncio.wait_for(begun.wait(), 60)
    await handle.cancel()
    final = await handle.result()
    assert (final["status"], final["code"]) == ("failed", "rollback_incomplete")
