"""The way to a Temporal server, and what its refusals mean to an operator."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from temporalio.client import Client, RetryConfig
from temporalio.service import RPCError, RPCStatusCode

from starter.converter import data_converter
from starter.profile import credentials_for
from starter.telemetry import tracing_interceptors
from workflows.errors import OrchestratorError

CONNECT_TIMEOUT: Final = timedelta(seconds=5)
# Below five tries, so that the SDK's own warnings do not mix into an operator's terminal.
_RETRIES: Final = RetryConfig(max_retries=4, max_elapsed_time_millis=5_000)
_NO_ANSWER: Final = frozenset(
    {
        RPCStatusCode.CANCELLED,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.FAILED_PRECONDITION,
        RPCStatusCode.UNAVAILABLE,
    }
)


async def open_client(address: str, namespace: str) -> Client:
    """A client that connects at its first call.

    Raises:
        OrchestratorError: ``temporal_unavailable`` where the address is no address; ``settings_invalid``.
    """
    if "://" in address:
        detail = "an address is host:port, without a scheme"
        raise OrchestratorError("temporal_unavailable", address=address, detail=detail)
    credentials = credentials_for(address)
    with temporal_errors(address):
        return await Client.connect(
            address,
            namespace=namespace,
            **credentials,
            data_converter=data_converter,
            lazy=True,
            connect_timeout=CONNECT_TIMEOUT,
            retry_config=_RETRIES,
            interceptors=tracing_interceptors(),
        )


@contextmanager
def temporal_errors(address: str, run: str | None = None) -> Iterator[None]:
    """Turn the client library's errors into the catalogue's.

    Raises:
        OrchestratorError: ``unknown_run`` where the server knows no such workflow, else
            ``temporal_unavailable``.
    """
    try:
        yield
    except RPCError as error:
        if run is not None and _names_no_run(error):
            raise OrchestratorError("unknown_run", run=run) from None
        raise OrchestratorError("temporal_unavailable", address=address, detail=error.message) from None
    except (RuntimeError, ValueError) as error:  # what a failing connect raises
        raise OrchestratorError("temporal_unavailable", address=address, detail=_first_cause(error)) from None


def no_worker_answered(error: RPCError) -> bool:
    """Whether a query failed for want of a worker, not because the run is unknown."""
    return error.status in _NO_ANSWER


def _names_no_run(error: RPCError) -> bool:
    if error.status is RPCStatusCode.INVALID_ARGUMENT:
        return True  # an id that can be no id
    return error.status is RPCStatusCode.NOT_FOUND and not error.message.startswith("Namespace")


def _first_cause(error: Exception) -> str:
    text = str(error).removeprefix("Failed client connect: ")
    for known in (
        "Connection refused",
        "deadline has elapsed",
        "timed out",
        "dns error",
        "Name or service not known",
    ):
        if known.lower() in text.lower():
            return known[0].lower() + known[1:]
    return text[:200]
