"""Long steps tell Temporal that they are alive."""

import asyncio

from temporalio.testing import ActivityEnvironment

from activities.adapters import heartbeat
from activities.adapters.heartbeat import beating


async def test_a_silent_step_still_beats(monkeypatch):
    """At once, then regularly, each time with what the step says then."""
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.05)
    beats: list[str] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *details: beats.append(str(details[0]))
    words = iter(["first", "second", *["later"] * 1000])

    async def step() -> None:
        async with beating(lambda: next(words)):
            await asyncio.sleep(0.4)

    await environment.run(step)
    assert beats[:3] == ["first", "second", "later"]
    assert len(beats) > 4
    count = len(beats)
    await asyncio.sleep(0.15)
    assert len(beats) == count


async def test_outside_an_activity_nobody_is_told():
    """The same code runs from ``recover``."""
    async with beating("busy"):
        await asyncio.sleep(0)
