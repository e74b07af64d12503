"""One timeout and retry row per activity; nothing of this kind stands inline anywhere else."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.common import RetryPolicy

from workflows import ports


@dataclass(frozen=True)
class ActivityRow:
    """How long a step may take and how often it is tried.

    Errors of the catalogue are not retried unless it says so; attempts are for lost workers and
    unexpected errors, which is why even the long steps have more than one (a worker redeploy would
    otherwise be a failure and so a rollback).
    """

    start_to_close: timedelta
    attempts: int
    heartbeat: timedelta | None = None
    schedule_to_start: timedelta | None = None
    schedule_to_close: timedelta | None = None
    final: tuple[str, ...] = ()
    """Codes that end this step at once although the catalogue would try again."""
    again: tuple[str, ...] = ()
    """Codes that this step is tried again for although the catalogue would end it."""

    @property
    def retry(self) -> RetryPolicy:
        """Retries begin after one second and are never further apart than half a minute."""
        return RetryPolicy(
            initial_interval=timedelta(seconds=1),
            backoff_coefficient=2.0,
            maximum_interval=timedelta(seconds=30),
            maximum_attempts=self.attempts,
            non_retryable_error_types=["PayloadsTooLarge", *self.final],
        )


_SECONDS = timedelta(seconds=1)
_LOST_WORKER = 10 * _SECONDS  # steps beat every two seconds at least
# Space may be freed: a full disk must not leave a journal open that nobody works on any more.
_FULL_DISK = ("write_failed",)

_FOR_EVER = timedelta(days=3650)

ROWS: dict[str, ActivityRow] = {
    ports.LOCATE.name: ActivityRow(10 * _SECONDS, attempts=3, schedule_to_close=30 * _SECONDS),
    # Nothing is touched yet: a host or an engine that is down is said to be down.
    ports.PREFLIGHT.name: ActivityRow(
        60 * _SECONDS,
        attempts=3,
        heartbeat=_LOST_WORKER,
        schedule_to_start=120 * _SECONDS,
        final=("docker_unavailable",),
    ),
    ports.ANALYZE.name: ActivityRow(300 * _SECONDS, attempts=3, heartbeat=_LOST_WORKER),
    # The tools of lock files may have to resolve, and an image to be pulled.
    ports.PLAN.name: ActivityRow(1200 * _SECONDS, attempts=3, heartbeat=_LOST_WORKER),
    # A host that restarts must not cost somebody's approval; the end of the wait ends the check too.
    ports.CHECK_TOKEN.name: ActivityRow(20 * _SECONDS, attempts=20, schedule_to_close=600 * _SECONDS),
    ports.REVALIDATE.name: ActivityRow(60 * _SECONDS, attempts=3),
    ports.RECORD_APPROVALS.name: ActivityRow(60 * _SECONDS, attempts=3),
    ports.PATCH.name: ActivityRow(300 * _SECONDS, attempts=5, heartbeat=_LOST_WORKER),
    ports.BUILD.name: ActivityRow(7200 * _SECONDS, attempts=5, heartbeat=_LOST_WORKER),
    ports.RESTART.name: ActivityRow(900 * _SECONDS, attempts=5, heartbeat=_LOST_WORKER),
    ports.VERIFY.name: ActivityRow(7200 * _SECONDS, attempts=5, heartbeat=_LOST_WORKER),
    # A rollback is tried for half an hour before it is called incomplete: Docker may come back.
    ports.ROLLBACK.name: ActivityRow(
        1800 * _SECONDS,
        attempts=0,
        heartbeat=_LOST_WORKER,
        schedule_to_close=1800 * _SECONDS,
        again=_FULL_DISK,
    ),
    ports.REPORT.name: ActivityRow(
        120 * _SECONDS,
        attempts=0,
        heartbeat=_LOST_WORKER,
        schedule_to_close=600 * _SECONDS,
        again=_FULL_DISK,
    ),
    # As long as it takes: a worker that is away comes back, and what is delivered twice is there once.
    ports.DELIVER.name: ActivityRow(1800 * _SECONDS, attempts=0, heartbeat=_LOST_WORKER),
    # Temporal itself is asked; where it does not answer, this workflow does not run either.
    ports.ENTER_LANE.name: ActivityRow(30 * _SECONDS, attempts=0),
    ports.LEAVE_LANE.name: ActivityRow(30 * _SECONDS, attempts=5),
    ports.LOOK_UP.name: ActivityRow(30 * _SECONDS, attempts=0),
    ports.LOOK_AROUND.name: ActivityRow(30 * _SECONDS, attempts=3),
    # These wait for as long as it takes; the heartbeat shows that somebody does.
    ports.AWAIT_RELEASE.name: ActivityRow(_FOR_EVER, attempts=0, heartbeat=_LOST_WORKER),
    ports.WATCH_RUN.name: ActivityRow(_FOR_EVER, attempts=0, heartbeat=_LOST_WORKER),
    ports.READ_RECORD.name: ActivityRow(30 * _SECONDS, attempts=3),
    # Nobody waits for it; what is told too late is told by the next event.
    ports.NOTIFY.name: ActivityRow(20 * _SECONDS, attempts=3, schedule_to_close=300 * _SECONDS),
    ports.SETTLE.name: ActivityRow(
        1800 * _SECONDS,
        attempts=0,
        heartbeat=_LOST_WORKER,
        schedule_to_close=1800 * _SECONDS,
        again=_FULL_DISK,
    ),
}
