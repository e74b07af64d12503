"""OpenTelemetry of a process, off unless the standard OTEL_* variables name a collector.

Nothing of the SDK is imported before it is wanted: ``--help`` must not wait for it.
"""

import os
import sys
from typing import TYPE_CHECKING, Final

from starter.telemetry.variables import wanted

if TYPE_CHECKING:
    from temporalio.client import Interceptor

_SDK: Final = "starter.telemetry.sdk"


def tracing_interceptors() -> "list[Interceptor]":
    """What a client, and a worker on it, needs for one trace per run; nothing where tracing is off."""
    if not wanted(os.environ).traces:
        return []
    from starter.telemetry import sdk  # noqa: PLC0415 - see the module's first lines
    from starter.telemetry.interceptor import RunTracing  # noqa: PLC0415

    return [RunTracing(sdk.tracing())]


def finish(seconds: float) -> None:
    """Send what was not sent yet, for at most so long; then the process may end."""
    sdk = sys.modules.get(_SDK)
    if sdk is not None:
        sdk.finish(seconds)
