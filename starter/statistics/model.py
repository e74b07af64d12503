"""The numbers of a period, as ``stats --json`` prints them. None always means: no data."""

from datetime import datetime

from workflows.models.base import Model


class Spread(Model):
    """A sample's size and percentiles, in seconds."""

    n: int
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    longest: float | None = None


class Told(Model):
    """One run that is named, and why."""

    run_id: str
    why: str


class Criterion(Model):
    """One success criterion: how it is measured, and what was measured."""

    id: str
    rule: str
    target: str
    n: int
    """How many runs (SC-004: months) it could be measured on."""
    good: int = 0
    share: float | None = None
    """``good`` of ``n``, 0 to 1."""
    met: bool | None = None
    spread: Spread | None = None
    exceptions: tuple[Told, ...] = ()


class Month(Model):
    """One calendar month (UTC) of SC-004."""

    month: str
    """``2026-11``."""
    so_far: bool = False
    """Whether the period ends inside it."""
    recoveries: int
    """Runs that succeeded by changing something."""
    typed_commands: int
    """What operators typed for runs of the month."""
    reported_manual: int | None = None
    """What they reported to have typed beside it (``report-manual``); None: nobody reported."""
    baseline_commands: float | None = None
    reduction_percent: float | None = None
    why: str = ""
    """Why there is no reduction."""


class RunCounts(Model):
    """How many runs, by where they stand or how they ended."""

    total: int
    by_status: dict[str, int]
    open: dict[str, int] = {}
    """Runs that go on, by MoonMind's word for their state."""
    without_record: dict[str, int] = {}
    """Ended runs that left no report, by how Temporal closed them."""


class Approvals(Model):
    """Decisions of people."""

    approved: int
    rejected: int
    refused: dict[str, int]
    """Attempts that did not count, by error code."""
    wait: Spread


class Rollbacks(Model):
    """Repairs that were taken back."""

    n: int
    """Runs that changed something."""
    rolled_back: int
    rate: float | None
    incomplete: tuple[str, ...]
    """Run ids."""


class CauseCount(Model):
    """How often a rule named a kind of cause."""

    rule: str
    kind: str
    count: int


class Recurrence(Model):
    """The same cause in the same service again, after a repair of it had succeeded."""

    project: str
    service: str
    kind: str
    names: tuple[str, ...]
    count: int
    run_ids: tuple[str, ...]
    """The newest ones, at most five."""


class Day(Model):
    """One day (UTC), for the plot."""

    day: str
    by_status: dict[str, int]


class Bin(Model):
    """How many repairs took at least ``from_seconds`` and less than ``to_seconds``."""

    from_seconds: float
    to_seconds: float | None
    """None: no end."""
    count: int


class Statistics(Model):
    """Everything ``mm-orchestrator stats`` shows."""

    schema_version: int = 1
    made_at: datetime
    since: datetime
    until: datetime
    project: str | None = None
    runs: RunCounts
    criteria: tuple[Criterion, ...]
    months: tuple[Month, ...]
    approvals: Approvals
    rollbacks: Rollbacks
    causes: tuple[CauseCount, ...]
    failures: dict[str, int]
    downtime: Spread
    recurrences: tuple[Recurrence, ...]
    days: tuple[Day, ...]
    repair_bins: tuple[Bin, ...]
    notes: tuple[str, ...] = ()
    """What the numbers do not cover."""
