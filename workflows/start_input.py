"""A run takes exactly one ``RunRequest``; anything else fails it at once with ``invalid_request``.

Temporal calls a start input that does not fit a bug of the workflow's code and retries the workflow
task for ever. A ``FailureError`` alone ends the run instead. The data converter raises one for a wrong
type; it cannot see that an argument is missing or too many, because the SDK then drops the type hints.
``__new__`` can: it is the first code of ours that meets the arguments, before any ``@workflow.init``.
"""

from typing import Self

from temporalio.exceptions import ApplicationError

from workflows.errors import OrchestratorError
from workflows.models.failure import StepFailure
from workflows.models.request import RunRequest
from workflows.models.status import StepName


def invalid_request(detail: str) -> ApplicationError:
    """The failure of a run whose start input is not one valid ``RunRequest`` (invariant I4)."""
    error = OrchestratorError("invalid_request", detail=detail)
    return ApplicationError(
        error.message,
        StepFailure(failure=error.failure(StepName.PREFLIGHT)),
        type=error.code,
        non_retryable=True,
    )


class TakesOneRequest:
    """Base of a workflow whose ``@workflow.init`` and ``run`` take one ``RunRequest``."""

    def __new__(cls, *given: object) -> Self:
        """Refuse every other start input.

        Raises:
            ApplicationError: ``invalid_request``, not retryable.
        """
        if len(given) != 1:
            raise invalid_request(f"exactly one input object is taken, {len(given)} were given")
        if not isinstance(given[0], RunRequest):
            raise invalid_request("the input must be one JSON object with the field instruction")
        return super().__new__(cls)
