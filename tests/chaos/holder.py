"""Another run on the same project that has its turn first, so that the struck one waits in the lane."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from temporalio.client import Client

from starter.client import OrchestratorClient, RunHandle
from tests.chaos.judge import Judge
from tests.chaos.measure import Measured
from tests.chaos.site import Site
from tests.chaos.stack import Story
from tests.chaos.strike import Victim
from tests.chaos.world import World
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus

HOLDS_SECONDS = 180.0
ALLOWED = frozenset({RunStatus.ROLLED_BACK, RunStatus.FAILED, RunStatus.CANCELLED})
"""Its patch breaks the service, so whatever happens it leaves everything as it found it."""


@dataclass(frozen=True)
class Holder:
    """The run that has the turn."""

    world: World
    handle: RunHandle
    judge: Judge

    @staticmethod
    async def begin(world: World, site: Site, temporal: Client, client: OrchestratorClient) -> Holder:
        """Start it and wait until it changes things.

        Raises:
            AssertionError: it never came to that.
        """
        before: Measured = await asyncio.to_thread(site.measure)
        plan = await asyncio.to_thread(site.plan, Story.BREAK)
        request = RunRequest(
            instruction="apply this patch to api",
            service="api",
            project=site.name,
            requested_by="olga",
            patch=plan.diff,
        )
        handle = await client.start(request)
        victim = Victim(handle.run_id, handle.workflow_id, site.name)
        holder = Holder(world, handle, Judge(world, site, temporal, client, before, plan.contents, victim))
        deadline = time.monotonic() + HOLDS_SECONDS
        while "build" not in world.log.reached.get(handle.run_id, []):
            world.log.follow()
            if time.monotonic() > deadline:
                now = await client.get(handle)
                told = f"{now.status} {now.failure.message if now.failure else ''}"
                raise AssertionError(f"{site.name}: the run that was to hold the lane never wrote: {told}")
            await asyncio.sleep(0.03)
        return holder

    async def violations(self, seconds: float) -> list[str]:
        """It must have ended by itself, with what it may say and every journal settled."""
        if not await self.judge.closed(seconds):
            return [f"the holder of the lane, {self.handle.run_id}, did not end"]
        if not await self.judge.settled():
            return ["the holder's journal is open and nobody works on it any more"]
        record = await self.judge.client.get(self.handle)
        return [] if record.status in ALLOWED else [f"the holder says {record.status} of a broken repair"]
