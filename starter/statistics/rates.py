"""Approvals, rollbacks, causes, recurrence, and what the plots show: pure rules over facts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from starter.statistics.facts import RunFacts
from starter.statistics.model import Approvals, Bin, CauseCount, Day, Recurrence, Rollbacks
from starter.statistics.spread import share, spread
from workflows.models.status import RunStatus

_EDGES: Final = (0, 15, 30, 60, 120, 300, 600, 1200, 2400)
"""Seconds; 1200 is SC-001's limit."""
_SHOWN: Final = 20


def approvals_of(runs: Sequence[RunFacts]) -> Approvals:
    """Decisions, refusals by code, and how long runs waited."""
    return Approvals(
        approved=sum(run.approved for run in runs),
        rejected=sum(run.rejected for run in runs),
        refused=_counted(code for run in runs for code in run.refused),
        wait=spread(seconds for run in runs for seconds in run.waits),
    )


def rollbacks_of(runs: Sequence[RunFacts]) -> Rollbacks:
    """How many of the runs that changed something took it back, and which did not manage to."""
    changed = [run for run in runs if run.wrote]
    back = sum(run.rolled_back for run in changed)
    incomplete = tuple(run.run_id for run in runs if run.rollback_incomplete)
    return Rollbacks(n=len(changed), rolled_back=back, rate=share(back, len(changed)), incomplete=incomplete)


def causes_of(runs: Sequence[RunFacts]) -> tuple[CauseCount, ...]:
    """Rule and kind of each run's findings, the commonest first; a run counts once for each."""
    pairs = Counter(pair for run in runs for pair in {(cause.rule, cause.kind) for cause in run.causes})
    ranked = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    return tuple(CauseCount(rule=rule, kind=kind, count=count) for (rule, kind), count in ranked)


def failures_of(runs: Sequence[RunFacts]) -> dict[str, int]:
    """Codes of runs that did not succeed."""
    unlucky = (run for run in runs if run.status not in {RunStatus.SUCCEEDED, RunStatus.PLANNED})
    return _counted(run.code or "?" for run in unlucky)


def recurrences_of(runs: Sequence[RunFacts]) -> tuple[Recurrence, ...]:
    """Causes that came back in the same service after a repair of them had succeeded."""
    groups: dict[tuple[str, str, str, tuple[str, ...]], list[RunFacts]] = {}
    for run in sorted(runs, key=lambda run: run.created_at):
        for kind, names in {(cause.kind, cause.names) for cause in run.causes if run.wrote}:
            groups.setdefault((run.project, run.service, kind, names), []).append(run)
    found = [
        Recurrence(
            project=project,
            service=service,
            kind=kind,
            names=names,
            count=len(again),
            run_ids=tuple(run.run_id for run in again[:-6:-1]),
        )
        for (project, service, kind, names), those in groups.items()
        if (again := _after_a_repair(those))
    ]
    return tuple(sorted(found, key=lambda one: (-one.count, one.project, one.service, one.kind))[:_SHOWN])


def _after_a_repair(runs: Sequence[RunFacts]) -> Sequence[RunFacts]:
    """Those that came after the first success, oldest first."""
    first = next((i for i, run in enumerate(runs) if run.status is RunStatus.SUCCEEDED), len(runs))
    return runs[first + 1 :]


def days_of(runs: Sequence[RunFacts]) -> tuple[Day, ...]:
    """Ended runs of each day that had any."""
    days: dict[str, Counter[str]] = {}
    for run in runs:
        days.setdefault(f"{run.created_at:%Y-%m-%d}", Counter())[str(run.status)] += 1
    return tuple(Day(day=day, by_status=dict(counts)) for day, counts in sorted(days.items()))


def bins_of(runs: Sequence[RunFacts]) -> tuple[Bin, ...]:
    """Repair durations in steps that tell minutes apart, and where SC-001's limit is an edge."""
    took = [run.repair_seconds for run in runs if run.repair_seconds is not None]
    if not took:
        return ()
    bins = [
        Bin(from_seconds=low, to_seconds=high, count=sum(low <= seconds < high for seconds in took))
        for low, high in pairwise(_EDGES)
    ]
    last = _EDGES[-1]
    return (*bins, Bin(from_seconds=last, to_seconds=None, count=sum(seconds >= last for seconds in took)))


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
