"""Steps tell that they began and how they ended, when it happens (SPEC FR-012).

It stands around ``ErrorMapping`` and so sees the error that Temporal sees: one that is tried again is no
outcome. What ends without a word (a killed worker, a time limit) is told by the report.
"""

import time
from datetime import UTC, datetime
from typing import Any, Final

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.adapters.measuring import Metrics, StepTold
from workflows import ports
from workflows.models.status import StepName, StepStatus
from workflows.options import ROWS

_STEPS: Final = {port.name: port.step for port in ports.PORTS if port.name == port.step}
_ONCE_PER_RUN: Final = frozenset({StepName.PREFLIGHT, StepName.ROLLBACK, StepName.REPORT})


class StepMetrics(Interceptor):
    """Worker interceptor around every step of a run."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Wrap the SDK's own handling."""
        return _Measured(next, self._metrics)


class _Measured(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, metrics: Metrics) -> None:  # noqa: A002
        super().__init__(next)
        self._metrics = metrics

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        told = _told(input.args)
        if told is None:
            return await super().execute_activity(input)
        began = time.monotonic()
        await self._metrics.step_started(told)
        try:
            result = await super().execute_activity(input)
        except ApplicationError as error:
            if is_final(error, activity.info()):
                await self._metrics.step_ended(told, StepStatus.FAILED, _seconds(began))
            raise
        await self._metrics.step_ended(told, outcome_of(result), _seconds(began))
        return result


def outcome_of(result: object) -> StepStatus:
    """How the step went, as the run's record will have it; not every result means that all went well."""
    match result:
        case ports.AnalyzeResult() if not result.healthy and not result.findings:
            return StepStatus.FAILED
        case ports.VerifyResult() if result.failure is not None:
            return StepStatus.FAILED
        case ports.RollbackResult() if not result.outcome.complete:
            return StepStatus.FAILED
        case ports.PatchResult() if not result.files:
            return StepStatus.SKIPPED
        case ports.BuildResult() if not result.duration_seconds:
            return StepStatus.SKIPPED
    return StepStatus.SUCCEEDED


def is_final(error: ApplicationError, info: activity.Info) -> bool:
    """Whether Temporal will not try again after this error."""
    row = ROWS[info.activity_type]
    return error.non_retryable or error.type in row.final or 0 < row.attempts <= info.attempt


def _told(args: Any) -> StepTold | None:
    info = activity.info()
    step, run = _STEPS.get(info.activity_type), getattr(args[0] if args else None, "run", None)
    if step is None or not isinstance(run, ports.RunRef):
        return None
    round_ = 1 if step in _ONCE_PER_RUN else run.round
    return StepTold(run.run_id, step, round_, f"{info.workflow_run_id}-{info.activity_id}")


def _seconds(began: float) -> float:
    """How long the step took, with all its attempts; a later one only knows the server's clock."""
    info = activity.info()
    if info.attempt == 1:
        return time.monotonic() - began
    return max(0.0, (datetime.now(UTC) - info.scheduled_time).total_seconds())
