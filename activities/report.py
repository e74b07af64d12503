"""Report: the evidence complete and checkable, the journal settled, the numbers sent (SPEC FR-010 to FR-012).

A success keeps the previous image held, for the service's last runs; a rollback needs it no more. The
journal is settled before an image is let go, and both after the report is stored: a report that is
interrupted is done again, and nothing is claimed that a take-over meanwhile made untrue.
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field

from temporalio import activity

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.heartbeat import beating
from activities.adapters.journal import JournalStore
from activities.adapters.known_secrets import KnownSecrets
from activities.adapters.project_resources import DaemonRefused
from activities.adapters.redaction import Redactor
from activities.adapters.statsd import Metrics
from activities.holding import keep_the_last
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.lifecycle import Ledger, evidence_warnings
from workflows.models.artifact import RunArtifact
from workflows.models.plan import GeneratedBy
from workflows.models.record import RunEvent, RunRecord, RunReport
from workflows.models.status import RunStatus
from workflows.ports import ArtifactsResult, ReportInput, RunRef

_SUBJECT_CHARACTERS = 72
_OWN = {"events.jsonl", "report.json", "manifest.json"}
"""What the report itself makes."""


@dataclass(frozen=True)
class Report:
    """The report step; running it again gives the same end."""

    journals: JournalStore
    artifacts: ArtifactStore
    docker: DockerEngine
    metrics: Metrics
    known: KnownSecrets = field(default_factory=KnownSecrets)
    settled_by: str = "report"

    @activity.defn(name=ports.REPORT.name)
    async def report(self, job: ReportInput) -> ArtifactsResult:
        """Store the report, settle the journal, let images go that nobody needs, send the metrics.

        Raises:
            OrchestratorError: ``journal_settled`` where a success is claimed that somebody undid meanwhile.
        """
        async with beating(lambda: "report"):
            outcome = settles_as(job.record)
            if outcome is not None:
                await asyncio.to_thread(self._check_claim, job.run, outcome)
            stored = await self._reported_by_another(job) or await self._store(job)
            if outcome is not None:
                await self._settle(job.run, outcome)
            await self.metrics.run_ended(job.record)
            return ArtifactsResult(artifacts=stored)

    def _check_claim(self, run: RunRef, outcome: str) -> None:
        """A success counts only while the run still holds its journal."""
        journal = self.journals.find(run.run_id, run.generation)
        if journal is None or (journal.settled is not None and journal.settled.outcome == outcome):
            return
        if outcome == "succeeded":
            self.journals.guard(run.run_id, run.generation, run.epoch).check()

    async def _reported_by_another(self, job: ReportInput) -> tuple[RunArtifact, ...]:
        """Whoever settled the journal has reported what was measured; this run has nothing to add to it."""
        if job.record.code != "journal_settled":
            return ()
        found = [await self.artifacts.existing(job.run.run_id, name) for name in sorted(_OWN)]
        return tuple(artifact for artifact in found if artifact is not None)

    async def _store(self, job: ReportInput) -> tuple[RunArtifact, ...]:
        run_id = job.run.run_id
        redactor = self.known.all
        found = await self._found(job.record)
        events = await self.artifacts.put(run_id, "events.jsonl", event_lines(job.events, redactor))
        ledger = Ledger(job.record)
        ledger.change(artifacts=_latest(job.record.artifacts))
        ledger.store_found((*found, events))
        known = ledger.record.artifacts
        ledger.warn(evidence_warnings(known))
        record = ledger.record
        document = RunReport(record=record, events=job.events, commit_message=commit_message(record))
        masked = masked_report(document, redactor)
        text = masked.model_dump_json(indent=2).encode() + b"\n"
        report = await self.artifacts.put(run_id, "report.json", text)
        manifest = await self.artifacts.manifest(run_id, (*known, report))
        return (*found, events, report, manifest)

    async def _found(self, record: RunRecord) -> tuple[RunArtifact, ...]:
        """Evidence the record does not have: delivered only now, or of a step that was interrupted (I6)."""
        delivered = {artifact.name: artifact for artifact in await self.artifacts.deliver(record.run_id)}
        known = {artifact.name for artifact in record.artifacts}
        for name in await asyncio.to_thread(self.artifacts.names, record.run_id):
            if name not in known | delivered.keys() | _OWN:
                left = await self.artifacts.existing(record.run_id, name)
                delivered |= {name: left} if left is not None else {}
        return tuple(delivered.values())

    async def _settle(self, run: RunRef, outcome: str) -> None:
        journal = await asyncio.to_thread(self.journals.find, run.run_id, run.generation)
        if journal is None:
            return
        if journal.settled is None:
            # a rollback has raised the epoch since this workflow last heard of it; a success must not
            epoch = run.epoch if outcome == "succeeded" else journal.epoch
            async with self.journals.holding(journal.project, run.run_id, run.generation, epoch) as guard:
                self.journals.settle(guard, by=self.settled_by, outcome=outcome)
        # the run is over and proved: an image that stays held for too long only takes space
        with suppress(OrchestratorError, DaemonRefused):
            if outcome == "succeeded":
                await keep_the_last(self.docker, self.journals, journal)
            else:
                await self.docker.release_hold(run.run_id)


def settles_as(record: RunRecord) -> str | None:
    """How the journal ends with this record; None: it stays open (``rollback_incomplete``)."""
    if record.status is RunStatus.SUCCEEDED:
        return "succeeded"
    if record.rollback is not None and record.rollback.complete and not record.rollback.nothing_written:
        return "rolled_back"
    return None


def commit_message(record: RunRecord) -> str:
    """Suggested text for committing the repair, so that the next deploy keeps it; empty without one."""
    changed = [file.path for file in record.files_touched if file.before != file.after]
    if record.status is not RunStatus.SUCCEEDED or not changed:
        return ""
    subject = " ".join((record.plan.summary if record.plan else record.instruction).split())
    if len(subject) > _SUBJECT_CHARACTERS:
        subject = subject[: _SUBJECT_CHARACTERS - 1].rstrip() + "…"
    files = "\n".join(f"- {path}" for path in changed)
    by_llm = record.plan is not None and record.plan.generated_by is GeneratedBy.LLM
    author = "A language model proposed it; read it before you keep it.\n" if by_llm else ""
    return (
        f"{subject}\n\n"
        f"Service {record.service} of {record.project} was rebuilt with this change and seen healthy.\n"
        f'Asked for: "{record.instruction}"\n{author}\n{files}\n\nOrchestrator-Run: {record.run_id}\n'
    )


def event_lines(events: tuple[RunEvent, ...], redactor: Redactor) -> bytes:
    """One masked JSON object per line (SPEC FR-010)."""
    masked = (_masked(event.model_dump(mode="json"), redactor) for event in events)
    return "".join(f"{json.dumps(event, ensure_ascii=False)}\n" for event in masked).encode()


def masked_report(report: RunReport, redactor: Redactor) -> RunReport:
    """The report with every text in it masked (I5); its structure stays what it is."""
    return RunReport.model_validate(_masked(report.model_dump(mode="json"), redactor))


def _masked(value: object, redactor: Redactor) -> object:
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, list):
        return [_masked(item, redactor) for item in value]
    if isinstance(value, dict):
        return {key: _masked(item, redactor) for key, item in value.items()}
    return value


def _latest(artifacts: tuple[RunArtifact, ...]) -> tuple[RunArtifact, ...]:
    """Of several of one name the last counts; an earlier attempt's own output is made anew."""
    return tuple({a.name: a for a in artifacts if a.name not in _OWN}.values())
