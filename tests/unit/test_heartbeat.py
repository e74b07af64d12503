"""Long steps tell Temporal that they are alive."""

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.adapters import heartbeat
from activities.adapters.heartbeat import beating
from activities.analyze import Analyze
from activities.verify import Verify
from workflows.options import ROWS


async def beaten(beats: list[str]) -> None:
    """Wait (bounded) for the fifth."""
    for _ in range(6000):
        if len(beats) >= 5:
            return
        await asyncio.sleep(0.01)


async def test_a_silent_step_still_beats(monkeypatch):
    """At once, then regularly, each time with what the step says then."""
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.05)
    beats: list[str] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *details: beats.append(str(details[0]))
    words = iter(["first", "second", *["later"] * 1000])

    async def step() -> None:
        async with beating(lambda: next(words)):
            await beaten(beats)

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


@dataclass
class SlowHost:
    """Every part of a step in one: Docker and Compose take their time and then fail."""

    beats: list[str]

    async def require_unwritten(self, *_: object) -> None:
        """Nobody settled the run."""

    def guard(self, *_: object) -> "SlowHost":
        """The right to go on."""
        return self

    def check(self) -> None:
        """A journal."""

    async def redactor(self, _target: object) -> None:
        """What must be masked."""
        await beaten(self.beats)
        raise TimeoutError("enough seen")


@pytest.mark.parametrize("step", ["analyze", "verify"])
async def test_steps_beat_before_they_know_anything(monkeypatch: pytest.MonkeyPatch, step: str):
    """Gathering what must be masked asks Docker and Compose; on a busy host that takes its time."""
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.05)
    beats: list[str] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *details: beats.append(str(details[0]))
    host: Any = SlowHost(beats)
    steps = {"analyze": Analyze(*[host] * 6).analyze, "verify": Verify(*[host] * 6).verify}
    job = SimpleNamespace(run=SimpleNamespace(run_id="r", generation=1, round=1, epoch=0), target=None)
    with pytest.raises(TimeoutError, match="enough seen"):
        await environment.run(steps[step], job)
    assert len(beats) > 4
    assert beats[0].startswith(step)


@pytest.mark.parametrize("step", ["preflight", "analyze", "plan", "patch", "verify", "rollback", "report"])
def test_somebody_listens_to_every_step_that_beats(step: str) -> None:
    """Else a run whose worker died waits out the step's whole time limit before it goes on."""
    limit = ROWS[step].heartbeat
    assert limit is not None
    assert limit.total_seconds() <= 10 * heartbeat.BEAT_SECONDS
