"""The last net (I4): what neither its workflow nor its guard settled gets a new guard from the next worker.

A run and its guard may be terminated together, or the host may have been down when the guard tried. So
every worker looks now and then at the journals of its host and asks Temporal how their runs stand. A run
that Temporal does not know belongs to another server: only ``recover`` may settle it. Spooled evidence
that is ready gets its delivery the same way (I6).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from temporalio.service import RPCError

from activities.adapters.journal import Journal
from activities.adapters.temporal_runs import TemporalRuns
from workflows.errors import OrchestratorError
from workflows.models.guarding import Closing, GuardedRun

SWEEP_SECONDS: Final = 15.0

_log = logging.getLogger("mm_orchestrator.sweep")


@dataclass
class Sweep:
    """Looks after the journals of one host.

    Attributes:
        runs: asks Temporal.
        host_queue: where the journals can be reached.
        unsettled: reads them; blocking.
        leftovers: removes throwaway containers of workers that died, once their time is over.
        deliverable: whether spooled evidence is ready to be delivered; blocking.
    """

    runs: TemporalRuns
    host_queue: str
    unsettled: Callable[[], tuple[Journal, ...]]
    leftovers: Callable[[], Awaitable[int]]
    deliverable: Callable[[], bool] = lambda: False
    _said: set[str] = field(default_factory=set)

    async def once(self) -> None:
        """Give a guard to every run that was lost.

        Raises:
            RPCError: Temporal does not answer.
            OrchestratorError: ``journal_unreadable``.
        """
        for journal in await asyncio.to_thread(self.unsettled):
            if journal.rollback is not None and not journal.rollback.complete:
                continue  # tried and measured incomplete: what to do is an operator's decision
            closing = await self.runs.closing(journal.workflow_id)
            if closing.lost:
                _log.warning("run was lost, its journal is open: a guard settles it", extra=_about(journal))
                await self.runs.guard(
                    GuardedRun(
                        run_id=journal.run_id,
                        workflow_id=journal.workflow_id,
                        project=journal.project,
                        service=journal.target.service,
                        host_queue=self.host_queue,
                    )
                )
            elif closing is Closing.UNKNOWN and journal.run_id not in self._said:
                self._said.add(journal.run_id)
                _log.warning("open journal of a run that this Temporal server does not know: "
                             "mm-orchestrator recover %s", journal.run_id, extra=_about(journal))  # fmt: skip

    async def deliver(self) -> None:
        """Start the delivery where evidence waits; one that is at work already goes on.

        Raises:
            RPCError: Temporal does not answer.
        """
        if await asyncio.to_thread(self.deliverable):
            await self.runs.deliver(self.host_queue)

    async def forever(self) -> None:
        """Look at once, then every now and then; never raises but on cancellation."""
        while True:
            try:
                await self.once()
            except (RPCError, OrchestratorError) as error:
                _log.warning("the sweep of open journals failed: %s", error)
            try:
                await self.deliver()
            except (RPCError, OSError) as error:
                _log.warning("the delivery of spooled evidence could not be started: %s", error)
            with suppress(OrchestratorError):  # Docker is away: the steps say so where it matters
                await self.leftovers()
            await asyncio.sleep(SWEEP_SECONDS)


@asynccontextmanager
async def running_beside(loop: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run ``loop()``, which never ends by itself, while the body runs."""
    task = asyncio.ensure_future(loop())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _about(journal: Journal) -> dict[str, str]:
    return {"run_id": journal.run_id, "project": journal.project}
