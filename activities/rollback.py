"""Rollback: the compensation. Everything back as the journal has it, then measured (SPEC FR-008, I4).

    1. raise the epoch: a late or zombie step of this run changes nothing any more
    2. end the commands an earlier attempt left running, then take the project's lock
    3. files first, because a gone image can only be built again from restored files
    4. containers, reference, networks and volumes
    5. measure, and keep what was measured in the journal; ``rollback.log`` ends with the comparison

Each part finds out what is left to do, so a rollback that is killed anywhere is simply done again. The
``recover`` command runs this very step.
"""

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass

from temporalio import activity

from activities.adapters.artifact_store import ArtifactStore, artifact_name
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.heartbeat import beating
from activities.adapters.journal import Guard, Journal, JournalStore
from activities.adapters.masking import Masking
from activities.adapters.neighbour_proof import EarlyDryRun, daemon_warnings
from activities.adapters.process import ChildRegistry, uninterrupted
from activities.adapters.project_resources import DaemonRefused, ProjectResources, refusal
from activities.restoring.files import restore_files
from activities.restoring.measuring import Measuring
from activities.restoring.service import ServiceRestored, ServiceRestorer
from activities.restoring.story import Story, continue_story
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.record import RollbackOutcome
from workflows.models.snapshot import NeighbourProof
from workflows.ports import RollbackInput, RollbackResult
from workflows.restored import as_table

_FOREIGN_SECONDS = 10.0
"""So long is waited for a service that somebody else has a hand in: it may never be as before."""
_NOTHING = RollbackOutcome(complete=True, nothing_written=True, state="Nothing had been changed.")


@dataclass(frozen=True)
class Rollback:
    """The rollback step."""

    journals: JournalStore
    artifacts: ArtifactStore
    docker: DockerEngine
    compose: ComposeRunner
    resources: ProjectResources
    masking: Masking
    wait_seconds: float = 120.0
    """How long a service that was healthy may take to become so again."""

    @activity.defn(name=ports.ROLLBACK.name)
    async def rollback(self, job: RollbackInput) -> RollbackResult:
        """Put everything back; ``outcome.complete`` only where every measurement says so.

        Raises:
            OrchestratorError: ``lock_timeout``, ``docker_unavailable`` (both worth a retry);
                ``journal_settled`` where somebody settled this run otherwise.
        """
        run = job.run
        async with beating(lambda: "rollback"):
            journal = await asyncio.to_thread(self._journal, run.run_id, run.generation)
            if journal is None:
                return RollbackResult(outcome=_NOTHING)
            if journal.settled is not None:
                return _settled_already(journal)
            epoch = self.journals.raise_epoch(run.run_id, run.generation, "rollback")
            children = ChildRegistry(self.journals.state.children, run.run_id)
            await children.end_earlier()
            async with self.journals.holding(journal.project, run.run_id, run.generation, epoch) as guard:
                await children.end_earlier()  # begun by a step between the first look and the lock
                return await self._restore(job, guard, children)

    def _journal(self, run_id: str, generation: int) -> Journal | None:
        """The journal; where there is none, make sure that none is opened after this answer."""
        if self.journals.forbid(run_id, generation):
            return None
        return self.journals.read(run_id, generation)

    async def _restore(self, job: RollbackInput, guard: Guard, children: ChildRegistry) -> RollbackResult:
        journal = guard.check()
        redactor = await self.masking.redactor(journal.target)
        name = artifact_name("rollback.log", job.run.generation)
        story = await continue_story(self.artifacts, journal.run_id, name, redactor)
        story.say(f"Rolling back {journal.target.service} of project {journal.project}: {job.reason}.")
        try:
            outcome, proof = await self._restore_and_measure(journal, guard, children, story)
        except OrchestratorError as error:
            story.say(f"The rollback stopped: {error.message}")
            error.artifacts = (*error.artifacts, await story.close())
            raise
        self.journals.record_rollback(guard, outcome, proof)
        if outcome.complete and not job.final:
            self.journals.settle(guard, by="rollback", outcome="rolled_back")
            with suppress(DaemonRefused):  # a held image only takes space
                await self.docker.release_hold(journal.run_id)
        return RollbackResult(
            outcome=outcome,
            neighbours=proof,
            artifacts=(await story.close(),),
            warnings=_warnings(outcome, proof),
        )

    async def _restore_and_measure(
        self, journal: Journal, guard: Guard, children: ChildRegistry, story: Story
    ) -> tuple[RollbackOutcome, NeighbourProof | None]:
        files = await uninterrupted(asyncio.to_thread(restore_files, journal, guard, story))
        restorer = ServiceRestorer(
            self.docker, self.compose, self.resources, children, guard.check(), guard, story
        )
        service = ServiceRestored()
        try:
            await restorer.restore(service)
        except DaemonRefused as error:
            service.problems.append(refusal(error))
            story.say(refusal(error))
        measuring = Measuring(self.docker, self.compose, journal)
        patience = min(self.wait_seconds, _FOREIGN_SECONDS) if service.foreign else self.wait_seconds
        async with aclosing(EarlyDryRun(self.docker, self.compose, journal.target.project)) as early:
            early.begin()
            became_so = await measuring.wait(patience)
            outcome = await measuring.outcome(files, service, became_so=became_so)
            proof = await measuring.proof(early)
        story.say(outcome.state)
        for lasting in outcome.not_undone:
            story.say(f"Not undone: {lasting}.")
        story.table(as_table(outcome.compared))
        return outcome, proof


def _settled_already(journal: Journal) -> RollbackResult:
    """A retry after its own settlement hears what was measured; any other settlement is not ours to claim.

    What ``recover`` put back, or a report closed, may long have been changed by the next run.
    """
    settled = journal.settled
    if settled is None or settled.by != "rollback" or journal.rollback is None:
        by = settled.by if settled else "somebody else"
        raise OrchestratorError("journal_settled", by=by, run_id=journal.run_id)
    return RollbackResult(
        outcome=journal.rollback,
        neighbours=journal.proof,
        warnings=(f"the journal had been settled by {settled.by} already",),
    )


def _warnings(outcome: RollbackOutcome, proof: NeighbourProof | None) -> tuple[str, ...]:
    kept = (
        f"{path} was changed by somebody else during the run; it was kept" for path in outcome.foreign_changes
    )
    if proof is None:
        return (*kept, "the neighbours could not be compared: the compose file cannot be read now")
    daemon = daemon_warnings(proof)
    changed = (f"another container changed during the run: {name}" for name in proof.changed)
    return (*kept, *daemon, *changed)
