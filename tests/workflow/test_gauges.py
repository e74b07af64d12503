"""What waits on a host, counted on a real Temporal server and a real state directory."""

import asyncio
from contextlib import suppress
from pathlib import Path

from activities.adapters.measuring import Metrics
from activities.adapters.outbox import Outbox
from activities.adapters.state_dir import StateDir
from tests.unit.state_samples import journal
from tests.unit.test_notifications import told
from tests.unit.told_numbers import Told
from tests.workflow.real_server import town
from tests.workflow.scripted_host import GATE, ScriptedHost
from worker.gauges import Gauges


async def test_what_waits_is_told(tmp_path: Path) -> None:
    """Runs that wait for an approval, evidence, notifications, journals; and when the worker goes."""
    numbers, state = Told(), StateDir(tmp_path / "state")
    (state.spool / "run-1").mkdir()
    for name in ("build.log", "verify.log", ".half-written"):
        (state.spool / "run-1" / name).write_text("x")
    Outbox(state).put(told())
    async with town(ScriptedHost(gate=GATE)) as place:
        handle = await place.start(requested_by="dave")
        await place.until(handle, "awaiting_approval")
        gauges = Gauges(Metrics((numbers,)), "rack.7", place.client, state.root, lambda: (journal(tmp_path),))
        for _ in range(2400):  # visibility lags behind
            await gauges.once()
            if numbers.gauges.get("approvals.waiting"):
                break
            await asyncio.sleep(0.05)
        assert numbers.gauges == {
            "hosts.rack_7.up": 1,
            "hosts.rack_7.evidence_spooled": 2,
            "hosts.rack_7.notifications_waiting": 1,
            "hosts.rack_7.journals_open": 1,
            "approvals.waiting": 1,
        }
        await handle.terminate()
        task = asyncio.create_task(gauges.forever())
        await asyncio.sleep(0.05)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert numbers.gauges["hosts.rack_7.up"] == 0
