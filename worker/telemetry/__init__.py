"""What a worker says of itself: log lines, traces, numbers."""

from worker.telemetry.logs import Mask, configure_logs
from worker.telemetry.runtime import core_runtime

__all__ = ["Mask", "configure_logs", "core_runtime"]
