"""The numbers of runs and steps (SPEC FR-012), told when they happen and each of them once.

Steps tell by themselves, through the worker's interceptor. The report tells of the run, and of every step
that could not: skipped ones, the wait for an approval, what died with its worker.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from activities.adapters import series
from activities.adapters.counted import Counted
from activities.adapters.series import Series, Sink
from workflows.models.record import RunRecord, StepRecord
from workflows.models.status import RunStatus, StepName, StepStatus


@dataclass(frozen=True)
class StepTold:
    """One step of a run, as a worker performs it.

    Attributes:
        run_id: of the run.
        step: which step.
        round: 1 for steps that a run has only once.
        performance: the same for every attempt of one performance, and for no other.
    """

    run_id: str
    step: StepName
    round: int
    performance: str


@dataclass(frozen=True)
class Metrics:
    """Tells every sink; with none it does nothing at all."""

    sinks: tuple[Sink, ...] = ()
    counted: Counted | None = None
    """What was told already; None: nobody remembers."""

    async def step_started(self, told: StepTold) -> None:
        """A step began; its first attempt counts. The first step of a run is the run's acceptance."""
        await self._tell(lambda: self._step_started(told))

    async def step_ended(self, told: StepTold, outcome: StepStatus, seconds: float) -> None:
        """A step ended for good: succeeded, failed or skipped, after so many seconds."""
        await self._tell(lambda: self._step_ended(told, outcome, seconds))

    async def run_ended(self, record: RunRecord, *, recovered: bool = False) -> None:
        """Everything a finished run has to tell that was not told yet."""
        await self._tell(lambda: self._run_ended(record, recovered))

    def count(self, what: Series, *labels: str) -> None:
        """One more of something that belongs to no run."""
        for sink in self.sinks:
            sink.count(what, *labels)

    def gauge(self, what: Series, value: float, *labels: str) -> None:
        """So many now."""
        for sink in self.sinks:
            sink.gauge(what, value, *labels)

    async def flush(self, seconds: float) -> None:
        """Before the process ends: at most so long."""
        await asyncio.gather(*(asyncio.to_thread(sink.flush, seconds) for sink in self.sinks))

    async def _tell(self, work: Callable[[], None]) -> None:
        if self.sinks:
            await asyncio.to_thread(work)  # the memory of what was counted is on a disk

    def _first(self, run_id: str, fact: str) -> bool:
        return self.counted is None or self.counted.first(run_id, fact)

    def _time(self, what: Series, seconds: float | None, *labels: str) -> None:
        if seconds is not None:
            for sink in self.sinks:
                sink.time(what, seconds, *labels)

    def _step_started(self, told: StepTold) -> None:
        if told.step is StepName.PREFLIGHT and self._first(told.run_id, "queued"):
            self.count(series.RUNS_QUEUED)
        self._first(told.run_id, f"{told.step}.{told.round}.started")
        if self._first(told.run_id, f"{told.performance}.started"):
            self.count(series.STEPS_STARTED, told.step)

    def _step_ended(self, told: StepTold, outcome: StepStatus, seconds: float) -> None:
        self._first(told.run_id, f"{told.step}.{told.round}.ended")
        if self._first(told.run_id, f"{told.performance}.ended"):
            self.count(series.STEPS_ENDED, told.step, outcome)
            if outcome is not StepStatus.SKIPPED:
                self._time(series.STEP_DURATION, seconds, told.step)

    def _run_ended(self, record: RunRecord, recovered: bool) -> None:
        for step in record.steps:
            if step.name is not StepName.REPORT:  # it is not over yet, and tells by itself
                self._untold(record.run_id, step)
        if recovered and self._first(record.run_id, "recovered"):
            self.count(series.RUNS_RECOVERED)
        if not self._first(record.run_id, "ended"):
            return
        self.count(series.RUNS_ENDED, record.status)
        began = record.started_at or record.created_at
        self._time(series.RUN_DURATION, _seconds(began, record.completed_at), record.status)
        if record.failure is not None:
            self.count(series.FAILURES, record.failure.code)
        if record.status is RunStatus.SUCCEEDED:
            self._time(series.REPAIR_DURATION, _patch_to_verify(record))

    def _untold(self, run_id: str, step: StepRecord) -> None:
        """Of a step that no worker told of, or only half."""
        ran = step.status not in {StepStatus.PENDING, StepStatus.SKIPPED}
        if ran and self._first(run_id, f"{step.name}.{step.round}.started"):
            self.count(series.STEPS_STARTED, step.name)
        over = step.status not in {StepStatus.PENDING, StepStatus.IN_PROGRESS}
        if over and self._first(run_id, f"{step.name}.{step.round}.ended"):
            self.count(series.STEPS_ENDED, step.name, step.status)
            if ran:
                self._time(series.STEP_DURATION, _seconds(step.started_at, step.completed_at), step.name)


def _patch_to_verify(record: RunRecord) -> float | None:
    """SC-001: from the first write to the proof; None where nothing was repaired."""
    patched = [s.started_at for s in record.steps if s.name is StepName.PATCH and s.started_at]
    proved = [s.completed_at for s in record.steps if s.name is StepName.VERIFY and s.completed_at]
    if not record.rounds or not patched or not proved:
        return None
    return _seconds(min(patched), max(proved))


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()
