"""What stands in a run's way on the host, and the wait while an operator holds the project (I7)."""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from activities.adapters.heartbeat import beating
from activities.adapters.holds import HoldStore
from activities.adapters.journal import JournalStore
from activities.adapters.waiting import first_of_shutdown
from workflows import ports
from workflows.models.guarding import LookAroundInput, LookAroundResult, OpenJournal
from workflows.models.lane import AwaitReleaseInput, AwaitReleaseResult

_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class LookAround:
    """Reads holds and journals; changes nothing."""

    holds: HoldStore
    journals: JournalStore

    @activity.defn(name=ports.LOOK_AROUND.name)
    async def look_around(self, job: LookAroundInput) -> LookAroundResult:
        """A pause, and other runs whose changes to the project are not settled.

        Raises:
            OrchestratorError: ``project_held`` where a hold cannot be read, ``journal_unreadable``.
        """
        return await asyncio.to_thread(self._seen, job)

    def _seen(self, job: LookAroundInput) -> LookAroundResult:
        others = (j for j in self.journals.unsettled(job.project) if j.run_id != job.run_id)
        return LookAroundResult(
            hold=self.holds.find(job.project),
            unsettled=tuple(OpenJournal(run_id=j.run_id, workflow_id=j.workflow_id) for j in others),
        )


@dataclass(frozen=True)
class AwaitRelease:
    """Looks at one small file until it is gone."""

    holds: HoldStore

    @activity.defn(name=ports.AWAIT_RELEASE.name)
    async def await_release(self, job: AwaitReleaseInput) -> AwaitReleaseResult:
        """Released, or still held where this worker stops first; nothing is locked meanwhile.

        Raises:
            OrchestratorError: ``project_held`` where the hold itself cannot be read.
        """
        async with beating(f"{job.project} is on hold"):
            released = await first_of_shutdown(self._released(job.project))
        return AwaitReleaseResult(released=released is not None)

    async def _released(self, project: str) -> bool:
        while self.holds.find(project) is not None:  # noqa: ASYNC110 - another process ends the wait
            await asyncio.sleep(_LOOK_SECONDS)
        return True
