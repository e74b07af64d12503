"""Report: the evidence complete and checkable, the journal settled, the numbers sent (SPEC FR-010 to FR-012).

A success keeps the previous image held, for the service's last runs; a rollback needs it no more. The
journal is settled before an image is let go, and both after the report is stored: a report that is
interrupted is done again, and nothing is claimed that a take-over meanwhile made untrue.
"""

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from temporalio import activity

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.heartbeat import beating
from activities.adapters.journal import JournalStore
from activities.adapters.known_secrets import KnownSecrets
from activities.adapters.measuring import Metrics
from activities.adapters.outbox import Outbox
from activities.adapters.project_resources import DaemonRefused
from activities.adapters.redaction import Redactor
from activities.holding import keep_the_last
from activities.report_page.page import PAGE_NAME, Evidence, report_page
from activities.report_page.probes import read_probes
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.lifecycle import Ledger, evidence_warnings, made_by
from workflows.models.artifact import ArtifactState, RunArtifact
from workflows.models.plan import GeneratedBy
from workflows.models.record import RunEvent, RunRecord, RunReport
from workflows.models.status import RunStatus
from workflows.notices import event_of_the_end, notification
from workflows.ports import ArtifactsResult, ReportInput, RunRef

_log = logging.getLogger(__name__)
_SUBJECT_CHARACTERS = 72
_READ_SECONDS = 10.0
_MOST_BYTES = 2 * 1024 * 1024
"""Of one piece of evidence that goes into the page."""
_OWN = {"events.jsonl", "report.json", PAGE_NAME, "manifest.json"}
"""What the report itself makes."""


@dataclass(frozen=True)
class Report:
    """The report step; running it again gives the same end."""

    journals: JournalStore
    artifacts: ArtifactStore
    docker: DockerEngine
    metrics: Metrics
    settled_by: str = "report"
    outbox: Outbox | None = None
    """Where word of how a run ended is left; None: nobody is told."""
    known: KnownSecrets = field(default_factory=KnownSecrets)

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
            await self.metrics.run_ended(job.record, recovered=self.settled_by == "recover")
            await self._tell(job.record)
            return ArtifactsResult(artifacts=stored, warnings=page_warnings(stored))

    async def _tell(self, record: RunRecord) -> None:
        event = event_of_the_end(record)
        if self.outbox is not None and event is not None:
            told = notification(record, event, datetime.now(UTC))
            await asyncio.to_thread(self.outbox.put, told)

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
        await asyncio.to_thread(self.artifacts.waiting.tidy, job.run.run_id)
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
        page = await self._page(masked, (*known, report), redactor)
        manifest = await self.artifacts.manifest(run_id, (*known, report, *page))
        return (*found, events, report, *page, manifest)

    async def _page(
        self, report: RunReport, artifacts: tuple[RunArtifact, ...], redactor: Redactor
    ) -> tuple[RunArtifact, ...]:
        """``report.html``; the report is whole without it, so nothing that goes wrong here fails the step."""
        try:
            latest = {artifact.name: artifact for artifact in artifacts}
            evidence = Evidence(
                diff=await asyncio.to_thread(redactor.text, await self._text(latest.get("patch.diff"))),
                verifications=tuple(
                    [
                        read_probes(await self._text(log), made_by(log)[1])
                        for log in latest.values()
                        if log.type == "verify"
                    ]
                ),
                artifacts=tuple(latest.values()),
                links={name: artifact.link for name, artifact in latest.items()},
            )
            page = await asyncio.to_thread(report_page, report, evidence)
        except Exception as error:  # noqa: BLE001 - it is for reading only; a warning tells
            _log.warning("%s of run %s: %s", PAGE_NAME, report.record.run_id, type(error).__name__)
            return ()
        return (await self.artifacts.put(report.record.run_id, PAGE_NAME, page),)

    async def _text(self, artifact: RunArtifact | None) -> str:
        """Of evidence that is not there, or is too long for a page, nothing is shown."""
        if artifact is None or artifact.size_bytes > _MOST_BYTES:
            return ""
        with suppress(OrchestratorError, TimeoutError):
            async with asyncio.timeout(_READ_SECONDS):  # a store that is slow holds up no report
                return (await self.artifacts.read(artifact)).decode(errors="replace")
        return ""

    async def _found(self, record: RunRecord) -> tuple[RunArtifact, ...]:
        """Evidence the record does not have: delivered only now, or of a step that was interrupted (I6)."""
        brought = await self.artifacts.deliver(record.run_id)
        delivered = {artifact.name: artifact for artifact in brought if artifact.name not in _OWN}
        # a large one may have arrived after its step had stopped waiting for it; and the story of a rollback
        # is continued by whoever rolls back next, be it another execution of this run
        said = (a for a in record.artifacts if a.type != "rollback")
        settled = {a.name for a in said if a.state is ArtifactState.STORED}
        for name in await self.artifacts.names(record.run_id):
            if name not in settled | delivered.keys() | _OWN:
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


def page_warnings(stored: tuple[RunArtifact, ...]) -> tuple[str, ...]:
    """Who looks for the page hears that there is none."""
    if any(artifact.name == PAGE_NAME for artifact in stored):
        return ()
    return (f"{PAGE_NAME} could not be made; report.json says the same",)


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
