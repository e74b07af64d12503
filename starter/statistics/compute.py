"""All numbers of a period from the facts of its runs: pure, so that every one of them is table-tested."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from starter.statistics.baseline import Baseline
from starter.statistics.criteria import sc_001, sc_002, sc_003
from starter.statistics.facts import RunFacts
from starter.statistics.interventions import months_of, sc_004
from starter.statistics.model import RunCounts, Statistics
from starter.statistics.rates import (
    approvals_of,
    bins_of,
    causes_of,
    days_of,
    failures_of,
    recurrences_of,
    rollbacks_of,
)
from starter.statistics.spread import spread


@dataclass(frozen=True)
class Period:
    """What is asked: runs that were started in ``[since, until)`` (UTC), of one project or of all."""

    since: datetime
    until: datetime
    project: str | None = None

    @property
    def whole_months_since(self) -> datetime:
        """The beginning of the month in which the period begins: SC-004 counts whole months."""
        return self.since.replace(day=1, hour=0, minute=0, second=0, microsecond=0)

    def holds(self, at: datetime) -> bool:
        """Whether a run that was started then is asked for."""
        return self.since <= at < self.until


@dataclass(frozen=True)
class Gathered:
    """What was found about the runs of a period, and of the beginning of its first month.

    Attributes:
        runs: facts of ended runs that left a report.
        open: runs of the period that go on, by state.
        without_record: ended runs of the period without a report, by how Temporal closed them.
        notes: what could not be asked.
    """

    runs: Sequence[RunFacts]
    open: Mapping[str, int] = field(default_factory=dict)
    without_record: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def statistics_of(
    gathered: Gathered,
    period: Period,
    now: datetime,
    reported: Mapping[str, int],
    baseline: Baseline | None = None,
) -> Statistics:
    """The numbers.

    Args:
        gathered: the runs.
        period: what was asked.
        now: when.
        reported: month -> commands reported by hand; months outside of the period are left out.
        baseline: what recoveries took before; None: SC-004 cannot be measured.
    """
    mine = [run for run in gathered.runs if period.project in {None, run.project}]
    runs = [run for run in mine if period.holds(run.created_at)]
    first, last = f"{period.since:%Y-%m}", f"{period.until - timedelta(microseconds=1):%Y-%m}"
    within = {month: count for month, count in reported.items() if first <= month <= last}
    months = months_of(mine, within, baseline, period.until)
    return Statistics(
        made_at=now,
        since=period.since,
        until=period.until,
        project=period.project,
        runs=_counts(runs, gathered),
        criteria=(sc_001(runs), sc_002(runs), sc_003(runs), sc_004(months)),
        months=months,
        approvals=approvals_of(runs),
        rollbacks=rollbacks_of(runs),
        causes=causes_of(runs),
        failures=failures_of(runs),
        downtime=spread(run.downtime_seconds for run in runs if run.downtime_seconds is not None),
        recurrences=recurrences_of(runs),
        days=days_of(runs),
        repair_bins=bins_of(runs),
        notes=gathered.notes,
    )


def _counts(runs: Sequence[RunFacts], gathered: Gathered) -> RunCounts:
    others = sum(gathered.open.values()) + sum(gathered.without_record.values())
    return RunCounts(
        total=len(runs) + others,
        by_status=dict(Counter(str(run.status) for run in runs).most_common()),
        open=dict(gathered.open),
        without_record=dict(gathered.without_record),
    )
