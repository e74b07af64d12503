"""One case: start a run, strike at the drawn instant, wait for the end, judge."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field

from temporalio.client import Client

from starter.client import OrchestratorClient, RunHandle
from tests.chaos.case import Case, Step
from tests.chaos.holder import Holder
from tests.chaos.judge import Judge
from tests.chaos.measure import Measured
from tests.chaos.oracle import Control
from tests.chaos.outcome import Outcome
from tests.chaos.site import Site
from tests.chaos.stack import Plan, Story
from tests.chaos.strike import Victim, strike
from tests.chaos.world import World
from workflows.errors import OrchestratorError
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus

REACH_SECONDS = 180.0
END_SECONDS = 240.0
_WAITS = {RunStatus.AWAITING_APPROVAL: Step.APPROVE, RunStatus.QUEUED: Step.LANE}
MISSED = "missed"
ENDED = "ended"


@dataclass
class Blow:
    """A fault that hits all: struck once, by the first case of the round, and felt by everybody."""

    done: asyncio.Event = field(default_factory=asyncio.Event)
    at: dict[str, str] = field(default_factory=dict)
    """Project -> the step its run was at; empty: it never came to it."""
    control: Control = field(default_factory=Control)


@dataclass
class Runner:
    """Carries out one case on one project."""

    world: World
    site: Site
    temporal: Client
    client: OrchestratorClient
    case: Case
    blow: Blow | None
    """None: the case strikes its own run only."""
    everybody: dict[str, Runner]
    """Project -> its runner, of this round."""
    leads: bool = True
    victim: Victim | None = None
    judge: Judge | None = None
    holder: Holder | None = None
    before: Measured | None = None
    plan: Plan | None = None
    _standing: Step | None = None
    """What the run says that it waits for: an approval, its turn."""
    _may_approve: asyncio.Event = field(default_factory=asyncio.Event)

    async def prepare(self) -> None:
        """Measure, while nothing has struck yet: whoever starts late may find the daemon away."""
        self.before = await asyncio.to_thread(self.site.measure)
        self.plan = await asyncio.to_thread(self.site.plan, self.case.story)

    async def run(self, seed: int, number: int) -> Outcome:
        """Never raises for what the product does; a test that cannot do its part raises."""
        await asyncio.sleep(self.case.delay)
        began = time.monotonic()
        handle = await self._start()
        outcome = Outcome(seed=seed, number=number, fault=self.case.fault, aimed_at=self.case.step,
                          step=MISSED, run_id=handle.run_id)  # fmt: skip
        if not (self.strikes and self.case.step is Step.APPROVE):
            self._may_approve.set()
        attending = asyncio.create_task(self._attend(handle))
        try:
            outcome.step, control = await self._suffer()
            self._may_approve.set()
            if not await self._judging.closed(END_SECONDS):
                outcome.violations = [f"it did not end within {END_SECONDS:.0f} s"]
            if self.holder is not None:
                outcome.violations += await self.holder.violations(END_SECONDS)
        finally:
            attending.cancel()
            await asyncio.gather(attending, return_exceptions=True)
        verdict = await self._judging.verdict(control)
        outcome.status, outcome.code = str(verdict.record.status), verdict.record.code
        outcome.measured, outcome.seconds = verdict.measured, round(time.monotonic() - began, 1)
        outcome.violations += verdict.violations
        return outcome

    @property
    def strikes(self) -> bool:
        """Whether this case does the striking."""
        return self.blow is None or self.leads

    @property
    def where(self) -> str:
        """The step its run is at now."""
        if self.victim is None:
            return MISSED
        now = self.world.log.now(self.victim.run_id)
        if now in {"", Step.PREFLIGHT, Step.PLAN} and self._standing is not None:
            return self._standing
        return self._ends.get(now, now) or Step.PREFLIGHT

    @property
    def _ends(self) -> dict[str, str]:
        """What comes after the end of a step: a verified repair is reported, a broken one goes on."""
        verified = Step.REPORT if self.case.story is Story.REPAIR else Step.VERIFY
        return {"verified": verified, "undone": Step.REPORT}

    @property
    def _judging(self) -> Judge:
        assert self.judge is not None, "the run was started"
        return self.judge

    async def _start(self) -> RunHandle:
        before, plan = self.before, self.plan
        assert before is not None, "prepare comes first"
        assert plan is not None
        if self.strikes and self.case.step is Step.LANE:
            self.holder = await Holder.begin(self.world, self.site, self.temporal, self.client)
        request = RunRequest(
            instruction="apply this patch to api", service="api", project=self.site.name,
            requested_by="olga", patch=plan.diff,
        )  # fmt: skip
        handle = await self._started(request, f"mm:{uuid.uuid4()}")
        self.victim = Victim(handle.run_id, handle.workflow_id, self.site.name)
        self.judge = Judge(
            self.world, self.site, self.temporal, self.client, before, plan.contents, self.victim,
            shared=self.holder is not None,
        )  # fmt: skip
        return handle

    async def _started(self, request: RunRequest, workflow_id: str) -> RunHandle:
        """Again where the server is away: it is the same run under the same id."""
        for _ in range(40):
            try:
                return await self.client.start(request, workflow_id)
            except OrchestratorError as error:
                if error.code != "temporal_unavailable":
                    raise
                await asyncio.sleep(0.5)
        raise AssertionError("no server took the run")

    async def _suffer(self) -> tuple[str, Control]:
        """Strike, or wait for the blow; the step the run was at, and what the fault alone does."""
        assert self.victim is not None
        if self.blow is not None and not self.leads:
            await self.blow.done.wait()
            return self.blow.at.get(self.site.name, MISSED), self.blow.control
        try:
            if not await self._reached():
                return MISSED, Control()
            step = self.where
            if self.blow is not None:
                self.blow.at = {name: runner.where for name, runner in self.everybody.items()}
            control = await strike(self.world, self.case, self.victim)
            if self.blow is not None:
                self.blow.control = control
            return step, control
        finally:
            if self.blow is not None:
                self.blow.done.set()

    async def _reached(self) -> bool:
        """Wait for the drawn instant; False where the run ends before."""
        assert self.victim is not None
        deadline = time.monotonic() + REACH_SECONDS
        while time.monotonic() < deadline:
            where, seen = self.where, self.world.log.reached.get(self.victim.run_id, [])
            if where == ENDED:
                return False
            if where == self.case.step or self.case.step in seen:
                await asyncio.sleep(self.case.offset)
                return True
            await asyncio.sleep(0.03)
        return False

    async def _attend(self, handle: RunHandle) -> None:
        """See what it waits for; approve, once that is allowed; a run may ask again after a drift."""
        while self.site.protected or self.holder is not None:
            with suppress(OrchestratorError, TimeoutError):
                record = await self.client.get(handle)
                self._standing = _WAITS.get(record.status)
                if self._standing is Step.APPROVE and record.plan is not None:
                    await self._may_approve.wait()
                    await self.client.approve(handle, plan_digest=record.plan.digest, approver="ada")
            await asyncio.sleep(0.3)
