"""The Temporal SDK's engine: its log lines among ours."""

import logging
from functools import cache

from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter


@cache
def core_runtime() -> Runtime:
    """The Temporal SDK's engine, once per process, with its log lines among ours.

    By itself it writes them to standard output, where ``--json`` promises one document and nothing else.
    """
    forwarding = LogForwardingConfig(logging.getLogger("temporalio.core"))
    wanted = TelemetryFilter(core_level="WARN", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(wanted, forwarding=forwarding)))
