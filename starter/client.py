"""The programmatic starter: start, watch and decide runs from Python.

    client = await OrchestratorClient.connect("localhost:7233")
    run = await client.start(RunRequest(service="api", instruction="repair the missing dependency"))
    async for record in client.watch(run):
        print(record.status)

Wherever a run is named, its run id and its workflow id both do.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from starter.bundle.anchoring import find_anchor
from starter.bundle.places import Folder, Place, Places, places_of
from starter.bundle.verifying import BundleCheck, check_bundle, manifest_of
from starter.connection import open_client, temporal_errors
from starter.deciding import send_decision
from starter.object_store import ObjectStore
from starter.reading import AT_ONCE, NO_WORKER_NOW, WORKFLOW_TYPE, Located, RunReader
from starter.repeating import check_ended, repeat
from starter.starting import start_attributes, start_memo, without_secrets
from starter.statistics.compute import Gathered, Period
from starter.statistics.gathering import gather
from starter.stored import RUN_ID, StoredReports
from starter.waiting import Patience
from workflows.errors import OrchestratorError
from workflows.models.approval import Approval, Approve, Reject
from workflows.models.artifact import RunArtifact
from workflows.models.plan import ActionPlan
from workflows.models.record import RunRecord
from workflows.models.request import RunRequest
from workflows.web_details import static_details, static_summary

TASK_QUEUE: Final = "mm.orchestrator"
POLL_SECONDS: Final = 0.5
SETTLE_SECONDS: Final = 2.0
"""How long a run id that nobody knows is looked for: visibility lags behind a start."""
STORED_ONLY: Final = "Temporal does not answer for this run: this is the stored report."

T = TypeVar("T")


@dataclass(frozen=True)
class RunHandle:
    """A run that was started: the id it is known by everywhere, and Temporal's name for it."""

    run_id: str
    workflow_id: str


Run = str | RunHandle
"""A run id, a workflow id, or what ``start`` returned."""


class OrchestratorClient:
    """Everything an operator can do with runs (SPEC User Stories 1 to 3).

    Args:
        client: a Temporal client with ``starter.converter.data_converter``.
        state_dir: this machine's state directory, read where Temporal does not answer; None: never.
        task_queue: where orchestrator workers listen.
        poll_seconds: how often ``watch`` looks.
        store: the object store (``starter.object_store.object_store``), for runs Temporal does not know.
    """

    def __init__(
        self,
        client: Client,
        *,
        state_dir: Path | None = None,
        task_queue: str = TASK_QUEUE,
        poll_seconds: float = POLL_SECONDS,
        store: ObjectStore | None = None,
    ) -> None:
        self._client = client
        self._task_queue = task_queue
        self._poll_seconds = poll_seconds
        self._reports = StoredReports(state_dir if state_dir is not None else Path("/nonexistent"), store)
        self._reader = RunReader(client, self._reports)

    @classmethod
    async def connect(
        cls,
        address: str,
        namespace: str = "default",
        *,
        state_dir: Path | None = None,
        task_queue: str = TASK_QUEUE,
        store: ObjectStore | None = None,
    ) -> Self:
        """A client for the server at ``address`` (``host:port``); the first call connects.

        Raises:
            OrchestratorError: ``temporal_unavailable`` where the address is no address.
        """
        client = await open_client(address, namespace)
        return cls(client, state_dir=state_dir, task_queue=task_queue, store=store)

    async def start(self, request: RunRequest, workflow_id: str | None = None) -> RunHandle:
        """Start a run; a ``workflow_id`` that runs already gives that run (SPEC FR-002).

        What looks like a secret in the instruction is masked before it is sent (I5).

        Raises:
            OrchestratorError: ``invalid_request`` (the patch carries a secret), ``temporal_unavailable``.
        """
        safe = without_secrets(request)
        with temporal_errors(self._reader.address):
            handle = await self._client.start_workflow(
                WORKFLOW_TYPE,
                safe.model_dump(exclude_unset=True),
                id=workflow_id or f"mm:{uuid.uuid4()}",
                task_queue=self._task_queue,
                memo=start_memo(safe),
                search_attributes=await start_attributes(self._client, safe),
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary=static_summary(start_memo(safe)["title"]),
                static_details=static_details(safe),
            )
        located = await self._reader.locate(handle.id)
        return RunHandle(run_id=located.run_id, workflow_id=located.workflow_id)

    async def get(self, run: Run) -> RunRecord:
        """The run's record: from the workflow, else its result, else the stored report (FR-010).

        Raises:
            OrchestratorError: ``unknown_run``, ``temporal_unavailable``.
        """
        try:
            return await self._reader.record(await self._locate(run))
        except OrchestratorError as error:
            stored = await self._kept(_name(run), error)
            return stored.model_copy(update={"warnings": (*stored.warnings, STORED_ONLY)})

    async def _kept(self, run: str, error: OrchestratorError) -> RunRecord:
        """The report of a run that Temporal did not tell about; without one ``error`` stands."""
        try:
            stored = await asyncio.to_thread(self._reports.fetch, run)
        except OrchestratorError as refused:
            # "no such run" is a claim that somebody who could not look must not make
            raise (refused if error.code == "unknown_run" else error) from None
        if stored is None:
            raise error
        return stored

    async def list(self, limit: int = 20) -> tuple[RunRecord, ...]:
        """The newest runs, newest first; without Temporal, those this machine has reports of.

        Raises:
            OrchestratorError: ``temporal_unavailable`` where no report is stored either.
        """
        gate = asyncio.Semaphore(AT_ONCE)

        async def read(found: Located) -> RunRecord:
            async with gate:
                return await self._reader.record(found)

        try:
            found = await self._reader.recent(limit)
            return tuple(await asyncio.gather(*(read(located) for located in found)))
        except OrchestratorError:
            stored = self._reports.newest(limit)
            if not stored:
                raise
            return stored

    async def watch(self, run: Run) -> AsyncIterator[RunRecord]:
        """The run's record, again at every change, until it has ended; the last one is final.

        A server or worker that goes away for a while only pauses this.

        Raises:
            OrchestratorError: ``unknown_run``; ``temporal_unavailable`` after a minute without an answer.
        """
        last: RunRecord | None = None
        patience = Patience(self._poll_seconds)
        ending: asyncio.Task[None] | None = None
        try:
            while True:
                try:
                    located = await self._locate(run)
                    ending = ending or asyncio.create_task(self._ending(located))
                    record = await self._next(located, last)
                    ended = not located.open
                    patience.restored()
                except OrchestratorError as error:
                    if last is None or error.code != "temporal_unavailable":
                        raise
                    await patience.wait_or_raise(error)
                    continue
                if record != last:
                    yield record
                    last = record
                if ended:
                    return
                await patience.wait(ending)
        finally:
            if ending is not None:
                ending.cancel()

    async def _ending(self, located: Located) -> None:
        """Returns when the run has ended, which the server says at once; or when it cannot be asked."""
        handle = self._client.get_workflow_handle(
            located.workflow_id, first_execution_run_id=located.run_id, result_type=dict
        )
        with suppress(Exception):  # how it ended, and why nobody answers, is seen by whoever looks again
            await handle.result()

    async def approve(
        self,
        run: Run,
        *,
        plan_digest: str | None = None,
        approver: str | None = None,
        comment: str | None = None,
        token: str | None = None,
    ) -> Approval:
        """Approve exactly the plan with this digest (SPEC FR-009, I2).

        Returns:
            The attempt as it went on record; ``verdict`` is ``refused`` where policy did not accept it.

        Raises:
            OrchestratorError: ``unknown_run``, ``run_already_ended``, ``worker_unavailable``,
                ``temporal_unavailable``.
        """
        attempt = Approve(token=token, approver=approver, plan_digest=plan_digest, comment=comment)
        return await self._decide(run, "Approve", attempt)

    async def reject(
        self, run: Run, *, reason: str, approver: str | None = None, token: str | None = None
    ) -> Approval:
        """Reject the plan that waits; the run ends ``rejected``, nothing was written.

        Returns and raises as ``approve``.
        """
        return await self._decide(run, "Reject", Reject(token=token, approver=approver, reason=reason))

    async def cancel(self, run: Run) -> None:
        """Ask the run to stop; it rolls back what it changed before it ends ``cancelled`` (I4).

        Raises:
            OrchestratorError: ``unknown_run``, ``run_already_ended``, ``temporal_unavailable``.
        """
        located = await self._locate(run)
        if not located.open:
            raise await self._already_ended(located)
        handle = self._client.get_workflow_handle(located.workflow_id, first_execution_run_id=located.run_id)
        with temporal_errors(self._reader.address, located.workflow_id):
            await handle.cancel()

    async def plan(self, run: Run) -> ActionPlan:
        """The run's current plan (SPEC FR-002).

        Raises:
            OrchestratorError: ``no_plan_yet``, and as ``get``.
        """
        plan = (await self.get(run)).plan
        if plan is None:
            raise OrchestratorError("no_plan_yet")
        return plan

    async def artifacts(self, run: Run) -> tuple[RunArtifact, ...]:
        """Every piece of evidence stored so far (SPEC FR-011); raises as ``get``."""
        return (await self.get(run)).artifacts

    async def verify_bundle(self, where: Run | Path) -> BundleCheck:
        """Check a downloaded folder (a ``Path``) or a run's evidence where it is stored (I6, SC-003).

        Returns:
            What was found of every file, and whether the manifest is the one that the run named.

        Raises:
            OrchestratorError: ``bundle_refused``, ``unknown_run``, ``run_not_ended``,
                ``store_unreachable``, ``store_credentials``; not ``temporal_unavailable`` for a folder.
        """
        place: Place = Folder(where) if isinstance(where, Path) else await self._places(where)
        try:
            read = await asyncio.to_thread(manifest_of, place)
        except OrchestratorError:
            if not isinstance(where, Path):
                check_ended(await self.get(where))  # a run that goes on has no manifest yet
            raise
        anchor = await find_anchor(self._reader, read)
        return await asyncio.to_thread(check_bundle, place, read, anchor)

    async def _places(self, run: Run) -> Places:
        name = _name(run)
        if not RUN_ID.fullmatch(name):
            record = await self.get(run)
            name = record.run_id
        return places_of(name, self._reports.state_dir, self._reports.store)

    async def retry(self, run: Run, *, requested_by: str | None) -> RunHandle:
        """Start a run that asks for the same again, in the name of whoever asks now (SPEC FR-002).

        Raises:
            OrchestratorError: ``unknown_run``, ``run_not_ended``, ``nothing_to_retry``,
                ``invalid_request``, ``temporal_unavailable``.
        """
        return await self.start(await repeat(self._reader, await self.get(run), requested_by))

    async def gather(self, period: Period) -> Gathered:
        """What Temporal and the stored reports tell about a period, for ``statistics_of`` (SC-001 to SC-004).

        Raises:
            OrchestratorError: ``temporal_unavailable`` where no report could be read either.
        """
        return await gather(self._client, self._reports, period)

    async def _locate(self, run: Run) -> Located:
        if isinstance(run, RunHandle):
            return await self._reader.locate(run.workflow_id)
        deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
        while True:
            try:
                return await self._reader.locate(run)
            except OrchestratorError as error:
                late = asyncio.get_running_loop().time() >= deadline
                if (
                    error.code != "unknown_run"
                    or late
                    or not RUN_ID.fullmatch(run)
                    or self._reports.find(run)
                ):
                    raise
            await asyncio.sleep(0.2)

    async def _next(self, located: Located, last: RunRecord | None) -> RunRecord:
        """The record now; while no worker answers, what is known already is better than the start event."""
        if not located.open or last is None:
            return await self._reader.record(located)
        answer = await self._reader.answered(located)
        if answer is not None or NO_WORKER_NOW in last.warnings:
            return answer or last
        return last.model_copy(update={"warnings": (*last.warnings, NO_WORKER_NOW)})

    async def _decide(self, run: Run, name: str, attempt: Approve | Reject) -> Approval:
        located = await self._locate(run)
        answer = await send_decision(self._reader, located, name, attempt) if located.open else None
        if answer is None:
            raise await self._already_ended(await self._locate(run))
        return answer

    async def _already_ended(self, located: Located) -> OrchestratorError:
        status = (await self._reader.record(located)).status
        return OrchestratorError("run_already_ended", run=located.run_id, status=status)


def _name(run: Run) -> str:
    return run.run_id if isinstance(run, RunHandle) else run
