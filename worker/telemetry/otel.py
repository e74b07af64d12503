"""A worker's OpenTelemetry: the process's traces with the worker's mask, and its numbers.

Nothing here is imported, and nothing set up, unless the OTEL_* variables name a collector.
"""

import logging
import os
from typing import TYPE_CHECKING

from starter.telemetry.variables import wanted

_log = logging.getLogger("mm_orchestrator.telemetry")

if TYPE_CHECKING:
    from activities.adapters.otel_meter import OtelMeter
    from worker.telemetry.logs import Mask


def start_tracing(mask: "Mask") -> None:
    """Set tracing up for this process, if it is wanted; before any client is made."""
    asked = wanted(os.environ)
    for refused in asked.refused:
        _log.warning("OpenTelemetry: %s", refused)
    if asked.traces:
        from starter.telemetry import sdk  # noqa: PLC0415 - see the module's first lines

        sdk.tracing(mask, sdk.TIMEOUT_SECONDS)


def otel_meter(mask: "Mask") -> "OtelMeter | None":
    """Where numbers are recorded for OpenTelemetry; None where nobody wants them."""
    if not wanted(os.environ).metrics:
        return None
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415

    from activities.adapters.otel_meter import OtelMeter  # noqa: PLC0415
    from starter.telemetry import sdk  # noqa: PLC0415

    sdk.hush()
    exporter = OTLPMetricExporter(timeout=sdk.timeout_seconds("METRICS", sdk.TIMEOUT_SECONDS))
    reader = PeriodicExportingMetricReader(exporter)
    provider = MeterProvider([reader], resource=sdk.resource(mask), shutdown_on_exit=False)
    sdk.at_the_end(provider.shutdown)
    return OtelMeter(provider.get_meter(sdk.TRACER))
