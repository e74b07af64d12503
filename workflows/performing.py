"""How a run performs a step: one activity on the project's host, its failure translated.

Everything here heeds cancellation, or shields from it; nothing here knows the lifecycle.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeout

with workflow.unsafe.imports_passed_through():
    from workflows import options, ports
    from workflows.errors import OrchestratorError
    from workflows.lifecycle import StepFailed
    from workflows.models.base import Model
    from workflows.models.failure import Failure, StepFailure
    from workflows.models.request import RunRequest
    from workflows.models.status import StepName, StepStatus
    from workflows.run_view import RunView
    from workflows.telling import ONCE
    from workflows.web_details import static_summary

In = TypeVar("In", bound=Model)
Out = TypeVar("Out", bound=Model)
T = TypeVar("T")


async def execute(port: ports.Port[In, Out], job: In, *, queue: str | None = None, summary: str) -> Out:
    """One activity with the options of its row; without a queue on the workflow's own.

    Raises:
        ActivityError: as the SDK raises it.
    """
    row = options.ROWS[port.name]
    result: Out = await workflow.execute_activity(
        port.name,
        job,
        result_type=port.gives,
        task_queue=queue,
        start_to_close_timeout=row.start_to_close,
        schedule_to_start_timeout=row.schedule_to_start,
        schedule_to_close_timeout=row.schedule_to_close,
        heartbeat_timeout=row.heartbeat,
        retry_policy=row.retry,
        # The next step, above all a rollback, must not race a build that is still ending.
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=static_summary(summary),  # it is in the history: bounded, and no markup of others
    )
    return result


class PerformingRun(RunView):
    """A run that can perform steps."""

    def __init__(self, request: RunRequest) -> None:
        super().__init__(request)
        self._task_queue: str | None = None
        self._host = ""
        self._generation = 1
        self._epoch = 0

    @property
    def _ref(self) -> ports.RunRef:
        return ports.RunRef(
            run_id=self.record.run_id,
            workflow_id=self.record.workflow_id,
            round=self._round,
            generation=self._generation,
            epoch=self._epoch,
        )

    async def _locate(self) -> ports.Location:
        """Which host has the project: a local activity, answered by whichever worker runs the workflow."""
        row = options.ROWS[ports.LOCATE.name]
        try:
            located: ports.Location = await workflow.execute_local_activity(
                ports.LOCATE.name,
                ports.LocateInput(run_id=self.record.run_id, project=self._request.project),
                summary=static_summary(f"which host has {self._request.project or 'the project'}"),
                result_type=ports.Location,
                start_to_close_timeout=row.start_to_close,
                schedule_to_close_timeout=row.schedule_to_close,
                retry_policy=row.retry,
            )
        except (ActivityError, ApplicationError) as error:  # the SDK does not wrap a local activity's error
            raise self._step_failed(error, ports.LOCATE.step) from error
        return located

    async def _perform(self, port: ports.Port[In, Out], job: In, *, heed_cancel: bool = True) -> Out:
        """Run one activity: a step on the project's host, a question to Temporal on the workflow's queue.

        Raises:
            StepFailed: with the failure of the catalogue.
            asyncio.CancelledError: the run was cancelled; also when the activity finished just before
                the cancellation reached it, because a cancel must not be swallowed.
        """
        queue = self._task_queue if port.on_host else None
        about = f"{port.name.replace('_', ' ')} {self.record.service or self.record.project or ''}".rstrip()
        round_ = "" if port.step in ONCE else f", round {self._round}"
        try:
            result = await execute(port, job, queue=queue, summary=f"{about}{round_}")
        except ActivityError as error:
            if heed_cancel:
                self._heed_cancel()
            raise self._step_failed(error, port.step) from error
        if heed_cancel:
            self._heed_cancel()
        return result

    def _heed_cancel(self) -> None:
        """Raise once more what an activity that ended in time, or a shield, has swallowed."""
        if workflow.cancellation_reason() is not None:
            raise asyncio.CancelledError

    async def _shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """Finish ``work`` whatever is cancelled meanwhile (invariant I4)."""
        task = asyncio.create_task(work)
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                if task.cancelled() or workflow.cancellation_reason() is None:
                    raise  # not a cancelled run: the worker evicts it from its cache
        return task.result()

    def _step_failed(self, error: ActivityError | ApplicationError, step: StepName) -> StepFailed:
        failure = self._failure_of(error, step)
        self._end(step, failure.message, StepStatus.FAILED)
        return StepFailed(failure)

    def _failure_of(self, error: ActivityError | ApplicationError, step: StepName) -> Failure:
        """The catalogue's failure behind an activity error; its evidence goes into the record."""
        cause = error if isinstance(error, ApplicationError) else error.cause
        if isinstance(cause, ApplicationError) and cause.details:
            carried = StepFailure.model_validate(cause.details[0])
            self._keep(step, carried.artifacts, carried.warnings)
            return carried.failure
        if isinstance(cause, ActivityTimeout):
            if cause.type is TimeoutType.SCHEDULE_TO_START:
                return OrchestratorError("host_unavailable", host=self._host).failure(step)
            return OrchestratorError("step_timeout", step=step, detail=str(cause)).failure(step)
        return OrchestratorError("internal_error", detail=str(cause or error)).failure(step)
