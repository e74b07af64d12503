"""The data converter that clients and workers share: plain JSON, and bad input fails at once.

With the plain pydantic converter a start input that does not fit its type fails the workflow *task*,
which Temporal then retries for ever. Here it fails the run, with the fields that are wrong and
without their values, so that no secret is echoed (invariants I4, I5).
"""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
    create_payload_validation_error,
)
from temporalio.exceptions import ApplicationError

from workflows.models.request import RunRequest
from workflows.start_input import invalid_request

_SHOWN_PROBLEMS = 10


def describe_problems(error: ValidationError) -> str:
    """What is wrong where, one sentence; never a value of the input (I5)."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    shown = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'input'}: {problem['msg']}"
        for problem in problems[:_SHOWN_PROBLEMS]
    ]
    more = len(problems) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def _refusal(detail: str, type_hint: type | None) -> ApplicationError:
    if isinstance(type_hint, type) and issubclass(type_hint, RunRequest):
        return invalid_request(detail)
    return create_payload_validation_error(detail)


class _StrictJSONConverter(PydanticJSONPlainPayloadConverter):
    """JSON through pydantic; what does not validate becomes a non-retryable failure."""

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        try:
            return super().from_payload(payload, type_hint)
        except ValidationError as error:
            raise _refusal(describe_problems(error), type_hint) from None


class StrictPayloadConverter(CompositePayloadConverter):
    """Temporal's default payload converters, with JSON replaced by the strict one."""

    def __init__(self) -> None:
        json_converter = _StrictJSONConverter()
        super().__init__(
            *(
                json_converter if isinstance(converter, JSONPlainPayloadConverter) else converter
                for converter in DefaultPayloadConverter.default_encoding_payload_converters
            )
        )

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """Decode; an encoding nobody here knows is as wrong as a wrong type, and as final.

        Raises:
            ApplicationError: ``invalid_request`` for a run's input, else ``PayloadValidationError``.
        """
        try:
            return super().from_payloads(payloads, type_hints)
        except (KeyError, RuntimeError):
            hint = type_hints[0] if type_hints else None
            raise _refusal("input: the encoding of the payload is not known or not valid", hint) from None


data_converter = DataConverter(payload_converter_class=StrictPayloadConverter)
"""Same bytes on the wire as ``pydantic_data_converter`` (DESIGN: plain JSON, one input object)."""
