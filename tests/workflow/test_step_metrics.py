"""What a real worker tells about steps while a run goes on (SPEC FR-012)."""

import asyncio
from pathlib import Path

from activities.adapters.counted import Counted
from activities.adapters.measuring import Metrics
from activities.adapters.state_dir import StateDir
from tests.unit.told_numbers import Told
from tests.workflow.real_server import town
from tests.workflow.scripted_host import ScriptedHost, failing
from workflows import ports
from workflows.models.record import RunRecord
from workflows.models.status import StepName


async def test_steps_are_told_when_they_happen_and_once(tmp_path: Path) -> None:
    """A retried step begins once and fails never; a failed verification is no success; nothing doubles."""
    told = Told()
    metrics = Metrics((told,), Counted(StateDir(tmp_path / "state")))
    host = ScriptedHost(max_rounds=1)
    host.then("analyze", RuntimeError("the first attempt dies"))
    host.then("verify", ports.VerifyResult(failure=failing("health_timeout", StepName.VERIFY)))
    building, go_on = asyncio.Event(), asyncio.Event()

    async def build(job: ports.BuildInput) -> ports.BuildResult:
        building.set()
        await go_on.wait()
        return ports.BuildResult(image_id="sha256:new", duration_seconds=2)

    host.answers["build"] = build
    async with town(host, metrics=metrics) as place:
        handle = await place.start()
        await asyncio.wait_for(building.wait(), 60)
        assert "steps.build.started" in told.counted
        assert "steps.patch.succeeded" in told.counted
        assert "steps.build.succeeded" not in told.counted
        go_on.set()
        record = RunRecord.model_validate(await handle.result())
    assert record.status == "rolled_back"
    assert host.calls.count("analyze") == 2
    await metrics.run_ended(record)
    ran = ("preflight", "analyze", "plan", "patch", "build", "restart", "rollback", "report")
    steps = sorted(name for name in told.counted if name.startswith("steps."))
    assert steps == sorted(
        [f"steps.{name}.started" for name in (*ran, "verify")]
        + [f"steps.{name}.succeeded" for name in ran]
        + ["steps.verify.failed", "steps.approve.skipped"]
    )
    assert [told.counted.count(name) for name in ("runs.queued", "runs.status.rolled_back")] == [1, 1]
    assert {f"steps.{name}.duration" for name in (*ran, "verify")} <= set(told.timed)
