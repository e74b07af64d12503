"""Counters and timers over StatsD (SPEC FR-012): sent and forgotten, never a reason to fail.

runs.queued                     a run was accepted
runs.status.<status>            a run ended so
runs.duration.<status>          milliseconds from start to end
steps.<step>.started            a step began
steps.<step>.<outcome>          a step ended: succeeded, failed or skipped
steps.<step>.duration           milliseconds
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from statsd import StatsClient

from workflows.models.record import RunRecord, StepRecord
from workflows.models.status import StepStatus

DEFAULT_PREFIX = "moonmind.orchestrator"
_MILLISECONDS = 1000.0


@dataclass(frozen=True)
class Metrics:
    """Sends the series of one run; without a host it sends nothing."""

    host: str | None
    port: int = 8125
    prefix: str = DEFAULT_PREFIX

    async def run_queued(self) -> None:
        """A run was accepted."""
        await self._send(("runs.queued",), ())

    async def run_ended(self, record: RunRecord) -> None:
        """Everything a finished run has to tell, its steps included."""
        counters, timers = series_of(record)
        await self._send(counters, timers)

    async def _send(self, counters: tuple[str, ...], timers: tuple[tuple[str, float], ...]) -> None:
        if self.host is not None:
            await asyncio.to_thread(self._send_now, self.host, counters, timers)

    def _send_now(self, host: str, counters: tuple[str, ...], timers: tuple[tuple[str, float], ...]) -> None:
        try:
            client = StatsClient(host, self.port, prefix=self.prefix)  # looks the name up: may fail
        except OSError:
            return
        for name in counters:
            client.incr(name)
        for name, milliseconds in timers:
            client.timing(name, milliseconds)
        client.close()


def series_of(record: RunRecord) -> tuple[tuple[str, ...], tuple[tuple[str, float], ...]]:
    """Counters, and timers in milliseconds, of a finished run."""
    counters = [f"runs.status.{record.status}"]
    timers = [
        (
            f"runs.duration.{record.status}",
            _elapsed(record.started_at or record.created_at, record.completed_at),
        )
    ]
    for step in record.steps:
        counters += _step_counters(step)
        if step.status is not StepStatus.SKIPPED:
            timers.append((f"steps.{step.name}.duration", _elapsed(step.started_at, step.completed_at)))
    return tuple(counters), tuple((name, value) for name, value in timers if value is not None)


def _step_counters(step: StepRecord) -> list[str]:
    if step.status is StepStatus.PENDING:
        return []
    started = [] if step.status is StepStatus.SKIPPED else [f"steps.{step.name}.started"]
    ended = [] if step.status is StepStatus.IN_PROGRESS else [f"steps.{step.name}.{step.status}"]
    return started + ended


def _elapsed(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds() * _MILLISECONDS
