"""Structured logs: who did what in which run and step, on stderr or in a file, secrets masked (I5).

Every line, also those of libraries, goes through one chain: context of the run, time in UTC, masking,
then a console line on a terminal or one JSON object elsewhere.
"""

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Final, TextIO

import structlog
from opentelemetry import trace
from structlog.typing import Processor

from worker.settings import LogFormat

Mask = Callable[[str], str]

# The SDK says at INFO and WARNING what the run record says better; debug shows it all.
_LIBRARIES: Final = ("temporalio", "docker", "urllib3", "httpx", "httpcore", "asyncio")


def configure_logs(level: str, log_format: LogFormat, mask: Mask, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging for this process.

    Args:
        level: the lowest level of our own lines; libraries speak from WARNING on, unless ``debug``.
        log_format: console, json, or auto.
        mask: applied to every text in a line.
        stream: where lines go; stderr when None.
    """
    target = stream if stream is not None else sys.stderr
    console = log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and target.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _trace_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _Masking(mask),
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=target.isatty())
        if console
        else structlog.processors.JSONRenderer(sort_keys=True, default=str)
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    # It repeats each failed step with a traceback; ErrorMapping has told it already.
    logging.getLogger("temporalio.activity").setLevel(logging.DEBUG if level == "debug" else logging.ERROR)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _trace_id(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: which trace a line belongs to, where tracing is on."""
    found = trace.get_current_span().get_span_context()
    if found.is_valid:
        event["trace_id"] = trace.format_trace_id(found.trace_id)
    return event


class _Masking:
    """Structlog processor that masks every string of a line, nested ones too."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask

    def __call__(
        self, _logger: object, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if key not in {"_record", "_from_structlog"}:
                event[key] = self._masked(value)
        return event

    def _masked(self, value: object) -> object:
        if isinstance(value, str):
            return self._mask(value)
        if isinstance(value, dict):
            return {key: self._masked(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._masked(inner) for inner in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._mask(str(value))
