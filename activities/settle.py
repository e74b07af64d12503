"""Settle what a lost run left, from its journals: the guard's step, and the command ``recover`` (I4).

It takes the journal over (an earlier holder can change nothing from then on), runs the very rollback step
that a workflow runs, and writes the same report. Accepting the current state changes nothing and records
that an operator takes the state as it is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import ValidationError
from temporalio import activity

from activities.adapters.artifact_store import ArtifactStore, artifact_name
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.heartbeat import beating
from activities.adapters.journal import Journal, JournalStore
from activities.adapters.process import ChildRegistry
from activities.adapters.project_resources import DaemonRefused
from activities.adapters.redaction import Redactor
from activities.adapters.workspace import Workspace
from activities.restoring.story import continue_story
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.lifecycle import Ledger
from workflows.models.artifact import RunArtifact
from workflows.models.failure import Failure
from workflows.models.guarding import SettleInput, SettleResult
from workflows.models.manifest import MANIFEST_NAME
from workflows.models.record import FileTouched, RollbackOutcome, RunEvent, RunRecord, RunReport
from workflows.models.snapshot import NeighbourProof
from workflows.models.status import RunStatus, StepName, StepStatus
from workflows.ports import ArtifactsResult, ReportInput, RollbackInput, RollbackResult, RunRef

_MAX_REPORT_BYTES = 64 << 20


class How(StrEnum):
    """What became of one journal."""

    ROLLED_BACK = "rolled_back"
    ACCEPTED = "accepted"
    INCOMPLETE = "incomplete"
    ALREADY_SETTLED = "already_settled"


@dataclass(frozen=True)
class Recovered:
    """One journal after the recovery."""

    run_id: str
    project: str
    how: How
    state: str
    """One sentence: the state the service is in."""
    outcome: RollbackOutcome | None = None
    artifacts: tuple[RunArtifact, ...] = ()


@dataclass(frozen=True)
class Recovery:
    """The parts a recovery needs; the steps are the workflow's own."""

    journals: JournalStore
    artifacts: ArtifactStore
    docker: DockerEngine
    roll_back: Callable[[RollbackInput], Awaitable[RollbackResult]]
    """The rollback step."""
    report: Callable[[ReportInput], Awaitable[ArtifactsResult]]
    """The report step; it says that a recovery settled the journal."""

    def unsettled(self) -> tuple[Journal, ...]:
        """Journals that await their end, oldest first."""
        return self.journals.unsettled()

    async def recover(self, run: str, *, accept_current_state: bool) -> tuple[Recovered, ...]:
        """Settle every open journal of a run, named by its run id or workflow id.

        Raises:
            OrchestratorError: ``journal_missing`` where the run changed nothing on this machine;
                ``lock_timeout``, ``docker_unavailable``.
        """
        mine = self.journals.of_run(run)
        if not mine:
            raise OrchestratorError("journal_missing", run_id=run)
        still_open = [journal for journal in mine if journal.settled is None]
        if not still_open:
            return (_already(mine[-1]),)
        act = self._accept if accept_current_state else self._roll_back
        return tuple([await act(journal) for journal in still_open])

    async def settle(self, run_id: str, record: RunRecord | None) -> tuple[Recovered, ...]:
        """Roll back every open journal of a lost run, and let none be opened by a late step of it.

        Raises:
            OrchestratorError: ``lock_timeout``, ``docker_unavailable`` (both worth a retry).
        """
        mine = list(self.journals.of_run(run_id))
        latest = max((journal.generation for journal in mine), default=0)
        if not self.journals.forbid(run_id, latest + 1):  # opened between these two looks
            mine.append(self.journals.read(run_id, latest + 1))
        lost = [journal for journal in mine if journal.settled is None]
        return tuple([await self._roll_back(journal, record, "its workflow is gone") for journal in lost])

    async def _roll_back(
        self, journal: Journal, record: RunRecord | None = None, reason: str = "recover"
    ) -> Recovered:
        job = RollbackInput(run=_ref(journal), reason=reason)
        done = await self.roll_back(job)
        complete = done.outcome.complete
        code = "run_recovered" if complete else "rollback_incomplete"
        detail = "; ".join(done.outcome.mismatches)
        failure = OrchestratorError(code, detail=detail, run_id=journal.run_id).failure(StepName.ROLLBACK)
        stored = await self._report(job.run, journal, done, failure, record)
        how = How.ROLLED_BACK if complete else How.INCOMPLETE
        return Recovered(journal.run_id, journal.project, how, done.outcome.state, done.outcome, stored)

    async def _accept(self, journal: Journal) -> Recovered:
        """Change nothing, measure, settle."""
        run = _ref(journal)
        epoch = self.journals.raise_epoch(run.run_id, run.generation, "recover")
        await ChildRegistry(self.journals.state.children, run.run_id).end_earlier()
        async with self.journals.holding(journal.project, run.run_id, run.generation, epoch) as guard:
            now = await self.docker.snapshot(journal.target)
            outcome = RollbackOutcome(
                complete=False,
                state=f"{journal.target.service} is {now.state}; an operator accepted it as it is.",
                files=await asyncio.to_thread(_files_now, journal),
                image_id_before=journal.previous_image_id,
                image_id_after=now.container_image_id,
            )
            self.journals.record_rollback(guard, outcome, None)
            self.journals.settle(guard, by="recover", outcome="accepted")
        with suppress(DaemonRefused):  # a held image only takes space
            await self.docker.release_hold(run.run_id)
        name = artifact_name("rollback.log", run.generation)
        story = await continue_story(self.artifacts, run.run_id, name, Redactor())
        story.say(f"{outcome.state} Nothing was changed.")
        log = await story.close()
        failure = OrchestratorError("state_accepted", run_id=run.run_id).failure(StepName.ROLLBACK)
        stored = await self._report(run, journal, RollbackResult(outcome=outcome, artifacts=(log,)), failure)
        return Recovered(run.run_id, journal.project, How.ACCEPTED, outcome.state, outcome, stored)

    async def _report(
        self,
        run: RunRef,
        journal: Journal,
        done: RollbackResult,
        failure: Failure,
        told: RunRecord | None = None,
    ) -> tuple[RunArtifact, ...]:
        """The report the workflow could not write, or the one it wrote brought up to date."""
        known = await self._stored_report(run.run_id)
        kept = known or RunReport(record=told or await self._record(journal))
        record = _brought_up_to_date(kept.record, done, failure)
        event = RunEvent(
            ts=datetime.now(UTC),
            run_id=run.run_id,
            round=run.round,
            step=StepName.ROLLBACK,
            state=StepStatus.SUCCEEDED if done.outcome.complete else StepStatus.FAILED,
            message=f"recover: {done.outcome.state}",
            artifacts=tuple(artifact.name for artifact in done.artifacts),
        )
        job = ReportInput(run=run, record=record, events=(*kept.events, event))
        reported = await self.report(job)
        return (*done.artifacts, *reported.artifacts)

    async def _stored_report(self, run_id: str) -> RunReport | None:
        told = await self.artifacts.last_bytes(run_id, "report.json", _MAX_REPORT_BYTES)
        try:
            return None if told is None else RunReport.model_validate_json(told)
        except ValidationError:
            return None

    async def _record(self, journal: Journal) -> RunRecord:
        names = await self.artifacts.names(journal.run_id)
        stored = [await self.artifacts.existing(journal.run_id, name) for name in names]
        return RunRecord(
            run_id=journal.run_id,
            workflow_id=journal.workflow_id,
            project=journal.project,
            service=journal.target.service,
            instruction="(known to the workflow only)",
            artifacts=tuple(artifact for artifact in stored if artifact is not None),
            files_touched=tuple(
                FileTouched(path=e.path, before=e.before, after=e.written[-1] if e.written else None)
                for e in journal.entries
            ),
            created_at=journal.opened_at,
            started_at=journal.opened_at,
        )


@dataclass(frozen=True)
class Settle:
    """The guard's step."""

    recovery: Recovery

    @activity.defn(name=ports.SETTLE.name)
    async def settle(self, job: SettleInput) -> SettleResult:
        """Put back what the run left, and report it.

        Raises:
            OrchestratorError: as ``Recovery.settle``.
        """
        async with beating("settles what the run left"):
            done = await self.recovery.settle(job.run_id, job.record)
        stored = [a for one in done for a in one.artifacts if a.name == MANIFEST_NAME]
        return SettleResult(
            manifest=stored[-1] if stored else None,
            settled=bool(done),
            complete=all(one.how is How.ROLLED_BACK for one in done),
            state=" ".join(one.state for one in done) or "Nothing was left to settle.",
        )


def _ref(journal: Journal) -> RunRef:
    return RunRef(
        run_id=journal.run_id,
        workflow_id=journal.workflow_id,
        generation=journal.generation,
        epoch=journal.epoch,
    )


def _already(journal: Journal) -> Recovered:
    settled = journal.settled
    by = f"settled by {settled.by} as {settled.outcome}" if settled else ""
    return Recovered(journal.run_id, journal.project, How.ALREADY_SETTLED, by, journal.rollback)


def _files_now(journal: Journal) -> tuple[FileTouched, ...]:
    workspace, found = Workspace(journal.target), []
    for entry in journal.entries:
        now = None
        with suppress(OrchestratorError):  # it leads elsewhere by now
            now = workspace.hash(entry.path)
        found.append(FileTouched(path=entry.path, before=entry.before, after=now))
    return tuple(found)


def _brought_up_to_date(record: RunRecord, done: RollbackResult, failure: Failure) -> RunRecord:
    now, complete = datetime.now(UTC), done.outcome.complete
    ledger = Ledger(record)
    ledger.store(StepName.ROLLBACK, 1, done.artifacts)
    state = StepStatus.SUCCEEDED if complete else StepStatus.FAILED
    ledger.end(StepName.ROLLBACK, 1, state, now, f"recover: {done.outcome.state}")
    ledger.close_open_steps(now)
    ledger.end(StepName.REPORT, 1, StepStatus.SUCCEEDED, now, "evidence stored")
    ledger.warn(done.warnings)
    proof: NeighbourProof | None = done.neighbours or record.neighbours
    return ledger.record.model_copy(
        update={
            "status": RunStatus.ROLLED_BACK if complete else RunStatus.FAILED,
            "code": failure.code,
            "summary": done.outcome.state,
            "failure": failure,
            "rollback": done.outcome,
            "neighbours": proof,
            "lane": None,
            "approval_deadline": None,
            "completed_at": now,
        }
    )
