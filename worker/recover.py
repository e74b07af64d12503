"""``mm-orchestrator recover``: settles what a lost run left, from its journal, without Temporal (I4).

It takes the journal over (an earlier holder can change nothing from then on), runs the very rollback step
that a workflow runs, and writes the same report. With ``--accept-current-state`` it changes nothing and
records that an operator takes the state as it is.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import ValidationError

from activities.adapters.artifact_store import ArtifactStore, artifact_name
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.journal import Journal, JournalStore
from activities.adapters.process import ChildRegistry
from activities.adapters.project_resources import DaemonRefused
from activities.adapters.redaction import Redactor
from activities.adapters.state_dir import StateDir
from activities.adapters.workspace import Workspace
from activities.report import Report
from activities.restoring.story import continue_story
from activities.rollback import Rollback
from worker.composition import build_adapters, report_step, rollback_step
from worker.settings import WorkerSettings
from workflows.errors import OrchestratorError
from workflows.models.artifact import RunArtifact
from workflows.models.failure import Failure
from workflows.models.record import FileTouched, RollbackOutcome, RunEvent, RunRecord, RunReport, StepRecord
from workflows.models.snapshot import NeighbourProof
from workflows.models.status import RunStatus, StepName, StepStatus
from workflows.ports import ReportInput, RollbackInput, RollbackResult, RunRef

DONE = 0
FAILED = 5


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
    rollback: Rollback
    report: Report

    def unsettled(self) -> tuple[Journal, ...]:
        """Journals that await their end, oldest first."""
        return self.journals.unsettled()

    async def recover(self, run: str, *, accept_current_state: bool) -> tuple[Recovered, ...]:
        """Settle every open journal of a run, named by its run id or workflow id.

        Raises:
            OrchestratorError: ``journal_missing`` where the run changed nothing on this machine;
                ``lock_timeout``, ``docker_unavailable``.
        """
        mine = [j for j in self.journals.all() if run in {j.run_id, j.workflow_id}]
        if not mine:
            raise OrchestratorError("journal_missing", run_id=run)
        still_open = [journal for journal in mine if journal.settled is None]
        if not still_open:
            return (_already(mine[-1]),)
        act = self._accept if accept_current_state else self._roll_back
        return tuple([await act(journal) for journal in still_open])

    async def _roll_back(self, journal: Journal) -> Recovered:
        job = RollbackInput(run=_ref(journal), reason="recover")
        done = await self.rollback.rollback(job)
        complete = done.outcome.complete
        code = "run_recovered" if complete else "rollback_incomplete"
        detail = "; ".join(done.outcome.mismatches)
        failure = OrchestratorError(code, detail=detail, run_id=journal.run_id).failure(StepName.ROLLBACK)
        stored = await self._report(job.run, journal, done, failure)
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
        self, run: RunRef, journal: Journal, done: RollbackResult, failure: Failure
    ) -> tuple[RunArtifact, ...]:
        """The report the workflow could not write, or the one it wrote brought up to date."""
        known = await asyncio.to_thread(self._stored_report, run.run_id)
        kept = known or RunReport(record=await self._record(journal))
        record = _brought_up_to_date(kept.record, run, done, failure)
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
        reported = await replace(self.report, settled_by="recover").report(job)
        return (*done.artifacts, *reported.artifacts)

    def _stored_report(self, run_id: str) -> RunReport | None:
        path = self.artifacts.locate(run_id, "report.json")
        if path is None:
            return None
        try:
            return RunReport.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None

    async def _record(self, journal: Journal) -> RunRecord:
        names = await asyncio.to_thread(self.artifacts.names, journal.run_id)
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


async def recover_command(
    settings: WorkerSettings, run: str | None, accept_current_state: bool, say: Callable[[str], None]
) -> int:
    """The command: without a run it lists what is open, with one it settles that.

    Returns:
        0 where nothing of what was asked is left open, else 5.

    Raises:
        OrchestratorError: see ``Recovery.recover``.
    """
    on = await build_adapters(settings, StateDir(settings.state_dir), None, os.environ)
    recovery = Recovery(on.journals, on.artifacts, on.engine, rollback_step(on), report_step(on))
    if run is None:
        for journal in recovery.unsettled():
            say(_listed(journal))
        if not recovery.unsettled():
            say("Nothing to recover: every journal is settled.")
        return DONE
    code = DONE
    for recovered in await recovery.recover(run, accept_current_state=accept_current_state):
        say(f"{recovered.run_id}  {recovered.how.value}: {recovered.state}")
        for path in recovered.outcome.foreign_changes if recovered.outcome else ():
            say(f"  {path} was changed by somebody else and is left as it is")
        for lasting in recovered.outcome.not_undone if recovered.outcome else ():
            say(f"  not undone: {lasting}")
        if recovered.how is How.INCOMPLETE:
            say(f"→ mm-orchestrator recover {recovered.run_id}, or with --accept-current-state")
            code = FAILED
    return code


def _listed(journal: Journal) -> str:
    at = journal.opened_at.isoformat(timespec="seconds")
    files = ", ".join(entry.path for entry in journal.entries) or "no file"
    return (
        f"{journal.run_id}  {journal.project}/{journal.target.service}, since {at}, touched {files}\n"
        f"→ mm-orchestrator recover {journal.run_id}"
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


def _brought_up_to_date(record: RunRecord, run: RunRef, done: RollbackResult, failure: Failure) -> RunRecord:
    now = datetime.now(UTC)
    step = StepRecord(
        name=StepName.ROLLBACK,
        round=run.round,
        status=StepStatus.SUCCEEDED if done.outcome.complete else StepStatus.FAILED,
        completed_at=now,
        message=f"recover: {done.outcome.state}",
        artifacts=tuple(artifact.name for artifact in done.artifacts),
    )
    proof: NeighbourProof | None = done.neighbours or record.neighbours
    return record.model_copy(
        update={
            "status": RunStatus.ROLLED_BACK if done.outcome.complete else RunStatus.FAILED,
            "code": failure.code,
            "summary": done.outcome.state,
            "failure": failure,
            "rollback": done.outcome,
            "neighbours": proof,
            "steps": (*record.steps, step),
            "artifacts": (*record.artifacts, *done.artifacts),
            "warnings": (*record.warnings, *done.warnings),
            "completed_at": now,
        }
    )
