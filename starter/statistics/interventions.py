"""SC-004: how much less is typed by hand, a month at a time (SPEC Success Criteria): pure rules.

    reduction = 1 - (reported by hand + typed for the orchestrator) / baseline
    baseline  = commands per recovery x recoveries per month, where the file says how many there were;
                else the sum over this month's recoveries, each by its cause

A month for which nobody reported has no reduction: silence is not zero.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from starter.statistics.baseline import Baseline
from starter.statistics.facts import RunFacts
from starter.statistics.model import Criterion, Month
from starter.statistics.spread import share

TARGET_PERCENT: Final = 60.0
RULE: Final = (
    "per whole calendar month (UTC): 1 - (commands reported with report-manual + commands typed for the "
    "orchestrator: start, each attempt to decide, cancel, recover) / baseline; baseline: commands per "
    "recovery x recoveries per month as the file says, without the latter summed over the month's "
    "successful repairs by their cause"
)


def months_of(
    runs: Sequence[RunFacts], reported: Mapping[str, int], baseline: Baseline | None, until: datetime
) -> tuple[Month, ...]:
    """Every month that has a run or a report, oldest first; the one in which ``until`` lies is not over."""
    by_month: dict[str, list[RunFacts]] = {}
    for run in runs:
        by_month.setdefault(month_name(run.created_at), []).append(run)
    names = sorted(by_month.keys() | reported.keys())
    return tuple(_month(name, by_month.get(name, []), reported.get(name), baseline, until) for name in names)


def _month(
    name: str, runs: Sequence[RunFacts], reported: int | None, baseline: Baseline | None, until: datetime
) -> Month:
    repaired = [run for run in runs if run.repair_seconds is not None]
    typed = sum(run.typed_commands for run in runs)
    before = _before(repaired, baseline)
    month = Month(
        month=name,
        so_far=month_name(until) == name,  # at the first instant of a month the one before is whole
        recoveries=len(repaired),
        typed_commands=typed,
        reported_manual=reported,
        baseline_commands=before,
    )
    if baseline is None:
        return month.model_copy(update={"why": "no baseline (--baseline FILE)"})
    if reported is None:
        return month.model_copy(update={"why": f"nobody reported (report-manual N --period {name})"})
    if not before:
        return month.model_copy(update={"why": "no recovery in this month"})
    return month.model_copy(update={"reduction_percent": 100 * (1 - (reported + typed) / before)})


def _before(repaired: Sequence[RunFacts], baseline: Baseline | None) -> float | None:
    if baseline is None:
        return None
    if baseline.recoveries_per_month is not None:
        return baseline.manual_commands_per_recovery * baseline.recoveries_per_month
    return sum(baseline.of_cause(tuple(cause.kind for cause in run.causes)) for run in repaired)


def sc_004(months: Sequence[Month]) -> Criterion:
    """At least 60 % fewer manual commands in every whole month that was measured."""
    measured = [month for month in months if month.reduction_percent is not None and not month.so_far]
    good = [m for m in measured if m.reduction_percent is not None and m.reduction_percent >= TARGET_PERCENT]
    return Criterion(
        id="SC-004",
        rule=RULE,
        target="60% less in every month",
        n=len(measured),
        good=len(good),
        share=share(len(good), len(measured)),
        met=len(good) == len(measured) if measured else None,
    )


def month_name(at: datetime) -> str:
    """``2026-11``."""
    return f"{at:%Y-%m}"
