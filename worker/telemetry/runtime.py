"""The Temporal SDK's engine: its log lines among ours, its own metrics where OpenTelemetry's are wanted."""

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Final

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    OpenTelemetryConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from starter.telemetry.variables import first_set, wanted

_log = logging.getLogger("mm_orchestrator.telemetry")
_USUAL_INTERVAL: Final = timedelta(seconds=60)


@cache
def core_runtime() -> Runtime:
    """The Temporal SDK's engine, once per process, with its log lines among ours.

    By itself it writes them to standard output, where ``--json`` promises one document and nothing else.
    """
    forwarding = LogForwardingConfig(logging.getLogger("temporalio.core"))
    level = TelemetryFilter(core_level="WARN", other_level="ERROR")
    logs = LoggingConfig(level, forwarding=forwarding)
    metrics = sdk_metrics(os.environ)
    if metrics is not None:
        try:
            return Runtime(telemetry=TelemetryConfig(logging=logs, metrics=metrics))
        except ValueError:  # it may quote the address, so nothing of it is told
            _log.warning("the Temporal SDK does not understand the address of the collector of metrics")
    return Runtime(telemetry=TelemetryConfig(logging=logs))


def sdk_metrics(environment: Mapping[str, str]) -> OpenTelemetryConfig | None:
    """Where the engine sends what it measures (``temporal_*``), as the standard variables say."""
    if not wanted(environment).metrics:
        return None
    from opentelemetry.util.re import parse_env_headers  # noqa: PLC0415 - only where it is wanted

    own = first_set(environment, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
    base = first_set(environment, "OTEL_EXPORTER_OTLP_ENDPOINT").rstrip("/")
    headers = first_set(environment, "OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
    return OpenTelemetryConfig(
        url=own or f"{base}/v1/metrics",
        headers=parse_env_headers(headers, liberal=True),
        metric_periodicity=_interval(environment),
        durations_as_seconds=True,
        http=True,
    )


def _interval(environment: Mapping[str, str]) -> timedelta:
    with suppress(ValueError, OverflowError):
        milliseconds = float(first_set(environment, "OTEL_METRIC_EXPORT_INTERVAL"))
        if milliseconds > 0:
            return timedelta(milliseconds=milliseconds)
    return _USUAL_INTERVAL
