"""The one stage before Temporal's history (I5): whatever a step tells, says while it runs or fails with.

Each step masks its own texts with what it knows of its target. This looks at them once more, with all that
the process knows. Only what is written for people is looked at: a path, a name or a digest that happens to
hold a value is what the next step acts on, and masked it would be another one.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import BaseModel
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter, DefaultFailureConverter, PayloadConverter
from temporalio.worker import ActivityOutboundInterceptor

from starter.converter import data_converter
from worker.telemetry import Mask

PROSE: Final = frozenset(
    {
        "comment", "consulted", "detail", "diff", "doubts", "drift", "error", "foreign_changes",
        "instruction", "message", "mismatches", "not_undone", "reason", "remedy", "state", "summary", "text",
        "warnings",
    }
)  # fmt: skip
"""Fields of models that hold sentences."""


def masked_prose(told: Any, mask: Mask) -> Any:
    """The same model with its sentences masked; everything else, enumerations too, is as it was."""
    if not isinstance(told, BaseModel):
        return told
    changed = {name: _masked(name, value, mask) for name, value in told}
    new = {name: value for name, value in changed.items() if value is not getattr(told, name)}
    return told.model_copy(update=new) if new else told


def _masked(name: str, value: Any, mask: Mask) -> Any:
    if isinstance(value, BaseModel):
        return masked_prose(value, mask)
    if type(value) is str and name in PROSE:
        masked = mask(value)
        return value if masked == value else masked
    if isinstance(value, tuple | list):
        items = [_masked(name, item, mask) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else type(value)(items)
    if isinstance(value, Mapping):
        inner = {key: _masked(name, item, mask) for key, item in value.items()}
        return value if all(inner[key] is value[key] for key in value) else inner
    return value


class MaskedHeartbeats(ActivityOutboundInterceptor):
    """What a step says while it runs."""

    def __init__(self, next: ActivityOutboundInterceptor, mask: Mask) -> None:  # noqa: A002 - the SDK's name
        super().__init__(next)
        self._mask = mask

    def heartbeat(self, *details: Any) -> None:
        """Texts masked."""
        super().heartbeat(*(self._mask(told) if isinstance(told, str) else told for told in details))


def masking_failures(mask: Mask) -> type[DefaultFailureConverter]:
    """How exceptions become failures in the history: of steps, of workflows and of their tasks."""

    class Masked(DefaultFailureConverter):
        def to_failure(
            self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure
        ) -> None:
            super().to_failure(exception, payload_converter, failure)
            _mask_failure(failure, mask)

    return Masked


def masking_converter(mask: Mask) -> DataConverter:
    """The contract's data converter, for a worker: its failures are masked."""
    return replace(data_converter, failure_converter_class=masking_failures(mask))


def _mask_failure(failure: Failure, mask: Mask) -> None:
    failure.message = mask(failure.message)
    failure.stack_trace = mask(failure.stack_trace)
    if failure.HasField("cause"):
        _mask_failure(failure.cause, mask)
