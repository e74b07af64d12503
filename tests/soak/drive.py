"""One run of a soak: asked for, answered as its story goes, and measured by the campaign's oracle."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from pydantic import BaseModel
from temporalio.client import Client

from starter.client import OrchestratorClient, RunHandle
from tests.chaos import stack
from tests.chaos.judge import Judge
from tests.chaos.measure import Measured
from tests.chaos.oracle import Control
from tests.chaos.site import Site
from tests.chaos.strike import Victim
from tests.chaos.world import World
from tests.soak.story import Story, Telling
from workflows.errors import OrchestratorError
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus

_END_SECONDS = 240.0


class Played(BaseModel):
    """What became of one run."""

    kind: str
    """The story; of a round of the campaign the fault."""
    outcome: str
    workflow_id: str
    wrong: list[str] = []


@dataclass(frozen=True)
class Asker:
    """Asks for runs on one project."""

    world: World
    site: Site
    temporal: Client
    client: OrchestratorClient

    async def play(self, telling: Telling) -> list[Played]:
        """The run of this story, and of a retry the second one."""
        wanted = stack.Story.BREAK if telling.story.breaks else stack.Story.REPAIR
        plan = await asyncio.to_thread(self.site.plan, wanted)
        request = RunRequest(
            instruction="apply this patch to api", service="api", project=self.site.name,
            requested_by="olga", patch=plan.diff, plan_only=telling.story is Story.PLANNED,
        )  # fmt: skip
        before = await asyncio.to_thread(self.site.measure)
        first = await self.client.start(request)
        played = [await self._follow(first, telling, before, plan.contents)]
        if telling.story is Story.RETRY and not played[0].wrong:
            before = await asyncio.to_thread(self.site.measure)
            again = await self.client.retry(first, requested_by="olga")
            played.append(await self._follow(again, telling, before, plan.contents))
        return played

    async def _follow(
        self, run: RunHandle, telling: Telling, before: Measured, contents: dict[str, bytes]
    ) -> Played:
        victim = Victim(run.run_id, run.workflow_id, self.site.name)
        judge = Judge(self.world, self.site, self.temporal, self.client, before, contents, victim)
        answering = asyncio.create_task(self._answer(run, telling))
        try:
            ended = await judge.closed(_END_SECONDS)
        finally:
            answering.cancel()
            with suppress(asyncio.CancelledError):
                await answering
        if not ended:
            late = f"it did not end within {_END_SECONDS:.0f} s"
            return Played(kind=telling.story, outcome="open", workflow_id=run.workflow_id, wrong=[late])
        verdict = await judge.verdict(Control())
        status, wrong = verdict.record.status, list(verdict.violations)
        if status not in telling.story.ends:
            wrong.append(f"{telling.story} ended {status} {verdict.record.code or ''}")
        return Played(kind=telling.story, outcome=status, workflow_id=run.workflow_id, wrong=wrong)

    async def _answer(self, run: RunHandle, telling: Telling) -> None:
        """Decide what waits for a decision; cancel where the story has it so."""
        if telling.story is Story.CANCEL:
            await asyncio.sleep(telling.cancel_after)
            with suppress(OrchestratorError):  # it has ended
                await self.client.cancel(run)
            return
        while self.site.protected:
            with suppress(OrchestratorError, TimeoutError):
                record = await self.client.get(run)
                if record.status is RunStatus.AWAITING_APPROVAL and record.plan is not None:
                    await self._decide(run, telling.story, record.plan.digest)
            await asyncio.sleep(0.3)

    async def _decide(self, run: RunHandle, story: Story, digest: str) -> None:
        if story is Story.REFUSED:
            await self.client.reject(run, reason="not today", approver="ada")
        else:
            await self.client.approve(run, plan_digest=digest, approver="ada")
