"""Watching runs from outside: is it alive, how did it end, what does it still tell (I4)?

A watch lasts as long as the run. It must not delay a worker that is asked to stop: then it answers that
the run is still open, and the workflow that asked asks the next worker.
"""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from activities.adapters.heartbeat import beating
from activities.adapters.temporal_runs import TemporalRuns
from activities.adapters.waiting import first_of_shutdown
from workflows import ports
from workflows.models.guarding import (
    Closing,
    GuardedRun,
    LookUpInput,
    LookUpResult,
    ReadRecordResult,
    WatchRunResult,
)


@dataclass(frozen=True)
class WatchRun:
    """Waits for the end of one execution."""

    runs: TemporalRuns

    @activity.defn(name=ports.WATCH_RUN.name)
    async def watch_run(self, job: GuardedRun) -> WatchRunResult:
        """How it ended; ``open`` where this worker stops first."""
        async with beating(f"watches {job.workflow_id}"):
            watch = self.runs.until_closed(job.workflow_id, job.execution_run_id)
            closing = await first_of_shutdown(watch)
        return WatchRunResult(closing=closing or Closing.OPEN)


@dataclass(frozen=True)
class LookUp:
    """Tells live runs from lost ones."""

    runs: TemporalRuns

    @activity.defn(name=ports.LOOK_UP.name)
    async def look_up(self, job: LookUpInput) -> LookUpResult:
        """Which of these runs somebody will still bring to an end."""
        alive = await asyncio.gather(*(self.runs.alive(r.run_id, r.workflow_id) for r in job.runs))
        pairs = zip(job.runs, alive, strict=True)
        return LookUpResult(alive=tuple(run.run_id for run, lives in pairs if lives))


@dataclass(frozen=True)
class ReadRecord:
    """Asks a closed run for its last record."""

    runs: TemporalRuns

    @activity.defn(name=ports.READ_RECORD.name)
    async def read_record(self, job: GuardedRun) -> ReadRecordResult:
        """The record as its history tells it."""
        return ReadRecordResult(record=await self.runs.record(job.workflow_id, job.execution_run_id))
