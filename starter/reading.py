"""Finds one run in Temporal and reads its record, whichever way still works.

    open run    -> the ``status`` query; without a worker, what the start event says
    ended well  -> the workflow's result; no worker is needed
    otherwise   -> the stored report, else the query, else what Temporal says about the end

A report that ended later than the workflow's own claim is a recovery's and wins; so does a recovery that
the workflow met when it went on.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowQueryFailedError,
)
from temporalio.exceptions import ApplicationError, TemporalError
from temporalio.service import RPCError

from starter.connection import no_worker_answered, temporal_errors
from starter.stored import RUN_ID, StoredReports
from workflows.errors import CATALOGUE, OrchestratorError
from workflows.models.failure import Failure
from workflows.models.guarding import GuardReport, guard_id
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus, StepName

WORKFLOW_TYPE: Final = "MoonMind.OrchestratorRun"
QUERY_SECONDS: Final = 5
RPC_TIMEOUT: Final = timedelta(seconds=10)
NO_WORKER: Final = "No worker answers: this is only what Temporal itself knows."
NO_WORKER_NOW: Final = "No worker answers at the moment: this is how the run stood before."
_COMPLETED: Final = WorkflowExecutionStatus.COMPLETED
_INTERRUPTED: Final = {
    WorkflowExecutionStatus.TERMINATED: "terminated",
    WorkflowExecutionStatus.TIMED_OUT: "timed out",
}

AT_ONCE: Final = 8
"""Questions about so many runs go out side by side."""


@dataclass(frozen=True)
class Located:
    """One execution chain: Temporal's description, and the run id everything is named after."""

    workflow_id: str
    execution_run_id: str
    run_id: str
    description: WorkflowExecutionDescription

    @property
    def open(self) -> bool:
        """Whether the workflow still runs."""
        return self.description.status is WorkflowExecutionStatus.RUNNING


@dataclass(frozen=True)
class RunReader:
    """Reads records of runs through one client; ``reports`` is what remains without Temporal."""

    client: Client
    reports: StoredReports

    @property
    def address(self) -> str:
        """``host:port`` of the server."""
        return self.client.service_client.config.target_host

    async def locate(self, run: str) -> Located:
        """The run with this run id or workflow id.

        Raises:
            OrchestratorError: ``unknown_run``, ``temporal_unavailable``.
        """
        candidates = [run]
        if RUN_ID.fullmatch(run):
            found = await self._workflow_of(run)
            if found is not None:
                return await self._chain(found, run)
            candidates.append(f"mm:{run}")
        for workflow_id in candidates:
            try:
                return await self._describe(workflow_id)
            except OrchestratorError as error:
                if error.code != "unknown_run":
                    raise
        raise OrchestratorError("unknown_run", run=run)

    async def recent(self, limit: int) -> tuple[Located, ...]:
        """The newest runs, newest first; a few are asked about at a time.

        Raises:
            OrchestratorError: ``temporal_unavailable``.
        """
        gate = asyncio.Semaphore(AT_ONCE)

        async def described(workflow_id: str, run_id: str) -> Located:
            async with gate:
                return await self._describe(workflow_id, run_id)

        with temporal_errors(self.address):
            listed = self.client.list_workflows(f"WorkflowType='{WORKFLOW_TYPE}'", limit=limit)
            found = [(one.id, one.run_id) async for one in listed]
        return tuple(await asyncio.gather(*(described(*ids) for ids in found)))

    async def record(self, run: Located) -> RunRecord:
        """The run's record, as true as it can be had.

        Raises:
            OrchestratorError: ``temporal_unavailable``.
        """
        if run.open:
            return await self.answered(run) or await self._from_start(run)
        if run.description.status is _COMPLETED:
            return await self._completed(run)
        stored = await self._fetched(run)
        return stored if stored is not None else await self._ended_otherwise(run)

    async def own_claim(self, run: Located) -> RunRecord | None:
        """What Temporal itself holds of an ended run: its result, else what the query replays; or None.

        Raises:
            OrchestratorError: ``temporal_unavailable``.
        """
        if run.description.status is _COMPLETED:
            try:
                return await self._result(run)
            except TemporalError:  # a result another version wrote
                return None
        return None if run.open else await self.answered(run)

    async def guards_manifest(self, run_id: str) -> str | None:
        """SHA-256 of the manifest of a lost run that its guard settled; None where no guard names one.

        Raises:
            OrchestratorError: ``temporal_unavailable``.
        """
        handle = self.client.get_workflow_handle(guard_id(run_id), result_type=GuardReport)
        try:
            with temporal_errors(self.address, run_id):
                if (await handle.describe(rpc_timeout=RPC_TIMEOUT)).status is not _COMPLETED:
                    return None
                report: GuardReport = await handle.result(rpc_timeout=RPC_TIMEOUT)
        except TemporalError:
            return None
        except OrchestratorError as error:
            if error.code != "unknown_run":
                raise
            return None
        return report.manifest.sha256 if report.manifest is not None else None

    async def answered(self, run: Located) -> RunRecord | None:
        """The ``status`` query's answer; None where no worker gives one.

        Raises:
            OrchestratorError: ``temporal_unavailable``, ``unknown_run``.
        """
        handle = self.client.get_workflow_handle(run.workflow_id, run_id=run.execution_run_id)
        try:
            # Not by rpc_timeout alone: the SDK tries a query that timed out again.
            async with asyncio.timeout(QUERY_SECONDS):
                record: RunRecord = await handle.query(
                    "status", result_type=RunRecord, rpc_timeout=2 * timedelta(seconds=QUERY_SECONDS)
                )
        except (TimeoutError, WorkflowQueryFailedError, ApplicationError):
            # No worker, too early, or a worker of another version: the start event still tells something.
            return None
        except RPCError as error:
            if no_worker_answered(error):
                return None
            with temporal_errors(self.address, run.workflow_id):
                raise
        return record

    async def _workflow_of(self, run_id: str) -> str | None:
        with temporal_errors(self.address, run_id):
            async for found in self.client.list_workflows(f"RunId='{run_id}'", limit=1):
                return found.id
        return None

    async def _chain(self, workflow_id: str, run_id: str) -> Located:
        """The newest execution of the chain that began as ``run_id`` (a reset continues a run)."""
        newest = await self._describe(workflow_id)
        return newest if newest.run_id == run_id else await self._describe(workflow_id, run_id)

    async def _describe(self, workflow_id: str, run_id: str | None = None) -> Located:
        handle = self.client.get_workflow_handle(workflow_id, run_id=run_id)
        with temporal_errors(self.address, workflow_id):
            described = await handle.describe(rpc_timeout=RPC_TIMEOUT)
        if described.workflow_type != WORKFLOW_TYPE:
            raise OrchestratorError("unknown_run", run=workflow_id)
        return Located(
            workflow_id=described.id,
            execution_run_id=described.run_id,
            run_id=described.raw_info.first_run_id or described.run_id,
            description=described,
        )

    def _stored(self, run: Located) -> RunRecord | None:
        record = self.reports.find(run.run_id)
        return record if record is not None and record.status.terminal else None

    async def _fetched(self, run: Located) -> RunRecord | None:
        """The stored report of a run, also from the object store; a store that refuses tells nothing."""
        try:
            record = await asyncio.to_thread(self.reports.fetch, run.run_id)
        except OrchestratorError:
            return None
        return record if record is not None and record.status.terminal else None

    async def _result(self, run: Located) -> RunRecord:
        handle = self.client.get_workflow_handle(
            run.workflow_id, run_id=run.execution_run_id, result_type=RunRecord
        )
        with temporal_errors(self.address, run.workflow_id):
            record: RunRecord = await handle.result(follow_runs=False, rpc_timeout=RPC_TIMEOUT)
        return record

    async def _completed(self, run: Located) -> RunRecord:
        try:
            record = await self._result(run)
        except TemporalError:  # a result another version wrote
            return await self._fetched(run) or await self._from_start(run)
        # only of a run that failed can a recovery tell more, so the object store is not asked for others
        stored = await self._fetched(run) if record.status is RunStatus.FAILED else self._stored(run)
        if stored is not None and record.code == "journal_settled" and stored.code in _RECOVERED:
            return _as_recovered(record, stored)
        return stored if stored is not None and _later(stored, record) else record

    async def _ended_otherwise(self, run: Located) -> RunRecord:
        failure = await self._why(run)
        refused = failure.code == "invalid_request"  # no worker can answer for an input that it refuses
        record = None if refused else await self.answered(run)
        if record is not None and record.status.terminal:
            return record
        base = record if record is not None else await self._from_start(run)
        cancelled = run.description.status is WorkflowExecutionStatus.CANCELED
        return base.model_copy(
            update={
                "status": RunStatus.CANCELLED if cancelled else RunStatus.FAILED,
                "code": failure.code,
                "summary": failure.message,
                "failure": failure,
                "completed_at": run.description.close_time,
                "warnings": tuple(w for w in base.warnings if w != NO_WORKER),
            }
        )

    async def _why(self, run: Located) -> Failure:
        status = run.description.status
        if status is WorkflowExecutionStatus.CANCELED:
            return OrchestratorError("cancelled").failure(StepName.REPORT)
        how = _INTERRUPTED.get(status) if status is not None else None
        if how is not None:
            return OrchestratorError("run_interrupted", how=how, run_id=run.run_id).failure(StepName.REPORT)
        handle = self.client.get_workflow_handle(run.workflow_id, run_id=run.execution_run_id)
        try:
            with temporal_errors(self.address, run.workflow_id):
                await handle.result(follow_runs=False, rpc_timeout=RPC_TIMEOUT)
        except WorkflowFailureError as error:
            return _failure_of(error)
        return OrchestratorError("internal_error", detail=f"the workflow ended {status}").failure(
            StepName.REPORT
        )

    async def asked(self, run: Located) -> dict[str, object]:
        """The input in the run's start event; empty where it is no request.

        Raises:
            OrchestratorError: ``temporal_unavailable``, ``unknown_run``.
        """
        asked: dict[str, object] = {}
        handle = self.client.get_workflow_handle(run.workflow_id, run_id=run.execution_run_id)
        with temporal_errors(self.address, run.workflow_id):
            async for event in handle.fetch_history_events(page_size=1):
                payloads = event.workflow_execution_started_event_attributes.input.payloads
                values = await self.client.data_converter.decode(payloads) if payloads else []
                asked = values[0] if values and isinstance(values[0], dict) else {}
                break
        return asked

    async def _from_start(self, run: Located) -> RunRecord:
        """What the start event says: who asked for what, and when."""
        asked = await self.asked(run)
        begun = run.description.history_length > _EVENTS_BEFORE_A_WORKER
        return RunRecord(
            run_id=run.run_id,
            workflow_id=run.workflow_id,
            status=RunStatus.RUNNING if begun else RunStatus.PENDING,
            project=_text(asked.get("project")),
            service=_text(asked.get("service")),
            instruction=_text(asked.get("instruction")) or "",
            requested_by=_text(asked.get("requested_by")),
            retry_of=_text(asked.get("retry_of")),
            warnings=(NO_WORKER,),
            created_at=run.description.start_time,
        )


_RECOVERED: Final = frozenset({"run_recovered", "state_accepted"})
"""How a recovery ends a run."""
_EVENTS_BEFORE_A_WORKER: Final = 2
"""Started, and the first workflow task scheduled."""


def _as_recovered(record: RunRecord, recovery: RunRecord) -> RunRecord:
    """The workflow knows what was asked and done, the recovery what was measured in the end."""
    measured = ("status", "code", "summary", "failure", "rollback", "neighbours", "artifacts", "completed_at")
    warnings = dict.fromkeys((*record.warnings, *recovery.warnings))
    return record.model_copy(
        update={name: getattr(recovery, name) for name in measured} | {"warnings": tuple(warnings)}
    )


def _later(one: RunRecord, other: RunRecord) -> bool:
    return bool(one.completed_at and other.completed_at and one.completed_at > other.completed_at)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _failure_of(error: WorkflowFailureError) -> Failure:
    cause = error.cause
    code = cause.type if isinstance(cause, ApplicationError) and cause.type in CATALOGUE else "internal_error"
    message = cause.message if isinstance(cause, ApplicationError) else str(cause)
    remedy = CATALOGUE[code].remedy
    return Failure(
        code=code,
        step=StepName.PREFLIGHT if code == "invalid_request" else StepName.REPORT,
        message=message,
        remedy="" if "{" in remedy else remedy,
    )
