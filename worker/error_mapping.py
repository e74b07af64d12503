"""Errors of the catalogue as Temporal carries them, and a line in the log for each step.

The workflow reads ``details[0]`` as a ``StepFailure``; the type is the catalogue's code. What is not in
the catalogue becomes ``internal_error`` with one masked, short line: the stack trace goes to the log,
not into the history (invariant I5).
"""

import logging
import time
from typing import Any, Final

import structlog
from opentelemetry import trace
from pydantic import ValidationError
from temporalio import activity
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from starter.converter import describe_problems
from worker.fitting import FAILURE_CHARACTERS, fitted
from worker.leaving import PROSE, MaskedHeartbeats, masked_prose
from worker.step_context import StepContext
from worker.telemetry import Mask
from workflows.errors import OrchestratorError
from workflows.models.failure import StepFailure
from workflows.models.status import StepName
from workflows.options import ROWS
from workflows.ports import PORTS, PlanResult, RunRef

_log = logging.getLogger("mm_orchestrator.step")
_STEP_OF: Final = {port.name: port.step for port in PORTS}
_SHOWN_CHARACTERS: Final = 300


class ErrorMapping(Interceptor):
    """Worker interceptor around every activity.

    Args:
        mask: masks secrets in the text of an unexpected error.
        host: the Docker host this worker serves, for its log lines.
    """

    def __init__(self, mask: Mask, host: str = "") -> None:
        self._mask = mask
        self._context = StepContext(host)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Wrap the SDK's own handling."""
        return _MappedActivity(next, self._mask, self._context)


class _MappedActivity(ActivityInboundInterceptor):
    def __init__(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 - the SDK's name
        mask: Mask,
        context: StepContext,
    ) -> None:
        super().__init__(next)
        self._mask = mask
        self._context = context

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        """What the step says while it runs passes here too."""
        super().init(MaskedHeartbeats(outbound, self._mask))

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        info = activity.info()
        step = _STEP_OF.get(info.activity_type, StepName.PREFLIGHT)
        about = self._context.of(input.args[0] if input.args else None, info)
        trace.get_current_span().set_attributes({f"mm.{name}": value for name, value in about.items()})
        with structlog.contextvars.bound_contextvars(**about):
            started = time.monotonic()
            _log.info("step started")
            failure: ApplicationError
            try:
                result = await super().execute_activity(input)
            except OrchestratorError as error:
                _log.warning("step failed: %s", error, extra={"code": error.code, "seconds": _since(started)})
                again = _again(info.activity_type, error)
                failure = to_application_error(error, step, again=again, mask=self._mask)
            except FailureError:
                raise
            except Exception as error:  # noqa: BLE001 - the border: whatever it is, the run must hear of it
                _log.exception("step failed unexpectedly", extra={"seconds": _since(started)})
                failure = to_application_error(self._unexpected(error), step)
            else:
                _log.info("step done", extra={"seconds": _since(started)})
                return self._leaving(result, _round_of(input.args))
        raise failure

    def _leaving(self, result: Any, round_: int) -> Any:
        """As it may enter the history: masked, bounded, and without what the workflow has already."""
        if isinstance(result, PlanResult):
            result = result.model_copy(update={"plan": result.plan.model_copy(update={"findings": ()})})
        return fitted(masked_prose(result, self._mask), PROSE, round_)

    def _unexpected(self, error: Exception) -> OrchestratorError:
        return OrchestratorError("internal_error", detail=brief(error, self._mask))


def to_application_error(
    error: OrchestratorError, step: StepName, *, again: bool | None = None, mask: Mask = str
) -> ApplicationError:
    """The error as Temporal carries it: type is the code, the first detail a ``StepFailure``.

    Args:
        error: what happened.
        step: the step it happened in.
        again: whether to try once more; None: as the catalogue has it.
        mask: masks what the error quotes.
    """
    retried = error.retryable if again is None else again
    carried = StepFailure(failure=error.failure(step), artifacts=error.artifacts, warnings=error.warnings)
    carried = fitted(masked_prose(carried, mask), PROSE, most=FAILURE_CHARACTERS)
    return ApplicationError(carried.failure.message, carried, type=error.code, non_retryable=not retried)


def _again(activity_type: str, error: OrchestratorError) -> bool:
    """The catalogue's word, and the step's own where it has one."""
    row = ROWS.get(activity_type)
    return error.retryable or (row is not None and error.code in row.again)


def brief(error: BaseException, mask: Mask) -> str:
    """One masked line of at most 300 characters that names an unexpected error."""
    told = describe_problems(error) if isinstance(error, ValidationError) else str(error)
    text = " ".join(mask(told).split())
    named = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return named if len(named) <= _SHOWN_CHARACTERS else named[: _SHOWN_CHARACTERS - 1] + "…"


def _round_of(args: Any) -> int:
    run = getattr(args[0], "run", None) if args else None
    return run.round if isinstance(run, RunRef) else 1


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
