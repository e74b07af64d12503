"""Every series the orchestrator tells, once: its StatsD name, its name for OpenTelemetry and Prometheus.

Dashboard, alert rules and the mapping of StatsD names (``deploy/grafana``, ``deploy/alerts``,
``deploy/statsd``) are tested against this table. Labels come from closed lists (statuses, steps, error
codes, the host's name), never from text that a user or a log wrote (I5).
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol


class Kind(StrEnum):
    """How the numbers of a series add up."""

    COUNTER = "counter"
    TIMER = "timer"
    GAUGE = "gauge"


_SUFFIX: Final = {Kind.COUNTER: "_total", Kind.TIMER: "_seconds", Kind.GAUGE: ""}


@dataclass(frozen=True)
class Series:
    """One series.

    Attributes:
        path: the StatsD name after the prefix; labels in braces.
        kind: counter, timer or gauge.
        name: for OpenTelemetry, with dots; durations are in seconds there, in milliseconds in StatsD.
        meaning: one line, for people.
    """

    path: str
    kind: Kind
    name: str
    meaning: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels' names, in the order in which values are given."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def prometheus(self) -> str:
        """The name in Prometheus, whether it came there over StatsD or over OpenTelemetry."""
        return self.name.replace(".", "_") + _SUFFIX[self.kind]

    def statsd(self, *values: str) -> str:
        """The StatsD name with these labels; a value cannot add a level to the name."""
        safe = (re.sub(r"[^A-Za-z0-9_-]", "_", value) for value in values)
        return self.path.format(**dict(zip(self.labels, safe, strict=True)))


class Sink(Protocol):
    """Where numbers go. No method ever waits or raises."""

    def count(self, series: Series, *labels: str) -> None:
        """One more."""

    def time(self, series: Series, seconds: float, *labels: str) -> None:
        """Something took so long."""

    def gauge(self, series: Series, value: float, *labels: str) -> None:
        """So many now."""

    def flush(self, seconds: float) -> None:
        """Send what waits, for at most so long; blocking."""


def _counter(path: str, name: str, meaning: str) -> Series:
    return Series(path, Kind.COUNTER, f"mm_orchestrator.{name}", meaning)


def _timer(path: str, name: str, meaning: str) -> Series:
    return Series(path, Kind.TIMER, f"mm_orchestrator.{name}", meaning)


def _gauge(path: str, name: str, meaning: str) -> Series:
    return Series(path, Kind.GAUGE, f"mm_orchestrator.{name}", meaning)


RUNS_QUEUED: Final = _counter("runs.queued", "runs.queued", "a run was accepted")
RUNS_ENDED: Final = _counter("runs.status.{status}", "runs", "a run ended so")
RUN_DURATION: Final = _timer("runs.duration.{status}", "run.duration", "from start to end of a run")
RUNS_RECOVERED: Final = _counter(
    "runs.recovered", "runs.recovered", "a lost run was settled from its journal, by guard or recover"
)
STEPS_STARTED: Final = _counter("steps.{step}.started", "steps.started", "a step began")
STEPS_ENDED: Final = _counter("steps.{step}.{outcome}", "steps", "a step succeeded, failed or was skipped")
STEP_DURATION: Final = _timer("steps.{step}.duration", "step.duration", "from start to end of a step")
REPAIR_DURATION: Final = _timer(
    "repairs.duration", "repair.duration", "of a successful run, from the first patch to the proof of health"
)
FAILURES: Final = _counter("failures.{code}", "failures", "a run ended with this code of the catalogue")
WORKER_UP: Final = _gauge("hosts.{host}.up", "worker.up", "1 while a worker of this host lives")
APPROVALS_WAITING: Final = _gauge("approvals.waiting", "approvals.waiting", "runs that wait for an approval")
EVIDENCE_SPOOLED: Final = _gauge(
    "hosts.{host}.evidence_spooled", "evidence.spooled", "files that wait for the artifact store"
)
JOURNALS_OPEN: Final = _gauge(
    "hosts.{host}.journals_open", "journals.open", "runs under way or lost whose changes are not settled"
)
NOTIFICATIONS_WAITING: Final = _gauge(
    "hosts.{host}.notifications_waiting", "notifications.waiting", "notifications not delivered yet"
)
NOTIFICATIONS: Final = _counter(
    "notifications.{outcome}", "notifications", "a notification was delivered or dropped"
)

SERIES: Final = (
    RUNS_QUEUED, RUNS_ENDED, RUN_DURATION, RUNS_RECOVERED, STEPS_STARTED, STEPS_ENDED, STEP_DURATION,
    REPAIR_DURATION, FAILURES, WORKER_UP, APPROVALS_WAITING, EVIDENCE_SPOOLED, JOURNALS_OPEN,
    NOTIFICATIONS_WAITING, NOTIFICATIONS,
)  # fmt: skip
