"""An approval that lapses before the first write, on a real project: the patch step is the last gate (I2)."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.state_rig import AFTER, BEFORE, REQUIREMENTS, Rig
from workflows.errors import OrchestratorError
from workflows.models.plan import ActionPlan
from workflows.ports import PatchInput, PatchResult

pytestmark = [pytest.mark.timeout(240)]


async def patch(rig: Rig, plan: ActionPlan, until: datetime | None) -> PatchResult:
    """The patch step, approved until then."""
    job = PatchInput(run=rig.run(), target=rig.target, plan=plan.for_execution(), approved_until=until)
    return await rig.patch_step.patch(job)


async def test_a_lapsed_approval_writes_nothing(rig: Rig) -> None:
    """No file, no journal; the run that asks for a rollback then hears that nothing was written."""
    plan = rig.plan({REQUIREMENTS: AFTER})
    with pytest.raises(OrchestratorError, match="approval_expired"):
        await patch(rig, plan, datetime.now(UTC) - timedelta(seconds=1))
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    assert rig.journals.all() == ()
    assert (await rig.rollback()).outcome.nothing_written


async def test_an_approval_that_lapses_while_the_state_is_measured(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It held when the lock was taken and no longer when the journal would open."""
    plan, snapshot = rig.plan({REQUIREMENTS: AFTER}), rig.docker.snapshot

    async def slow(target: object) -> object:
        await asyncio.sleep(1.5)
        return await snapshot(target)  # type: ignore[arg-type]

    monkeypatch.setattr(type(rig.docker), "snapshot", lambda _self, target: slow(target))
    with pytest.raises(OrchestratorError, match="approval_expired"):
        await patch(rig, plan, datetime.now(UTC) + timedelta(seconds=1.2))
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    assert rig.journals.all() == ()


async def test_a_run_that_has_begun_comes_to_its_end(rig: Rig) -> None:
    """A retry after a crash finishes what was approved in time, later than that."""
    plan, until = rig.plan({REQUIREMENTS: AFTER}), datetime.now(UTC) + timedelta(seconds=60)
    await patch(rig, plan, until)
    again = await patch(rig, plan, datetime.now(UTC) - timedelta(seconds=1))
    assert again.files
    assert rig.bytes_of(REQUIREMENTS) == AFTER
